"""Permutation: atoms of different elements change places."""

import numpy as np
from pymatgen.core import Structure

from matsearch.core.slots import Slot
from matsearch.propose.change import Change, allowed_parents, draw_parent, maybe_doubled


def permutation(slot: Slot, rng: np.random.Generator) -> Change | None:
    """Swap the elements of one or more pairs of sites, in a cell of a parent or a doubled one."""
    pool = [parent for parent in allowed_parents(slot) if len(parent.structure.composition.elements) > 1]
    if not pool:
        return None
    parent = draw_parent(pool, rng)
    cell, doubled = maybe_doubled(parent.structure, slot.limits.max_atoms, rng)
    symbols = np.array([site.specie.symbol for site in cell])
    swaps = int(rng.integers(1, max(2, len(cell) // 3 + 1)))
    for _ in range(swaps):
        i = int(rng.integers(len(symbols)))
        j = int(rng.choice(np.flatnonzero(symbols != symbols[i])))
        symbols[[i, j]] = symbols[[j, i]]
    child = Structure(cell.lattice, symbols.tolist(), cell.frac_coords)
    return Change(child, {"swaps": swaps, "doubled": doubled}, (parent,))
