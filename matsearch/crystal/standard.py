"""One cell for one crystal: supercells, other settings and shifted origins become the same primitive cell."""

from functools import cache
from itertools import product

import numpy as np
from pymatgen.core import Lattice, Structure

from matsearch.crystal.canonical import COORD_STEP, sorted_sites

SYMMETRY_PRECISION = 0.01
"""In angstrom: crystals are written with about four decimals."""

_SAME_LATTICE = 1e-5
_SHIFT = 0.61  # of the rounding grid: simple fractions lie far from its boundaries


def standard_cell(structure: Structure) -> Structure:
    """Return spglib's standard primitive cell (Togo et al., Sci. Technol. Adv. Mater., Meth. 4, 2384822 (2024)).

    Symmetry leaves open which of several equal places is the origin and which of several equal axes comes first. Of
    those choices the least one is taken that has an atom of the rarest element at the origin. Atoms move by at most
    the symmetry precision; handedness is kept. A crystal in which spglib finds nothing is returned as it is.
    """
    import spglib

    structure = sorted_sites(structure)  # what spglib finds depends a little on their order
    symbols = [site.specie.symbol for site in structure]
    elements = sorted(set(symbols))
    numbers = [elements.index(symbol) for symbol in symbols]
    found = spglib.standardize_cell(
        (structure.lattice.matrix, structure.frac_coords, numbers),
        to_primitive=True,
        symprec=SYMMETRY_PRECISION,
    )
    if found is None:
        return structure
    lattice, coords, kinds = (np.asarray(part) for part in found)
    return Structure(Lattice(lattice), [elements[i] for i in kinds], _least(lattice, coords, kinds))


def _least(lattice: np.ndarray, coords: np.ndarray, kinds: np.ndarray) -> np.ndarray:
    """Return the coordinates that come first when each choice is written as its sorted, rounded sites."""
    rarest = np.flatnonzero(kinds == np.argmin(np.bincount(kinds)))
    turns = _rotations(lattice)
    choices = np.concatenate([(coords - coords[origin]) @ turns for origin in rarest])
    steps = round(1 / COORD_STEP)
    x, y, z = np.moveaxis(np.floor(choices / COORD_STEP + _SHIFT).astype(np.int64) % steps, -1, 0)
    written = np.sort(((kinds * steps + x) * steps + y) * steps + z, axis=1)
    first = np.lexsort(written.T[::-1])[0]
    return choices[first] % 1.0


def _rotations(lattice: np.ndarray) -> np.ndarray:
    """Return the proper rotations that carry a lattice into itself, on rows of fractional coordinates (n, 3, 3)."""
    metric = lattice @ lattice.T
    turned = _unimodular() @ metric @ _unimodular().transpose(0, 2, 1)
    lengths = np.sqrt(np.diag(metric))
    gap = np.abs(turned - metric) / np.outer(lengths, lengths)
    return _unimodular()[gap.max(axis=(1, 2)) < _SAME_LATTICE]


@cache
def _unimodular() -> np.ndarray:
    """Return the integer matrices of determinant 1 that turn a primitive cell's axes into other short ones."""
    matrices = np.array(list(product((-1, 0, 1), repeat=9))).reshape(-1, 3, 3)
    return matrices[np.rint(np.linalg.det(matrices)) == 1]
