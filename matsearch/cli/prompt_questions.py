"""What the next generation would ask in one of its slots."""

from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, replace

from matsearch.cli.lookup import find_campaign, opened
from matsearch.core.arms import prompt_name
from matsearch.core.calls import CallRequest, Message
from matsearch.core.campaign import CampaignState
from matsearch.core.config import SearchConfig
from matsearch.core.errors import InputError
from matsearch.core.protocols import Repository
from matsearch.pipeline.campaign import campaign_id, changed_settings
from matsearch.pipeline.pool import scores_seeds
from matsearch.pipeline.portfolio import SlotPlan, slots_of
from matsearch.pipeline.proposing import slots_for
from matsearch.pipeline.tools import Tools, build_tools
from matsearch.propose.llm.context import estimated_tokens, first_that_fits, shortened, variants
from matsearch.propose.llm.requests import Requests
from matsearch.store import open_repository


@dataclass(frozen=True)
class Question:
    """What a slot would ask.

    Attributes
    ----------
    asked : str
        Id of the prompt that is asked for; the request names the one that is sent.
    notes : tuple of str
        What may be otherwise in a run.
    """

    tools: Tools
    request: CallRequest
    asked: str
    n_slots: int
    notes: tuple[str, ...]

    @property
    def tokens(self) -> int:
        """About how many the prompt is, as the client estimates them."""
        return estimated_tokens(self.request.messages)

    def as_sent(self, messages: tuple[Message, ...]) -> "Question":
        """Return the question whose request is the one that was sent: a context may be too short for all of it."""
        return replace(self, request=shortened(self.request, variants(self.request).index(messages)))


def question_of(
    config: SearchConfig,
    prompt: str | None,
    n: int | None,
    number: int | None,
    campaign: str | None,
    store: str | None,
) -> Question:
    """Return what a slot would ask.

    Parameters
    ----------
    prompt : str or None
        Name or file; None is the slot's own.
    n : int or None
        Crystals to ask for; None is as many as the slot would.
    number : int or None
        Of the slot; None is the first that is asked by this prompt, else the first of any prompt.
    campaign : str or None
        Whose next generation it is; None is a new one.

    Raises
    ------
    MatsearchError
        If anything named cannot be used.
    """
    model = config.propose.llm
    if model is None:
        raise InputError("this search asks no language model", "name one: --set propose.llm.model=NAME")
    tools = build_tools(config)
    # before anything else is looked for
    named = Requests(model, name=prompt, predict=bool(config.system.formulas)) if prompt else None
    with _repository(campaign, store) as repository:
        state, notes = _state(tools, repository, campaign)
        plans = slots_of(config, state.history, state.generation)
        place = _place(plans, prompt, number)
        slot = slots_for(state, tools, repository)[place]
    plan = plans[place]
    requests = named or (tools.requests[plan.prompt] if plan.prompt else None)
    if requests is None:
        others = [str(i) for i, other in enumerate(plans) if other.prompt]
        raise InputError(
            f"slot {place} asks {plan.arm}, no language model",
            f"name a --prompt, or take slot {', '.join(others[:10])}",
        )
    crystals = n or (plan.crystals if plan.prompt else model.crystals)
    request = requests.request(slot, crystals)
    context = config.execution.calls.context_tokens
    if variant := first_that_fits(request, context):
        notes += (f"failures or parents are left out, as execution.calls.context_tokens is {context}",)
    return Question(tools, shortened(request, variant), requests.prompt_id, len(plans), notes)


def _repository(campaign: str | None, store: str | None) -> AbstractContextManager[Repository]:
    if campaign is not None:
        return opened(store)
    if store is not None:
        raise InputError("--store without --campaign", "say which campaign of the store: --campaign ID")
    return closing(open_repository("sqlite://:memory:"))


def _state(
    tools: Tools, repository: Repository, campaign: str | None
) -> tuple[CampaignState, tuple[str, ...]]:
    """Return what the next generation builds on, and what to know of it."""
    notes = []
    identity = campaign_id(tools.config, tools)
    state = CampaignState(campaign_id=identity, parents=())
    if campaign is not None:
        record = find_campaign(repository, campaign)
        state = record.state
        if record.campaign_id != identity:
            changed = ", ".join(changed_settings(tools.config, record)) or "files or weights"
            notes.append(f"the configuration is not that of {record.campaign_id}: it differs in {changed}")
    if state.generation == 0 and not state.parents:
        state = state.evolve(parents=tools.beginning.seeds)
        if scores_seeds(tools.config):
            notes.append("a run scores the seeds first: its parents have energies, and may be others")
    return state, tuple(notes)


def _place(plans: list[SlotPlan], prompt: str | None, number: int | None) -> int:
    """Return the slot: the one that is named, else the first of the prompt, else the first of any prompt."""
    if number is not None:
        if number >= len(plans):
            raise InputError(f"no slot {number}", f"the generation has slots 0 to {len(plans) - 1}")
        return number
    name = prompt_name(prompt) if prompt else None
    same = (i for i, plan in enumerate(plans) if name and plan.prompt == name)
    anyone = (i for i, plan in enumerate(plans) if plan.prompt)
    return next(same, next(anyone, 0))
