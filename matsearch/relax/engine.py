"""Engines: how relaxations are carried out. All give the same answers; only the pool can end a hung one."""

import atexit
import os
import queue
from collections.abc import Generator, Iterable, Iterator
from functools import partial
from typing import Protocol

from matsearch.core.config import ExecutionSection, PotentialSection, RelaxSection
from matsearch.core.errors import PotentialError
from matsearch.core.model import Record
from matsearch.core.records import RelaxOutcome
from matsearch.core.settings import Settings
from matsearch.core.structures import StructureField
from matsearch.potentials import load_potential
from matsearch.relax.process import WorkerThread
from matsearch.relax.single import relax_contained


class RelaxTask(Record):
    """One relaxation to do."""

    key: str
    structure: StructureField
    settings: RelaxSection


class Engine(Protocol):
    """Tasks to outcomes, in the order they end. A task is taken only when it can begin."""

    def run(self, tasks: Iterable[RelaxTask]) -> Generator[tuple[str, RelaxOutcome], None, None]:
        """Yield the key and outcome of each task."""
        ...

    def close(self) -> None:
        """End all processes."""
        ...


class InProcessEngine:
    """One after another in this process. A relaxation that hangs cannot be ended: for tests and debugging."""

    def __init__(self, potential: PotentialSection) -> None:
        self._potential = load_potential(potential.name, potential.version)
        self._calculator = self._potential.calculator()

    def run(self, tasks: Iterable[RelaxTask]) -> Generator[tuple[str, RelaxOutcome], None, None]:
        """Yield the key and outcome of each task."""
        for task in tasks:
            outcome = relax_contained(
                task.structure, self._calculator, self._potential.info, task.settings, task.key
            )
            yield task.key, outcome

    def close(self) -> None:
        """Nothing to end."""


class ProcessEngine:
    """A pool of one-thread processes; one that passes the wall clock is killed and replaced.

    Parameters
    ----------
    workers : int
        Number of processes; they start with the first task.
    time_limit_s : float
        Wall clock of one relaxation, its process's start apart.
    """

    def __init__(self, potential: PotentialSection, workers: int, time_limit_s: float) -> None:
        load_potential(potential.name, potential.version)
        self._make_worker = partial(WorkerThread, potential, time_limit_s)
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
        busy = 0
        try:
            for worker in self._workers:
                busy += self._give(worker, waiting)
            while busy:
                worker, key, outcome = self._outcomes.get()
                if isinstance(outcome, PotentialError):
                    raise outcome
                busy -= 1
                yield key, outcome
                busy += self._give(worker, waiting)
        finally:
            if busy:  # left in the middle: what is still in flight belongs to nobody
                self.close()
                self._hire()

    def close(self) -> None:
        """Kill all processes."""
        for worker in self._workers:
            worker.kill()

    def _hire(self) -> None:
        self._outcomes: queue.Queue[tuple[WorkerThread, str, RelaxOutcome | PotentialError]] = queue.Queue()
        self._workers = [self._make_worker(self._outcomes) for _ in range(self._n_workers)]

    @staticmethod
    def _give(worker: WorkerThread, waiting: Iterator[RelaxTask]) -> int:
        task = next(waiting, None)
        if task is None:
            return 0
        worker.submit(task.key, task.document())
        return 1


def usable_cores() -> int:
    """Return the number of cores this process may use, which on a shared node is not all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_engines: dict[tuple[str, str | None, int, float], Engine] = {}


def get_engine(potential: PotentialSection, execution: ExecutionSection) -> Engine:
    """Return the engine for a potential, kept until :func:`close_engines` so that its weights load once."""
    workers = execution.workers
    if workers is None:
        workers = Settings().workers
    if workers is None:
        workers = usable_cores()
    key = (potential.name, potential.version, workers, execution.time_limit_s)
    if key not in _engines:
        _engines[key] = (
            ProcessEngine(potential, workers, execution.time_limit_s)
            if workers
            else InProcessEngine(potential)
        )
    return _engines[key]


@atexit.register
def close_engines() -> None:
    """End the processes of all engines."""
    while _engines:
        _engines.popitem()[1].close()
