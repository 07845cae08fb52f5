"""What an operator is, what it hands back, and what most of them begin with."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from pymatgen.core import Structure

from matsearch.core.records import Parent
from matsearch.core.slots import Slot
from matsearch.crystal.scope import asks_for


class Change(NamedTuple):
    """What an operator made, and how, for the lineage.

    Attributes
    ----------
    structure : Structure
        The new crystal; shares nothing with its parents.
    details : dict
        What was done, JSON types.
    parents : tuple of Parent
        What it was made from, in the operator's order; empty where it began from nothing.
    """

    structure: Structure
    details: dict[str, str | int | float]
    parents: tuple[Parent, ...]


Operator = Callable[[Slot, np.random.Generator], Change | None]
"""One draw of a change for a slot; None where this draw has nothing to change."""


def draw_parent(pool: Sequence[Parent], rng: np.random.Generator) -> Parent:
    """Return one of the pool, all equally likely.

    Raises
    ------
    ValueError
        If the pool is empty.
    """
    return pool[int(rng.integers(len(pool)))]


def allowed_parents(slot: Slot) -> list[Parent]:
    """Return the parents whose own composition is within the limits: those that an operator may leave as it is."""
    return [parent for parent in slot.parents if asks_for(slot.limits, parent.structure.composition)]


def maybe_doubled(parent: Structure, max_atoms: int, rng: np.random.Generator) -> tuple[Structure, int]:
    """Return a copy of the parent or, half of the time where it fits, of its cell doubled along one axis.

    Returns
    -------
    Structure
        The copy.
    int
        How many of the parent's cells it holds, 1 or 2.
    """
    axis = int(rng.integers(3))
    child = parent.copy()
    if rng.random() < 0.5 or 2 * len(parent) > max_atoms:
        return child, 1
    scaling = [1, 1, 1]
    scaling[axis] = 2
    child.make_supercell(scaling)
    return child, 2
