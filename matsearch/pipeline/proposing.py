"""A generation's proposals: each slot asks its proposer."""

from matsearch.core.boundary import contained
from matsearch.core.campaign import CampaignState
from matsearch.core.errors import InternalErrorRateError
from matsearch.core.protocols import Proposer, Repository
from matsearch.core.records import Candidate
from matsearch.core.slots import Brief, Slot
from matsearch.core.verdict import Verdict
from matsearch.pipeline.asking import ask_generation
from matsearch.pipeline.breeding import parents_of_slot
from matsearch.pipeline.briefs import brief_of
from matsearch.pipeline.portfolio import slots_of
from matsearch.pipeline.tools import Tools


def propose_generation(state: CampaignState, tools: Tools, repository: Repository) -> list[Candidate]:
    """Return the proposals of the state's generation, by slot.

    Raises
    ------
    BudgetSpentError, LanguageModelError
        If a language model cannot be asked any more, or at all; what it answered is kept.
    """
    plans = slots_of(tools.config, state.history, state.generation)
    slots = list(zip(slots_for(state, tools, repository), plans, strict=True))
    requests = [
        tools.requests[plan.prompt].request(slot, plan.crystals) for slot, plan in slots if plan.prompt
    ]
    # the model first: where it cannot be asked, nothing is proposed in vain
    made = ask_generation(requests, tools.config, repository) if requests else []
    for slot, plan in slots:
        if not plan.prompt:
            made += _propose(slot, tools.proposers[plan.arm])
    return sorted(made, key=lambda candidate: (candidate.slot, candidate.index))


def slots_for(state: CampaignState, tools: Tools, repository: Repository) -> list[Slot]:
    """Return the slots of the state's generation: what each proposer is given, in the order of their numbers."""
    n_slots = len(slots_of(tools.config, state.history, state.generation))
    brief = brief_of(state, tools, repository)
    return [_slot(state, tools, brief, number) for number in range(n_slots)]


def _slot(state: CampaignState, tools: Tools, brief: Brief, number: int) -> Slot:
    return Slot(
        campaign_id=state.campaign_id,
        generation=state.generation,
        slot=number,
        seed=tools.config.seed,
        parents=parents_of_slot(state, number, tools),
        templates=tools.beginning.templates,
        limits=tools.limits,
        brief=brief,
    )


def _propose(slot: Slot, proposer: Proposer) -> list[Candidate]:
    made = contained("propose", lambda: proposer.propose(slot))
    if isinstance(made, Verdict):
        raise InternalErrorRateError(
            f"the proposer {proposer.name} failed: {made.detail}", "report it as a bug"
        )
    return made
