"""One request over the wire: bytes within a cap and a time limit, or the kind of failure. Nothing else escapes."""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

from matsearch.core.verdict import FailureKind
from matsearch.propose.llm.endpoint import NO_KEY, Endpoint

REPLY_BYTES = 2_000_000
"""A longer reply is not read on."""

ERROR_BYTES = 65_536
ERROR_S = 5.0
"""What is read of an error's body at most, in bytes and seconds: its status says most of it."""

CONNECT_S = 10.0
"""Seconds within which a connection is made."""


@dataclass(frozen=True)
class Received:
    """What came back.

    Attributes
    ----------
    status : int or None
        HTTP status; None where none came.
    kind, detail
        Of a failure on the way; None and empty where a body came whole, whatever its status.
    seconds : float
        Until it ended.
    """

    status: int | None
    seconds: float
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    kind: FailureKind | None = None
    detail: str = ""


class ErrorStatus(Exception):  # noqa: N818 - no failure of ours
    """A status from 300 on, with as much of its body as is read."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(str(status))
        self.status, self.headers, self.body = status, headers, body


class Wire:
    """Connections to an endpoint: an asynchronous context manager, bound to the loop it is entered in."""

    def __init__(self, endpoint: Endpoint) -> None:
        from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

        self._endpoint = endpoint
        # at INFO it logs whole addresses, with their password and query
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        timeout = Timeout(None, connect=CONNECT_S)
        http = DefaultAsyncHttpxClient(timeout=timeout, event_hooks={"response": [_stop_at_error]})
        self._client = AsyncOpenAI(
            api_key=endpoint.key.get_secret_value() if endpoint.key else NO_KEY,
            base_url=endpoint.base_url,
            default_query=dict(endpoint.query),
            timeout=timeout,
            max_retries=0,
            http_client=http,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def complete(
        self, model: str, messages: list[Any], parameters: dict[str, Any], limit_s: float
    ) -> Received:
        """Ask for a completion, within seconds."""
        completions = self._client.chat.completions.with_streaming_response
        opening = completions.create(model=model, messages=messages, extra_body=parameters)
        return await self._receive(opening, limit_s)

    async def models(self, limit_s: float) -> Received:
        """Ask which models there are, within seconds."""
        return await self._receive(self._client.models.with_streaming_response.list(), limit_s)

    async def _receive(self, opening: AbstractAsyncContextManager[Any], limit_s: float) -> Received:
        started, status = time.monotonic(), None
        try:
            async with asyncio.timeout(limit_s), opening as response:
                status = response.status_code
                body = await _read(response.iter_bytes(), REPLY_BYTES + 1)
            kind, detail = None, ""
            if len(body) > REPLY_BYTES:
                kind, detail = FailureKind.REPLY_TOO_LARGE, f"a reply of more than {REPLY_BYTES} bytes"
            return Received(status, time.monotonic() - started, body[:REPLY_BYTES], {}, kind, detail)
        except ErrorStatus as error:
            return Received(error.status, time.monotonic() - started, error.body, error.headers)
        except TimeoutError:
            kind, detail = _late(limit_s, began=status is not None)
        except _transport_errors() as error:
            kind, detail = FailureKind.CONNECTION_LOST, self._endpoint.told(_reason(error))
        return Received(status, time.monotonic() - started, kind=kind, detail=detail)


async def _read(chunks: AsyncIterator[bytes], cap: int) -> bytes:
    body = bytearray()
    async for chunk in chunks:
        body += chunk
        if len(body) >= cap:
            break
    return bytes(body[:cap])


async def _stop_at_error(response: Any) -> None:
    """End at an error's status, before the package reads its body without a cap."""
    if response.status_code < 300 or response.has_redirect_location:
        return
    body = bytearray()
    with suppress(TimeoutError, *_transport_errors()):
        async with asyncio.timeout(ERROR_S):
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) >= ERROR_BYTES:
                    break
    raise ErrorStatus(response.status_code, dict(response.headers), bytes(body[:ERROR_BYTES]))


def _transport_errors() -> tuple[type[Exception], ...]:
    import anyio
    import httpx2
    import openai

    return (openai.APIConnectionError, httpx2.RequestError, httpx2.StreamError, anyio.EndOfStream, OSError)


_PLAIN: dict[type[BaseException], str] = {
    ConnectionRefusedError: "connection refused",
    ConnectionResetError: "connection reset",
    socket.gaierror: "no such host",
}


def _late(limit_s: float, *, began: bool) -> tuple[FailureKind, str]:
    if began:
        return FailureKind.SLOW_REPLY, f"the reply began, but did not end within {limit_s:.3g} s"
    return FailureKind.CALL_TIME_OUT, f"no reply within {limit_s:.3g} s"


def _reason(error: BaseException) -> str:
    """Return what lies at the bottom of a chain of errors, in plain words where there are some."""
    reason = f"{type(error).__name__}: {error}"
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
        if str(cause):
            reason = f"{type(cause).__name__}: {cause}"
    plain = (words for kind, words in _PLAIN.items() if any(isinstance(link, kind) for link in chain))
    return next(plain, reason)
