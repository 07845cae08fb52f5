"""One call with all its attempts: what is sent again, what is given up, what is kept of it."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from matsearch.core.boundary import contained
from matsearch.core.calls import Attempt, Call, CallRequest, Message
from matsearch.core.errors import LanguageModelError
from matsearch.core.language_model import CallsSection
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.propose.llm.answer import Answer, answer_of
from matsearch.propose.llm.completion import Reply
from matsearch.propose.llm.context import first_that_fits, variants
from matsearch.propose.llm.dialect import COMPLAINTS, Dialect, summary
from matsearch.propose.llm.endpoint import Endpoint
from matsearch.propose.llm.fatal import fatal
from matsearch.propose.llm.retry import Gate, backoff
from matsearch.propose.llm.wire import Wire

STAGE = "propose"
TOO_LONG = frozenset({400, 413, 422})


@dataclass(frozen=True)
class Outcome:
    """What a call came to.

    Attributes
    ----------
    call : Call or None
        None where nothing was sent, and nothing is to be.
    fatal : LanguageModelError or None
        Why no other call is worth making.
    """

    call: Call | None
    fatal: LanguageModelError | None = None


@dataclass
class _Course:
    """A call under way; times are monotonic, in seconds."""

    request: CallRequest
    started: float
    deadline: float
    variant: int = 0
    failures: int = 0
    sent: dict[str, Any] = field(default_factory=dict)
    answers: list[Answer] = field(default_factory=list)

    @property
    def messages(self) -> tuple[Message, ...]:
        return variants(self.request)[self.variant]

    @property
    def last(self) -> Answer | None:
        return self.answers[-1] if self.answers else None


class Caller:
    """Makes calls over one wire, any number at once.

    Parameters
    ----------
    settled : callable
        Called whenever the endpoint's dialect turned out to do.
    heard : bool
        Whether this endpoint has answered before, so that a rejection is about the one request.
    """

    def __init__(
        self,
        wire: Wire,
        endpoint: Endpoint,
        dialect: Dialect,
        gate: Gate,
        calls: CallsSection,
        *,
        context_tokens: int | None,
        backoff_s: float,
        settled: Callable[[], None],
        heard: bool,
    ) -> None:
        self._wire, self._endpoint, self._dialect, self._gate = wire, endpoint, dialect, gate
        self._calls, self._context_tokens, self._backoff_s = calls, context_tokens, backoff_s
        self._settled = settled
        self.heard = heard

    async def call(self, request: CallRequest) -> Outcome:
        """Make a call; whatever happens is in its outcome."""
        now = time.monotonic()
        course = _Course(request, now, now + self._calls.deadline_s)
        try:
            course.variant = first_that_fits(request, self._context_tokens)
            outcome = await self._followed(course)
        except LanguageModelError as error:
            outcome = Outcome(None, error)
        except Exception as error:  # noqa: BLE001 - becomes a verdict at the boundary
            outcome = Outcome(self._record(course, self._unexpected(error)))
        finally:
            self._settled()
        if outcome.fatal is not None:
            self._gate.shut()
        return outcome

    async def _followed(self, course: _Course) -> Outcome:
        while await self._gate.passed(course.deadline):
            answer = await self._attempt(course)
            if self._mended(course, answer):
                continue
            self.heard = self.heard or answer.answered
            course.failures += 1
            hopeless = fatal(answer, course.request, self._endpoint, heard=self.heard)
            if hopeless is None:
                self._settled()
            wait, why = (None, "") if hopeless else self._wait(course, answer)
            if wait is None:
                return Outcome(self._record(course, _verdict(course, why)), hopeless)
            await self._gate.sleep(wait)
        if course.last is None and self._gate.is_shut:
            return Outcome(None)
        why = "the run was stopped" if self._gate.is_shut else "the endpoint asks all to wait"
        return Outcome(self._record(course, _verdict(course, why)))

    async def _attempt(self, course: _Course) -> Answer:
        course.sent = self._dialect.parameters(course.request)
        left = course.deadline - time.monotonic()
        received = await self._wire.complete(
            course.request.model,
            [message.document() for message in course.messages],
            course.sent,
            max(0.001, min(self._calls.time_limit_s, left)),
        )
        course.answers.append(answer_of(received, self._endpoint))
        return course.answers[-1]

    def _mended(self, course: _Course, answer: Answer) -> bool:
        """Change the request as a complaint suggests; False where it does not."""
        if answer.complaint is None or answer.kind is not FailureKind.REQUEST_REJECTED:
            return False
        if answer.status in TOO_LONG and answer.complaint.context_too_long:
            shortest = course.variant + 1 == len(variants(course.request))
            course.variant += not shortest
            return not shortest
        return answer.status in COMPLAINTS and self._dialect.heeds(
            answer.complaint, course.sent, course.request
        )

    def _wait(self, course: _Course, answer: Answer) -> tuple[float | None, str]:
        """Return the seconds until the next attempt, or None and what ended the call beside its last answer."""
        if not answer.retried or self._gate.is_shut:
            return None, ""
        asked, left = answer.retry_after_s, course.deadline - time.monotonic()
        if asked is not None and asked > left:
            return None, f"asks to wait {asked:.0f} s, the deadline is {self._calls.deadline_s:g} s"
        if asked is not None:
            self._gate.close_for(asked)
        if course.failures >= self._calls.attempts:
            return None, ""
        # calls that were told to wait as long must not come back together
        wait = (asked or 0.0) + backoff(course.failures, self._backoff_s)
        return (wait, "") if wait < left else (None, f"the deadline is {self._calls.deadline_s:g} s")

    def _unexpected(self, error: Exception) -> Verdict:
        def again() -> Verdict:
            raise error

        verdict = contained(STAGE, again)
        trace = self._endpoint.hidden(verdict.traceback) if verdict.traceback else None
        return verdict.evolve(detail=self._endpoint.told(verdict.detail), traceback=trace)

    def _record(self, course: _Course, verdict: Verdict | None) -> Call:
        request, answer = course.request, course.last
        reply = answer.reply if answer else Reply()
        answered = answer is not None and answer.answered
        # an attempt that was made again may have been paid for too
        input_tokens = _added(a.reply.input_tokens for a in course.answers)
        output_tokens = _added(a.reply.output_tokens for a in course.answers)
        return request.ended(
            messages=course.messages,
            parents_shown=(len(request.parents), *request.shown)[course.variant],
            sent=summary(course.sent),
            endpoint=self._endpoint.name,
            resolved_model=reply.model,
            reply=reply.text,
            finish_reason=reply.finish_reason,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost=_cost(input_tokens, output_tokens, self._calls),
            latency_s=answer.seconds if answer and answered else time.monotonic() - course.started,
            attempts=tuple(_attempt_of(a) for a in course.answers),
            verdict=verdict,
            answered=answered,
            created_at=datetime.now(UTC).isoformat(),
        )


def _verdict(course: _Course, why: str) -> Verdict | None:
    reply = course.last.reply if course.last else Reply(FailureKind.RATE_LIMITED)
    if reply.kind is None:
        return None
    parts = [reply.detail, why]
    parts.append(f"{len(course.answers)} attempts" if len(course.answers) > 1 else "")
    return Verdict(kind=reply.kind, stage=STAGE, detail="; ".join(part for part in parts if part))


def _attempt_of(answer: Answer) -> Attempt:
    kind = answer.kind.value if answer.kind else None
    return Attempt(status=answer.status, kind=kind, detail=answer.reply.detail, seconds=answer.seconds)


def _added(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _cost(input_tokens: int | None, output_tokens: int | None, calls: CallsSection) -> float | None:
    """Return USD: tokens times the prices of a million; None where one of them is unknown."""
    if input_tokens is None or output_tokens is None:
        return None
    if calls.input_price is None or calls.output_price is None:
        return None
    return (input_tokens * calls.input_price + output_tokens * calls.output_price) / 1e6
