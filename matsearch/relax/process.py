"""One worker process, and the thread that looks after it."""

import contextlib
import json
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from typing import IO

from matsearch.core.children import last_words, start_child
from matsearch.core.config import PotentialSection
from matsearch.core.errors import PotentialError
from matsearch.core.records import RelaxOutcome
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.relax.guards import verdict
from matsearch.relax.task import RelaxTask

START_LIMIT_S = 240.0
_LOOK = "check memory, open files and space in the temporary folder, then run the same command again"


@dataclass(frozen=True)
class Ended:
    """One relaxation ended."""

    worker: "Worker"
    key: str
    outcome: RelaxOutcome


@dataclass(frozen=True)
class Lost:
    """A process hung or died, and with it what it had in work."""

    worker: "Worker"
    keys: tuple[str, ...]
    verdict: Verdict


@dataclass(frozen=True)
class Unusable:
    """No process can be started or understood."""

    worker: "Worker"
    error: PotentialError


@dataclass(frozen=True)
class _Line:
    process: "subprocess.Popen[str]"
    text: str


class Worker:
    """A process that is started when needed and replaced when it dies or is killed.

    Parameters
    ----------
    max_atoms : int
        That it relaxes in one pass.
    sha256 : str
        Of the potential; a process that loads another one is refused.
    events : queue.Queue
        Receives an :class:`Ended` for each task given, or a :class:`Lost` or :class:`Unusable` for all in work.
    """

    def __init__(
        self,
        potential: PotentialSection,
        time_limit_s: float,
        max_atoms: int,
        sha256: str,
        events: "queue.Queue[Ended | Lost | Unusable]",
    ) -> None:
        self._setup = {
            "potential": potential.model_dump(mode="json"),
            "time_limit_s": time_limit_s,
            "max_atoms": max_atoms,
            "sha256": sha256,
        }
        self._time_limit_s = time_limit_s
        self._events = events
        self._inbox: queue.SimpleQueue[RelaxTask | _Line | None] = queue.SimpleQueue()
        self._in_work: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] | None = None
        self._closed = False
        threading.Thread(target=self._loop, daemon=True).start()

    def submit(self, task: RelaxTask) -> None:
        """Hand over one task."""
        self._inbox.put(task)

    def kill(self) -> None:
        """Kill the process, for good."""
        self._closed = True
        self._inbox.put(None)
        process = self._process
        if process is not None:
            process.kill()

    def _loop(self) -> None:
        while not self._closed:
            # whatever happens here, the driver hears of every task it gave
            try:
                self._turn()
            except PotentialError as error:
                self._give_up(error)
            except Exception as error:  # noqa: BLE001
                self._give_up(
                    PotentialError(f"a relaxation process failed: {type(error).__name__}: {error}", _LOOK)
                )
        self._reap()

    def _turn(self) -> None:
        try:
            item = self._inbox.get(timeout=self._time_limit_s if self._in_work else None)
        except queue.Empty:
            self._lose(verdict(FailureKind.TIME_OUT, f"nothing for {self._time_limit_s:g} s: killed"))
            return
        if item is None or self._closed:
            return
        if isinstance(item, RelaxTask):
            self._begin(item)
        elif item.process is self._process:  # a line of one that was replaced says nothing of the new one
            self._hear(item.text)

    def _begin(self, task: RelaxTask) -> None:
        self._in_work.append(task.key)
        if self._process is None:
            self._start()
        if self._process is not None and self._process.stdin is not None:
            # one that is dead is heard of by its silence
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(json.dumps(task.document(), allow_nan=False) + "\n")
                self._process.stdin.flush()

    def _hear(self, line: str) -> None:
        if not line.endswith("\n"):
            code, last_words = self._reap()
            detail = f"its process died, exit status {code}: {last_words}".rstrip(": ")
            self._lose(verdict(FailureKind.WORKER_DIED, detail))
            return
        message = json.loads(line)
        # an answer may cross with the kill of its process, and then comes too late
        if message.get("key") in self._in_work:
            self._in_work.remove(message["key"])
            outcome = RelaxOutcome.model_validate(message["outcome"])
            self._events.put(Ended(self, message["key"], outcome))

    def _lose(self, why: Verdict) -> None:
        self._reap()
        keys, self._in_work = tuple(self._in_work), []
        if keys:
            self._events.put(Lost(self, keys, why))

    def _give_up(self, error: PotentialError) -> None:
        self._reap()
        self._in_work = []
        self._events.put(Unusable(self, error))

    def _start(self) -> None:
        """Start the process and wait until it has its weights.

        Raises
        ------
        PotentialError
            If it does not come to that.
        """
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        command = [sys.executable, "-m", "matsearch.relax.worker", json.dumps(self._setup)]
        process = self._process = start_child(command, self._errors)
        if self._closed:
            process.kill()
        timer = threading.Timer(START_LIMIT_S, process.kill)
        timer.start()
        ready = process.stdout.readline() if process.stdout else ""
        timer.cancel()
        if not ready.endswith("\n"):
            code, last_words = self._reap()
            _close(process.stdout)
            raise PotentialError(f"no relaxation process starts: exit status {code}: {last_words}", _LOOK)
        threading.Thread(target=self._listen, args=(process,), daemon=True).start()

    def _listen(self, process: "subprocess.Popen[str]") -> None:
        line = "\n"
        while line.endswith("\n") and process.stdout is not None:
            line = process.stdout.readline()
            self._inbox.put(_Line(process, line))
        _close(process.stdout)

    def _reap(self) -> tuple[int | None, str]:
        process, self._process = self._process, None
        if process is None:
            return None, self._last_words()
        process.kill()
        code = process.wait()
        _close(process.stdin)
        return code, self._last_words()

    def _last_words(self) -> str:
        errors, self._errors = self._errors, None
        if errors is None:
            return ""
        with errors:
            return last_words(errors)


def _close(stream: IO[str] | None) -> None:
    with contextlib.suppress(OSError):
        if stream is not None:
            stream.close()
