"""What is kept of each step of a relaxation through ASE, and which steps end it."""

import time
from typing import TYPE_CHECKING

import numpy as np
from pymatgen.core import Lattice, Structure

from matsearch.core.config import RelaxSection
from matsearch.core.protocols import PotentialInfo
from matsearch.core.records import Frame
from matsearch.core.text import counted
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.potentials.frames import frame_of
from matsearch.verify.stage import STAGE

if TYPE_CHECKING:
    from ase import Atoms

_LIMITS = RelaxSection()
"""As the screening has them by default."""


class EndedError(Exception):
    """A relaxation is over before it converged."""

    def __init__(self, verdict: Verdict) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict


class Watch:
    """Keeps each step's frame, and ends a relaxation that has gone astray or takes too long.

    Parameters
    ----------
    deadline : float
        On the clock of ``time.perf_counter``, in seconds.
    """

    def __init__(self, atoms: "Atoms", info: PotentialInfo, deadline: float) -> None:
        self.frames: list[Frame] = []
        self._atoms = atoms
        self._volume = atoms.get_volume()
        self._info = info
        self._deadline = deadline

    def __call__(self) -> None:
        """Look at the step that was made.

        Raises
        ------
        EndedError
            With the verdict.
        """
        failed = _check_cell(self._atoms, self._volume) or _check_numbers(self._atoms)
        if failed is not None:
            raise EndedError(failed)
        self.frames.append(_frame(self._atoms, self._info))
        if time.perf_counter() > self._deadline:
            detail = f"over the time limit after {counted(len(self.frames), 'step')}"
            raise EndedError(verdict(FailureKind.TIME_OUT, detail))


def _check_cell(atoms: "Atoms", initial_volume: float) -> Verdict | None:
    """Refuse cells that explode or collapse, and atoms that overlap: before the energy, which costs most there."""
    from ase.neighborlist import neighbor_list

    ratio = atoms.get_volume() / initial_volume
    if ratio > _LIMITS.max_volume_ratio:
        return verdict(FailureKind.EXPLODED, f"volume grew {ratio:.2f} times")
    if ratio < _LIMITS.min_volume_ratio:
        return verdict(FailureKind.COLLAPSED, f"volume shrank to {ratio:.2f}")
    close = neighbor_list("d", atoms, _LIMITS.min_distance)
    if len(close):
        return verdict(FailureKind.OVERLAPPING_ATOMS, f"atoms {close.min():.2f} angstrom apart")
    return None


def _check_numbers(atoms: "Atoms") -> Verdict | None:
    """Refuse energies, forces and stresses that are not finite, and energies that no crystal has."""
    energy = atoms.get_potential_energy()
    if not all(np.isfinite(x).all() for x in (energy, atoms.get_forces(), atoms.get_stress())):
        return verdict(FailureKind.NON_FINITE, "energy, forces or stress are not finite")
    if abs(energy) / len(atoms) > _LIMITS.max_energy_per_atom:
        return verdict(FailureKind.EXPLODED, f"energy of {energy / len(atoms):.0f} eV/atom")
    return None


def _frame(atoms: "Atoms", info: PotentialInfo) -> Frame:
    coords = atoms.get_scaled_positions(wrap=False)
    return frame_of(Structure(Lattice(atoms.cell.array), atoms.get_chemical_symbols(), coords), atoms, info)


def verdict(kind: FailureKind, detail: str) -> Verdict:
    """Return a verdict of this stage."""
    return Verdict(kind=kind, stage=STAGE, detail=detail)
