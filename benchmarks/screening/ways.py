"""What an arm does with crystals, in a process of its own. To prepare is outside the clock, to work inside."""

import re
import statistics
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from pymatgen.core import Lattice, Structure

from matsearch.core.config import ExecutionSection, PotentialSection, RelaxSection
from matsearch.core.random import stream
from matsearch.crystal.canonical import sorted_sites
from matsearch.crystal.standard import standard_cell

REFERENCE_STEPS = 500
"""The default step cap of ``StructOptimizer.relax``."""

Named = tuple[str, Structure, float | None]
"""Id, crystal, and the energy per atom (eV) of the hull at its composition."""

Work = Callable[[Sequence[Named]], Iterator[dict[str, Any]]]


def prepare(arm: dict[str, Any], fmax: float) -> Work:
    """Import, load and warm up what an arm needs; return its work: crystals to one result each."""
    ways = {"reference": _reference, "matsearch": _matsearch, "evaluations": _evaluations}
    return ways[arm["way"]](arm, fmax)


def _reference(arm: dict[str, Any], fmax: float) -> Work:
    import torch
    from chgnet.model import StructOptimizer

    if arm["threads"] is not None:
        torch.set_num_threads(arm["threads"])
    optimizer = StructOptimizer()

    def work(crystals: Sequence[Named]) -> Iterator[dict[str, Any]]:
        for name, structure, _ in crystals:
            began = time.perf_counter()
            ended = _relax_as_the_library(optimizer, structure, fmax)
            seconds = time.perf_counter() - began
            yield {"id": name, "seconds": seconds, "n_atoms": len(structure), **ended}

    _require_success(work(_warm_up(1)))
    return work


def _relax_as_the_library(optimizer: Any, structure: Structure, fmax: float) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            trajectory = optimizer.relax(structure, fmax=fmax, verbose=False)["trajectory"]
    except Exception as error:  # noqa: BLE001 - whatever it is, it is how the relaxation ended
        return _ended("raised", detail=f"{type(error).__name__}: {error}"[:300])
    # the observer sees the first geometry, that after each step, and the last once more
    steps = len(trajectory.energies) - 2
    energy = float(trajectory.energies[-1]) / len(structure)
    if not np.isfinite(energy):
        return _ended("non_finite", steps=steps)
    if steps >= REFERENCE_STEPS:
        return _ended("not_converged", energy=energy, steps=steps)
    return _ended(None, energy=energy, steps=steps)


def _matsearch(arm: dict[str, Any], fmax: float) -> Work:
    from matsearch.relax.engine import get_engine
    from matsearch.relax.task import Aim, RelaxTask

    execution = ExecutionSection(**arm["execution"])
    settings = RelaxSection(**{"fmax": fmax, **arm["relax"]})
    engine = get_engine(PotentialSection(**arm["potential"]), execution)

    def work(crystals: Sequence[Named]) -> Iterator[dict[str, Any]]:
        tasks = [
            RelaxTask(
                key=name,
                structure=_cell(structure, settings),
                settings=settings,
                aim=Aim(ceiling=_ceiling(hull, settings)),
            )
            for name, structure, hull in crystals
        ]
        atoms = {task.key: len(task.structure) for task in tasks}
        for name, outcome in engine.run(tasks):
            relaxation, verdict = outcome.relaxation, outcome.verdict
            if relaxation is not None:
                ended = _ended(None, energy=relaxation.energy_per_atom, steps=relaxation.n_steps)
            else:
                ended = _ended(verdict.kind.value, steps=_steps_said(verdict.detail), detail=verdict.detail)
            yield {"id": name, "seconds": None, "n_atoms": atoms[name], **ended}

    _require_success(work(_warm_up(2 * max(1, execution.workers or 1))))
    return work


def _evaluations(arm: dict[str, Any], _: float) -> Work:
    """Time single evaluations of what a search would begin with: energy, forces and stress by matsearch's potential."""
    import torch

    from matsearch.potentials import load_potential
    from matsearch.potentials.frames import to_atoms

    torch.set_num_threads(arm["threads"])
    calculator = load_potential("chgnet").calculator()

    def work(crystals: Sequence[Named]) -> Iterator[dict[str, Any]]:
        for name, structure, _ in crystals:
            atoms = to_atoms(_cell(structure, RelaxSection()))
            atoms.calc = calculator
            times = []
            for _ in range(4):
                calculator.reset()
                began = time.perf_counter()
                energy = float(atoms.get_potential_energy()) / len(atoms)
                atoms.get_forces()
                atoms.get_stress()
                times.append(time.perf_counter() - began)
            yield {
                "id": name,
                "seconds": statistics.median(times[1:]),
                "n_atoms": len(atoms),
                **_ended(None, energy=energy, steps=0),
            }

    _require_success(work(_warm_up(1)))
    return work


def _ended(
    verdict: str | None, energy: float | None = None, steps: int | None = None, detail: str = ""
) -> dict[str, Any]:
    return {"verdict": verdict, "energy_per_atom": energy, "steps": steps, "detail": detail}


def _cell(structure: Structure, settings: RelaxSection) -> Structure:
    """Return the cell that a search would relax."""
    return sorted_sites(standard_cell(structure) if settings.standard_cell else structure)


def _ceiling(hull: float | None, settings: RelaxSection) -> float | None:
    return None if settings.stop_above is None or hull is None else hull + settings.stop_above


def _steps_said(detail: str) -> int | None:
    """Return the steps that a verdict's text names; not all do."""
    found = re.search(r"after (\d+) steps", detail)
    return int(found[1]) if found else None


def _warm_up(n: int) -> list[Named]:
    cell = Structure.from_spacegroup("Fm-3m", Lattice.cubic(5.7), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    random = stream(0, 0, 0, "warm up")
    moved = [cell.frac_coords + random.normal(0, 0.01, (len(cell), 3)) for _ in range(n)]
    return [(f"warm up {i}", Structure(cell.lattice, cell.species, x), None) for i, x in enumerate(moved)]


def _require_success(ended: Iterator[dict[str, Any]]) -> None:
    for result in ended:
        if result["verdict"] is not None:
            raise RuntimeError(f"the warm-up ended in {result['verdict']}: {result['detail']}")
