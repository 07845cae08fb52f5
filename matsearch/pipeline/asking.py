"""A generation asked of a language model: the calls that are missing are made, then each reply is read."""

import atexit
from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from contextlib import closing
from functools import lru_cache

from matsearch.core.arms import arms_of, prompt_of
from matsearch.core.calls import Call, CallRequest
from matsearch.core.config import SearchConfig
from matsearch.core.errors import LanguageModelError
from matsearch.core.faults import boundary
from matsearch.core.progress import report
from matsearch.core.protocols import Repository
from matsearch.core.records import Candidate
from matsearch.core.verdict import FailureKind
from matsearch.parse.reply.candidates import candidates_of
from matsearch.parse.reply.reader import ReplyReader
from matsearch.pipeline.allowance import Allowance
from matsearch.pipeline.ledger import Ledger
from matsearch.propose.llm.client import Client

_clients: dict[tuple[Hashable, ...], Client] = {}


def ask_generation(
    asked: Sequence[CallRequest], config: SearchConfig, repository: Repository
) -> list[Candidate]:
    """Return the candidates of a generation's requests; calls that were answered before are not made again.

    Parameters
    ----------
    asked : sequence of CallRequest
        At least one, all of one generation of one campaign.

    Raises
    ------
    BudgetSpentError
        If a budget does not suffice. What was answered is kept.
    LanguageModelError
        If the endpoint, key, model or prompt cannot be used, or no call of the generation was answered and, where there
        are other proposers, none of the generation before.
    """
    ledger = Ledger(repository, asked[0].campaign_id)
    calls = {request.slot: call for request in asked if (call := ledger.answer(request))}
    missing = [request for request in asked if request.slot not in calls]
    if missing:
        calls |= _make(missing, ledger, config)
    if not any(call.answered for call in calls.values()):
        _give_up_unless_others_can_go_on(calls, ledger, config)
    return [c for request in asked for c in _read(request, calls[request.slot])]


def get_client(config: SearchConfig) -> Client:
    """Return the client of a configuration, kept until :func:`close_clients`; its endpoint, key and model are checked.

    Raises
    ------
    LanguageModelError
        If it cannot be used.
    """
    model = config.propose.llm
    if model is None:
        raise LanguageModelError("this search asks no language model", "name one in propose.llm.model")
    client = Client(config.execution.calls)
    # the endpoint and its key may come from the environment, which may change
    key = (client.endpoint, config.execution.calls, model.model)
    if key not in _clients:
        client.check(model.model)
        _clients[key] = client
    return _clients[key]


@atexit.register
def close_clients() -> None:
    """Forget all clients, and end the process that reads replies."""
    _clients.clear()
    if _reader.cache_info().currsize:
        _reader().close()
        _reader.cache_clear()


@lru_cache(maxsize=1)
def _reader() -> ReplyReader:
    return ReplyReader()


def _make(missing: Sequence[CallRequest], ledger: Ledger, config: SearchConfig) -> dict[int, Call]:
    """Make calls and keep each as it ends."""
    allowance = Allowance(config.budget, ledger.usage())
    allowance.require(len(missing), missing[0].generation)
    client = get_client(config)
    by_slot = {request.slot: request for request in missing}
    made: dict[int, Call] = {}
    with closing(client.ask(allowance.allowed(missing))) as calls:
        for call in calls:
            boundary("replied")
            allowance.add(ledger.keep(by_slot[call.slot], call))
            boundary("reply-kept")
            made[call.slot] = call
            report("called", generation=call.generation, done=len(made), of=len(missing))
    if allowance.spent is not None:
        raise allowance.spent
    return made


def _give_up_unless_others_can_go_on(calls: Mapping[int, Call], ledger: Ledger, config: SearchConfig) -> None:
    """Stop a search whose model does not answer: at once where it proposes alone, else in the second generation of it."""
    generation = next(iter(calls.values())).generation
    answered = any(entry.answered for entry in ledger.entries() if entry.generation == generation - 1)
    if answered and any(prompt_of(arm) is None for arm in arms_of(config)):
        report("unanswered", generation=generation, calls=len(calls))
        return
    kinds = Counter(call.verdict.kind.value for call in calls.values() if call.verdict)
    counts = ", ".join(f"{n} {kind}" for kind, n in kinds.most_common())
    last = next(call.verdict.detail for call in reversed(list(calls.values())) if call.verdict)
    raise LanguageModelError(
        f"none of the {len(calls)} calls of generation {generation} was answered: {counts}; {last}",
        "nothing is lost: see to the endpoint and run the same command again",
    )


def _read(request: CallRequest, call: Call) -> list[Candidate]:
    cut_off = call.verdict is not None and call.verdict.kind is FailureKind.CUT_OFF
    found = _reader().read(call.reply, cut_off=cut_off) if call.reply is not None else []
    return candidates_of(request, call, found)
