"""Moments to begin with: those of the potential, and orders of their signs that differ by symmetry."""

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pymatgen.core import Structure

MAGNETIC = 0.5
"""Moments from here on order, in Bohr magnetons."""

BEGINNING = 0.6
"""The least to begin with, in Bohr magnetons: what pymatgen's Materials Project sets give a site nobody spoke of."""

MAX_MAGNETIC_SITES = 10
"""Cells with more magnetic sites are computed ferromagnetic alone: the patterns double with each site."""


def orderings(structure: Structure, magmoms: Sequence[float], limit: int) -> list[tuple[str, list[float]]]:
    """Return named moments to begin with, one a site in Bohr magnetons, the ferromagnetic order first.

    The orders of the given cell, no supercell: signs of the magnetic sites, up to space group and reversal of all.
    After the ferromagnetic one come those of the smallest net moment; of equal ones those with the fewest
    symmetric copies. That symmetric orders are the likely ones is the heuristic of Horton et al.,
    npj Comput. Mater. 5, 64 (2019), who also look into supercells.

    Parameters
    ----------
    magmoms : sequence of float
        Bohr magnetons, one a site; magnitudes count.
    limit : int
        At most so many.
    """
    magnitudes = np.abs(np.asarray(magmoms, dtype=float))
    magnetic = np.flatnonzero(magnitudes >= MAGNETIC)
    patterns: list[tuple[int, ...]] = [(1,) * len(magnetic)]
    if limit > 1 and 1 < len(magnetic) <= MAX_MAGNETIC_SITES:
        patterns += _others(structure, magnitudes, magnetic)
    return [_named(pattern, magnitudes, magnetic) for pattern in patterns[:limit]]


def _others(
    structure: Structure, magnitudes: NDArray[np.float64], magnetic: NDArray[np.int64]
) -> list[tuple[int, ...]]:
    moves = _permutations(structure, magnetic)
    seen: set[tuple[int, ...]] = {(1,) * len(magnetic)}
    ranked: list[tuple[float, int, tuple[int, ...]]] = []
    for tail in itertools.product((1, -1), repeat=len(magnetic) - 1):
        pattern = (1, *tail)
        if pattern in seen:
            continue
        copies = _copies(pattern, moves)
        seen |= copies
        net = abs(float(np.dot(pattern, magnitudes[magnetic])))
        ranked.append((round(net, 1), len(copies), pattern))
    return [pattern for *_, pattern in sorted(ranked, key=lambda rank: (rank[0], rank[1], rank[2][::-1]))]


def _copies(pattern: tuple[int, ...], moves: list[list[int]]) -> set[tuple[int, ...]]:
    """Return what symmetry and reversal make of a pattern, each with its first site up."""
    moved = {tuple(pattern[i] for i in move) for move in moves}
    return {tuple(sign * copy[0] for sign in copy) for copy in moved}


def _permutations(structure: Structure, magnetic: NDArray[np.int64]) -> list[list[int]]:
    """Return how the space group permutes the magnetic sites."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer
    from pymatgen.util.coord import coord_list_mapping_pbc

    coords = structure.frac_coords[magnetic]
    moves = {tuple(range(len(magnetic)))}
    for operation in SpacegroupAnalyzer(structure, symprec=0.01).get_symmetry_operations():
        try:
            moves.add(
                tuple(int(i) for i in coord_list_mapping_pbc(operation.operate_multi(coords), coords, 0.05))
            )
        except ValueError:
            continue
    return [list(move) for move in sorted(moves)]


def _named(
    pattern: tuple[int, ...], magnitudes: NDArray[np.float64], magnetic: NDArray[np.int64]
) -> tuple[str, list[float]]:
    moments = np.maximum(magnitudes, BEGINNING)
    moments[magnetic] *= pattern
    down = pattern.count(-1)
    if not down:
        return "FM", moments.tolist()
    kind = "AFM" if abs(float(np.dot(pattern, magnitudes[magnetic]))) < BEGINNING else "FiM"
    return f"{kind} {''.join('+' if sign > 0 else '-' for sign in pattern)}", moments.tolist()
