"""What goes wrong between a client and a language model, by name: the faults of :class:`LanguageServer`."""

import json
import time
from collections.abc import Callable
from email.utils import formatdate
from typing import Any, Protocol

from matsearch.core.errors import InputError

DRIP_S = 0.1
LARGE_BYTES = 5_000_000

_JSON = "application/json"


class Exchange(Protocol):
    """One request that waits for its reply."""

    def send(
        self, status: int, body: bytes, content_type: str = _JSON, headers: dict[str, str] | None = None
    ) -> None:
        """Write a whole reply."""
        ...

    def begin(self, length: int, content_type: str = _JSON) -> None:
        """Write the head of a reply of status 200 whose body has so many bytes."""
        ...

    def write(self, body: bytes) -> None:
        """Write some of a body."""
        ...

    def completion(self) -> dict[str, Any]:
        """Return the document that would be the proper reply."""
        ...

    def answer(self, document: dict[str, Any]) -> None:
        """Write a document as the model's answer, which a provider charges for."""
        ...

    def reset(self) -> None:
        """Break the connection with a TCP reset."""
        ...

    def abandoned(self, seconds: float) -> bool:
        """Wait; True as soon as the client has gone or the server closes."""
        ...


Fault = Callable[[Exchange], None]


def fault_of(name: str) -> Fault:
    """Return the fault of a name; ``429:retry-after=N`` takes any number of seconds.

    Raises
    ------
    InputError
        If there is none.
    """
    if name in FAULTS:
        return FAULTS[name]
    head, _, seconds = name.partition("=")
    if head == "429:retry-after" and seconds:
        return _rate_limited({"Retry-After": seconds})
    raise InputError(f"there is no fault {name!r}", "one of " + ", ".join(FAULTS))


def error_document(message: str, kind: str, param: str | None = None, code: Any = None) -> bytes:
    """Return an error as OpenAI writes it."""
    return json.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}}).encode()


def _error(status: int, message: str, kind: str, code: Any = None) -> Fault:
    return lambda exchange: exchange.send(status, error_document(message, kind, code=code))


def _rate_limited(headers: dict[str, str]) -> Fault:
    body = error_document(
        "Rate limit reached for requests. Please try again later.", "requests", code="rate_limit_exceeded"
    )
    return lambda exchange: exchange.send(429, body, headers=headers)


def _http_date(exchange: Exchange) -> None:
    _rate_limited({"Retry-After": formatdate(time.time() + 2.0, usegmt=True)})(exchange)


def _hang(exchange: Exchange) -> None:
    while not exchange.abandoned(1.0):
        pass


def _drip(exchange: Exchange) -> None:
    exchange.begin(LARGE_BYTES)
    while not exchange.abandoned(DRIP_S):
        exchange.write(b" ")


def _reset(exchange: Exchange) -> None:
    exchange.reset()


def _reset_midway(exchange: Exchange) -> None:
    body = json.dumps(exchange.completion()).encode()
    exchange.begin(len(body))
    exchange.write(body[: len(body) // 2])
    exchange.abandoned(0.05)
    exchange.reset()


def _html(exchange: Exchange) -> None:
    page = b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"
    exchange.send(200, page, "text/html; charset=utf-8")


def _broken_json(exchange: Exchange) -> None:
    body = json.dumps(exchange.completion()).encode()
    exchange.send(200, body[: len(body) * 2 // 3])


def _empty_choices(exchange: Exchange) -> None:
    exchange.send(200, json.dumps(exchange.completion() | {"choices": []}).encode())


def _null_content(exchange: Exchange) -> None:
    exchange.answer(_with_message(exchange, {"content": None}))


def _missing_usage(exchange: Exchange) -> None:
    document = exchange.completion()
    del document["usage"]
    exchange.answer(document)


def _partial_usage(exchange: Exchange) -> None:
    document = exchange.completion()
    exchange.answer(document | {"usage": {"prompt_tokens": document["usage"]["prompt_tokens"]}})


def _length(exchange: Exchange) -> None:
    text = exchange.completion()["choices"][0]["message"]["content"]
    exchange.answer(_with_message(exchange, {"content": text[: len(text) // 2]}, "length"))


def _refusal(exchange: Exchange) -> None:
    refusal = "I'm sorry, I can't help with that."
    exchange.answer(_with_message(exchange, {"content": None, "refusal": refusal}))


def _content_filter(exchange: Exchange) -> None:
    exchange.answer(_with_message(exchange, {"content": ""}, "content_filter"))


def _wrong_schema(exchange: Exchange) -> None:
    document = exchange.completion() | {"choices": [{"index": 0, "generated_text": "no message here"}]}
    exchange.send(200, json.dumps(document).encode())


def _large(exchange: Exchange) -> None:
    text = exchange.completion()["choices"][0]["message"]["content"]
    exchange.answer(_with_message(exchange, {"content": text + " " * LARGE_BYTES}))


def _invalid_utf8(exchange: Exchange) -> None:
    body = json.dumps(_with_message(exchange, {"content": "@"})).encode()
    exchange.send(200, body.replace(b'"@"', b'"\xff\xfe\xc3("'))


def _with_message(exchange: Exchange, message: dict[str, Any], finish: str = "stop") -> dict[str, Any]:
    document = exchange.completion()
    choice = document["choices"][0]
    choice["message"] |= message
    choice["finish_reason"] = finish
    return document


FAULTS: dict[str, Fault] = {
    "429": _rate_limited({}),
    "429:retry-after=1": _rate_limited({"Retry-After": "1"}),
    "429:retry-after=3600": _rate_limited({"Retry-After": "3600"}),
    "429:http-date": _http_date,
    "429:insufficient_quota": _error(
        429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"
    ),
    "500": _error(500, "The server had an error while processing your request.", "server_error"),
    "503": lambda exchange: exchange.send(503, b"upstream connect error", "text/plain"),
    "401": _error(401, "Incorrect API key provided.", "invalid_request_error", "invalid_api_key"),
    "404": lambda exchange: exchange.send(404, b'{"detail":"Not Found"}'),
    "model_not_found": _error(
        404,
        "The model does not exist or you have no access to it.",
        "invalid_request_error",
        "model_not_found",
    ),
    "context_length_exceeded": _error(
        400,
        "This model's maximum context length is 4096 tokens. However, your messages resulted in 5000 tokens.",
        "invalid_request_error",
        "context_length_exceeded",
    ),
    "hang": _hang,
    "drip": _drip,
    "reset": _reset,
    "reset-midway": _reset_midway,
    "html": _html,
    "broken-json": _broken_json,
    "empty-choices": _empty_choices,
    "null-content": _null_content,
    "missing-usage": _missing_usage,
    "partial-usage": _partial_usage,
    "length": _length,
    "refusal": _refusal,
    "content-filter": _content_filter,
    "wrong-schema": _wrong_schema,
    "5mb": _large,
    "invalid-utf8": _invalid_utf8,
}
"""By name. ``hang`` and ``drip`` last until the client goes or the server closes."""

PASSING = (
    "429",
    "429:retry-after=1",
    "500",
    "503",
    "reset",
    "reset-midway",
    "html",
    "broken-json",
    "empty-choices",
    "null-content",
    "missing-usage",
    "partial-usage",
    "length",
    "refusal",
    "content-filter",
    "wrong-schema",
    "invalid-utf8",
)
"""Faults after which it is worth to ask again, or to go on with another question; none of them waits."""
