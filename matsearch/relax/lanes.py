"""Many relaxations in one pass: each has a lane, and a finished one makes room for the next."""

import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field

from ase import Atoms

from matsearch.core.boundary import contained
from matsearch.core.errors import PotentialError
from matsearch.core.labels import Labels
from matsearch.core.protocols import Evaluator, PotentialInfo
from matsearch.core.records import RelaxOutcome
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.relax.guards import STAGE, verdict
from matsearch.relax.task import RelaxTask
from matsearch.relax.walk import Walk, walk


@dataclass
class _Lane:
    key: str
    walk: Walk
    atoms: Atoms = field(default_factory=Atoms)
    spent_s: float = 0.0


class Lanes:
    """Relaxations carried out together on one evaluator.

    Parameters
    ----------
    max_atoms : int
        In one pass; a single crystal may have more. Halved whenever memory runs out.
    time_limit_s : float or None
        Of one relaxation: its share, by atoms, of the passes it was in.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        info: PotentialInfo,
        max_atoms: int,
        time_limit_s: float | None = None,
    ) -> None:
        self._evaluator = evaluator
        self._info = info
        self._max_atoms = max_atoms
        self._time_limit_s = time_limit_s
        self._lanes: list[_Lane] = []

    @property
    def busy(self) -> bool:
        """Whether a relaxation is in work."""
        return bool(self._lanes)

    def run(self, tasks: Iterable[RelaxTask | None]) -> Generator[tuple[str, RelaxOutcome], None, None]:
        """Yield the key and outcome of each task as it ends; None among the tasks is 'none at the moment'."""
        waiting = iter(tasks)
        self._lanes = []
        while True:
            yield from self._fill(waiting)
            if not self._lanes:
                return
            lanes = self._next_pass()
            begun = time.monotonic()
            found = self._evaluate([lane.atoms for lane in lanes])
            atom_s = (time.monotonic() - begun) / sum(len(lane.atoms) for lane in lanes)
            for lane, labels in zip(lanes, found, strict=True):
                lane.spent_s += atom_s * len(lane.atoms)
                yield from self._step(lane, labels)

    def _fill(self, waiting: Iterator[RelaxTask | None]) -> Iterator[tuple[str, RelaxOutcome]]:
        while not self._lanes or sum(len(lane.atoms) for lane in self._lanes) < self._max_atoms:
            task = next(waiting, None)
            if task is None:
                return
            yield from self._step(_Lane(task.key, walk(task, self._info)), None)

    def _next_pass(self) -> list[_Lane]:
        """Take the lanes of a pass; those that have no room since memory ran out wait for the one after."""
        n, atoms = 0, 0
        while n < len(self._lanes) and atoms < self._max_atoms:
            atoms += len(self._lanes[n].atoms)
            n += 1
        taken, self._lanes = self._lanes[:n], self._lanes[n:]
        return taken

    def _step(self, lane: _Lane, labels: Labels | Verdict | None) -> Iterator[tuple[str, RelaxOutcome]]:
        """Tell a relaxation its labels (None is the beginning); yield its outcome, or keep its lane."""
        if self._time_limit_s is not None and lane.spent_s > self._time_limit_s:
            labels = verdict(FailureKind.TIME_OUT, f"over {self._time_limit_s:g} s")
        following = contained(STAGE, lambda: _following(lane.walk, labels))
        if isinstance(following, Atoms):
            lane.atoms = following
            self._lanes.append(lane)
            return
        yield lane.key, RelaxOutcome(verdict=following) if isinstance(following, Verdict) else following

    def _evaluate(self, batch: list[Atoms]) -> list[Labels | Verdict]:
        """Return labels; where memory runs out or something breaks, by halves, until the culprit is alone."""
        found = contained(STAGE, lambda: self._within_memory(batch))
        if not isinstance(found, Verdict):
            return found
        if len(batch) == 1:
            return [found]
        half = len(batch) // 2
        if found.kind is FailureKind.OUT_OF_MEMORY:
            self._max_atoms = max(1, min(self._max_atoms, sum(map(len, batch)) // 2))
        return self._evaluate(batch[:half]) + self._evaluate(batch[half:])

    def _within_memory(self, batch: list[Atoms]) -> list[Labels | Verdict] | Verdict:
        try:
            return self._evaluator.evaluate(batch)
        except PotentialError as error:  # one that runs in a process of its own has lost it
            return verdict(FailureKind.WORKER_DIED, str(error))
        except RuntimeError as error:
            if not _says_out_of_memory(error):
                raise
            _free_device_memory()
            raise MemoryError(str(error).splitlines()[0][:300]) from None


def _following(steps: Walk, labels: Labels | Verdict | None) -> Atoms | RelaxOutcome:
    try:
        return next(steps) if labels is None else steps.send(labels)
    except StopIteration as end:
        return end.value


def _says_out_of_memory(error: RuntimeError) -> bool:
    """Return whether torch (CUDA or CPU allocator) or Warp ran out of memory; none of them raises MemoryError."""
    text = str(error).lower()
    return any(words in text for words in ("out of memory", "can't allocate memory", "failed to allocate"))


def _free_device_memory() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.empty_cache()
