"""A pool of one-thread processes, each relaxing a few crystals in one pass."""

import queue
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from functools import partial

from matsearch.core.config import PotentialSection
from matsearch.core.protocols import BatchedPotential
from matsearch.core.records import RelaxOutcome
from matsearch.potentials import load_from
from matsearch.relax.process import Ended, Lost, Unusable, Worker
from matsearch.relax.task import RelaxTask

PASS_ATOMS = 64
"""A pass of that many atoms has paid off its fixed cost on a CPU core."""


class ProcessEngine:
    """Relaxations in processes; one that hangs is killed and replaced, and the others in it are tried alone.

    Parameters
    ----------
    workers : int
        Number of processes; they start with the first task.
    time_limit_s : float
        Of one relaxation (its share of its passes), and of silence before a process is killed; its start apart.
    max_atoms : int
        In one pass; 1 is one crystal after another.
    """

    def __init__(
        self, potential: PotentialSection, workers: int, time_limit_s: float, max_atoms: int = PASS_ATOMS
    ) -> None:
        loaded = load_from(potential)
        # which crystals meet in a pass is a matter of timing, and must not decide what becomes of them
        together = isinstance(loaded, BatchedPotential) and loaded.company_invariant
        self._max_atoms = max_atoms if together else 1
        self._make_worker = partial(Worker, potential, time_limit_s, self._max_atoms, loaded.info.sha256)
        self._n_workers = workers
        self._hire()

    def run(self, tasks: Iterable[RelaxTask]) -> Generator[tuple[str, RelaxOutcome], None, None]:
        """Yield the key and outcome of each task as it ends.

        Raises
        ------
        PotentialError
            If a process cannot be started or understood.
        """
        waiting = iter(tasks)
        in_work: dict[Worker, dict[str, RelaxTask]] = {worker: {} for worker in self._workers}
        suspects: deque[RelaxTask] = deque()
        try:
            while True:
                for worker, held in in_work.items():
                    self._give(worker, held, waiting, suspects)
                if not any(in_work.values()):
                    return
                event = self._events.get()
                if isinstance(event, Unusable):
                    raise event.error
                yield from _settle(event, in_work[event.worker], suspects)
        finally:
            if any(in_work.values()):  # left in the middle: what is still in work belongs to nobody
                self.close()
                self._hire()

    def close(self) -> None:
        """Kill all processes."""
        for worker in self._workers:
            worker.kill()

    def _hire(self) -> None:
        self._events: queue.Queue[Ended | Lost | Unusable] = queue.Queue()
        self._workers = [self._make_worker(self._events) for _ in range(self._n_workers)]

    def _give(
        self,
        worker: Worker,
        held: dict[str, RelaxTask],
        waiting: Iterator[RelaxTask],
        suspects: deque[RelaxTask],
    ) -> None:
        """Give a worker what it has room for; a suspect is given alone, and then nothing beside it."""
        if any(task.alone for task in held.values()):
            return
        if suspects and not held:
            _hand_over(worker, held, suspects.popleft())
            return
        while not held or sum(len(task.structure) for task in held.values()) < self._max_atoms:
            task = next(waiting, None)
            if task is None:
                return
            if task.alone and held:
                suspects.append(task)
                return
            _hand_over(worker, held, task)
            if task.alone:
                return


def _hand_over(worker: Worker, held: dict[str, RelaxTask], task: RelaxTask) -> None:
    held[task.key] = task
    worker.submit(task)


def _settle(
    event: Ended | Lost, held: dict[str, RelaxTask], suspects: deque[RelaxTask]
) -> Iterator[tuple[str, RelaxOutcome]]:
    """Yield what an event decides; where several were lost with a process, each is to be tried alone."""
    if isinstance(event, Ended):
        del held[event.key]
        yield event.key, event.outcome
        return
    lost = [held.pop(key) for key in event.keys]
    if len(lost) == 1:
        yield lost[0].key, RelaxOutcome(verdict=event.verdict)
    else:
        suspects.extend(task.evolve(alone=True) for task in lost)
