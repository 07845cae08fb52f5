"""Atoms taken out of a crystal, in amounts that keep its charges balanced."""

import numpy as np

from matsearch.core.slots import Slot
from matsearch.propose.change import Change, draw_parent
from matsearch.propose.operators.cells import (
    MAX_EDIT,
    balanced_edits,
    counts_of,
    draw_edit,
    draw_elements,
    enlarged,
)

LARGEST_SHARE = 3
"""At most one atom in so many is taken."""


def vacancy(slot: Slot, rng: np.random.Generator) -> Change | None:
    """Remove atoms from a parent or a supercell of it, at most a third and at most six.

    What remains is neutral by the elements' known oxidation states: a cation goes with its share of anions, or a
    multivalent element makes up for it (LiFePO4 to FePO4). Where no anion former remains, one atom goes. Fewer
    atoms are more likely; which of an element's go is drawn.
    """
    parent = draw_parent(slot.parents, rng)
    copies = slot.limits.max_atoms // len(parent.structure)
    if copies == 0:
        return None
    cell = enlarged(parent.structure, int(rng.integers(1, copies + 1)))
    counts = counts_of(cell)
    most = min(MAX_EDIT, len(cell) // LARGEST_SHARE)
    ranges = {symbol: range(-min(counts[symbol], most), 1) for symbol in draw_elements(counts, rng)}
    edits = balanced_edits(counts, ranges, most, slot.limits)
    if not edits:
        return None
    edit = draw_edit(edits, rng)
    symbols = np.array([site.specie.symbol for site in cell])
    chosen = [rng.choice(np.flatnonzero(symbols == s), -n, replace=False) for s, n in sorted(edit.items())]
    cell.remove_sites(np.concatenate(chosen).tolist())
    removed = ", ".join(f"{-n} {symbol}" for symbol, n in sorted(edit.items()))
    return Change(cell, {"removed": removed, "of": int(sum(counts.values()))}, (parent,))
