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
from matsearch.core.records import RelaxOutcome
from matsearch.core.verdict import FailureKind, Verdict

START_LIMIT_S = 180.0
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
        if self._process is not None:
            self._process.kill()

    def _loop(self) -> None:
        while (item := self._tasks.get()) is not None and not self._closed:
            key, task = item
            self._outcomes.put((self, key, self._relax(task)))
        self._reap()

    def _relax(self, task: dict[str, Any]) -> RelaxOutcome:
        if self._process is None:
            self._process = self._start()
            if not self._ask(None, START_LIMIT_S):
                return self._died("its process did not start")
        reply = self._ask(task, self._time_limit_s)
        return RelaxOutcome.model_validate(reply["outcome"]) if reply else self._died("its process died")

    def _ask(self, task: dict[str, Any] | None, limit_s: float) -> dict[str, Any] | None:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return None
        self._timed_out = False
        timer = threading.Timer(limit_s, self._time_out)
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

    def _time_out(self) -> None:
        self._timed_out = True
        if self._process is not None:
            self._process.kill()

    def _died(self, reason: str) -> RelaxOutcome:
        code, last_words = self._reap()
        if self._timed_out:
            verdict = Verdict(
                kind=FailureKind.TIME_OUT, stage="relax", detail=f"over {self._time_limit_s:g} s"
            )
        else:
            detail = f"{reason}, exit status {code}: {last_words}".rstrip(": ")
            verdict = Verdict(kind=FailureKind.WORKER_DIED, stage="relax", detail=detail)
        return RelaxOutcome(verdict=verdict)

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
            return None, ""
        process.kill()
        code = process.wait()
        for stream in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                stream.close()  # type: ignore[union-attr]
        return code, self._last_words()

    def _last_words(self) -> str:
        if self._errors is None:
            return ""
        with self._errors as errors:
            size = errors.seek(0, os.SEEK_END)
            errors.seek(max(0, size - 2000))
            lines = errors.read().decode("utf-8", "replace").strip().splitlines()
        return lines[-1][:300] if lines else ""


def _send(stream: IO[str], task: dict[str, Any]) -> None:
    stream.write(json.dumps(task, allow_nan=False) + "\n")
    stream.flush()
