"""Whether the atoms of a cell fill space or float in vacuum: dimensions of the network of atoms in contact."""

from functools import cache

import numpy as np
from pymatgen.core import Structure

DEFAULT_RADIUS = 2.4
"""Angstrom, of elements without a van der Waals radius: that of a metal."""

CONTACT_MARGIN = 1.5
"""Angstrom beyond the sum of van der Waals radii within which two atoms still touch.

Layers that a functional without dispersion leaves too far apart stay in contact; across 8 angstrom of vacuum nothing
does."""


@cache
def van_der_waals_radius(symbol: str) -> float:
    """Return the van der Waals radius in angstrom (Alvarez, Dalton Trans. 42, 8617 (2013), by way of ASE)."""
    from ase.data import atomic_numbers
    from ase.data.vdw_alvarez import vdw_radii

    radius = float(vdw_radii[atomic_numbers[symbol]])
    return radius if radius == radius else DEFAULT_RADIUS


def contact_dimensions(structure: Structure, margin: float = CONTACT_MARGIN) -> int:
    """Return in how many dimensions the contacts reach on without end: 3 crystal, 2 slab, 1 wire, 0 cluster.

    Molecular and layered crystals are held together by van der Waals contacts and have 3. Of parts that do not touch
    each other, the least counts: an atom alone in the pore of a framework makes 0.

    Parameters
    ----------
    structure : Structure
        An ordered crystal.
    margin : float
        In angstrom, added to the sum of the van der Waals radii of a pair (``CONTACT_MARGIN``).
    """
    radii = np.array([van_der_waals_radius(site.specie.symbol) for site in structure])
    first, second, images, distances = structure.get_neighbor_list(2.0 * float(radii.max()) + margin)
    touching = distances <= radii[first] + radii[second] + margin
    return network_dimensions(len(structure), first[touching], second[touching], images[touching])


def network_dimensions(n_sites: int, first: np.ndarray, second: np.ndarray, images: np.ndarray) -> int:
    """Return the least dimension of the connected parts of a periodic network.

    The dimension of a part is the rank of the translations that its loops add up to (Larsen et al., Phys. Rev.
    Materials 3, 034003 (2019)): each edge outside a spanning tree closes one loop.

    Parameters
    ----------
    n_sites : int
        Of the cell.
    first, second : numpy.ndarray
        Sites that an edge joins, shape (n,); every edge in both directions.
    images : numpy.ndarray
        Cell of ``second`` as seen from that of ``first``, in lattice vectors, shape (n, 3).
    """
    order = np.argsort(first, kind="stable")
    first, second, images = first[order], second[order], images[order].astype(int)
    starts = np.searchsorted(first, np.arange(n_sites + 1))
    parts, cells = _spanning_trees(starts, second, images)
    loops = cells[first] + images - cells[second]
    return min(_rank(loops[parts[first] == part]) for part in range(int(parts.max()) + 1))


def _spanning_trees(
    starts: np.ndarray, second: np.ndarray, images: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each site's part, shape (n,), and its cell along the tree of its part, shape (n, 3)."""
    n_sites = len(starts) - 1
    parts = np.full(n_sites, -1)
    cells = np.zeros((n_sites, 3), dtype=int)
    for root in range(n_sites):
        if parts[root] >= 0:
            continue
        parts[root] = parts.max() + 1
        waiting = [root]
        while waiting:
            site = waiting.pop()
            edges = slice(starts[site], starts[site + 1])
            reached, where = np.unique(second[edges], return_index=True)
            new = parts[reached] < 0
            parts[reached[new]] = parts[root]
            cells[reached[new]] = cells[site] + images[edges][where[new]]
            waiting.extend(reached[new].tolist())
    return parts, cells


def _rank(translations: np.ndarray) -> int:
    distinct = np.unique(translations, axis=0)
    return int(np.linalg.matrix_rank(distinct)) if len(distinct) else 0
