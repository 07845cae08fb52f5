"""What the operators that take atoms out or put atoms in are tested with."""

import numpy as np

from matsearch.core.records import Parent
from matsearch.core.slots import Limits, Slot
from matsearch.core.structures import encode_structure
from matsearch.crystal.balance import charge_balance
from matsearch.crystal.scope import allows


def slot_of(structure, elements, max_atoms, formulas=()):
    """A slot with one parent."""
    limits = Limits(elements=elements, max_atoms=max_atoms, formulas=formulas)
    parents = (Parent(parent_id="p", structure=structure, roots=("p",)),)
    return Slot(campaign_id="c", generation=0, slot=0, seed=0, parents=parents, limits=limits)


def changes_of(operator, slot, n=40):
    """What comes of so many draws."""
    rng = np.random.default_rng(0)
    return [change for change in (operator(slot, rng) for _ in range(n)) if change]


def sound_change(operator, slot, seed):
    """Return what an operator makes: twice the same, neutral, within the limits, the parent as it was; or None."""
    before = encode_structure(slot.parents[0].structure)
    change, again = (operator(slot, np.random.default_rng(seed)) for _ in range(2))
    assert encode_structure(slot.parents[0].structure) == before
    assert (change is None) == (again is None)
    if change is not None:
        assert encode_structure(change.structure) == encode_structure(again.structure)
        assert allows(slot.limits, change.structure.composition)
        assert charge_balance(change.structure.composition) != "no"
        assert change.parents == slot.parents
    return change
