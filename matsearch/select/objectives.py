"""What a candidate is worth: who may be compared at all, and by which numbers."""

import math
from collections.abc import Sequence

import numpy as np

from matsearch.core.axes import axis_of, minimised
from matsearch.core.config import Objective
from matsearch.core.records import Candidate
from matsearch.core.thresholds import earns_no_reward


def may_breed(candidate: Candidate, objectives: Sequence[Objective]) -> bool:
    """Return whether a candidate can be compared and is believed."""
    return is_comparable(candidate, objectives) and not earns_no_reward(candidate.flags)


def is_comparable(candidate: Candidate, objectives: Sequence[Objective]) -> bool:
    """Return whether a candidate is alive, and has a structure and a finite value of every objective.

    A NaN is neither better nor worse than a number, so that libraries put it into the first front. It stops here.
    """
    values = [candidate.objective(objective.name) for objective in objectives]
    known = all(value is not None and math.isfinite(value) for value in values)
    return candidate.alive and known and candidate.best_structure is not None


def eligible(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> list[Candidate]:
    """Return the candidates that may breed, each once, in the order of their ids: whatever the order given."""
    by_id = {c.candidate_id: c for c in candidates if may_breed(c, objectives)}
    return [by_id[name] for name in sorted(by_id)]


def minimised_values(candidate: Candidate, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """Return the objectives as numbers of which less is better, in their units; infinity where one is unknown."""
    values = [(objective, candidate.objective(objective.name)) for objective in objectives]
    numbers = [math.inf if value is None else minimised(objective, value) for objective, value in values]
    return tuple(math.inf if math.isnan(number) else number for number in numbers)


def violation(candidate: Candidate, objectives: Sequence[Objective]) -> float:
    """Return by how much the hard constraints are broken together, in lengths of their axes; 0 where all are kept.

    An unknown value of a constrained objective breaks its constraint without bound.

    Raises
    ------
    ValueError
        If a constrained objective has no axis.
    """
    return sum(_breach(candidate.objective(objective.name), objective) for objective in objectives)


def places(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> np.ndarray:
    """Return where candidates stand on the axes, shape (n, number of objectives), without unit.

    0 is the best end of an axis, 1 the worst one; values beyond the ends are outside.

    Raises
    ------
    ValueError
        If an objective has no axis.
    """
    axes = [axis_of(objective) for objective in objectives]
    best = np.array([minimised(o, axis.best) for o, axis in zip(objectives, axes, strict=True)])
    spans = np.array([axis.span for axis in axes])
    return (table(candidates, objectives) - best) / spans


def table(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> np.ndarray:
    """Return the minimised values of candidates, shape (n, number of objectives), in their units."""
    rows = [minimised_values(candidate, objectives) for candidate in candidates]
    return np.array(rows, dtype=float).reshape(len(rows), len(objectives))


def _breach(value: float | None, objective: Objective) -> float:
    least, most = objective.at_least, objective.at_most
    if least is None and most is None:
        return 0.0
    if value is None or math.isnan(value):
        return math.inf
    under = 0.0 if least is None else least - value
    over = 0.0 if most is None else value - most
    return max(under, over, 0.0) / axis_of(objective).span
