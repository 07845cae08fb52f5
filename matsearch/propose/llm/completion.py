"""The body of an answer, read: text and counts, or the kind of failure."""

import json
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from matsearch.core.verdict import FailureKind
from matsearch.propose.llm.complaint import complaint_of

CUT = frozenset({"length", "max_tokens"})
FILTERED = frozenset({"content_filter", "safety"})


@dataclass(frozen=True)
class Reply:
    """What an answer holds.

    Attributes
    ----------
    kind, detail
        What is wrong with it; None and empty where nothing is.
    text : str or None
        As it came, but for halves of surrogate pairs: no file or store can hold them, and they become ``?``.
    input_tokens, output_tokens : int or None
        None is unknown.
    """

    kind: FailureKind | None = None
    detail: str = ""
    text: str | None = None
    finish_reason: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


class _Message(BaseModel):
    content: str | list[dict[str, Any]] | None = None
    refusal: Any = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: Any = None


class _Completion(BaseModel):
    choices: list[_Choice] | None
    model: Any = None
    usage: Any = None


def reply_of(body: bytes) -> Reply:
    """Read the body of an answer with status 200.

    Whatever the bytes are, a reply is returned: what cannot be read has its kind.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        return Reply(FailureKind.BAD_ENCODING, f"not UTF-8 at byte {error.start}")
    if text.lstrip().startswith("<"):
        return Reply(FailureKind.NOT_AN_API, f"a page instead of JSON: {text.strip()[:80]}")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        return Reply(FailureKind.BROKEN_JSON, f"no JSON ({error}): {text.strip()[:80]!r}")
    try:
        completion = _Completion.model_validate(document)
    except ValidationError as error:
        return _invalid(error, document, body)
    return _completed(completion)


def _invalid(error: ValidationError, document: Any, body: bytes) -> Reply:
    item = error.errors(include_url=False)[0]
    if isinstance(document, dict) and document.get("error"):
        return Reply(FailureKind.WRONG_SCHEMA, f"an error with status 200: {complaint_of(body).message}")
    place = ".".join(str(part) for part in item["loc"]) or "the reply"
    return Reply(FailureKind.WRONG_SCHEMA, f"{place}: {item['msg']}")


def _completed(completion: _Completion) -> Reply:
    reply = Reply(
        model=_word(completion.model),
        input_tokens=_count(completion.usage, "prompt_tokens"),
        output_tokens=_count(completion.usage, "completion_tokens"),
    )
    if not completion.choices:
        return replace(reply, kind=FailureKind.EMPTY_CHOICES, detail="a reply without choices")
    choice = completion.choices[0]
    reason = _word(choice.finish_reason)
    text = _text(choice.message.content)
    kind, detail = _judged(text, (reason or "").lower(), choice.message.refusal, reply.output_tokens)
    return replace(reply, kind=kind, detail=detail, text=text, finish_reason=reason)


def _judged(
    text: str | None, reason: str, refusal: Any, output_tokens: int | None
) -> tuple[FailureKind | None, str]:
    if refusal:
        return FailureKind.REFUSED, f"the model refused: {refusal}"
    if reason in FILTERED:
        return FailureKind.REFUSED, f"a filter stopped the reply (finish_reason {reason})"
    if reason in CUT:
        after = "" if output_tokens is None else f" after {output_tokens} tokens"
        where = "" if text and text.strip() else ", before any text: reasoning used them up"
        return FailureKind.CUT_OFF, f"the reply was cut off{after}{where}"
    if not text or not text.strip():
        return FailureKind.NULL_CONTENT, f"a reply without text (finish_reason {reason or 'unknown'})"
    return None, ""


def _text(content: str | list[dict[str, Any]] | None) -> str | None:
    if isinstance(content, list):
        parts = [part["text"] for part in content if isinstance(part.get("text"), str)]
        content = "".join(parts) if parts else None
    return None if content is None else _encodable(content)


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and 0 <= value < 2**53 else None


def _word(value: Any) -> str | None:
    return _encodable(value)[:200] if isinstance(value, str) else None


def _encodable(text: str) -> str:
    return text.encode(errors="replace").decode()
