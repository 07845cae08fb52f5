"""Asynchronous work for a synchronous caller, who may sit in an event loop of his own."""

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")
R = TypeVar("R")

END_LIMIT_S = 10.0


class Background(Generic[R]):
    """An event loop in a thread of its own: a context manager, whose end cancels what is still running.

    Parameters
    ----------
    resource : asynchronous context manager
        Entered and left in that loop; what it gives is the attribute ``value``.
    """

    def __init__(self, resource: AbstractAsyncContextManager[R]) -> None:
        self._resource = resource
        self._ready: Future[tuple[asyncio.AbstractEventLoop, R]] = Future()
        self._thread = threading.Thread(target=self._run, name="matsearch language model", daemon=True)
        self._thread.start()
        self._loop, self.value = self._ready.result()

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start work in the loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # the loop may be gone already
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(END_LIMIT_S)

    def _run(self) -> None:
        try:
            asyncio.run(self._live())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _live(self) -> None:
        self._stop = asyncio.Event()
        async with self._resource as value:
            self._ready.set_result((asyncio.get_running_loop(), value))
            await self._stop.wait()
            running = asyncio.all_tasks() - {asyncio.current_task()}
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
