"""Positions, and the cell where it may change, as one set of coordinates that an optimizer may move freely."""

from typing import Protocol

import numpy as np
from ase import Atoms

from matsearch.core.labels import Labels
from matsearch.relax.symmetry import Symmetry


class Coordinates(Protocol):
    """What an optimizer moves: values in angstrom, one row of three a degree of freedom."""

    values: np.ndarray

    def gradient(self, labels: Labels) -> np.ndarray:
        """Return dE/dq, of the shape of the values, in eV/angstrom."""
        ...

    def move_to(self, values: np.ndarray) -> None:
        """Put the crystal at other coordinates."""
        ...


class AtomCoordinates:
    """Positions in a cell that stays as it is: coordinates of shape (n_atoms, 3), in angstrom.

    Parameters
    ----------
    atoms : Atoms
        Moved in place.
    symmetry : Symmetry, optional
        Kept at every step: gradients are projected on what it allows.
    """

    def __init__(self, atoms: Atoms, symmetry: Symmetry | None = None) -> None:
        self._atoms = atoms
        self._symmetry = symmetry
        self.values = atoms.positions.copy()

    def gradient(self, labels: Labels) -> np.ndarray:
        """Return dE/dq, of shape (n_atoms, 3), in eV/angstrom."""
        return -labels.forces if self._symmetry is None else self._symmetry.of_vectors(-labels.forces)

    def move_to(self, values: np.ndarray) -> None:
        """Put the crystal at other coordinates."""
        self.values = values
        self._atoms.positions = values


class CellCoordinates:
    """Coordinates of shape (n_atoms + 3, 3), in angstrom: atoms in the first cell's frame, and the scaled log-strain.

    With F = exp(L) and a symmetric L, the cell is C0 F and the atoms lie at u F; the last three rows are ``cell_scale``
    times L. The logarithm makes growth and shrinkage equal steps (as in ASE's ``FrechetCellFilter``), and a symmetric
    L leaves rotations out.

    Parameters
    ----------
    atoms : Atoms
        Moved in place.
    cell_scale : float
        Angstrom that a strain of 1 counts.
    symmetry : Symmetry, optional
        Kept at every step: gradients are projected on what it allows.
    """

    def __init__(self, atoms: Atoms, cell_scale: float, symmetry: Symmetry | None = None) -> None:
        self._atoms = atoms
        self._cell = atoms.cell.array.copy()
        self._scale = cell_scale
        self._symmetry = symmetry
        self.values = np.vstack([atoms.positions, np.zeros((3, 3))])

    def gradient(self, labels: Labels) -> np.ndarray:
        """Return dE/dq, of shape (n_atoms + 3, 3), in eV/angstrom.

        The derivative of the matrix exponential is taken in the eigenbasis of L, by the formula of Daleckii and Krein
        (Higham, Functions of Matrices, theorem 3.11).
        """
        strains, axes = np.linalg.eigh(self.values[-3:] / self._scale)
        growth = (axes * np.exp(strains)) @ axes.T
        virial = labels.stress * self._atoms.get_volume()
        by_deformation = np.linalg.solve(growth, (virial + virial.T) / 2.0)
        by_strain = axes @ (_divided_differences(strains) * (axes.T @ by_deformation @ axes)) @ axes.T
        by_strain = (by_strain + by_strain.T) / 2.0
        by_position = -labels.forces @ growth
        if self._symmetry is not None:
            by_position = self._symmetry.of_vectors(by_position)
            by_strain = self._symmetry.of_tensor(by_strain)
        return np.vstack([by_position, by_strain / self._scale])

    def move_to(self, values: np.ndarray) -> None:
        """Put the crystal at other coordinates."""
        self.values = values
        strains, axes = np.linalg.eigh(values[-3:] / self._scale)
        growth = (axes * np.exp(strains)) @ axes.T
        self._atoms.set_cell(self._cell @ growth, scale_atoms=False)
        self._atoms.positions = values[:-3] @ growth


def residual(atoms: Atoms, labels: Labels, *, fixed_cell: bool = False) -> float:
    """Return the largest force on an atom or on the cell, in eV/angstrom: what ``fmax`` is compared with.

    The force on the cell is the largest row norm of the virial over the number of atoms, as ASE's
    ``FrechetCellFilter`` has it for an unstrained cell; on a fixed one there is none.
    """
    if fixed_cell:
        return float(np.linalg.norm(labels.forces, axis=1).max())
    cell = labels.stress * atoms.get_volume() / len(atoms)
    return float(np.linalg.norm(np.vstack([labels.forces, cell]), axis=1).max())


def _divided_differences(x: np.ndarray) -> np.ndarray:
    """Return (exp(xi) - exp(xj)) / (xi - xj), and exp(xi) where they meet."""
    half = (x[:, None] - x[None, :]) / 2.0
    middle = np.exp((x[:, None] + x[None, :]) / 2.0)
    close = np.abs(half) < 1e-6
    return middle * np.where(close, 1.0, np.sinh(half) / np.where(close, 1.0, half))
