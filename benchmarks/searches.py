"""Searches of a benchmark: several at a time, each in a store of its own, so that a run goes on where it ended."""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import closing
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
from matsearch.core.records import Candidate
from matsearch.crystal.canonical import structure_key
from matsearch.crystal.standard import standard_cell
from matsearch.pipeline.result import SearchResult
from matsearch.store import open_repository

LEVEL = 0.95
MOST_GENERATIONS = 4
"""Times the generations first asked for, where generations are added until enough was relaxed."""

Measure = Callable[[SearchResult, int], dict[str, Any]]
"""A finished search and the number of relaxations that it took, to the numbers that are kept."""


@dataclass(frozen=True)
class Unit:
    """One search of one arm of the comparison, as a configuration in JSON types.

    Attributes
    ----------
    relaxations : int
        Generations are added, one at a time, until so many distinct crystals were relaxed; 0 adds none.
    """

    arm: str
    config: dict[str, Any]
    relaxations: int = 0

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
    result = _search(unit, store)
    with closing(open_repository(store)) as repository:
        work = repository.work_summary(result.record.campaign_id)
    return measure(result, work.finished + work.transient)


def _search(unit: Unit, store: str) -> SearchResult:
    config = parse_config(with_overrides(dict(unit.config), {"execution.workers": 0}))
    asked = config.budget.generations
    result = search(config, store=store)
    for generations in range(asked + 1, MOST_GENERATIONS * asked + 1):
        if len(distinct_relaxations(result)) >= unit.relaxations:
            break
        result = search(config, store=store, budget={"generations": generations})
    return result


def distinct_relaxations(result: SearchResult) -> list[Candidate]:
    """Return the candidates that were relaxed, in the order of their birth, one of each cell that is relaxed.

    A relaxation that failed or was ended early counts: it was work.
    """
    found: dict[str, Candidate] = {}
    for candidate in result.candidates:
        verdict = candidate.verdict
        was_relaxed = candidate.relaxation is not None or (verdict is not None and verdict.stage == "relax")
        if was_relaxed and candidate.structure is not None:
            found.setdefault(structure_key(standard_cell(candidate.structure)), candidate)
    return list(found.values())


def interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean over seeds of a rate and its 95 percent interval by Student's t, cut off at zero."""
    low, high = paired_interval(values)
    return float(np.mean(values)), max(0.0, low), high


def paired_interval(differences: Sequence[float]) -> tuple[float, float]:
    """Return the 95 percent interval of the mean of differences by seed, by Student's t; infinite with one seed."""
    mean, n = float(np.mean(differences)), len(differences)
    if n == 1:
        return -np.inf, np.inf
    reach = float(student.ppf(0.5 + LEVEL / 2, n - 1) * np.std(differences, ddof=1) / np.sqrt(n))
    return mean - reach, mean + reach
