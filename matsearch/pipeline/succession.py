"""From one generation to the next: its summary, its parents, and a restart where nothing gets better."""

from collections.abc import Mapping, Sequence

from matsearch.core.campaign import CampaignState, GenerationSummary
from matsearch.core.config import Objective
from matsearch.core.records import Candidate, Parent
from matsearch.core.selection_sections import PAPER_SCHEME
from matsearch.pipeline.parents import first_parents, lowest_parents, next_parents, paper_parents
from matsearch.pipeline.portfolio import count_arms, slots_of
from matsearch.pipeline.stagnation import best_value, front_stagnates, stagnates
from matsearch.pipeline.tools import Tools
from matsearch.select.pareto import hypervolume


def next_state(
    state: CampaignState,
    marked: Sequence[Candidate],
    earlier: Sequence[Candidate],
    tools: Tools,
    pool: Sequence[Candidate] = (),
    costs: Mapping[int, float] | None = None,
) -> CampaignState:
    """Return the state after a screened generation: a function of what it is given alone.

    Parameters
    ----------
    marked : sequence of Candidate
        The generation, with duplicates marked.
    earlier : sequence of Candidate
        Those of the generations before, the dead and duplicates too.
    pool : sequence of Candidate
        The scored seeds; empty where they are not scored.
    costs : mapping of int to float
        Of the generation's calls by slot, in USD, where they are known.
    """
    config = tools.config
    begin = _era_begins(state.history)
    era = _era((*earlier, *marked), begin)
    best = best_value(era, config.objectives)
    # before anything was found the seeds are what there is
    restarted = (begin > 0 or best is not None) and _stagnates(state, era, best, tools)
    everything = (*earlier, *marked)
    summary = GenerationSummary(
        generation=state.generation,
        asked=config.population.proposals,
        proposed=sum(c.structure is not None for c in marked),
        relaxed=sum(c.relaxation is not None for c in marked),
        scored=sum(c.placement is not None for c in marked),
        best_energy_above_hull=best_value(everything, [Objective()]),
        best_objective=best,
        restarted=restarted,
        hypervolume=_hypervolume(everything, config.objectives),
        arms=count_arms(slots_of(config, state.history, state.generation), marked, costs),
    )
    done = state.generation + 1
    return state.evolve(
        generation=done,
        parents=first_parents(tools, pool)
        if restarted
        else _parents(state, era, marked, earlier, pool, tools),
        history=(*state.history, summary),
        stopped=None,
        status="finished" if done >= config.budget.generations else "running",
    )


def parents_anew(
    state: CampaignState, candidates: Sequence[Candidate], tools: Tools, pool: Sequence[Candidate] = ()
) -> tuple[Parent, ...]:
    """Return who the state's generation builds on, chosen again from all that is known by now.

    They are those that :func:`next_state` chose unless candidates have changed since, as one does that DFT refutes.

    Parameters
    ----------
    candidates : sequence of Candidate
        Of all finished generations, the dead and duplicates too.
    pool : sequence of Candidate
        The scored seeds; empty where they are not scored.
    """
    last, begin = state.generation - 1, _era_begins(state.history)
    if begin > last:
        return first_parents(tools, pool)
    if tools.config.selection.scheme == PAPER_SCHEME:
        born = [c for c in candidates if c.generation >= begin]
        return lowest_parents([*born, *pool], last, tools)
    return next_parents(_era(candidates, begin), last, tools, pool)


def _era(candidates: Sequence[Candidate], begin: int) -> list[Candidate]:
    """Return those born since a restart, without the duplicates among them."""
    born = [c for c in candidates if c.generation >= begin]
    ids = {c.candidate_id for c in born}
    return [c for c in born if c.duplicate_of not in ids]  # what an older era found may be found again


def _parents(
    state: CampaignState,
    era: Sequence[Candidate],
    marked: Sequence[Candidate],
    earlier: Sequence[Candidate],
    pool: Sequence[Candidate],
    tools: Tools,
) -> tuple[Parent, ...]:
    if tools.config.selection.scheme == PAPER_SCHEME:
        return paper_parents(state, marked, earlier, pool, tools)
    return next_parents(era, state.generation, tools, pool)


def _stagnates(state: CampaignState, era: Sequence[Candidate], best: float | None, tools: Tools) -> bool:
    """Return whether the era stopped getting better: by its front with scheme pareto, else by the first objective."""
    objectives, rules = tools.config.objectives, tools.config.selection
    begin = _era_begins(state.history)
    if rules.scheme == "pareto" and len(objectives) > 1:
        return front_stagnates(era, objectives, range(begin, state.generation + 1), rules.stagnation)
    past = [summary.best_objective for summary in state.history if summary.generation >= begin]
    return stagnates([*past, best], objectives[0], rules.stagnation)


def _era_begins(history: Sequence[GenerationSummary]) -> int:
    """Return the first generation after the last restart."""
    return max((summary.generation + 1 for summary in history if summary.restarted), default=0)


def _hypervolume(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> float | None:
    distinct = [candidate for candidate in candidates if candidate.duplicate_of is None]
    return hypervolume(distinct, objectives) if len(objectives) > 1 else None
