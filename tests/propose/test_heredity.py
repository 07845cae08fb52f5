import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.core.records import Parent
from matsearch.core.slots import Limits, Slot
from matsearch.core.structures import encode_structure
from matsearch.crystal.balance import charge_balance
from matsearch.crystal.limits import shortest_contact_ratio, volume_ratio
from matsearch.crystal.scope import allows
from matsearch.propose.operators.cells import crowded_pairs
from matsearch.propose.operators.heredity import heredity
from matsearch.testing.samples import sample_structure
from tests.strategies import ELEMENTS, structures

HALITE = sample_structure()
PERICLASE = sample_structure("Mg", "O", 4.21)
SALTS = ("Cl", "Mg", "Na", "O")


def slot_of(crystals, elements, max_atoms=12, formulas=()):
    limits = Limits(elements=elements, max_atoms=max_atoms, formulas=formulas)
    parents = tuple(
        Parent(parent_id=f"p{i}", structure=crystal, roots=(f"p{i}",)) for i, crystal in enumerate(crystals)
    )
    return Slot(campaign_id="c", generation=0, slot=0, seed=0, parents=parents, limits=limits)


def draws(slot, n=60):
    rng = np.random.default_rng(0)
    return [change for change in (heredity(slot, rng) for _ in range(n)) if change]


def test_two_salts_have_neutral_children_also_mixed_ones():
    changes = draws(slot_of([HALITE, PERICLASE], SALTS))
    assert len(changes) > 12
    for change in changes:
        assert charge_balance(change.structure.composition) == "yes"
        assert sorted(parent.parent_id for parent in change.parents) == ["p0", "p1"]
        assert 0.25 <= change.details["cut"] <= 0.75
        assert shortest_contact_ratio(change.structure) >= 0.75 - 1e-6
    assert any(len(change.structure.composition) == 4 for change in changes)


def test_numbers_are_corrected_to_the_formulas_asked_for():
    changes = draws(slot_of([HALITE, PERICLASE], SALTS, formulas=("MgO", "NaCl")))
    assert {change.structure.composition.reduced_formula for change in changes} == {"MgO", "NaCl"}


def test_missing_atoms_are_put_in():
    lithia = Structure(
        Lattice([[0, 2.31, 2.31], [2.31, 0, 2.31], [2.31, 2.31, 0]]),
        ["O", "Li", "Li"],
        [[0, 0, 0], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]],
    )
    slot = slot_of([lithia, sample_structure("Fe", "O", 4.3)], ("Fe", "Li", "O"), 16, ("LiFeO2",))
    changes = draws(slot)
    assert changes
    assert all(change.structure.composition.reduced_formula == "LiFeO2" for change in changes)


def test_the_room_is_between_the_parents():
    low, high = sorted(volume_ratio(crystal) for crystal in (HALITE, PERICLASE))
    changes = draws(slot_of([HALITE, PERICLASE], SALTS))
    assert len(changes) > 12
    for change in changes:
        assert low - 1e-6 <= volume_ratio(change.structure) <= high + 1e-6


def test_close_pairs_are_looked_for_before_and_after_not_at_each_removal(monkeypatch):
    sizes = []

    def counted(structure):
        sizes.append(len(structure))
        return crowded_pairs(structure)

    monkeypatch.setitem(heredity.__globals__, "crowded_pairs", counted)
    slot, rng = slot_of([HALITE, PERICLASE], SALTS, 60), np.random.default_rng(0)
    removed = 0
    for _ in range(20):
        sizes.clear()
        heredity(slot, rng)
        assert len(sizes) <= 2
        removed += len(sizes) == 2 and sizes[0] > sizes[1] + 1
    assert removed


def test_metals_mix_freely():
    cells = [
        Structure(Lattice.cubic(a), [s, "Al"], [[0, 0, 0], [0.5, 0.5, 0.5]])
        for s, a in (("Fe", 2.9), ("Ni", 2.88))
    ]
    formulas = {
        change.structure.composition.reduced_formula for change in draws(slot_of(cells, ("Al", "Fe", "Ni")))
    }
    assert len(formulas) > 5


def test_one_parent_or_the_same_one_twice_is_not_enough():
    assert draws(slot_of([HALITE], SALTS), 5) == []
    twice = slot_of([HALITE], SALTS)
    assert draws(twice.model_copy(update={"parents": twice.parents * 2}), 5) == []


def test_parents_over_the_limit_are_left():
    assert draws(slot_of([HALITE * (2, 2, 2), PERICLASE], SALTS, 12), 5) == []


@given(first=structures(), second=structures(), seed=st.integers(0, 10**6), asked=st.booleans())
def test_children_keep_limits_and_leave_their_parents_alone(first, second, seed, asked):
    formulas = (first.composition.reduced_formula,) if asked else ()
    slot = slot_of([first, second], tuple(sorted(ELEMENTS)), 8, formulas)
    before = [encode_structure(parent.structure) for parent in slot.parents]
    change, again = (heredity(slot, np.random.default_rng(seed)) for _ in range(2))
    assert [encode_structure(parent.structure) for parent in slot.parents] == before
    assert (change is None) == (again is None)
    if change is not None:
        assert encode_structure(change.structure) == encode_structure(again.structure)
        assert allows(slot.limits, change.structure.composition)
        assert shortest_contact_ratio(change.structure) >= 0.75 - 1e-6
