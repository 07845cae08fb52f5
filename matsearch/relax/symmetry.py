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


def find_symmetry(atoms: Atoms) -> Symmetry | None:
    """Return the space group that spglib finds, None where there is nothing to keep."""
    import spglib

    cell = atoms.cell.array
    scaled = atoms.get_scaled_positions()
    found = spglib.get_symmetry_dataset((cell, scaled, atoms.numbers), symprec=PRECISION)
    if found is None or len(found.rotations) == 1:
        return None
    images = [
        _images(scaled @ rotation.T + translation, scaled, cell)
        for rotation, translation in zip(found.rotations, found.translations, strict=True)
    ]
    rotations = [np.linalg.solve(cell, rotation.T @ cell) for rotation in found.rotations]
    return Symmetry(np.array(rotations), np.array(images))


def _images(moved: np.ndarray, scaled: np.ndarray, cell: np.ndarray) -> np.ndarray:
    gap = moved[:, None] - scaled[None]
    gap -= np.round(gap)
    return np.linalg.norm(gap @ cell, axis=2).argmin(axis=1)
