"""When a request is sent again: backoff, what endpoints ask for, and the gate that all calls pass."""

import asyncio
import secrets
import time
from contextlib import suppress

CAP_S = 60.0


def backoff(failures: int, base_s: float) -> float:
    """Return seconds to wait after so many failures: exponential with full jitter.

    M. Brooker, *Exponential Backoff And Jitter*, AWS Architecture Blog (2015). The jitter decides no answer, and
    processes that share an endpoint must not draw the same one: it has no seed.
    """
    ceiling = min(CAP_S, base_s * 2.0 ** min(failures - 1, 30))
    return secrets.SystemRandom().uniform(0.0, ceiling)


class Gate:
    """Holds all calls of a client back while its endpoint asks for a pause; shuts when nothing is worth trying.

    Parameters
    ----------
    closed_until : float
        Monotonic time until which the endpoint asked to wait before.
    """

    def __init__(self, closed_until: float = 0.0) -> None:
        self.closed_until = closed_until
        self._shut = asyncio.Event()

    @property
    def is_shut(self) -> bool:
        """Whether nothing more is to be sent."""
        return self._shut.is_set()

    def shut(self) -> None:
        """End all waits: no request is sent any more."""
        self._shut.set()

    def close_for(self, seconds: float) -> None:
        """Pause all calls."""
        self.closed_until = max(self.closed_until, time.monotonic() + seconds)

    async def sleep(self, seconds: float) -> None:
        """Wait; shutting the gate ends it."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._shut.wait()

    async def passed(self, deadline: float) -> bool:
        """Wait until the gate is open; False at once if it opens only after a deadline, or never."""
        while not self.is_shut and (left := self.closed_until - time.monotonic()) > 0:
            if self.closed_until > deadline:
                return False
            await self.sleep(left)
        return not self.is_shut
