"""plan, screen, advance: one generation. Pure but for the repository and the cache they are given."""

from collections.abc import Sequence

from matsearch.core.campaign import CampaignState, CandidateQuery
from matsearch.core.faults import boundary
from matsearch.core.progress import report
from matsearch.core.protocols import Repository, ResultCache
from matsearch.core.records import Candidate
from matsearch.core.verdict import FailureKind
from matsearch.parse.sanity import check_sanity
from matsearch.pipeline.aims import aims_of
from matsearch.pipeline.bugs import refuse_bugs
from matsearch.pipeline.engines import WhenNeeded
from matsearch.pipeline.knowledge import mark_all
from matsearch.pipeline.ledger import Ledger
from matsearch.pipeline.pool import scored_seeds, scores_seeds, with_first_parents
from matsearch.pipeline.portfolio import slots_of
from matsearch.pipeline.proposing import propose_generation
from matsearch.pipeline.scope import outside_limits
from matsearch.pipeline.scoring import score
from matsearch.pipeline.succession import next_state
from matsearch.pipeline.tools import Tools
from matsearch.properties.charges import with_charges
from matsearch.relax.stage import relax


def plan(state: CampaignState, tools: Tools, repository: Repository) -> list[Candidate]:
    """Return the proposals of the state's generation: those committed before, else new ones, committed now.

    Raises
    ------
    BudgetSpentError, LanguageModelError
        If a language model cannot be asked any more, or at all; what it answered is kept.
    """
    state = with_first_parents(state, tools, repository)
    query = CandidateQuery(campaign_id=state.campaign_id, generation=state.generation)
    committed = repository.query_candidates(query)
    n_slots = len(slots_of(tools.config, state.history, state.generation))
    if len({c.slot for c in committed}) == n_slots:
        return [as_proposed(candidate) for candidate in committed]
    proposals = propose_generation(state, tools, repository)
    repository.put_candidates(proposals)
    boundary("proposed")
    report("proposed", generation=state.generation, n=len(proposals))
    return proposals


def screen(batch: Sequence[Candidate], tools: Tools, cache: ResultCache, owner: str) -> list[Candidate]:
    """Take proposals through sanity, relaxation, hull and properties. Total: same length, order and ids.

    Parameters
    ----------
    owner : str
        The campaign, for counting the work begun.
    """
    config = tools.config
    screened = check_sanity(batch, tools.limits, config.sanity)
    aims = aims_of(screened, tools)
    screened = relax(screened, tools.potential.info, config.relax, WhenNeeded(tools), cache, owner, aims)
    screened = outside_limits(screened, tools.limits)
    screened = with_charges(score(screened, tools, cache, owner))
    boundary("screened")
    return screened


def advance(
    state: CampaignState, screened: Sequence[Candidate], tools: Tools, repository: Repository
) -> CampaignState:
    """Commit a screened generation and return the next state.

    Candidates are committed before the state, so a crash in between is mended by doing the same again.

    Raises
    ------
    InternalErrorRateError
        If more than one percent ended in unexpected exceptions; the generation is not committed.
    """
    refuse_bugs(screened)
    everyone = repository.query_candidates(CandidateQuery(campaign_id=state.campaign_id))
    earlier = [c for c in everyone if c.generation < state.generation]
    marked = mark_all(screened, [c for c in earlier if c.alive and c.duplicate_of is None], tools)
    repository.put_candidates(marked)
    boundary("candidates-committed")
    pool = scored_seeds(tools, repository, state.campaign_id) if scores_seeds(tools.config) else []
    costs = Ledger(repository, state.campaign_id).costs(state.generation)
    following = next_state(state, marked, earlier, tools, pool, costs)
    repository.save_state(following)
    boundary("state-saved")
    report("generation", **following.history[-1].document(), generations=tools.config.budget.generations)
    return following


def as_proposed(candidate: Candidate) -> Candidate:
    """Return the candidate as it was born, without what the stages found.

    What DFT said goes too: it belongs to the geometry that the stages found. Only candidates of finished generations,
    which are never screened again, are sent to DFT.
    """
    verdict = candidate.verdict
    is_born_with = candidate.structure is None or (
        verdict is not None and (verdict.stage == "propose" or verdict.kind is FailureKind.SURPLUS)
    )
    return Candidate(
        **candidate.model_dump(
            include={"candidate_id", "campaign_id", "generation", "proposer", "slot", "index"}
        ),
        lineage=candidate.lineage,
        structure=candidate.structure,
        repairs=candidate.repairs,
        verdict=verdict if is_born_with else None,
    )
