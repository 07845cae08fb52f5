import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.crystal.balance import charge_balance
from matsearch.crystal.limits import shortest_contact_ratio
from matsearch.crystal.matching import same_crystal
from matsearch.propose.operators.cells import fill_holes, image_distances
from matsearch.propose.operators.insertion import insertion
from matsearch.testing.samples import sample_structure
from tests.edits import changes_of, slot_of, sound_change
from tests.strategies import ELEMENTS, structures


def draws(slot, n=40):
    return changes_of(insertion, slot, n)


def olivine(lattice, *orbits):
    """Pnma crystals from (element, x, y, z), y = 0, 1/4 or general."""
    species, coords = [], []
    for symbol, x, y, z in orbits:
        images = [
            (x, y, z), (0.5 - x, -y, 0.5 + z), (-x, 0.5 + y, -z), (0.5 + x, 0.5 - y, 0.5 - z),
            (-x, -y, -z), (0.5 + x, y, 0.5 - z), (x, 0.5 - y, z), (0.5 - x, 0.5 + y, 0.5 + z),
        ]  # fmt: skip
        different = {tuple(np.round(np.mod(image, 1.0), 6) % 1.0) for image in images}
        species += [symbol] * len(different)
        coords += sorted(different)
    return Structure(Lattice.orthorhombic(*lattice), species, coords)


@pytest.fixture(scope="module")
def heterosite():
    """FePO4; Andersson et al., Solid State Ionics 130, 41 (2000)."""
    return olivine(
        (9.81, 5.79, 4.78),
        ("Fe", 0.2753, 0.25, 0.948),
        ("P", 0.0940, 0.25, 0.3953),
        ("O", 0.1215, 0.25, 0.7086),
        ("O", 0.4390, 0.25, 0.1597),
        ("O", 0.1663, 0.0454, 0.2503),
    )


@pytest.fixture(scope="module")
def triphylite():
    """LiFePO4; Streltsov et al., Acta Cryst. B 49, 147 (1993)."""
    return olivine(
        (10.33, 6.01, 4.69),
        ("Li", 0.0, 0.0, 0.0),
        ("Fe", 0.2822, 0.25, 0.9747),
        ("P", 0.0948, 0.25, 0.4182),
        ("O", 0.0968, 0.25, 0.7428),
        ("O", 0.4571, 0.25, 0.2060),
        ("O", 0.1656, 0.0465, 0.2848),
    )


def test_lithium_goes_where_it_is_in_the_cathode(heterosite, triphylite):
    elements = ("Fe", "Li", "O", "P")
    changes = draws(slot_of(heterosite, elements, 28, ("LiFePO4",)), 10)
    assert changes
    for change in changes:
        assert change.details == {"inserted": "4 Li"}
        assert change.structure.composition == triphylite.composition
        assert same_crystal(change.structure, triphylite)


def test_parts_of_it_are_possible(heterosite):
    changes = draws(slot_of(heterosite, ("Fe", "Li", "O", "P"), 28), 12)
    assert "1 Li" in {change.details["inserted"] for change in changes}
    assert all(charge_balance(change.structure.composition) == "yes" for change in changes)


def test_where_no_state_can_change_only_pairs_go_in():
    changes = draws(slot_of(sample_structure(), ("Cl", "Na"), 10))
    assert changes
    for change in changes:
        assert change.structure.composition.reduced_formula == "NaCl"
        assert shortest_contact_ratio(change.structure) >= 0.75


def test_carbon_goes_into_the_octahedra_of_a_metal():
    iron = Structure(Lattice([[0, 1.8, 1.8], [1.8, 0, 1.8], [1.8, 1.8, 0]]), ["Fe"], [[0, 0, 0]])
    changes = draws(slot_of(iron, ("C", "Fe"), 2), 20)
    assert changes
    for change in changes:
        assert change.structure.composition.formula == "Fe1 C1"
        assert np.allclose(change.structure.frac_coords[1], 0.5)
        assert change.structure.volume > iron.volume


def test_a_dense_metal_has_no_hole_for_a_large_atom():
    iron = Structure(Lattice([[0, 1.8, 1.8], [1.8, 0, 1.8], [1.8, 1.8, 0]]), ["Fe"], [[0, 0, 0]])
    assert draws(slot_of(iron, ("Ba",), 2), 5) == []


def test_distances_to_the_holes_are_computed_once(monkeypatch):
    asked = []

    def counted(matrix, first, second):
        asked.append(len(second))
        return image_distances(matrix, first, second)

    monkeypatch.setattr("matsearch.propose.operators.cells.image_distances", counted)
    cell = sample_structure() * (2, 2, 1)
    assert fill_holes(cell, ["Na"] * 5, np.random.default_rng(0))
    assert len(cell) == 13
    assert sum(asked) == 13


def test_a_full_cell_takes_nothing():
    assert draws(slot_of(sample_structure(), ("Cl", "Na"), 2), 5) == []


@given(parent=structures(), seed=st.integers(0, 10**6), max_atoms=st.integers(2, 12))
def test_insertions_keep_limits_charges_and_the_parent(parent, seed, max_atoms):
    slot = slot_of(parent, tuple(sorted(ELEMENTS)), max_atoms)
    change = sound_change(insertion, slot, seed)
    if change is not None:
        assert shortest_contact_ratio(change.structure) >= 0.75 - 1e-6
