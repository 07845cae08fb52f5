import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure

from matsearch.propose.operators.vacancy import vacancy
from matsearch.testing.samples import sample_structure
from tests.edits import changes_of, slot_of, sound_change
from tests.strategies import ELEMENTS, structures


def draws(slot, n=40):
    return changes_of(vacancy, slot, n)


def test_an_ionic_crystal_loses_pairs():
    changes = draws(slot_of(sample_structure(), ("Cl", "Na"), 16))
    assert len(changes) > 20
    for change in changes:
        counts = change.structure.composition
        assert counts["Na"] == counts["Cl"] < change.details["of"] / 2
        assert len(change.structure) >= change.details["of"] * 2 / 3
    assert {change.details["removed"] for change in changes} >= {"1 Cl, 1 Na", "2 Cl, 2 Na"}


def test_a_pair_needs_a_cell_of_six_atoms():
    assert draws(slot_of(sample_structure(), ("Cl", "Na"), 5)) == []


def test_an_intermetallic_loses_one_atom():
    cesium_chloride = Structure(Lattice.cubic(2.9), ["Fe", "Al"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    changes = draws(slot_of(cesium_chloride, ("Al", "Fe"), 12))
    assert {change.details["removed"] for change in changes} == {"1 Al", "1 Fe"}
    assert all(len(change.structure) == change.details["of"] - 1 for change in changes)


def test_a_multivalent_element_makes_up_for_what_goes():
    layered = Structure(
        Lattice.hexagonal(2.82, 4.7),
        ["Li", "Co", "O", "O"],
        [[0, 0, 0.5], [0, 0, 0], [1 / 3, 2 / 3, 0.22], [2 / 3, 1 / 3, 0.78]],
    )
    formulas = {
        change.structure.composition.reduced_formula
        for change in draws(slot_of(layered, ("Co", "Li", "O"), 8))
    }
    assert "CoO2" in formulas
    assert "Li(CoO2)2" in formulas


def test_only_formulas_that_were_asked_for_remain():
    slot = slot_of(sample_structure(), ("Cl", "Na"), 16, ("Na2Cl",))
    assert draws(slot) == []
    assert draws(slot_of(sample_structure(), ("Cl", "Na"), 16, ("NaCl",)))


def test_a_parent_over_the_limit_is_left():
    assert draws(slot_of(sample_structure() * (2, 2, 2), ("Cl", "Na"), 15)) == []


@given(parent=structures(), seed=st.integers(0, 10**6), max_atoms=st.integers(2, 14))
def test_vacancies_keep_limits_charges_and_the_parent(parent, seed, max_atoms):
    slot = slot_of(parent, tuple(sorted(ELEMENTS)), max_atoms)
    change = sound_change(vacancy, slot, seed)
    if change is not None:
        assert change.details["of"] % len(parent) == 0
        removed = change.details["of"] - len(change.structure)
        assert 0 < removed <= change.details["of"] / 3


@pytest.mark.parametrize("seed", range(3))
def test_what_is_left_lies_where_it_lay(seed):
    parent = sample_structure() * (2, 2, 1)
    change = vacancy(slot_of(parent, ("Cl", "Na"), len(parent)), np.random.default_rng(seed))
    assert change.structure.lattice == parent.lattice
    for site in change.structure:
        assert min(site.distance(other) for other in parent if other.specie == site.specie) < 1e-6
    assert change.structure.composition < Composition("Na4Cl4")
