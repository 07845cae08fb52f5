"""The process that reads replies, from its parent's side."""

import contextlib
import json
import queue
import sys
import tempfile
import threading
from collections.abc import Sequence
from typing import IO, Any

from matsearch.core.children import last_words, start_child
from matsearch.core.errors import MatsearchError

COMMAND = (sys.executable, "-m", "matsearch.parse.reply.worker")
START_LIMIT_S = 120.0
_LOOK = "check memory, open files and space in the temporary folder, then run the same command again"


class Died(Exception):  # noqa: N818 - it is an answer, not a fault
    """The process has ended; the text says how."""


class Silent(Exception):  # noqa: N818 - it is an answer, not a fault
    """The process said nothing for as long as it may."""


class Child:
    """One process, from its start to its end.

    Raises
    ------
    MatsearchError
        If it does not come to be ready.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        self._process = start_child(command, self._errors)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(
            target=_listen, args=(_piped(self._process.stdout), self._lines), daemon=True
        ).start()
        try:
            self.hear(START_LIMIT_S)
        except (Died, Silent) as error:
            self.kill()
            raise MatsearchError(f"no process that reads replies starts: {error}", _LOOK) from error

    @property
    def alive(self) -> bool:
        """Whether it has not ended yet."""
        return self._process.poll() is None

    def tell(self, message: dict[str, Any], limit_s: float) -> None:
        """Give the process a message; one that does not take it in time is killed, and is heard to have died."""
        timer = threading.Timer(limit_s, self._process.kill)
        timer.start()
        try:
            stream = _piped(self._process.stdin)
            stream.write(json.dumps(message, allow_nan=False) + "\n")
            stream.flush()
        except BrokenPipeError:
            pass  # one that is dead is heard of when it is listened to
        finally:
            timer.cancel()

    def hear(self, limit_s: float) -> dict[str, Any]:
        """Return the next message.

        Raises
        ------
        Silent
            If there is none within the limit, in seconds.
        Died
            If there will be none.
        """
        try:
            line = self._lines.get(timeout=limit_s)
        except queue.Empty:
            raise Silent(f"nothing within {limit_s:g} s") from None
        if not line.endswith("\n"):
            code = self._process.wait()
            raise Died(f"exit status {code}: {last_words(self._errors)}".rstrip(": "))
        message: dict[str, Any] = json.loads(line)
        return message

    def kill(self) -> None:
        """End the process, for good."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(OSError):
            _piped(self._process.stdin).close()
        self._errors.close()


def _listen(stream: IO[str], lines: "queue.SimpleQueue[str]") -> None:
    line = "\n"
    with stream:
        while line.endswith("\n"):
            line = stream.readline()
            lines.put(line)


def _piped(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise ValueError("not a pipe")
    return stream
