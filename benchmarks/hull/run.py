"""Energies above hull: matsearch's compiled hull against pymatgen, paired, same entries and candidates.

Each row builds a hull from the same entries three ways and asks each for the signed energy above hull of the same
candidates (``ComputedEntry``, all of different composition where there are enough): ``PhaseDiagram.get_e_above_hull``
in a loop, ``PatchedPhaseDiagram.get_e_above_hull`` in a loop, and ``energies_above_hull`` in one call, the conversion of
compositions included. The three take turns; medians of the turns are printed. A loop stops at ``--seconds`` and its
candidates done are stated. Every answer is compared::

    python benchmarks/hull/run.py --candidates 10000 --entries-file Li-Fe-P-O_entries.json.gz
"""

import argparse
import json
import os
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
from pymatgen.analysis.phase_diagram import PatchedPhaseDiagram, PhaseDiagram
from pymatgen.core import Composition
from pymatgen.entries.computed_entries import ComputedEntry

from matsearch.core.protocols import KnownPhase
from matsearch.hull.corrections import correct
from matsearch.hull.entries import read_entries
from matsearch.hull.reference import CompiledReferenceHull

SYMBOLS = ("Al", "Cl", "Fe", "Li", "Na", "O", "P", "Ti")
SCHEME = "mp-gga-gga+u-mp2020"


def main() -> None:
    """Print one JSON object a row."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=20.0, help="Of one loop over pymatgen.")
    parser.add_argument("--entries-file", type=Path, help="Raw GGA/GGA+U entries of a quaternary.")
    parser.add_argument("--only", choices=("real", "entries", "elements"))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    if options.entries_file and options.only in {None, "real"}:
        entries = correct(read_entries(options.entries_file)[0], "mp2020")
        show("real entries", entries, options)
    if options.only in {None, "entries"}:
        for n in (100, 1_000, 10_000, 100_000):
            show("growth by entries", synthetic_entries(4, n), options)
    if options.only in {None, "elements"}:
        for d in range(2, len(SYMBOLS) + 1):
            show("growth by elements", synthetic_entries(d, 500), options)


def show(title: str, entries: list[ComputedEntry], options: argparse.Namespace) -> None:
    """Time the three on one set of entries."""
    symbols = sorted({e.symbol for entry in entries for e in entry.composition.elements})
    candidates = synthetic_candidates(symbols, options.candidates)
    build = {"phase_diagram": PhaseDiagram, "patched": PatchedPhaseDiagram, "matsearch": compiled}
    hulls, built = {}, {}
    for name, make in build.items():
        began = time.perf_counter()
        hulls[name] = make(entries)
        built[name] = time.perf_counter() - began
    asked = {
        "phase_diagram": lambda: loop(hulls["phase_diagram"], candidates, options.seconds),
        "patched": lambda: loop(hulls["patched"], candidates, options.seconds),
        "matsearch": lambda: at_once(hulls["matsearch"], candidates),
    }
    began = time.perf_counter()
    at_once(hulls["matsearch"], candidates[:1])
    built["matsearch"] += time.perf_counter() - began  # it compiles when first asked
    micros, answers = take_turns(asked, options.turns)
    print(json.dumps(figures(title, symbols, entries, built, micros, answers)), flush=True)


def take_turns(
    asked: dict[str, Callable[[], np.ndarray]], turns: int
) -> tuple[dict[str, float], dict[str, np.ndarray]]:
    """Return the median microseconds a candidate and the answers of each."""
    micros: dict[str, list[float]] = {name: [] for name in asked}
    answers: dict[str, np.ndarray] = {}
    for _ in range(turns):
        for name, work in asked.items():
            began = time.perf_counter()
            answers[name] = work()
            micros[name].append(1e6 * (time.perf_counter() - began) / len(answers[name]))
    return {name: statistics.median(times) for name, times in micros.items()}, answers


def figures(
    title: str,
    symbols: list[str],
    entries: list[ComputedEntry],
    built: dict[str, float],
    micros: dict[str, float],
    answers: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Return the row."""
    ours = answers["matsearch"]
    worst = {
        name: float(np.abs(answers[name] - ours[: len(answers[name])]).max())
        for name in ("phase_diagram", "patched")
    }
    return {
        "row": title,
        "system": "-".join(symbols),
        "entries": len(entries),
        "candidates_done": {name: len(answer) for name, answer in answers.items()},
        "us_per_candidate": {name: round(value, 2) for name, value in micros.items()},
        "times_faster": {n: round(micros[n] / micros["matsearch"], 1) for n in ("phase_diagram", "patched")},
        "build_s": {name: round(value, 3) for name, value in built.items()},
        "largest_difference_ev_per_atom": worst,
    }


def loop(diagram: PhaseDiagram, candidates: list[ComputedEntry], seconds: float) -> np.ndarray:
    """Ask pymatgen for one candidate after another until the time is up."""
    end = time.perf_counter() + seconds
    answers = []
    for candidate in candidates:
        answers.append(diagram.get_e_above_hull(candidate, allow_negative=True))
        if time.perf_counter() > end:
            break
    return np.array(answers, dtype=float)


def at_once(hull: CompiledReferenceHull, candidates: list[ComputedEntry]) -> np.ndarray:
    """Ask matsearch for all of them."""
    return hull.energies_above_hull(
        [c.composition for c in candidates], [c.energy for c in candidates], SCHEME
    )


def compiled(entries: list[ComputedEntry]) -> CompiledReferenceHull:
    """Return matsearch's hull of the entries."""
    phases = [
        KnownPhase(
            phase_id=str(e.entry_id),
            formula=e.composition.reduced_formula,
            energy_per_atom=e.energy_per_atom,
        )
        for e in entries
    ]
    elements = tuple(sorted({x.symbol for e in entries for x in e.composition.elements}))
    return CompiledReferenceHull(
        phases, elements, name="benchmark", scheme_id=SCHEME, sha256="0" * 64, complete=False
    )


def synthetic_entries(n_elements: int, n_entries: int) -> list[ComputedEntry]:
    """Return a seeded set: pairs of elements attract each other by 0 to 3 eV, every entry is off by 0.1 eV/atom."""
    random = np.random.default_rng(n_elements)
    symbols = SYMBOLS[:n_elements]
    bonds = random.uniform(0, 3, (n_elements, n_elements))
    entries = [ComputedEntry({symbol: 1}, -3.0, entry_id=f"element-{symbol}") for symbol in symbols]
    while len(entries) < n_entries:
        k = min(n_elements, int(random.choice([2, 3, 4], p=[0.3, 0.5, 0.2])))
        chosen = random.choice(n_elements, k, replace=False)
        amounts = np.zeros(n_elements)
        amounts[chosen] = random.integers(1, 13, k)
        x = amounts / amounts.sum()
        energy = -3.0 - float(x @ bonds @ x - (np.diag(bonds) * x * x).sum()) + random.normal(0, 0.1)
        composition = {s: int(n) for s, n in zip(symbols, amounts, strict=True) if n}
        entries.append(ComputedEntry(composition, energy * amounts.sum(), entry_id=f"entry-{len(entries)}"))
    return entries


def synthetic_candidates(symbols: list[str], n: int) -> list[ComputedEntry]:
    """Return seeded candidates of 1 to 20 atoms of each of some elements, at -4 eV/atom."""
    random = np.random.default_rng(0)
    drawn: dict[str, Composition] = {}
    for _ in range(5 * n):
        if len(drawn) == n:
            break
        chosen = random.choice(len(symbols), random.integers(1, len(symbols) + 1), replace=False)
        composition = Composition({symbols[i]: int(random.integers(1, 21)) for i in chosen})
        drawn.setdefault(composition.reduced_formula, composition)
    return [ComputedEntry(c, -4.0 * c.num_atoms) for c in drawn.values()]


if __name__ == "__main__":
    main()
