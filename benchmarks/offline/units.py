"""Searches as units of a benchmark: several at a time, each in a store of its own, so that a run goes on where it ended."""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
from scipy.stats import t as student

from matsearch import search
from matsearch.core.config import parse_config, with_overrides
from matsearch.core.keys import content_key
from matsearch.pipeline.result import SearchResult
from matsearch.store import open_repository

LEVEL = 0.95

Measure = Callable[[SearchResult, int], dict[str, Any]]
"""A finished search and the number of relaxations that it took, to the numbers that are kept."""


@dataclass(frozen=True)
class Unit:
    """One search of one arm of the comparison, as a configuration in JSON types."""

    arm: str
    config: dict[str, Any]

    @property
    def seed(self) -> int:
        """The search's seed."""
        return int(self.config["seed"])


def run_units(
    units: Sequence[Unit], measure: Measure, folder: Path, jobs: int, budget_minutes: float
) -> Iterator[tuple[Unit, dict[str, Any]]]:
    """Return the units as they end, those of earlier runs too; none is begun after the budget is spent."""
    folder.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + 60.0 * budget_minutes
    waiting, running = list(units), {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        while waiting or running:
            while waiting and len(running) < jobs and time.monotonic() < deadline:
                unit = waiting.pop(0)
                running[pool.submit(carry_out, unit, measure, folder)] = unit
            if not running:
                return
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                yield running.pop(future), future.result()


def carry_out(unit: Unit, measure: Measure, folder: Path) -> dict[str, Any]:
    """Run or continue one search in this process and return its numbers."""
    warnings.simplefilter("ignore")
    # another configuration in the same store would find relaxations that this one has to count
    asked = content_key("unit/1", unit.config)[:8]
    store = f"sqlite:///{folder / f'{unit.arm}-{unit.seed}-{asked}.sqlite'}"
    config = parse_config(with_overrides(dict(unit.config), {"execution.workers": 0}))
    result = search(config, store=store)
    repository = open_repository(store)
    try:
        work = repository.work_summary(result.record.campaign_id)
    finally:
        repository.close()
    return measure(result, work.finished + work.transient)


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean over seeds of a rate and its 95 percent interval by Student's t, cut off at zero."""
    mean, n = float(np.mean(values)), len(values)
    if n == 1:
        return mean, 0.0, np.inf
    reach = float(student.ppf(0.5 + LEVEL / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
    return mean, max(0.0, mean - reach), mean + reach
