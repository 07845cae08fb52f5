"""A relaxation process: ``python -m matsearch.relax.worker NAME [VERSION]``, JSON lines in and out.

JSON and not pickle, a program and not a fork: nothing it reads is executed, the caller's ``__main__`` is never run
again, and any Python can serve. It ends by itself when its standard input closes, so it never outlives its parent.
"""

import json
import os
import queue
import sys
import threading
import warnings
from typing import IO, Any

from matsearch.core.config import RelaxSection
from matsearch.core.protocols import Potential
from matsearch.core.records import RelaxOutcome
from matsearch.core.structures import decode_structure
from matsearch.potentials import load_potential
from matsearch.relax.single import relax_contained


def main(arguments: list[str]) -> None:
    """Serve until standard input closes."""
    # libraries print to standard output; the protocol keeps the real one to itself
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    tasks = _read_in_background(sys.stdin)
    potential = load_potential(arguments[0], arguments[1] if len(arguments) > 1 else None)
    calculator = potential.calculator()
    _write(replies, {"ready": True})
    while True:
        task = tasks.get()
        _write(replies, {"outcome": _serve(task, potential, calculator).document()})


def _serve(task: dict[str, Any], potential: Potential, calculator: Any) -> RelaxOutcome:
    structure = decode_structure(task["structure"])
    settings = RelaxSection.model_validate(task["settings"])
    return relax_contained(structure, calculator, potential.info, settings, task["key"])


def _read_in_background(stream: IO[str]) -> queue.SimpleQueue[dict[str, Any]]:
    tasks: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            tasks.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return tasks


def _write(stream: IO[str], message: dict[str, Any]) -> None:
    stream.write(json.dumps(message, allow_nan=False) + "\n")
    stream.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
