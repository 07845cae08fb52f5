"""Whether a search still gets better."""

import math
from collections.abc import Sequence

from matsearch.core.axes import minimised
from matsearch.core.config import Objective
from matsearch.core.records import Candidate
from matsearch.core.thresholds import earns_no_reward
from matsearch.select.objectives import violation
from matsearch.select.pareto import hypervolume

LEAST_GAIN = 1e-3
"""In eV/atom for energies, as a share of the value for other objectives: less is no improvement."""

ENERGIES = ("energy_above_hull", "formation_energy_per_atom")
"""Objectives whose zero means something, so that a share of the value does not."""

_HYPERVOLUME = Objective(name="hypervolume", direction="maximize")


def stagnates(bests: Sequence[float | None], objective: Objective, patience: int | None) -> bool:
    """Return whether the best value has gained no more than ``LEAST_GAIN`` in the last ``patience`` generations.

    Parameters
    ----------
    bests : sequence of float or None
        Best value of the objective up to each generation since the last restart; None where there was none yet.
    patience : int or None
        In generations; None never gives up.
    """
    if patience is None or len(bests) <= patience:
        return False
    then, now = bests[-1 - patience], bests[-1]
    if then is None or now is None:
        return now is None
    gain = minimised(objective, then) - minimised(objective, now)
    scale = 1.0 if objective.name in ENERGIES else abs(then)
    return gain <= LEAST_GAIN * scale


def front_stagnates(
    era: Sequence[Candidate], objectives: Sequence[Objective], generations: range, patience: int | None
) -> bool:
    """Return whether the front has stopped growing: the same of its hypervolume.

    Parameters
    ----------
    era : sequence of Candidate
        Since the last restart.
    generations : range
        Those of the era up to now.
    """
    if patience is None or len(generations) <= patience:
        return False
    volumes = [
        hypervolume([c for c in era if c.generation <= generation], objectives)
        for generation in (generations[-1 - patience], generations[-1])
    ]
    return stagnates(volumes, _HYPERVOLUME, patience=1)


def best_value(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> float | None:
    """Return the best value of the first objective; None where there is none.

    Only living, believed candidates that keep all hard constraints count.
    """
    first = objectives[0]
    values = [
        value
        for c in candidates
        if c.alive and not earns_no_reward(c.flags) and violation(c, objectives) == 0.0
        if (value := c.objective(first.name)) is not None and math.isfinite(value)
    ]
    return min(values, key=lambda value: (minimised(first, value), value), default=None)
