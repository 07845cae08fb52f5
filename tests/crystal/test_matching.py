import csv
import gzip
import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.crystal.matching import isotypic, mark_duplicates, same_crystal
from matsearch.crystal.nearest import KnownArrangements
from matsearch.crystal.symmetry import prototype_label, spacegroup_symbol
from matsearch.testing.samples import sample_structure

CAESIUM_CHLORIDE = Structure(Lattice.cubic(4.12), ["Cs", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
TRICLINIC = Lattice.from_parameters(5, 6, 7, 80, 95, 100)


def shaken(structure, seed, length=0.03):
    rng = np.random.default_rng(seed)
    coords = structure.cart_coords + rng.normal(0, length, (len(structure), 3))
    return Structure(structure.lattice, structure.species, coords, coords_are_cartesian=True)


def polymorphs(n, seed=0):
    """Crystals of one formula whose atoms lie anywhere."""
    rng = np.random.default_rng(seed)
    return [Structure(TRICLINIC, ["Ti", "Ti", "O", "O", "O", "O"], rng.random((6, 3))) for _ in range(n)]


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10**6)), min_size=1, max_size=10))
def test_marks_are_those_of_the_matcher_alone(picks):
    pool = polymorphs(6)
    crystals = [shaken(pool[which], seed) for which, seed in picks]
    marks = mark_duplicates(crystals)
    firsts = []
    for i, crystal in enumerate(crystals):
        twins = [j for j in firsts if same_crystal(crystals[j], crystal)]
        assert (marks[i] is None) == (not twins)
        if twins:
            assert marks[i] in twins
        else:
            firsts.append(i)


def test_of_several_polymorphs_the_likest_is_named():
    pool = polymorphs(4, seed=1)
    assert mark_duplicates([*pool, shaken(pool[2], 5), shaken(pool[0], 6)]) == [None] * 4 + [2, 0]


def test_marks_on_real_crystals_are_those_of_the_matcher_alone(test_data):
    table = gzip.decompress((test_data / "mp20_sample.csv.gz").read_bytes()).decode()
    rows = list(csv.DictReader(io.StringIO(table)))[:150]
    crystals = [Structure.from_str(row["cif"], fmt="cif") for row in rows]
    copies = [shaken(crystal, i, 0.05) for i, crystal in enumerate(crystals[:60])]
    everything = [*crystals, *copies]
    marks = mark_duplicates(everything)
    for i, mark in enumerate(marks):
        firsts = (j for j in range(i) if marks[j] is None)
        if mark is None:
            assert not any(same_crystal(everything[j], everything[i]) for j in firsts)
        else:
            assert same_crystal(everything[mark], everything[i])
    assert sum(mark is not None for mark in marks) >= 55


def test_isotypes_have_other_elements_on_the_same_sites():
    assert isotypic(sample_structure("Na", "Cl"), sample_structure("Mg", "O", 4.2))
    assert not isotypic(sample_structure("Cs", "Cl"), CAESIUM_CHLORIDE)
    assert not isotypic(sample_structure("Na", "Cl"), Structure(TRICLINIC, ["Na"], [[0, 0, 0]]))


def test_the_nearest_known_crystal_is_found_whatever_its_elements():
    known = KnownArrangements({"salt": sample_structure("Na", "Cl"), "caesium": CAESIUM_CHLORIDE})
    carbide = shaken(sample_structure("Ti", "C", 4.33), 0, 0.02)
    found = known.nearest(carbide)
    assert (found.known_id, found.formula, found.isotypic) == ("salt", "NaCl", True)
    assert 0 < found.distance < 0.05
    stranger = known.nearest(polymorphs(1)[0])
    assert stranger.distance > 0.1
    assert not stranger.isotypic


def test_an_isotype_is_preferred_to_an_arrangement_of_another_formula():
    iron = Structure(Lattice.cubic(2.87), ["Fe", "Fe"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    known = KnownArrangements({"a-iron": iron, "caesium": CAESIUM_CHLORIDE})
    nickel = Structure(Lattice.cubic(2.88), ["Ni", "Al"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    found = known.nearest(nickel)
    assert (found.known_id, found.isotypic) == ("caesium", True)


def test_of_equal_arrangements_the_own_formula_comes_first_and_a_match_above_all():
    salts = {name: sample_structure(*name.split("-")) for name in ("Mg-O", "Na-Cl", "Ti-C")}
    known = KnownArrangements(salts)
    assert known.nearest(shaken(sample_structure("Na", "Cl"), 0, 0.01)).known_id == "Na-Cl"
    assert known.nearest(sample_structure("K", "Br")).known_id == "Mg-O"
    assert known.nearest(sample_structure("K", "Br"), same="Ti-C").known_id == "Ti-C"


@pytest.mark.parametrize(
    ("structure", "label", "symbol"),
    [
        (sample_structure(), "AB_cF8_225_a_b", "Fm-3m"),
        (CAESIUM_CHLORIDE, "AB_cP2_221_a_b", "Pm-3m"),
        (shaken(CAESIUM_CHLORIDE, 0, 0.01), "AB_cP2_221_a_b", "Pm-3m"),
        (polymorphs(1)[0], "A2B_aP6_1_4a_2a", "P1"),
    ],
)
def test_symmetry_names_a_crystal(structure, label, symbol):
    assert prototype_label(structure) == label
    assert spacegroup_symbol(structure) == symbol


def test_overlapping_atoms_have_no_prototype():
    assert prototype_label(Structure(TRICLINIC, ["Ti", "Ti"], [[0, 0, 0], [0, 0, 0]])) is None
