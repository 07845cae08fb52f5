"""CHGNet's crystal graphs, for many crystals at once: atoms, bonds within one cut-off, angles within a shorter one."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from ase import Atoms

TOLERANCE = 1e-8

PADDING = 40
"""Rows of a matrix product take another path where there are only a few, and then round otherwise. That many atoms,
bonds and angles of nobody are added to each batch, so that a crystal has the same labels, bit for bit, alone and in
any company: which crystals share a pass must not decide what becomes of them."""


@dataclass(frozen=True)
class CrystalGraphs:
    """The graphs of a batch; atoms, bonds and angles are numbered through the batch.

    Each bond stands once, from its first to its second atom: its reverse carries the same features. An angle is an
    ordered pair of different short bonds that leave the same atom.

    Attributes
    ----------
    numbers : Tensor of shape (n_atoms,)
        Atomic numbers.
    crystal : Tensor of shape (n_atoms,)
        The crystal of each atom.
    first, second : Tensor of shape (n_bonds,)
        Its atoms.
    vectors : Tensor of shape (n_bonds, 3)
        From the first to the second atom, in angstrom.
    short : Tensor of shape (n_short,)
        Bonds within the bond cut-off.
    centre : Tensor of shape (n_angles,)
        Atom of each angle.
    left, right : Tensor of shape (n_angles,)
        Positions in ``short``.
    sign : Tensor of shape (n_angles, 1)
        1 where both bonds are taken in the same sense, else -1.
    """

    numbers: torch.Tensor
    crystal: torch.Tensor
    first: torch.Tensor
    second: torch.Tensor
    vectors: torch.Tensor
    short: torch.Tensor
    centre: torch.Tensor
    left: torch.Tensor
    right: torch.Tensor
    sign: torch.Tensor


@dataclass(frozen=True)
class Bonds:
    """The bonds of one crystal, each once: atoms (n_bonds,) and vectors (n_bonds, 3) in angstrom."""

    first: np.ndarray
    second: np.ndarray
    vectors: np.ndarray

    def lonely(self, n_atoms: int) -> int:
        """Return the number of atoms without any bond."""
        return n_atoms - len(np.union1d(self.first, self.second))


def find_bonds(atoms: Atoms, cutoff: float) -> Bonds:
    """Return the bonds of a crystal within a cut-off, by pymatgen's neighbour search."""
    from pymatgen.optimization.neighbors import find_points_in_spheres

    cell = np.ascontiguousarray(atoms.cell.array, dtype=float)
    positions = np.ascontiguousarray(atoms.positions, dtype=float)
    first, second, image, _ = find_points_in_spheres(
        positions, positions, r=cutoff, pbc=np.ones(3, dtype=np.int64), lattice=cell, tol=TOLERANCE
    )
    once = (first < second) | ((first == second) & _is_positive(image))
    first, second, image = first[once], second[once], image[once]
    return Bonds(first, second, positions[second] - positions[first] + image @ cell)


def join_graphs(
    batch: Sequence[Atoms], bonds: Sequence[Bonds], bond_cutoff: float, device: str, dtype: torch.dtype
) -> CrystalGraphs:
    """Return the graphs of a batch from the bonds of its crystals, and after them of the padding's crystal."""
    batch, bonds = [*batch, _padding_atoms()], [*bonds, _padding_bonds()]
    sizes = [len(atoms) for atoms in batch]
    offsets = np.cumsum([0, *sizes[:-1]])
    first = np.concatenate([b.first + offset for b, offset in zip(bonds, offsets, strict=True)])
    second = np.concatenate([b.second + offset for b, offset in zip(bonds, offsets, strict=True)])
    vectors = np.concatenate([b.vectors for b in bonds])
    short = np.nonzero(np.einsum("bx,bx->b", vectors, vectors) < bond_cutoff**2)[0]
    centre, left, right, sign = _angles(first[short], second[short], sum(sizes))

    def indices(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64)).to(device)

    return CrystalGraphs(
        numbers=indices(np.concatenate([atoms.numbers for atoms in batch])),
        crystal=indices(np.repeat(np.arange(len(sizes)), sizes)),
        first=indices(first),
        second=indices(second),
        vectors=torch.from_numpy(vectors).to(device=device, dtype=dtype),
        short=indices(short),
        centre=indices(centre),
        left=indices(left),
        right=indices(right),
        sign=torch.from_numpy(sign).to(device=device, dtype=dtype)[:, None],
    )


@cache
def _padding_atoms() -> Atoms:
    return Atoms("H" * PADDING)


@cache
def _padding_bonds() -> Bonds:
    """Return a zigzag: each atom bound to the next, with a right angle between two bonds."""
    begin = np.arange(PADDING - 1)
    vectors = np.array([[2.0, 0.0, 0.0], [0.0, 2.0, 0.0]])[begin % 2]
    return Bonds(begin, begin + 1, vectors)


def _is_positive(image: np.ndarray) -> np.ndarray:
    """Return which images come first of the two that are each other's inverse."""
    x, y, z = image.T
    return (x > 0) | ((x == 0) & ((y > 0) | ((y == 0) & (z > 0))))


def _angles(
    first: np.ndarray, second: np.ndarray, n_atoms: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return centre, left bond, right bond and sign of all ordered pairs of bonds that leave the same atom."""
    n_bonds = len(first)
    leaves = np.concatenate([first, second])
    order = np.argsort(leaves, kind="stable")
    leaves, bond, sense = leaves[order], order % max(n_bonds, 1), np.where(order < n_bonds, 1.0, -1.0)
    degree = np.bincount(leaves, minlength=n_atoms)
    begin = np.cumsum(degree) - degree
    partners = degree[leaves]
    left = np.repeat(np.arange(len(leaves)), partners)
    rank = np.arange(len(left)) - np.repeat(np.cumsum(partners) - partners, partners)
    right = begin[leaves[left]] + rank
    different = left != right
    left, right = left[different], right[different]
    return leaves[left], bond[left], bond[right], sense[left] * sense[right]
