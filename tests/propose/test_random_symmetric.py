import json

import numpy as np
import pytest
import spglib
from hypothesis import assume, given
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure

from matsearch.core.slots import Limits, Slot
from matsearch.core.structures import encode_structure
from matsearch.crystal.balance import charge_balance
from matsearch.crystal.limits import shortest_contact_ratio, volume_ratio
from matsearch.crystal.matching import same_crystal
from matsearch.crystal.scope import allows
from matsearch.crystal.wyckoff_positions import orbit, space_group, wyckoff_positions
from matsearch.propose.operators.random_symmetric import random_symmetric, symmetric_crystal

numbers = st.integers(1, 230)
seeds = st.integers(0, 10**6)


def slot_of(elements, max_atoms=12, formulas=()):
    limits = Limits(elements=elements, max_atoms=max_atoms, formulas=formulas)
    return Slot(campaign_id="c", generation=0, slot=0, seed=0, parents=(), limits=limits)


def n_operations(structure, precision=1e-3):
    cell = (structure.lattice.matrix, structure.frac_coords, [s.specie.Z for s in structure])
    return len(spglib.get_symmetry_dataset(cell, symprec=precision).rotations)


def test_the_positions_are_those_of_the_international_tables():
    assert sum(len(wyckoff_positions(number)) for number in range(1, 231)) == 1731


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        # multiplicities of the tables over the lattice points of the conventional cell
        (1, [1]),
        (2, [1] * 8 + [2]),
        (62, [4, 4, 4, 8]),
        (136, [2, 2, 4, 4, 4, 4, 4, 8, 8, 8, 16]),
        (166, [1, 1, 2, 3, 3, 6, 6, 6, 12]),
        (221, [1, 1, 3, 3, 6, 6, 8, 12, 12, 12, 24, 24, 24, 48]),
        (227, [2, 2, 4, 4, 8, 12, 24, 24, 48]),
    ],
)
def test_multiplicities(number, expected):
    assert sorted(position.multiplicity for position in wyckoff_positions(number)) == expected


@given(number=numbers, seed=seeds)
def test_a_point_of_a_position_has_its_number_of_images(number, seed):
    group, rng = space_group(number), np.random.default_rng(seed)
    for position in wyckoff_positions(number):
        atoms = orbit(position.point(rng.random(3)), group)
        assert len(atoms) == position.multiplicity
        for image in group.images(atoms[-1]):
            apart = atoms - image
            assert np.abs(apart - np.round(apart)).max(axis=1).min() < 1e-6


@given(number=numbers, seed=seeds, first=st.integers(1, 4), second=st.integers(1, 8))
def test_a_crystal_has_its_atoms_its_symmetry_and_room(number, seed, first, second):
    counts = {"Ti": first, "O": second}
    made = symmetric_crystal(counts, number, np.random.default_rng(seed))
    assume(made is not None)
    assert made.composition == Composition(counts)
    assert n_operations(made) >= len(space_group(number).rotations)
    assert shortest_contact_ratio(made) >= 0.75 - 1e-9
    assert 0.84 < volume_ratio(made) < 1.31


@given(
    elements=st.lists(
        st.sampled_from(["Li", "Fe", "P", "O", "Cl", "Al"]), min_size=1, max_size=5, unique=True
    ),
    max_atoms=st.integers(1, 16),
    seed=seeds,
)
def test_a_system_is_kept_to_and_the_draw_repeats(elements, max_atoms, seed):
    slot = slot_of(tuple(sorted(elements)), max_atoms)
    change = random_symmetric(slot, np.random.default_rng(seed))
    again = random_symmetric(slot, np.random.default_rng(seed))
    assert (change is None) == (again is None)
    if change is not None:
        assert allows(slot.limits, change.structure.composition)
        assert encode_structure(change.structure) == encode_structure(again.structure)
        assert change.parents == ()
        assert json.loads(json.dumps(change.details)) == change.details == again.details


def test_formulas_and_their_multiples_are_made():
    slot, rng = slot_of(("O", "Sr", "Ti"), 12, ("SrTiO3", "TiO2")), np.random.default_rng(0)
    changes = [change for change in (random_symmetric(slot, rng) for _ in range(40)) if change]
    assert len(changes) > 30
    assert {c.structure.composition.reduced_formula for c in changes} == {"SrTiO3", "TiO2"}
    assert {len(c.structure) for c in changes} >= {3, 5, 6, 10}
    assert len({c.details["space_group"] for c in changes}) > 20


def test_all_numbers_of_formula_units_up_to_the_size_are_made():
    slot, rng = slot_of(("Cl", "Na"), 12, ("NaCl",)), np.random.default_rng(1)
    changes = [change for change in (random_symmetric(slot, rng) for _ in range(80)) if change]
    assert {len(c.structure) for c in changes} == {2, 4, 6, 8, 10, 12}


def test_a_formula_too_large_for_the_cell_has_no_crystal():
    assert random_symmetric(slot_of(("O", "Sr", "Ti"), 4, ("SrTiO3",)), np.random.default_rng(0)) is None


def test_compositions_with_an_anion_former_are_mostly_neutral():
    slot, rng = slot_of(("Fe", "Li", "O")), np.random.default_rng(0)
    made = [
        change.structure.composition for change in (random_symmetric(slot, rng) for _ in range(60)) if change
    ]
    with_anion = [charge_balance(composition) for composition in made if "O" in composition]
    assert len({composition.reduced_formula for composition in made}) > 15
    assert with_anion.count("yes") > 0.8 * len(with_anion) > 20


def test_elements_that_do_not_balance_give_way_to_others(monkeypatch):
    monkeypatch.setitem(random_symmetric.__globals__, "UNBALANCED", 0.0)
    slot, rng = slot_of(("Al", "Cl", "Fe", "Li", "O", "P"), 6), np.random.default_rng(0)
    made = [change for change in (random_symmetric(slot, rng) for _ in range(60)) if change]
    assert len(made) > 40
    assert all(charge_balance(change.structure.composition) != "no" for change in made)


def test_anions_of_a_neutral_crystal_stay_apart():
    rng, groups = np.random.default_rng(0), (2, 14, 62, 123, 148, 194, 221)
    drawn = [symmetric_crystal({"Mg": 4, "O": 4}, number, rng) for number in groups]
    made = [crystal for crystal in drawn if crystal is not None]
    assert len(made) >= 3
    for crystal in made:
        crystal.remove_species(["Mg"])
        assert shortest_contact_ratio(crystal) >= 1.4 - 1e-9


def test_the_perovskite_is_found_without_knowing_it():
    perovskite = Structure(
        Lattice.cubic(3.905),
        ["Sr", "Ti", "O", "O", "O"],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
    )
    slot, rng = slot_of(("O", "Sr", "Ti"), 5, ("SrTiO3",)), np.random.default_rng(0)
    made = [change.structure for change in (random_symmetric(slot, rng) for _ in range(50)) if change]
    assert sum(same_crystal(perovskite, structure) for structure in made) >= 3
