"""Supercell with a sublattice edit: ordered alloys and cation orderings."""

from typing import NamedTuple

import numpy as np
from pymatgen.core import Composition, Structure

from matsearch.core.slots import Limits, Slot
from matsearch.crystal.scope import allows
from matsearch.propose.assignment import preference, similarity
from matsearch.propose.change import Change, draw_parent
from matsearch.propose.patterns import orbits, rescaled

MAX_INDEX = 4


class _Edit(NamedTuple):
    """Which sites of a sublattice (of so many) get which element, and how likely that is."""

    sites: np.ndarray
    of: int
    element: str
    weight: float


def supercell(slot: Slot, rng: np.random.Generator) -> Change | None:
    """Give part of one sublattice of a supercell another element of the search, and rescale the cell.

    The supercell holds two to four of a parent's cells, in any of the shapes that Hermite normal forms list (Hart and
    Forcade, Phys. Rev. B 77, 224115 (2008)). Sublattices are the crystallographic orbits of the parent; which atoms of
    one change is drawn evenly. Sublattice and element are drawn together: the new element's electronegativity should be
    near the old one's, and charges should balance.
    """
    pool = [parent for parent in slot.parents if 2 * len(parent.structure) <= slot.limits.max_atoms]
    if not pool:
        return None
    parent = draw_parent(pool, rng)
    index = int(rng.integers(2, min(MAX_INDEX, slot.limits.max_atoms // len(parent.structure)) + 1))
    cell = _reshaped(parent.structure, hermite_normal_form(index, rng))
    edits = [
        edit
        for sublattice in orbits(parent.structure)
        for edit in _edits(cell, sublattice, slot.limits, rng)
        if edit.weight > 0.0
    ]
    if not edits:
        return None
    weights = np.array([edit.weight for edit in edits])
    edit = edits[int(rng.choice(len(edits), p=weights / weights.sum()))]
    old = cell[int(edit.sites[0])].specie.symbol
    child = Structure(cell.lattice, _edited(cell, edit.sites, edit.element), cell.frac_coords)
    text = f"{old}->{edit.element} on {len(edit.sites)} of {edit.of} sites"
    return Change(rescaled(child, parent.structure), {"cells": index, "edit": text}, (parent,))


def hermite_normal_form(index: int, rng: np.random.Generator) -> np.ndarray:
    """Return a random lower triangular integer matrix of this determinant, shape (3, 3).

    Its rows are the axes of the supercell. All forms of an index are equally likely: each is another superlattice.
    """
    forms = [
        [[a, 0, 0], [d, b, 0], [e, f, index // (a * b)]]
        for a in range(1, index + 1)
        for b in range(1, index + 1)
        if index % (a * b) == 0
        for d in range(a)
        for e in range(a)
        for f in range(b)
    ]
    return np.array(forms[int(rng.integers(len(forms)))])


def _reshaped(parent: Structure, matrix: np.ndarray) -> Structure:
    """Return a supercell in short axes; each site's ``origin`` is its index in the parent."""
    cell = Structure(parent.lattice, parent.species, parent.frac_coords)
    cell.add_site_property("origin", list(range(len(parent))))
    cell.make_supercell(matrix)
    return cell.get_reduced_structure("LLL")


def _edits(cell: Structure, sublattice: np.ndarray, limits: Limits, rng: np.random.Generator) -> list[_Edit]:
    """Return the edits of one drawn part of a sublattice, one for each element."""
    sites = np.flatnonzero(np.isin(cell.site_properties["origin"], sublattice))
    part = rng.choice(sites, size=int(rng.integers(1, len(sites))), replace=False)
    return [_Edit(part, len(sites), new, _weight(cell, part, new, limits)) for new in limits.elements]


def _weight(cell: Structure, sites: np.ndarray, new: str, limits: Limits) -> float:
    old = cell[int(sites[0])].specie.symbol
    kinds, counts = np.unique(_edited(cell, sites, new), return_counts=True)
    composition = Composition(dict(zip(kinds.tolist(), counts.tolist(), strict=True)))
    if new == old or not allows(limits, composition):
        return 0.0
    return similarity(old, new) * preference(composition)


def _edited(cell: Structure, sites: np.ndarray, element: str) -> list[str]:
    changed = set(sites.tolist())
    return [element if i in changed else site.specie.symbol for i, site in enumerate(cell)]
