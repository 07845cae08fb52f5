import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp import Poscar

from matsearch.core.structures import decode_structure, encode_structure
from matsearch.crystal.canonical import LENGTH_STEP, rounding_margin, structure_key
from tests.strategies import structures

# what a file format may move a number by, as a fraction of the coarsest rounding step: CIF keeps 8 decimals
FILE_ERROR = 3e-4


def _through_cif(structure):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Structure.from_str(str(CifWriter(structure)), fmt="cif", site_tolerance=1e-12, merge_tol=0)


def _through_poscar(structure):
    return Structure.from_str(
        Poscar(structure, sort_structure=True).get_str(significant_figures=12), fmt="poscar"
    )


def _through_json(structure):
    return decode_structure(encode_structure(structure))


@pytest.mark.parametrize("through", [_through_cif, _through_poscar, _through_json])
@given(structure=structures())
def test_key_survives_files_away_from_rounding_boundaries(through, structure):
    # two atoms in one place are one site to a CIF
    if rounding_margin(structure) > FILE_ERROR and structure.is_valid(tol=0.01):
        assert structure_key(through(structure)) == structure_key(structure)


@given(structure=structures())
def test_margin_tells_where_the_key_may_turn(structure):
    """A shift of all lengths by less than the margin keeps the key; one across the nearest boundary changes it."""
    margin = rounding_margin(structure)
    a, b, c = structure.lattice.abc
    for shift in (0.9 * margin * LENGTH_STEP, -0.9 * margin * LENGTH_STEP):
        moved = Structure(
            Lattice.from_parameters(a + shift, b + shift, c + shift, *structure.lattice.angles),
            structure.species,
            structure.frac_coords,
        )
        if margin > 1e-6:
            assert structure_key(moved) == structure_key(structure)
    far = Structure(
        Lattice.from_parameters(a + 2 * LENGTH_STEP, b, c, *structure.lattice.angles),
        structure.species,
        structure.frac_coords,
    )
    assert structure_key(far) != structure_key(structure)


@given(structure=structures(), seed=st.integers(0, 100))
def test_key_knows_neither_site_order_nor_orientation_nor_whole_translations(structure, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(structure))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    coords = structure.frac_coords + rng.integers(-2, 3, structure.frac_coords.shape)
    moved = Structure(
        Lattice(structure.lattice.matrix @ rotation), [structure.species[i] for i in order], coords[order]
    )
    if rounding_margin(structure) > FILE_ERROR:
        assert structure_key(moved) == structure_key(structure)


@pytest.mark.parametrize(
    "fraction", [0, 1 / 2, 1 / 3, 2 / 3, 1 / 4, 3 / 4, 1 / 6, 5 / 6, 1 / 8, 1 / 12, 1 / 16, 1 / 32]
)
def test_simple_fractions_lie_far_from_boundaries(fraction):
    structure = Structure(Lattice.cubic(4.0), ["Li"], [[fraction, 0, 0]])
    assert rounding_margin(structure) > 0.02


def test_key_tells_element_geometry_and_size_apart(rock_salt):
    other = rock_salt.copy()
    other.replace_species({"Cl": "Br"})
    keys = {structure_key(s) for s in (rock_salt, other, rock_salt * (2, 1, 1))}
    assert len(keys) == 3


def test_oxidation_states_do_not_matter(rock_salt):
    decorated = rock_salt.copy()
    decorated.add_oxidation_state_by_element({"Na": 1, "Cl": -1})
    assert structure_key(decorated) == structure_key(rock_salt)


def test_key_of_version_one_is_pinned(rock_salt):
    """Stored campaigns hold this key: a new canonical form needs a new version."""
    assert structure_key(rock_salt) == "13836b429564ecedf98c1c3999f72bdee891ae9270b7844329603526d87db76c"
