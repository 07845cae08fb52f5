"""One relaxation, written once, as a conversation: it names a geometry and is sent the labels there.

It never calls a potential, so a process with one crystal and a GPU with a thousand carry out the same relaxation.
"""

import logging
from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from matsearch.core.labels import Labels
from matsearch.core.protocols import PotentialInfo
from matsearch.core.records import Relaxation, RelaxOutcome
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.potentials.frames import to_atoms
from matsearch.relax.coordinates import AtomCoordinates, CellCoordinates, Coordinates, residual
from matsearch.relax.guards import check_distances, check_energy, check_numbers, check_volume, verdict
from matsearch.relax.optimizers import Fire, Lbfgs, Optimizer
from matsearch.relax.prospects import KnownCrystals, Prospects, to_structure
from matsearch.relax.symmetry import Symmetry, take_symmetry
from matsearch.relax.task import RelaxTask

SETTLED = 0.3
"""Residual force (eV/angstrom) under which a crystal counts as in its minimum's basin."""

APPROACH_STEPS = 150
"""A crystal that FIRE has not brought near a minimum by then is left to L-BFGS."""

CELL_LENGTH = 1.5
"""Angstrom that a strained cell counts for each root of an atom, so that L-BFGS finds cells and atoms equally stiff."""

_log = logging.getLogger(__name__)

Walk = Generator[Atoms, Labels | Verdict, RelaxOutcome]


def walk(task: RelaxTask, info: PotentialInfo) -> Walk:
    """Relax a crystal: yield geometries, be sent their labels or why there are none, return the outcome.

    Parameters
    ----------
    info : PotentialInfo
        Recorded in the outcome.
    """
    atoms = to_atoms(task.structure)
    settings, volume = task.settings, atoms.get_volume()
    path = _Path(atoms, task)
    prospects, known = Prospects(task.aim.ceiling), KnownCrystals(task.aim.known)
    first: float | None = None
    for step in range(settings.max_steps + 1):
        failed = check_volume(atoms, volume, settings)
        if failed is not None:
            return RelaxOutcome(verdict=failed)
        labels = yield atoms
        if isinstance(labels, Verdict):
            return RelaxOutcome(verdict=labels)
        failed = check_numbers(labels) or check_energy(labels, settings)
        if failed is not None:
            return RelaxOutcome(verdict=failed)
        force = residual(atoms, labels, fixed_cell=task.fixed_cell)
        first = labels.energy / len(atoms) if first is None else first
        _log.debug(
            "step %3d  E %12.5f eV  fmax %8.4f eV/A  V %9.3f A^3",
            step,
            labels.energy,
            force,
            atoms.get_volume(),
        )
        if task.static or force <= settings.fmax:
            return _finish(task, info, _End(atoms, labels, force, step, first, volume))
        excess = prospects.excess(labels.energy / len(atoms), force)
        if excess is not None:
            return _end(
                FailureKind.CANNOT_WIN,
                f"at least {excess:.2f} eV/atom too high after {step} steps, and gaining too little",
            )
        twin = known.nearest(atoms, step, force)
        if twin is not None:
            volume *= len(twin) / len(atoms)
            atoms, path = twin, _Path(twin, task)
        else:
            path.advance(labels, force)
    return _end(FailureKind.NOT_CONVERGED, f"fmax {force:.3f} eV/A after {settings.max_steps} steps")


class _Path:
    """Where to go from here: FIRE to a basin and L-BFGS to its ground, or one of them all the way."""

    def __init__(self, atoms: Atoms, task: RelaxTask) -> None:
        settings = task.settings
        self._atoms = atoms
        self._fixed_cell = task.fixed_cell
        self._symmetry = _symmetry_to_keep(atoms, task)
        self._approaching = settings.optimizer == "fire-lbfgs"
        self._steps = 0
        if settings.optimizer == "lbfgs":
            self._begin_lbfgs()
        else:
            self._optimizer: Optimizer = Fire()
            # the scale of ASE's FrechetCellFilter: FIRE's path depends on it, and this is the path of reference
            self._coordinates = self._begin_at(float(len(atoms)))

    def advance(self, labels: Labels, force: float) -> None:
        """Move the atoms one step on."""
        if self._approaching and (force < SETTLED or self._steps >= APPROACH_STEPS):
            self._approaching = False
            self._begin_lbfgs()
        self._steps += 1
        coordinates = self._coordinates
        gradient = coordinates.gradient(labels)
        coordinates.move_to(self._optimizer.next(coordinates.values, gradient, labels.energy))

    def _begin_lbfgs(self) -> None:
        self._optimizer = Lbfgs()
        self._coordinates = self._begin_at(float(CELL_LENGTH * np.sqrt(len(self._atoms))))

    def _begin_at(self, cell_scale: float) -> Coordinates:
        """Return coordinates of the crystal as it is now."""
        if self._fixed_cell:
            return AtomCoordinates(self._atoms, self._symmetry)
        return CellCoordinates(self._atoms, cell_scale, self._symmetry)


def _symmetry_to_keep(atoms: Atoms, task: RelaxTask) -> Symmetry | None:
    """Return the space group to keep, where one is; the crystal is made exactly so, but for a cell that stays."""
    if task.static or not task.settings.keep_symmetry:
        return None
    cell = atoms.cell.array.copy()
    symmetry = take_symmetry(atoms)
    if task.fixed_cell:
        atoms.set_cell(cell, scale_atoms=True)
    return symmetry


@dataclass(frozen=True)
class _End:
    atoms: Atoms
    labels: Labels
    force: float
    step: int
    first_energy_per_atom: float
    volume: float


def _finish(task: RelaxTask, info: PotentialInfo, end: _End) -> RelaxOutcome:
    atoms, labels = end.atoms, end.labels
    failed = check_distances(atoms, task.settings)
    if failed is not None:
        return RelaxOutcome(verdict=failed)
    return RelaxOutcome(
        relaxation=Relaxation(
            structure=to_structure(atoms),
            energy=labels.energy,
            energy_per_atom=labels.energy / len(atoms),
            initial_energy_per_atom=end.first_energy_per_atom,
            n_steps=end.step,
            fmax=end.force,
            volume_ratio=float(atoms.get_volume() / end.volume),
            magmoms=None if labels.magmoms is None else tuple(float(m) for m in labels.magmoms),
            potential=f"{info.name} {info.version}",
            potential_sha256=info.sha256,
            scheme_id=info.scheme_id,
            relax_key=task.key,
        )
    )


def _end(kind: FailureKind, detail: str) -> RelaxOutcome:
    return RelaxOutcome(verdict=verdict(kind, detail))
