"""The client of a language model: many calls at once, for a caller who need not know of it."""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from pydantic import SecretStr

from matsearch.core.calls import Call, CallRequest
from matsearch.core.language_model import CallsSection
from matsearch.propose.llm.background import Background
from matsearch.propose.llm.calling import Caller, Outcome
from matsearch.propose.llm.checking import CHECK_S, Model, checked, require_key
from matsearch.propose.llm.dialect import Dialect
from matsearch.propose.llm.endpoint import endpoint_of
from matsearch.propose.llm.retry import Gate
from matsearch.propose.llm.wire import Wire


class Client:
    """Asks an OpenAI-compatible endpoint; works under a running event loop too.

    Parameters
    ----------
    calls : CallsSection
        ``execution.calls`` of a configuration.
    api_key : SecretStr, optional
        ``OPENAI_API_KEY`` by default. It is in no record, error or log of this client.
    backoff_s : float
        Ceiling of the first wait between two attempts.

    Attributes
    ----------
    endpoint : Endpoint
        ``calls.base_url``, else ``OPENAI_BASE_URL``, else OpenAI's own; with the key.
    model : Model or None
        What the last check found.

    Raises
    ------
    LanguageModelError
        If the address or the key cannot be one.
    """

    def __init__(
        self,
        calls: CallsSection,
        *,
        api_key: SecretStr | None = None,
        backoff_s: float = 1.0,
    ) -> None:
        self._calls = calls
        self.endpoint = endpoint_of(calls.base_url, api_key)
        self._dialect = Dialect(is_openai=self.endpoint.is_openai)
        self._backoff_s = backoff_s
        self._context_tokens = calls.context_tokens
        self.model: Model | None = None
        self._gate = Gate()
        self._settled: Future[None] = Future()
        self._heard = False

    def check(self, model: str) -> Model:
        """Look whether the endpoint is there, takes the key and serves a model; no completion is asked for.

        Raises
        ------
        LanguageModelError
            If one of these is not so. What an endpoint does not tell is not held against it.
        """
        require_key(self.endpoint)
        with Background(Wire(self.endpoint)) as background:
            received = background.submit(background.value.models(CHECK_S)).result()
        found = self.model = checked(received, model, self.endpoint)
        if self._context_tokens is None:
            self._context_tokens = found.context_tokens
        return found

    def ask(self, requests: Iterable[CallRequest]) -> Generator[Call, None, None]:
        """Make calls, ``calls.concurrency`` at once, and yield each as it ends.

        The next request is drawn, in the caller's thread, when a place is free and all that ended was yielded: the
        iterator may look at a budget and end. The first call goes alone until the endpoint's dialect is known or its attempt failed. When
        the iterator raises, or an answer leaves no hope for any other call, no more is drawn, what is in flight is
        yielded, and then the error is raised. Closing this generator cancels what is in flight.

        Raises
        ------
        LanguageModelError
            If the key, the model, the account or the length of the prompt leaves no hope.
        """
        require_key(self.endpoint)
        with Background(Wire(self.endpoint)) as background:
            yield from self._asked(background, iter(requests))

    def _asked(self, background: Background[Wire], source: Iterator[CallRequest]) -> Iterator[Call]:
        caller = self._caller(background.value)
        flying: set[Future[Outcome]] = set()
        ending: Exception | None = None
        over = False
        while True:
            while not over and len(flying) < self._places:
                drawn = _drawn(source)
                if isinstance(drawn, CallRequest):
                    flying.add(background.submit(caller.call(drawn)))
                else:
                    over, ending = True, ending or drawn
            if not flying:
                break
            for future in self._ended(flying):
                flying.discard(future)
                outcome = future.result()
                self._heard = caller.heard
                over, ending = over or outcome.fatal is not None, ending or outcome.fatal
                if outcome.call is not None:
                    yield outcome.call
        if ending is not None:
            raise ending

    def _caller(self, wire: Wire) -> Caller:
        self._gate = Gate(self._gate.closed_until)
        return Caller(
            wire,
            self.endpoint,
            self._dialect,
            self._gate,
            self._calls,
            context_tokens=self._context_tokens,
            backoff_s=self._backoff_s,
            settled=self._settle,
            heard=self._heard,
        )

    @property
    def _places(self) -> int:
        return self._calls.concurrency if self._settled.done() else 1

    def _settle(self) -> None:
        if not self._settled.done():
            self._settled.set_result(None)

    def _ended(self, flying: set[Future[Outcome]]) -> set[Future[Outcome]]:
        """Wait until a call ends, or the dialect is known and more may be made; return those that ended."""
        awaited: set[Future[Any]] = set(flying)
        if not self._settled.done():
            awaited.add(self._settled)
        done, _ = wait(awaited, return_when=FIRST_COMPLETED)
        return done & flying


def _drawn(source: Iterator[CallRequest]) -> CallRequest | Exception | None:
    """Return the next request, None at the end, or what the caller's iterator raised."""
    try:
        return next(source, None)
    except Exception as error:  # noqa: BLE001 - raised once nothing that is paid for is in flight
        return error
