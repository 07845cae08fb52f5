"""Prototype decoration: a known pattern of sites, filled anew with the elements of the search."""

from itertools import groupby

import numpy as np
from pymatgen.core import Structure

from matsearch.core.slots import Slot
from matsearch.crystal.limits import electronegativity
from matsearch.propose.assignment import draw_assignment
from matsearch.propose.change import Change
from matsearch.propose.patterns import draw_pattern, orbits, rescaled

ORDER_WIDTH = 0.35
"""Of a place in the order of electronegativities, from 0 (the most electropositive) to 1."""


def decoration(slot: Slot, rng: np.random.Generator) -> Change | None:
    """Put elements of the search on the crystallographic orbits of a parent or template, and rescale the cell.

    Each orbit is a sublattice of its own, so elements that one of the parent's shared may part (an inverse or ordered
    spinel) and others may join. The order of electronegativities is preferred, so that the anion's sublattice keeps
    an anion, and so are charges that balance.
    """
    parent = draw_pattern(slot, rng)
    if parent is None:
        return None
    sublattices = orbits(parent.structure)
    occupants = [parent.structure[int(sites[0])].specie.symbol for sites in sublattices]
    weights = _order_weights(occupants, slot.limits.elements)
    counts = [len(sites) for sites in sublattices]
    chosen = draw_assignment(weights, counts, slot.limits, rng, min(2, len(set(occupants))))
    if chosen is None or list(chosen) == occupants:
        return None
    symbols = np.empty(len(parent.structure), dtype=object)
    for sites, symbol in zip(sublattices, chosen, strict=True):
        symbols[sites] = symbol
    child = Structure(parent.structure.lattice, symbols.tolist(), parent.structure.frac_coords)
    return Change(rescaled(child, parent.structure), {"orbits": _summary(counts, chosen)}, (parent,))


def _order_weights(occupants: list[str], elements: tuple[str, ...]) -> np.ndarray:
    """Return a weight for each element on each sublattice, shape (n_sublattices, n_elements)."""
    old, new = _places(tuple(sorted(set(occupants)))), _places(elements)
    return np.array([[np.exp(-abs(old[a] - new[b]) / ORDER_WIDTH) for b in elements] for a in occupants])


def _places(elements: tuple[str, ...]) -> dict[str, float]:
    """Return each element's place in the order of electronegativities, 0 to 1; 0.5 for one alone."""
    ordered = sorted(elements, key=lambda symbol: (electronegativity(symbol), symbol))
    if len(ordered) == 1:
        return {ordered[0]: 0.5}
    return {symbol: i / (len(ordered) - 1) for i, symbol in enumerate(ordered)}


def _summary(counts: list[int], chosen: tuple[str, ...]) -> str:
    """Return atoms and element of each orbit in words, equal neighbours counted: ``4 Li, 2 x 4 O``."""
    parts = [
        (count, symbol, len(list(same)))
        for (count, symbol), same in groupby(zip(counts, chosen, strict=True))
    ]
    return ", ".join(
        f"{n} x {count} {symbol}" if n > 1 else f"{count} {symbol}" for count, symbol, n in parts
    )
