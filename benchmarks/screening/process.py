"""One arm over one chunk of crystals, timed, in a fresh process."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import psutil
from arms import Arm
from sources import Crystal

from matsearch.core.children import last_words
from matsearch.core.errors import MatsearchError
from matsearch.core.structures import encode_structure

AGAIN = "what is done is kept: mend it and run the same command again"
CHILD = Path(__file__).with_name("child.py")
_THREAD_PREFIXES = ("OMP_", "MKL_", "OPENBLAS_", "GOMP_", "KMP_", "NUMEXPR_", "VECLIB_")
_ONE = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_arm(arm: Arm, crystals: Sequence[Crystal], fmax: float) -> dict[str, Any]:
    """Relax crystals one arm's way and return its wall and CPU seconds and one result a crystal.

    A process of the reference that dies takes one crystal with it, as ``process_died``, and another process goes on
    with the rest; the dead one's CPU seconds are unknown, and so are then the arm's.

    Raises
    ------
    MatsearchError
        If a process cannot be started, or matsearch's dies.
    """
    line: dict[str, Any] = {"start_s": 0.0, "wall_s": 0.0, "cpu_s": 0.0, "other_cpu_s": 0.0, "results": []}
    waiting = list(crystals)
    while waiting:
        part = _attempt(arm, waiting, fmax)
        for key in ("start_s", "wall_s", "cpu_s", "other_cpu_s"):
            line[key] = None if line[key] is None or part[key] is None else line[key] + part[key]
        ended = {result["id"] for result in part["results"]}
        line["results"] += part["results"]
        waiting = [crystal for crystal in waiting if crystal.id not in ended]
        if waiting:
            if arm.way != "reference":
                raise MatsearchError(
                    f"{arm.name} gave no answer for {waiting[0].id}: {part['last_words']}", AGAIN
                )
            line["results"].append(_died(waiting.pop(0).id, part["last_words"]))
    return line


def _attempt(arm: Arm, crystals: Sequence[Crystal], fmax: float) -> dict[str, Any]:
    part: dict[str, Any] = {"cpu_s": None, "other_cpu_s": None, "results": [], "last_words": ""}
    began = time.perf_counter()
    with tempfile.TemporaryFile() as errors, _child(arm, errors) as (to, replies):
        task = {
            "arm": arm.settings(),
            "fmax": fmax,
            "crystals": [(c.id, encode_structure(c.structure), c.hull_energy_per_atom) for c in crystals],
        }
        _say(to, task)
        if not replies.readline():
            raise MatsearchError(f"the process of {arm.name} does not start: {last_words(errors)}", AGAIN)
        ready, busy = time.perf_counter(), _busy_seconds()
        _say(to, "begin")
        for text in replies:
            if not text.endswith("\n"):  # cut off: the process died
                break
            reply = json.loads(text)
            if "done" in reply:
                part["cpu_s"] = reply["cpu_s"]
                break
            part["results"].append(reply)
        part["wall_s"], part["start_s"] = time.perf_counter() - ready, ready - began
        if part["cpu_s"] is not None and busy is not None:
            part["other_cpu_s"] = max(0.0, (_busy_seconds() or 0.0) - busy - part["cpu_s"])
        part["last_words"] = last_words(errors)
    return part


@contextmanager
def _child(arm: Arm, errors: IO[bytes]) -> Iterator[tuple[IO[str], IO[str]]]:
    process = subprocess.Popen(
        [sys.executable, str(CHILD)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        encoding="utf-8",
        env=_environment(arm),
    )
    try:
        yield process.stdin, process.stdout  # type: ignore[misc]
    finally:
        # processes of an engine end by themselves when their parent is gone
        process.kill()
        process.wait()
        process.stdin.close()  # type: ignore[union-attr]
        process.stdout.close()  # type: ignore[union-attr]


def _environment(arm: Arm) -> dict[str, str]:
    """Return this process's environment without any word on threads but the arm's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_THREAD_PREFIXES)}
    return kept if arm.threads is None else kept | dict.fromkeys(_ONE, str(arm.threads))


def _busy_seconds() -> float | None:
    """Return the CPU seconds that the machine has been busy; None where this process may not use all its cores."""
    if psutil.cpu_count() != len(os.sched_getaffinity(0)):
        return None
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + getattr(times, "steal", 0.0))


def _say(stream: IO[str], message: Any) -> None:
    stream.write(json.dumps(message, allow_nan=False) + "\n")
    stream.flush()


def _died(name: str, last_words: str) -> dict[str, Any]:
    return {
        "id": name,
        "seconds": None,
        "n_atoms": None,
        "verdict": "process_died",
        "energy_per_atom": None,
        "steps": None,
        "detail": last_words,
    }
