"""A relaxation process: ``python -m matsearch.relax.worker SETUP``, JSON lines in and out.

JSON and not pickle, a program and not a fork: nothing it reads is executed, the caller's ``__main__`` is never run
again, and any Python can serve. It ends by itself when its standard input closes, so it never outlives its parent.
"""

import json
import os
import queue
import sys
import warnings
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from matsearch.core.config import PotentialSection
from matsearch.core.errors import PotentialError
from matsearch.core.labels import Labels
from matsearch.core.protocols import Evaluator
from matsearch.core.verdict import Verdict
from matsearch.potentials import load_from
from matsearch.potentials.evaluators import evaluator_of
from matsearch.potentials.serve import read_in_background, write_line
from matsearch.relax.lanes import Lanes
from matsearch.relax.task import RelaxTask

if TYPE_CHECKING:
    from ase import Atoms


class Beating:
    """An evaluator that says before each pass that the process is alive."""

    def __init__(self, evaluator: Evaluator, replies: IO[str]) -> None:
        self._evaluator = evaluator
        self._replies = replies

    def evaluate(self, batch: Sequence["Atoms"]) -> list[Labels | Verdict]:
        """Return the labels of each geometry."""
        write_line(self._replies, {"alive": len(batch)})
        return self._evaluator.evaluate(batch)


def main(arguments: list[str]) -> None:
    """Serve until standard input closes."""
    # libraries print to standard output; the protocol keeps the real one to itself
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    warnings.simplefilter("ignore")
    setup = json.loads(arguments[0])
    tasks = read_in_background(sys.stdin)
    potential = load_from(PotentialSection.model_validate(setup["potential"]))
    if potential.info.sha256 != setup["sha256"]:
        raise PotentialError(
            f"the weights of {potential.info.name} have changed: sha256 {potential.info.sha256}, not {setup['sha256']}",
            "run the same command again",
        )
    evaluator = Beating(evaluator_of(potential), replies)
    lanes = Lanes(evaluator, potential.info, setup["max_atoms"], setup["time_limit_s"])
    write_line(replies, {"ready": True})
    for key, outcome in lanes.run(_arriving(tasks, lanes)):
        write_line(replies, {"key": key, "outcome": outcome.document()})


def _arriving(tasks: "queue.SimpleQueue[dict[str, Any]]", lanes: Lanes) -> Iterator[RelaxTask | None]:
    """Yield tasks as they come, None where there is none at the moment and something else to do."""
    while True:
        try:
            document = tasks.get(block=not lanes.busy)
        except queue.Empty:
            yield None
        else:
            yield RelaxTask.model_validate(document)


if __name__ == "__main__":
    main(sys.argv[1:])
