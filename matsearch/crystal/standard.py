"""One cell for one crystal: supercells, other settings and shifted origins become the same primitive cell."""

import numpy as np
from pymatgen.core import Lattice, Structure

SYMMETRY_PRECISION = 0.01
"""In angstrom: crystals are written with about four decimals."""


def standard_cell(structure: Structure) -> Structure:
    """Return spglib's standard primitive cell (Togo et al., Sci. Technol. Adv. Mater., Meth. 4, 2384822 (2024)).

    Atoms move by at most the symmetry precision. A crystal in which spglib finds nothing is returned as it is.
    """
    import spglib

    symbols = [site.specie.symbol for site in structure]
    kinds = sorted(set(symbols))
    numbers = [kinds.index(symbol) for symbol in symbols]
    found = spglib.standardize_cell(
        (structure.lattice.matrix, structure.frac_coords, numbers),
        to_primitive=True,
        symprec=SYMMETRY_PRECISION,
    )
    if found is None:
        return structure
    lattice, coords, order = found
    return Structure(Lattice(np.asarray(lattice)), [kinds[i] for i in order], np.asarray(coords))
