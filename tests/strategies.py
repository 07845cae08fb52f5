"""Hypothesis strategies for crystals."""

import numpy as np
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

ELEMENTS = ("Li", "O", "Fe", "P", "Na", "Cl", "Ti", "C", "Al", "H", "U")
_lengths = st.floats(3.0, 12.0)
_angles = st.floats(70.0, 110.0)
_coords = st.floats(-1.5, 1.5)


@st.composite
def structures(draw, max_sites: int = 6) -> Structure:
    """Ordered crystals of any shape; sites may lie anywhere, also outside the cell."""
    lattice = Lattice.from_parameters(*[draw(_lengths) for _ in range(3)], *[draw(_angles) for _ in range(3)])
    n = draw(st.integers(1, max_sites))
    species = draw(st.lists(st.sampled_from(ELEMENTS), min_size=n, max_size=n))
    coords = np.array([[draw(_coords) for _ in range(3)] for _ in range(n)])
    return Structure(lattice, species, coords)
