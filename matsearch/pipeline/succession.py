"""From one generation to the next: its summary, its parents, and a restart where nothing gets better."""

import math
from collections.abc import Sequence

from matsearch.core.campaign import CampaignState, GenerationSummary
from matsearch.core.config import Objective
from matsearch.core.records import Candidate, Parent
from matsearch.core.thresholds import earns_no_reward
from matsearch.pipeline.tools import Tools
from matsearch.select.quota import Quota

LEAST_GAIN = 1e-3
"""In eV/atom for energies, as a share of the value for other objectives: less is no improvement."""

ENERGIES = ("energy_above_hull", "formation_energy_per_atom")
"""Objectives whose zero means something, so that a share of the value does not."""


def next_state(
    state: CampaignState, marked: Sequence[Candidate], earlier: Sequence[Candidate], tools: Tools
) -> CampaignState:
    """Return the state after a screened generation: a function of what it is given alone.

    Parameters
    ----------
    marked : sequence of Candidate
        The generation, with duplicates marked.
    earlier : sequence of Candidate
        Living crystals of the generations before, duplicates too.
    """
    config = tools.config
    begin = _era_begins(state.history)
    born = [c for c in (*earlier, *marked) if c.generation >= begin]
    ids = {c.candidate_id for c in born}
    era = [c for c in born if c.duplicate_of not in ids]  # what an older era found may be found again
    best = _best(era, config.objectives[0])
    past = [summary.best_objective for summary in state.history if summary.generation >= begin]
    # before anything was found the seeds are what there is
    found = begin > 0 or best is not None
    restarted = found and stagnates([*past, best], config.objectives[0], config.selection.stagnation)
    summary = GenerationSummary(
        generation=state.generation,
        asked=config.population.proposals,
        proposed=sum(c.structure is not None for c in marked),
        relaxed=sum(c.relaxation is not None for c in marked),
        scored=sum(c.placement is not None for c in marked),
        best_energy_above_hull=_best((*earlier, *marked), Objective()),
        best_objective=best,
        restarted=restarted,
    )
    done = state.generation + 1
    return state.evolve(
        generation=done,
        parents=tools.beginning.seeds if restarted else _parents(era, tools),
        history=(*state.history, summary),
        stopped=None,
        status="finished" if done >= config.budget.generations else "running",
    )


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
    gain = now - then if objective.direction == "maximize" else then - now
    scale = 1.0 if objective.name in ENERGIES else abs(then)
    return gain <= LEAST_GAIN * scale


def _era_begins(history: Sequence[GenerationSummary]) -> int:
    """Return the first generation after the last restart."""
    return max((summary.generation + 1 for summary in history if summary.restarted), default=0)


def _best(candidates: Sequence[Candidate], objective: Objective) -> float | None:
    values = [
        value
        for c in candidates
        if c.alive and not earns_no_reward(c.flags)
        if (value := c.objective(objective.name)) is not None and math.isfinite(value)
    ]
    return (max if objective.direction == "maximize" else min)(values, default=None)


def _parents(era: Sequence[Candidate], tools: Tools) -> tuple[Parent, ...]:
    """Return the selected, filled up with seeds within the same limits."""
    n = tools.config.population.parents
    chosen = [_as_parent(c) for c in tools.selector.select(era, n)]
    quota = Quota(tools.selection, n)
    for parent in chosen:
        quota.take(parent.structure)
    return (*chosen, *(seed for seed in _compounds_first(tools) if quota.take(seed.structure)))


def _compounds_first(tools: Tools) -> list[Parent]:
    """Return the seeds, those first that keep to the formulas asked for, pure elements last."""

    def order(seed: Parent) -> tuple[bool, bool]:
        composition = seed.structure.composition
        return not tools.limits.allow(composition), bool(composition.is_element)

    return sorted(tools.beginning.seeds, key=order)


def _as_parent(candidate: Candidate) -> Parent:
    return Parent(
        parent_id=candidate.candidate_id,
        structure=candidate.best_structure,
        roots=candidate.lineage.roots,
        energy_above_hull=candidate.placement.energy_above_hull if candidate.placement else None,
    )
