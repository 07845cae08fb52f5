"""Replies read in a process of their own, which may hang or die of what it reads."""

import threading
import weakref
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from matsearch.core.verdict import MAX_TRANSIENT_RETRIES, FailureKind, Verdict
from matsearch.parse.reply.child import COMMAND, Child, Died, Silent
from matsearch.parse.reply.found import Found
from matsearch.parse.reply.reading import failure

TIME_LIMIT_S = 10.0
MAX_LOST = 5
"""Drafts of one reply that may hang or kill the process before the rest of it is given up."""


class ReplyReader:
    """Reads replies in a process that is started when needed, kept, and replaced when it hangs or dies.

    Parameters
    ----------
    time_limit_s : float
        Seconds of wall clock that the process may be silent: for finding the drafts of a reply, and for each draft.
    command : sequence of str
        What starts the process.
    """

    def __init__(self, time_limit_s: float = TIME_LIMIT_S, command: Sequence[str] = COMMAND) -> None:
        self._time_limit_s = time_limit_s
        self._command = tuple(command)
        self._child: Child | None = None
        self._end: weakref.finalize[[], ReplyReader] | None = None
        self._lock = threading.RLock()

    def read(self, text: str, *, cut_off: bool = False) -> list[Found]:
        """Return what a reply holds, as :func:`matsearch.parse.reply.reading.read_reply` does.

        What hangs or kills the process is tried again, at most twice; then it costs one draft, which gets a transient
        verdict, and the others are read.

        Raises
        ------
        MatsearchError
            If no process starts.
        """
        with self._lock:
            found: list[Found] = []
            total = None
            for _ in range(MAX_LOST):
                for _ in range(1 + MAX_TRANSIENT_RETRIES):
                    total, lost = self._go_on(text, cut_off, found, total)
                    if lost is None:
                        return found
                    if not lost.transient:
                        break
                found.append(Found(verdict=lost))
                if total is None or len(found) >= total:
                    return found
            return found + [_given_up(place + 1, total or 0) for place in range(len(found), total or 0)]

    def close(self) -> None:
        """End the process. The next reply starts a new one."""
        with self._lock:  # another thread's reply is read to its end
            if self._end is not None:
                self._end()
            self._child = self._end = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _go_on(
        self, text: str, cut_off: bool, found: list[Found], total: int | None
    ) -> tuple[int | None, Verdict | None]:
        """Read the drafts after those found; return how many there are in all, and how one was lost, if one was."""
        child = self._started()
        try:
            child.tell({"text": text, "cut_off": cut_off, "skip": len(found)}, self._time_limit_s)
            total = int(child.hear(self._time_limit_s)["drafts"])
            while len(found) < max(total, 1):
                found.append(Found.model_validate(child.hear(self._time_limit_s)["found"]))
        except Silent:
            self.close()
            limit = f"was not read within {self._time_limit_s:g} s: killed"
            return total, failure(FailureKind.TIME_OUT, f"{_name(len(found), total)} {limit}")
        except Died as death:
            self.close()
            end = f"the process that read it died, {death}"
            return total, failure(FailureKind.WORKER_DIED, f"{_name(len(found), total)}: {end}")
        except (ValidationError, ValueError, KeyError, TypeError) as error:
            self.close()
            detail = f"{_name(len(found), total)} came back as no record: {type(error).__name__}"
            return total, failure(FailureKind.INTERNAL_ERROR, detail)
        except BaseException:
            # what is still to come would be taken for the next reply's
            self.close()
            raise
        return total, None

    def _started(self) -> Child:
        if self._child is not None and not self._child.alive:
            self.close()
        if self._child is None:
            self._child = Child(self._command)
            self._end = weakref.finalize(self, self._child.kill)
        return self._child


def _name(place: int, total: int | None) -> str:
    return f"draft {place + 1} of {total}" if total else "the reply"


def _given_up(number: int, total: int) -> Found:
    detail = f"draft {number} of {total} was not read: {MAX_LOST} before it hung or killed the process"
    return Found(verdict=failure(FailureKind.TIME_OUT, detail))
