"""The process of an arm: JSON lines in and out.

In: the arm with its crystals, then any line to begin. Out: ``ready``, one line a crystal, and ``done`` with the CPU
seconds of this process and its children. Nothing is timed before the line to begin.
"""

import json
import os
import sys
from typing import IO, Any

import psutil
from ways import prepare

from matsearch.core.structures import decode_structure


def main() -> None:
    """Serve one chunk of one arm."""
    # libraries print to standard output; the protocol keeps the real one to itself
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    task = json.loads(sys.stdin.readline())
    crystals = [(name, decode_structure(document), hull) for name, document, hull in task["crystals"]]
    work = prepare(task["arm"], task["fmax"])
    _send(replies, {"ready": True})
    if not sys.stdin.readline():
        return
    before = cpu_seconds()
    for ended in work(crystals):
        _send(replies, ended)
    _send(replies, {"done": True, "cpu_s": cpu_seconds() - before})


def cpu_seconds() -> float:
    """Return user and system seconds of this process and all its descendants, ended ones included."""
    own = psutil.Process()
    total = 0.0
    for process in [own, *own.children(recursive=True)]:
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return float(total)


def _send(stream: IO[str], message: dict[str, Any]) -> None:
    stream.write(json.dumps(message, allow_nan=False) + "\n")
    stream.flush()


if __name__ == "__main__":
    main()
