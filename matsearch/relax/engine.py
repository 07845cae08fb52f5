"""Engines: how relaxations are carried out. All carry out the same walk; only the pool can end a hung one."""

import atexit
import os
from collections.abc import Generator, Iterable
from typing import Protocol

from matsearch.core.config import ExecutionSection, PotentialSection
from matsearch.core.errors import ConfigError
from matsearch.core.protocols import BatchedPotential
from matsearch.core.records import RelaxOutcome
from matsearch.core.settings import Settings
from matsearch.potentials import load_from
from matsearch.potentials.evaluators import evaluator_of
from matsearch.relax.lanes import Lanes
from matsearch.relax.pool import PASS_ATOMS, ProcessEngine
from matsearch.relax.task import RelaxTask

GPU_PASS_ATOMS = 4096
"""A first guess that running out of memory halves."""


class Engine(Protocol):
    """Tasks to outcomes, in the order they end. A task is taken only when it can begin."""

    def run(self, tasks: Iterable[RelaxTask]) -> Generator[tuple[str, RelaxOutcome], None, None]:
        """Yield the key and outcome of each task."""
        ...

    def close(self) -> None:
        """End all processes."""
        ...


class BatchedEngine:
    """Many crystals in one pass, in this process: for a GPU. A relaxation that hangs inside a pass cannot be ended.

    Parameters
    ----------
    max_atoms : int
        In one pass; 1 is one crystal after another.
    """

    def __init__(
        self,
        potential: PotentialSection,
        device: str = "cpu",
        max_atoms: int = 1,
        time_limit_s: float | None = None,
    ) -> None:
        loaded = load_from(potential)
        if device != "cpu" and not isinstance(loaded, BatchedPotential):
            raise ConfigError(
                f"execution.device: {loaded.info.name} {loaded.info.version} has no batched form for {device!r}",
                "set execution.device: cpu, or take a potential that has one",
            )
        self._lanes = Lanes(evaluator_of(loaded, device), loaded.info, max_atoms, time_limit_s)

    def run(self, tasks: Iterable[RelaxTask]) -> Generator[tuple[str, RelaxOutcome], None, None]:
        """Yield the key and outcome of each task as it ends."""
        return self._lanes.run(tasks)

    def close(self) -> None:
        """Nothing to end."""


class InProcessEngine(BatchedEngine):
    """One after another in this process: for tests and debugging."""

    def __init__(self, potential: PotentialSection) -> None:
        super().__init__(potential)


def usable_cores() -> int:
    """Return the number of cores this process may use, which on a shared node is not all there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_engines: dict[tuple[str, ...], Engine] = {}


def get_engine(potential: PotentialSection, execution: ExecutionSection, sha256: str = "") -> Engine:
    """Return the engine for a potential, kept until :func:`close_engines` so that its weights load once.

    Parameters
    ----------
    sha256 : str
        Of the potential as the caller knows it: a file of weights that has changed since gets a new engine.

    Raises
    ------
    PotentialError
        If the potential cannot be loaded.
    ConfigError
        If a pool of processes, or a potential that cannot, is asked to use a GPU.
    """
    key = (
        potential.model_dump_json(),
        execution.model_dump_json(exclude={"batch_size", "calls"}),
        str(Settings().workers),
        sha256,
    )
    if key not in _engines:
        _engines[key] = _new_engine(potential, execution)
    return _engines[key]


@atexit.register
def close_engines() -> None:
    """End the processes of all engines."""
    while _engines:
        _engines.popitem()[1].close()


def _new_engine(potential: PotentialSection, execution: ExecutionSection) -> Engine:
    on_gpu = execution.device != "cpu"
    max_atoms = execution.max_batch_atoms or (GPU_PASS_ATOMS if on_gpu else PASS_ATOMS)
    if execution.engine == "batched" or (execution.engine == "auto" and on_gpu):
        return BatchedEngine(potential, execution.device, max_atoms, execution.time_limit_s)
    if on_gpu:
        raise ConfigError(
            f"execution.engine: processes do not share the device {execution.device!r}",
            "set execution.engine: batched, or execution.device: cpu",
        )
    workers = next(n for n in (execution.workers, Settings().workers, usable_cores()) if n is not None)
    if workers == 0:
        return InProcessEngine(potential)
    return ProcessEngine(potential, workers, execution.time_limit_s, max_atoms)
