"""What one request came to, in the words of failures."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from matsearch.core.verdict import UNANSWERED, FailureKind
from matsearch.propose.llm.complaint import Complaint, complaint_of
from matsearch.propose.llm.completion import Reply, reply_of
from matsearch.propose.llm.endpoint import Endpoint
from matsearch.propose.llm.wire import Received

RETRIED_STATUSES = frozenset({408, 409, 425})
"""Of rejections: late, in conflict, too early."""


@dataclass(frozen=True)
class Answer:
    """A reply, or why there is none.

    Attributes
    ----------
    reply : Reply
        Texts from the endpoint hold no key.
    complaint : Complaint or None
        Where an error's body came.
    retry_after_s : float or None
        As the endpoint asks.
    """

    status: int | None
    seconds: float
    reply: Reply
    complaint: Complaint | None = None
    retry_after_s: float | None = None

    @property
    def kind(self) -> FailureKind | None:
        """The kind of failure; None where there is a whole text."""
        return self.reply.kind

    @property
    def answered(self) -> bool:
        """Whether the model may have been paid."""
        return self.kind not in UNANSWERED

    @property
    def retried(self) -> bool:
        """Whether the same request may come to something else."""
        if self.kind is FailureKind.REQUEST_REJECTED:
            return self.status in RETRIED_STATUSES
        return not self.answered


def answer_of(received: Received, endpoint: Endpoint) -> Answer:
    """Judge what came back."""
    status, seconds = received.status, received.seconds
    if received.kind is not None:
        return Answer(status, seconds, Reply(received.kind, received.detail))
    if status is not None and 200 <= status < 300:
        return Answer(status, seconds, _cleaned(reply_of(received.body), endpoint))
    complaint = complaint_of(received.body)
    reply = Reply(
        _kind(status, complaint), f"status {status}: {endpoint.told(complaint.message) or 'no more'}"
    )
    return Answer(status, seconds, reply, complaint, retry_after(received.headers))


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that ``retry-after-ms`` or ``Retry-After`` (seconds or a date, RFC 9110) ask to wait."""
    lower = {name.lower(): value.strip() for name, value in headers.items()}
    milliseconds = _number(lower.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000.0
    value = lower.get("retry-after", "")
    seconds = _number(value)
    if seconds is not None or not value:
        return seconds
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    date = date if date.tzinfo else date.replace(tzinfo=UTC)
    return max(0.0, (date - datetime.now(UTC)).total_seconds())


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _kind(status: int | None, complaint: Complaint) -> FailureKind:
    if status == 429:
        return FailureKind.RATE_LIMITED
    if status is None or status < 400:
        return FailureKind.NOT_AN_API
    if status >= 500:
        return FailureKind.SERVER_ERROR
    return FailureKind.REFUSED if complaint.refused else FailureKind.REQUEST_REJECTED


def _cleaned(reply: Reply, endpoint: Endpoint) -> Reply:
    return Reply(
        kind=reply.kind,
        detail=endpoint.told(reply.detail),
        # the text as it came, but for a key that the endpoint sends back
        text=None if reply.text is None else endpoint.hidden(reply.text),
        finish_reason=None if reply.finish_reason is None else endpoint.told(reply.finish_reason),
        model=None if reply.model is None else endpoint.told(reply.model),
        input_tokens=reply.input_tokens,
        output_tokens=reply.output_tokens,
    )
