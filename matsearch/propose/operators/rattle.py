"""Rattle: the atoms are displaced, the cell stays."""

import numpy as np
from pymatgen.core import Structure

from matsearch.core.slots import Slot
from matsearch.core.thresholds import LEAST_CONTACT
from matsearch.crystal.limits import shortest_contact_ratio
from matsearch.propose.change import Change, allowed_parents, draw_parent, maybe_doubled

MIN_DISPLACEMENT = 0.1
MAX_DISPLACEMENT = 0.4
REDRAWS = 10


def rattle(slot: Slot, rng: np.random.Generator) -> Change | None:
    """Displace every atom at random, in a cell of a parent or a doubled one.

    Displacements are normal, their root mean square length between 0.1 and 0.4 angstrom. Two atoms closer than 0.6
    of the sum of their covalent radii are drawn again, all atoms with them; after ten draws nothing comes of it.
    """
    pool = allowed_parents(slot)
    if not pool:
        return None
    parent = draw_parent(pool, rng)
    cell, doubled = maybe_doubled(parent.structure, slot.limits.max_atoms, rng)
    displacement = float(rng.uniform(MIN_DISPLACEMENT, MAX_DISPLACEMENT))
    for _ in range(REDRAWS):
        cartesian = cell.cart_coords + rng.normal(0.0, displacement / np.sqrt(3.0), (len(cell), 3))
        child = Structure(cell.lattice, cell.species, cartesian, coords_are_cartesian=True)
        if shortest_contact_ratio(child) >= LEAST_CONTACT:
            return Change(child, {"rattle": round(displacement, 4), "doubled": doubled}, (parent,))
    return None
