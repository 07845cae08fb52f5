"""Calls of a language model: what is asked, what came back, what it cost."""

from typing import Any, Literal

from matsearch.core.keys import content_key
from matsearch.core.model import Record
from matsearch.core.records import Parent
from matsearch.core.verdict import Verdict


class Message(Record):
    """One message of a prompt."""

    role: Literal["system", "user"]
    content: str


class CallRequest(Record):
    """One call to make: everything that its answer may depend on, and where it belongs.

    Attributes
    ----------
    campaign_id, generation, slot
        Where it belongs; in no key.
    prompt_id, prompt_sha256 : str
        The prompt's id with its version (``csg/1``), and a sha256 over all its parts.
    messages : tuple of Message
        As rendered.
    shorter : tuple of tuple of Message
        The same prompt with less in it each, for a model whose context is too short.
    shown : tuple of int
        How many of the parents each of ``shorter`` shows, the first ones.
    parents : tuple of Parent
        Those shown in ``messages``, first those that are given up last.
    language : str
        The structure language asked for.
    crystals : int
        How many are asked for.
    model : str
        As asked for.
    parameters : dict
        ``temperature``, ``top_p``, ``max_tokens``, ``seed``, ... as asked for; what is None is left to the endpoint.
    reply_schema : dict or None
        JSON Schema of the reply.
    """

    campaign_id: str
    generation: int
    slot: int
    prompt_id: str
    prompt_sha256: str
    messages: tuple[Message, ...]
    shorter: tuple[tuple[Message, ...], ...] = ()
    shown: tuple[int, ...] = ()
    parents: tuple[Parent, ...] = ()
    language: str
    crystals: int
    model: str
    parameters: dict[str, int | float | str | None] = {}
    reply_schema: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        """The content key under which its answer is kept: prompt, model and parameters, not who asked or where."""
        content = {
            "messages": [message.document() for message in self.messages],
            "model": self.model,
            "parameters": self.parameters,
            "reply_schema": self.reply_schema,
        }
        return content_key("call/1", content)

    def ended(self, **fields: Any) -> "Call":
        """Return the call of this request; ``fields`` say how it ended."""
        return Call(
            key=self.key,
            campaign_id=self.campaign_id,
            generation=self.generation,
            slot=self.slot,
            prompt_id=self.prompt_id,
            prompt_sha256=self.prompt_sha256,
            model=self.model,
            **fields,
        )


class Attempt(Record):
    """One request over the wire.

    Attributes
    ----------
    status : int or None
        HTTP status; None where none came.
    kind : str or None
        The kind of failure (``core.verdict.FailureKind``); None where it was answered.
    detail : str
        One line; empty where it was answered.
    seconds : float
        Until it ended.
    """

    status: int | None
    kind: str | None
    detail: str
    seconds: float


class Call(Record):
    """A call that ended, kept whole.

    Attributes
    ----------
    key : str
        Of the request.
    messages : tuple of Message
        As sent: with fewer parents than asked where the context was too short.
    parents_shown : int
        How many parents are in these messages.
    sent : dict
        Parameters as sent, after what the endpoint does not know was left out.
    endpoint : str
        Scheme, host and path, without credentials.
    resolved_model : str or None
        What the endpoint says it is.
    reply : str or None
        The text, as it came.
    finish_reason : str or None
        As the endpoint says it.
    input_tokens, output_tokens : int or None
        Those known of all attempts; None is unknown.
    cost : float or None
        In USD; None is unknown.
    latency_s : float
        Of the attempt that was answered, else of all together.
    verdict : Verdict or None
        Why there is no text, or no whole one.
    answered : bool
        Whether the model answered, and so may have been paid for: such a call is never made again.
    """

    key: str
    campaign_id: str
    generation: int
    slot: int
    prompt_id: str
    prompt_sha256: str
    messages: tuple[Message, ...]
    parents_shown: int
    model: str
    sent: dict[str, Any]
    endpoint: str
    resolved_model: str | None = None
    reply: str | None = None
    finish_reason: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost: float | None = None
    latency_s: float
    attempts: tuple[Attempt, ...]
    verdict: Verdict | None = None
    answered: bool
    created_at: str

    def entry(self, request: CallRequest) -> "CallEntry":
        """Return the line of a ledger: what this call cost the campaign of a request."""
        return CallEntry(
            generation=request.generation,
            slot=request.slot,
            key=self.key,
            created_at=self.created_at,
            prompt_id=self.prompt_id,
            model=self.resolved_model or self.model,
            paid=self.campaign_id == request.campaign_id,
            answered=self.answered,
            kind=self.verdict.kind.value if self.verdict else None,
            attempts=len(self.attempts),
            latency_s=self.latency_s,
            input_tokens=self.input_tokens,
            output_tokens=self.output_tokens,
            cost=self.cost,
        )


class CallEntry(Record):
    """One line of a campaign's ledger: how a call ended and what it cost this campaign.

    Attributes
    ----------
    key : str
        Of the call.
    paid : bool
        Whether it was made for this campaign; else its answer was in the store.
    kind : str or None
        The kind of failure.
    attempts : int
        Requests over the wire.
    latency_s, input_tokens, output_tokens, cost
        As in :class:`Call`; None is unknown.
    """

    generation: int
    slot: int
    key: str
    created_at: str
    prompt_id: str
    model: str
    paid: bool
    answered: bool
    kind: str | None
    attempts: int
    latency_s: float
    input_tokens: int | None
    output_tokens: int | None
    cost: float | None


class Usage(Record):
    """What a campaign's calls came to.

    Attributes
    ----------
    calls : int
        Made for this campaign, those that failed too; one is what a slot asks for, however often it is tried.
    answered, reused : int
        Those of them that were answered; answers taken from the store that others paid for (in no other number here).
    attempts : int
        Requests over the wire.
    input_tokens, output_tokens : int or None
        Known ones added up; None where none is known.
    unknown_tokens : int
        Answered calls of which the tokens are not known.
    cost : float or None
        Known ones added up, in USD; None where none is known.
    unknown_cost : int
        Answered calls of which the cost is not known.
    failures : dict of str to int
        Calls by the kind of failure.
    """

    calls: int = 0
    answered: int = 0
    reused: int = 0
    attempts: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    unknown_tokens: int = 0
    cost: float | None = None
    unknown_cost: int = 0
    failures: dict[str, int] = {}

    @property
    def tokens(self) -> int:
        """All known tokens."""
        return (self.input_tokens or 0) + (self.output_tokens or 0)

    def with_entry(self, entry: CallEntry) -> "Usage":
        """Return the usage with one more line of the ledger."""
        if not entry.paid:
            return self.evolve(reused=self.reused + 1)
        known = entry.input_tokens is not None and entry.output_tokens is not None
        failed = {entry.kind: self.failures.get(entry.kind, 0) + 1} if entry.kind else {}
        return Usage(
            calls=self.calls + 1,
            answered=self.answered + entry.answered,
            reused=self.reused,
            attempts=self.attempts + entry.attempts,
            input_tokens=_added(self.input_tokens, entry.input_tokens),
            output_tokens=_added(self.output_tokens, entry.output_tokens),
            unknown_tokens=self.unknown_tokens + (entry.answered and not known),
            cost=_added(self.cost, entry.cost),
            unknown_cost=self.unknown_cost + (entry.answered and entry.cost is None),
            failures=self.failures | failed,
        )


def _added(total: Any, value: Any) -> Any:
    return total if value is None else (total or 0) + value
