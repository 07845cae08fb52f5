"""Borrowing a known crystal's pattern: which one, its sublattices, its size with other elements."""

from collections.abc import Sequence
from functools import lru_cache
from operator import is_

import numpy as np
from pymatgen.core import Composition, Structure

from matsearch.core.records import Parent
from matsearch.core.slots import Limits, Slot
from matsearch.crystal.limits import volume_ratio
from matsearch.crystal.scope import spacegroup_fault
from matsearch.crystal.symmetry import PRECISION
from matsearch.propose.change import draw_parent

TEMPLATE_SHARE = 0.5
"""Of the draws of a pattern, where a slot has both parents and templates."""


def draw_pattern(slot: Slot, rng: np.random.Generator) -> Parent | None:
    """Return a parent or a template whose pattern may be borrowed; None where none fits.

    Where the slot asks for formulas, only crystals with the stoichiometry of one of them fit; where it asks for space
    groups, only crystals that have one of them. Otherwise patterns of pure elements are left out of a search of
    several, unless there are no others.
    """
    parents, templates = (_fitting(_Pool(pool), slot.limits) for pool in (slot.parents, slot.templates))
    if templates and (not parents or rng.random() < TEMPLATE_SHARE):
        return draw_parent(templates, rng)
    return draw_parent(parents, rng) if parents else None


def orbits(structure: Structure) -> list[np.ndarray]:
    """Return the indices of the sites of each crystallographic orbit, as spglib finds them.

    Each site is an orbit of its own where spglib finds no symmetry at all.
    """
    symbols = [site.specie.symbol for site in structure]
    kinds = sorted(set(symbols))
    members = np.array(
        _orbit_of_each(
            tuple(map(tuple, structure.lattice.matrix.tolist())),
            tuple(map(tuple, structure.frac_coords.tolist())),
            tuple(kinds.index(symbol) for symbol in symbols),
        )
    )
    return [np.flatnonzero(members == first) for first in np.unique(members)]


def rescaled(child: Structure, parent: Structure) -> Structure:
    """Return a copy of the child with the volume that its elements ask for.

    The atoms' usual volumes (``crystal.limits.atomic_volume``) times the square root of the parent's own volume over
    the same sum for the parent: half of what makes the parent's pattern denser or more open than usual is kept. Between
    isotypic crystals of the Materials Project this is off by 7 percent on average (``docs/operators.md``).
    """
    scaled = child.copy()
    scaled.scale_lattice(child.volume / volume_ratio(child) * np.sqrt(volume_ratio(parent)))
    return scaled


class _Pool:
    """Crystals, the same as others where each is the same object: ids may be given anew in another campaign."""

    def __init__(self, members: Sequence[Parent]) -> None:
        self.members = members

    def __hash__(self) -> int:
        return hash(tuple(map(id, self.members)))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Pool)
            and len(self.members) == len(other.members)
            and all(map(is_, self.members, other.members))
        )


# a thousand templates take 50 ms, and a slot draws dozens of times
@lru_cache(maxsize=8)
def _fitting(pool: _Pool, limits: Limits) -> list[Parent]:
    small = [
        known
        for known in pool.members
        if len(known.structure) <= limits.max_atoms and spacegroup_fault(known.structure, limits) is None
    ]
    if limits.formulas:
        asked = {Composition(formula).anonymized_formula for formula in limits.formulas}
        return [known for known in small if known.structure.composition.anonymized_formula in asked]
    compounds = [known for known in small if len(known.structure.composition.elements) > 1]
    return compounds if compounds and len(limits.elements) > 1 else small


# the same few parents are drawn again and again within a generation
@lru_cache(maxsize=512)
def _orbit_of_each(
    lattice: tuple[tuple[float, ...], ...], coords: tuple[tuple[float, ...], ...], numbers: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the index of the first site of each site's orbit."""
    import spglib

    found = spglib.get_symmetry_dataset((lattice, coords, numbers), symprec=PRECISION)
    return tuple(range(len(numbers)) if found is None else map(int, found.crystallographic_orbits))
