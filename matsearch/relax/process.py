"""One worker process and the thread that talks to it."""

import contextlib
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from typing import IO, Any

from matsearch.core.config import PotentialSection
from matsearch.core.errors import PotentialError
from matsearch.core.records import RelaxOutcome
from matsearch.core.verdict import FailureKind, Verdict

START_LIMIT_S = 180.0
_LOOK = "check memory, open files and space in the temporary folder, then run the same command again"
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class WorkerThread:
    """A worker process that is started when needed and replaced when it dies or is killed.

    Parameters
    ----------
    outcomes : queue.Queue
        Receives (this worker, key, outcome), exactly one for each :meth:`submit`.
    """

    def __init__(self, potential: PotentialSection, time_limit_s: float, outcomes: queue.Queue[Any]) -> None:
        self._potential = potential
        self._time_limit_s = time_limit_s
        self._outcomes = outcomes
        self._tasks: queue.SimpleQueue[tuple[str, dict[str, Any]] | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[str] | None = None
        self._errors: IO[bytes] | None = None
        self._timed_out = False
        self._closed = False
        threading.Thread(target=self._loop, daemon=True).start()

    def submit(self, key: str, task: dict[str, Any]) -> None:
        """Hand over one task."""
        self._tasks.put((key, task))

    def kill(self) -> None:
        """Kill the process, for good."""
        self._closed = True
        self._tasks.put(None)
        process = self._process
        if process is not None:
            process.kill()

    def _loop(self) -> None:
        while (item := self._tasks.get()) is not None and not self._closed:
            key, task = item
            self._outcomes.put((self, key, self._answer(task)))
        self._reap()

    def _answer(self, task: dict[str, Any]) -> RelaxOutcome | PotentialError:
        # whatever happens here, the driver waits for exactly one answer
        try:
            return self._relax(task)
        except PotentialError as error:
            return error
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            self._reap()
            return PotentialError(f"a relaxation process failed: {type(error).__name__}: {error}", _LOOK)

    def _relax(self, task: dict[str, Any]) -> RelaxOutcome:
        if self._process is None:
            self._process = self._start()
            if self._closed:
                self._process.kill()
            if not self._ask(self._process, None, START_LIMIT_S):
                code, last_words = self._reap()
                raise PotentialError(f"no relaxation process starts: exit status {code}: {last_words}", _LOOK)
        reply = self._ask(self._process, task, self._time_limit_s)
        if reply is None:
            return self._died()
        if self._timed_out:  # it answered as its time ran out, and was killed
            self._reap()
        return RelaxOutcome.model_validate(reply["outcome"])

    def _ask(
        self, process: subprocess.Popen[str], task: dict[str, Any] | None, limit_s: float
    ) -> dict[str, Any] | None:
        if process.stdin is None or process.stdout is None:
            return None
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            process.kill()

        timer = threading.Timer(limit_s, expire)
        timer.start()
        try:
            if task is not None:
                _send(process.stdin, task)
            line = process.stdout.readline()
            return json.loads(line) if line.endswith("\n") else None
        except (BrokenPipeError, json.JSONDecodeError):
            return None
        finally:
            timer.cancel()
            timer.join()
            self._timed_out = expired.is_set()

    def _died(self) -> RelaxOutcome:
        code, last_words = self._reap()
        if self._timed_out:
            kind, detail = FailureKind.TIME_OUT, f"over {self._time_limit_s:g} s"
        else:
            kind = FailureKind.WORKER_DIED
            detail = f"its process died, exit status {code}: {last_words}".rstrip(": ")
        return RelaxOutcome(verdict=Verdict(kind=kind, stage="relax", detail=detail))

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "matsearch.relax.worker", self._potential.name]
        if self._potential.version:
            command.append(self._potential.version)
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        # its own session: Ctrl-C is for the driver, which then closes the worker's input
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            encoding="utf-8",
            env={**os.environ, **dict.fromkeys(_THREAD_VARIABLES, "1")},
            start_new_session=True,
        )

    def _reap(self) -> tuple[int | None, str]:
        process, self._process = self._process, None
        if process is None:
            return None, self._last_words()
        process.kill()
        code = process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        return code, self._last_words()

    def _last_words(self) -> str:
        errors, self._errors = self._errors, None
        if errors is None:
            return ""
        with errors:
            size = errors.seek(0, os.SEEK_END)
            errors.seek(max(0, size - 2000))
            lines = errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""


def _send(stream: IO[str], task: dict[str, Any]) -> None:
    stream.write(json.dumps(task, allow_nan=False) + "\n")
    stream.flush()
