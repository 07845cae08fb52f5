"""The seeds, relaxed and placed on the hull like proposals: then it is known how good what a search begins with is."""

from collections.abc import Sequence

from matsearch.core.campaign import CampaignState
from matsearch.core.config import SearchConfig
from matsearch.core.faults import boundary
from matsearch.core.progress import report
from matsearch.core.protocols import Repository, ResultCache
from matsearch.core.records import Candidate, Lineage, Parent
from matsearch.core.selection_sections import PAPER_SCHEME
from matsearch.core.text import one_line
from matsearch.core.thresholds import earns_no_reward
from matsearch.crystal.matching import mark_duplicates
from matsearch.pipeline.asking import get_client
from matsearch.pipeline.bugs import refuse_bugs
from matsearch.pipeline.engines import WhenNeeded
from matsearch.pipeline.parents import first_parents
from matsearch.pipeline.scoring import score
from matsearch.pipeline.tools import Tools
from matsearch.relax.stage import relax

PROPOSER = "seeds"


def scores_seeds(config: SearchConfig) -> bool:
    """Return whether the seeds of a search are scored: as it asks, and always where they compete with its finds."""
    return config.seeds.score or config.selection.scheme == PAPER_SCHEME


def scored_seeds(tools: Tools, cache: ResultCache, owner: str) -> list[Candidate]:
    """Return the seeds as screened candidates, whose ids are those of the seeds: same length and order.

    They begin in the geometry that their set calls relaxed, where it has one. They are no proposals: nobody stores them
    and no funnel counts them. Relaxations and properties are kept in the cache, so that each is computed once.

    Parameters
    ----------
    owner : str
        The campaign, for counting the work begun.

    Returns
    -------
    list of Candidate
        One that fails has a verdict; of believed ones that are the same crystal, all but the first are marked.

    Raises
    ------
    InternalErrorRateError
        If more than one percent ended in unexpected exceptions.
    """
    pool = [_as_candidate(seed, tools, owner) for seed in tools.beginning.seeds]
    pool = relax(pool, tools.potential.info, tools.config.relax, WhenNeeded(tools), cache, owner)
    pool = score(pool, tools, cache, owner)
    refuse_bugs(pool, "report it as a bug; what was computed is kept")
    return _marked(pool)


def with_first_parents(state: CampaignState, tools: Tools, repository: Repository) -> CampaignState:
    """Return the state with its parents: where the seeds are scored, a search begins without any, and they are saved."""
    if state.generation > 0 or state.parents or not scores_seeds(tools.config):
        return state
    if tools.requests:
        get_client(tools.config)  # a key that is missing is missed before the work begins
    pool = scored_seeds(tools, repository, state.campaign_id)
    _report(pool)
    begun = state.evolve(parents=first_parents(tools, pool))
    repository.save_state(begun)
    boundary("seeds-scored")
    return begun


def _as_candidate(seed: Parent, tools: Tools, owner: str) -> Candidate:
    root = next(iter(seed.roots), "")
    return Candidate(
        candidate_id=seed.parent_id,
        campaign_id=owner,
        generation=0,
        proposer=PROPOSER,
        slot=0,
        index=0,
        lineage=Lineage(operator=PROPOSER, roots=seed.roots),
        structure=tools.beginning.origins.get(root, seed.structure),
    )


def _marked(pool: Sequence[Candidate]) -> list[Candidate]:
    # one that is not believed must not hide one that is
    believed = [i for i, c in enumerate(pool) if c.alive and not earns_no_reward(c.flags)]
    structures = [s for i in believed if (s := pool[i].best_structure) is not None]
    marks = mark_duplicates(structures)
    twins = {i: believed[mark] for i, mark in zip(believed, marks, strict=True) if mark is not None}
    return [
        c.evolve(duplicate_of=pool[twins[i]].candidate_id) if i in twins else c for i, c in enumerate(pool)
    ]


def _report(pool: Sequence[Candidate]) -> None:
    failed = [c for c in pool if not c.alive]
    reasons = [f"{c.candidate_id}: {c.verdict.kind}: {c.verdict.detail}" for c in failed if c.verdict]
    report(
        "seeds",
        n=len(pool),
        scored=len(pool) - len(failed),
        failed=len(failed),
        first=one_line(reasons[0]) if reasons else None,
    )
