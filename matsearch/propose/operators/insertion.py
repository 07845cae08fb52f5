"""Atoms put into the holes of a crystal, in amounts that keep its charges balanced."""

import numpy as np

from matsearch.core.slots import Slot
from matsearch.crystal.limits import usual_volume
from matsearch.propose.change import Change, draw_parent
from matsearch.propose.operators.cells import (
    MAX_EDIT,
    balanced_edits,
    counts_of,
    crowded_pairs,
    draw_edit,
    draw_elements,
    enlarged,
    fill_holes,
)

USUAL_ROOM = 0.9
"""Volume over the sum of the atoms' usual ones: known intercalation compounds (LiFePO4, LiCoO2) have about this."""


def insertion(slot: Slot, rng: np.random.Generator) -> Change | None:
    """Put up to six atoms of the search's elements into the widest holes of a parent or a supercell of it.

    The result is neutral by the elements' known oxidation states: Li goes into FePO4 since Fe can be divalent. Where
    there is no anion former, one atom is added. Fewer atoms are more likely. One hole is drawn for each atom among
    those at least 0.9 times as wide as the widest that is left (vertices of the Voronoi cells; widths by covalent
    radii). The cell grows where it would have less than 0.9 of the atoms' usual volumes.
    """
    parent = draw_parent(slot.parents, rng)
    copies = (slot.limits.max_atoms - 1) // len(parent.structure)
    if copies == 0:
        return None
    cell = enlarged(parent.structure, int(rng.integers(1, copies + 1)))
    most = min(MAX_EDIT, slot.limits.max_atoms - len(cell), len(cell))
    ranges = {symbol: range(most + 1) for symbol in draw_elements(slot.limits.elements, rng)}
    edits = balanced_edits(counts_of(cell), ranges, most, slot.limits)
    if not edits:
        return None
    edit = draw_edit(edits, rng)
    if not fill_holes(cell, rng.permutation(sorted(edit.elements())).tolist(), rng):
        return None
    cell.scale_lattice(max(cell.volume, USUAL_ROOM * usual_volume(site.specie.symbol for site in cell)))
    if crowded_pairs(cell).any():
        return None
    inserted = ", ".join(f"{n} {symbol}" for symbol, n in sorted(edit.items()))
    return Change(cell, {"inserted": inserted}, (parent,))
