"""A real HTTP server on the loopback that speaks the OpenAI protocol, with faults by script."""

import hashlib
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

from matsearch.core.keys import canonical_json
from matsearch.testing.language_exchange import ExchangeHandler
from matsearch.testing.language_faults import PASSING, fault_of

Answer = Callable[[list[dict[str, Any]], dict[str, Any]], str]
"""Messages and the whole body of a request to the text of a reply."""

RULE_BASED = "rule-based-chemist"
_CLOSE_S = 5.0


@dataclass
class Hit:
    """One request that arrived.

    Attributes
    ----------
    number : int
        From 0, in order of arrival, completions and others apart.
    fingerprint : str
        sha256 of the messages and the seed: the same for every attempt of one question.
    headers : dict of str to str
        By name in lower case.
    in_flight : int
        Completions being served when it arrived, itself included.
    fault : str or None
        What was done to it.
    answered : bool
        Whether a model's answer was wholly written, one that a provider charges for: not an error, not HTML, not
        broken JSON, but also a refusal, a cut text or an answer without usage.
    """

    number: int
    path: str
    body: dict[str, Any]
    headers: dict[str, str]
    fingerprint: str
    in_flight: int
    fault: str | None = None
    answered: bool = False


class LanguageServer:
    """An OpenAI-compatible endpoint for tests and trials: a context manager, open between ``with`` and its end.

    Parameters
    ----------
    answer : callable
        ``answer(messages, body)`` gives the text of a reply; called in the thread of the request.
    faults : sequence of (str or None), or callable
        What goes wrong with each completion, in order of arrival (None: nothing), then nothing any more; or
        ``faults(hit)``, asked every time. Names are those of ``language_faults.FAULTS``.
    lookup_faults : sequence of (str or None)
        The same for the other requests (``GET /v1/models``).
    models : sequence of str
        Served; others are not found. Empty: any is served, none is listed.
    key : str or None
        Asked for as a bearer token; None takes any.
    latency_s : float
        Seconds that every completion takes.
    max_model_len : int or None
        Words that prompt and ``max_tokens`` may come to; listed with the models, as vLLM does.
    refuses : sequence of str
        Parameters that are not supported; ``response_format:json_schema`` refuses this form alone.
    port : int
        0 is a free one.

    Attributes
    ----------
    hits : list of Hit
        Completions asked for.
    lookups : list of Hit
        All other requests.
    max_in_flight : int
        Most completions served at once.
    """

    def __init__(
        self,
        answer: Answer,
        faults: Sequence[str | None] | Callable[[Hit], str | None] = (),
        *,
        lookup_faults: Sequence[str | None] = (),
        models: Iterable[str] = (RULE_BASED,),
        key: str | None = None,
        latency_s: float = 0.0,
        max_model_len: int | None = None,
        refuses: Sequence[str] = (),
        port: int = 0,
    ) -> None:
        self.answer = answer
        self.models, self.refuses = tuple(models), tuple(refuses)
        self.key, self.latency_s, self.max_model_len = key, latency_s, max_model_len
        self.hits: list[Hit] = []
        self.lookups: list[Hit] = []
        self.max_in_flight = 0
        self.closing = threading.Event()
        self._faults = faults if callable(faults) else _scripted(faults)
        self._lookup_faults = _scripted(lookup_faults)
        self._in_flight = 0
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", port), type("Handler", (ExchangeHandler,), {"owner": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        """What ``OPENAI_BASE_URL`` is set to."""
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def answers_of(self, fingerprint: str) -> list[Hit]:
        """Return the hits with this fingerprint that were answered."""
        return [hit for hit in list(self.hits) if hit.fingerprint == fingerprint and hit.answered]

    def close(self) -> None:
        """Stop serving, end what is in flight and wait for its threads."""
        if self.closing.is_set():
            return
        self.closing.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()
        self._thread.join(_CLOSE_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def arrive(
        self, path: str, body: dict[str, Any], headers: dict[str, str], completion: bool
    ) -> tuple[Hit, str | None]:
        """Count a request and return it with what goes wrong with it (the handler's part)."""
        with self._lock:
            self._in_flight += completion
            self.max_in_flight = max(self.max_in_flight, self._in_flight)
            where = self.hits if completion else self.lookups
            hit = Hit(len(where), path, body, headers, fingerprint_of(body), self._in_flight)
            hit.fault = self._faults(hit) if completion else self._lookup_faults(hit)
            where.append(hit)
        return hit, hit.fault

    def leave(self) -> None:
        """Count a completion out (the handler's part)."""
        with self._lock:
            self._in_flight -= 1

    def words(self, body: dict[str, Any]) -> int:
        """Return the words of a request's messages: its tokens, as this server counts them."""
        return sum(len(str(message.get("content")).split()) for message in body.get("messages", []))


def fingerprint_of(body: dict[str, Any]) -> str:
    """Return the sha256 of the messages and the seed of a request."""
    content = {"messages": body.get("messages"), "seed": body.get("seed")}
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def faults_at_rate(rate: float) -> Callable[[Hit], str | None]:
    """Return faults for a server: so many of the completions, each drawn from ``PASSING`` by its number alone."""

    def fault(hit: Hit) -> str | None:
        digest = hashlib.sha256(str(hit.number).encode()).digest()
        if int.from_bytes(digest[:4], "big") >= rate * 2**32:
            return None
        return PASSING[int.from_bytes(digest[4:8], "big") % len(PASSING)]

    return fault


def _scripted(faults: Sequence[str | None]) -> Callable[[Hit], str | None]:
    names = tuple(faults)
    for name in names:
        if name is not None:
            fault_of(name)
    return lambda hit: names[hit.number] if hit.number < len(names) else None


class _Server(ThreadingHTTPServer):
    request_queue_size = 256

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: dict[threading.Thread, socket.socket] = {}

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open = {thread: conn for thread, conn in self._open.items() if thread.is_alive()}
        thread = threading.Thread(
            target=self.process_request_thread, args=(request, client_address), daemon=True
        )
        self._open[thread] = request
        thread.start()

    def hang_up(self) -> None:
        for connection in self._open.values():
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._open:
            thread.join(_CLOSE_S)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # a client that vanished is no fault of the server's; a bug in ``answer`` is
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


if __name__ == "__main__":
    from matsearch.testing.language_command import main

    main()
