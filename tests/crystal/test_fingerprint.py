import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.crystal.fingerprint import (
    NEIGHBOURS,
    distance,
    distances,
    fingerprint,
    fingerprint_with_elements,
)
from matsearch.crystal.limits import volume_ratio
from matsearch.testing.samples import sample_structure
from tests.strategies import structures

KINDS = [fingerprint, fingerprint_with_elements]
PEROVSKITE = Structure(
    Lattice.cubic(3.905),
    ["Sr", "Ti", "O", "O", "O"],
    [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
)


def turned(structure, seed):
    """Another supercell, orientation, origin, handedness and order of the same crystal."""
    rng = np.random.default_rng(seed)
    other = structure.copy()
    other.make_supercell(rng.permutation([1, 1, 2]))
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(len(other))
    shifted = other.frac_coords[order] + rng.random(3)
    return Structure(
        Lattice(other.lattice.matrix @ rotation), [other.species[i] for i in order], shifted % 1.0
    )


@pytest.mark.parametrize("kind", KINDS)
@given(structure=structures(), seed=st.integers(0, 10**6))
def test_a_crystal_has_one_fingerprint_in_any_cell(kind, structure, seed):
    assume(0.2 < volume_ratio(structure) < 20)
    np.testing.assert_allclose(kind(turned(structure, seed)), kind(structure), atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_size_does_not_matter(kind):
    np.testing.assert_allclose(kind(sample_structure(length=5.0)), kind(sample_structure(length=7.0)))


def test_elements_matter_only_where_they_are_asked_for():
    sodium, potassium = sample_structure("Na", "Cl"), sample_structure("K", "Br")
    assert distance(fingerprint(sodium), fingerprint(potassium)) == pytest.approx(0, abs=1e-9)
    swapped = PEROVSKITE.copy()
    swapped[0], swapped[1] = "Ti", "Sr"
    assert distance(fingerprint(PEROVSKITE), fingerprint(swapped)) == pytest.approx(0, abs=1e-9)
    assert distance(fingerprint_with_elements(PEROVSKITE), fingerprint_with_elements(swapped)) > 0.05


def test_small_moves_change_it_little_and_large_ones_more():
    rng = np.random.default_rng(0)
    before = fingerprint(PEROVSKITE)
    gaps = []
    for length in (0.02, 0.1, 0.5):
        moved = PEROVSKITE.copy()
        moved.translate_sites(0, rng.normal(size=3) * length, frac_coords=False)
        gaps.append(distance(before, fingerprint(moved)))
    assert gaps[0] < 0.02
    assert gaps == sorted(gaps)


def test_other_types_are_far_apart():
    caesium = Structure(Lattice.cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    assert fingerprint(caesium).shape == (NEIGHBOURS,)
    assert distance(fingerprint(caesium), fingerprint(sample_structure("Cs", "Cl"))) > 0.05


def test_the_nearest_neighbour_comes_first_in_units_of_the_cell():
    salt = sample_structure(length=5.64)
    bond = 2.82 / (5.64**3 / 8) ** (1 / 3)
    assert fingerprint(salt)[:6] == pytest.approx(np.full(6, bond))
    assert fingerprint(salt)[6] == pytest.approx(bond * np.sqrt(2))


def test_distances_are_those_of_each():
    prints = np.array([fingerprint(PEROVSKITE), fingerprint(sample_structure())])
    assert distances(prints[0], prints).tolist() == [distance(prints[0], row) for row in prints]
