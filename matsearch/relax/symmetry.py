"""The space group of a crystal as a projection: what a relaxation that keeps its symmetry may do."""

from dataclasses import dataclass

import numpy as np
from ase import Atoms

PRECISION = 0.01
"""Angstrom within which atoms count as symmetric, as usual for crystals written with four decimals."""


@dataclass(frozen=True)
class Symmetry:
    """A space group acting on the atoms of one cell.

    Attributes
    ----------
    rotations : ndarray of shape (n_operations, 3, 3)
        Cartesian, acting on row vectors from the right.
    images : ndarray of shape (n_operations, n_atoms)
        The atom onto which each operation puts each atom.
    """

    rotations: np.ndarray
    images: np.ndarray

    def of_vectors(self, vectors: np.ndarray) -> np.ndarray:
        """Return the symmetric part of one vector an atom (n_atoms, 3)."""
        turned = np.einsum("nx,gxy->gny", vectors, self.rotations)
        symmetric = np.zeros_like(vectors)
        np.add.at(symmetric, self.images, turned)
        return symmetric / len(self.rotations)

    def of_tensor(self, tensor: np.ndarray) -> np.ndarray:
        """Return the symmetric part of a tensor (3, 3)."""
        return np.einsum("gax,ab,gby->xy", self.rotations, tensor, self.rotations) / len(self.rotations)


def take_symmetry(atoms: Atoms) -> Symmetry | None:
    """Return the space group that spglib finds, None where there is nothing to keep; make it exact.

    Atoms move by at most the precision, onto the mean of their images; the cell strains to the mean of its turned
    metrics. Without that, the forces of a slightly crooked crystal have a part that no allowed step can remove.
    """
    import spglib

    cell, scaled = atoms.cell.array, atoms.get_scaled_positions(wrap=False)
    found = spglib.get_symmetry_dataset((cell, scaled, atoms.numbers), symprec=PRECISION)
    if found is None or len(found.rotations) == 1:
        return None
    moved = np.einsum("gij,nj->gni", found.rotations, scaled) + found.translations[:, None]
    images = np.array([_images(positions, scaled, cell) for positions in moved])
    gap = moved - scaled[images]
    shift = np.zeros_like(scaled)
    np.add.at(shift, images, gap - np.round(gap))
    cell = _symmetric_cell(cell, found.rotations)
    atoms.set_cell(cell)
    atoms.set_scaled_positions(scaled + shift / len(images))
    rotations = [np.linalg.solve(cell, rotation.T @ cell) for rotation in found.rotations]
    return Symmetry(np.array(rotations), images)


def _symmetric_cell(cell: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    """Return the cell, strained without rotation so that its metric is the mean over the space group."""
    metric = np.einsum("gji,jk,gkl->il", rotations, cell @ cell.T, rotations) / len(rotations)
    squares, axes = np.linalg.eigh(np.linalg.solve(cell, np.linalg.solve(cell, metric).T))
    return cell @ (axes * np.sqrt(squares)) @ axes.T


def _images(moved: np.ndarray, scaled: np.ndarray, cell: np.ndarray) -> np.ndarray:
    gap = moved[:, None] - scaled[None]
    gap -= np.round(gap)
    return np.linalg.norm(gap @ cell, axis=2).argmin(axis=1)
