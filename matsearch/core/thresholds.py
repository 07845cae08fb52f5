"""Numbers that name things: what is metastable, what is not believed. One place for screening and metrics."""

from collections.abc import Iterable

METASTABLE = 0.1
"""eV/atom above the hull, exclusive (MatLLMSearch, arXiv:2502.20933)."""

NEAR_STABLE = 0.03
"""eV/atom above the hull, exclusive."""

TOO_GOOD = -0.1
"""eV/atom: further below the hull a potential's hole is likelier than a discovery."""

TOO_GOOD_FLAG = "too_good_to_be_true"

UNKNOWN_ELEMENT_FLAG = "outside_potential_elements"

FAR_GEOMETRY_FLAG = "far_from_known_geometry"

DISAGREEMENT = 0.1
"""eV/atom, exclusive, between the energies above hull that several potentials give one crystal: more is not believed."""

DISAGREEMENT_FLAG = "potentials_disagree"

REFUTED_FLAG = "refuted_by_dft"

NO_REWARD_FLAGS = (FAR_GEOMETRY_FLAG, UNKNOWN_ELEMENT_FLAG, DISAGREEMENT_FLAG, TOO_GOOD_FLAG, REFUTED_FLAG)
"""A crystal with one of these has no offspring and counts in no hit rate until it is checked, or ever once DFT refuted it."""

# Known geometry: limits fixed on one half of 7,000 known crystals and tested on the other, by
# scripts/measure_known_geometry.py; docs/decisions/0010-plausibility.md has the rates.

LEAST_CONTACT = 0.6
"""Two atoms closer than this many sums of their covalent radii overlap."""

MOST_CONTACT = 1.5
"""An atom whose nearest neighbour is further than this many sums of covalent radii is alone."""

LEAST_ROOM = 0.6
"""A cell under this share of its atoms' usual volumes is crushed."""

MOST_ROOM = 3.0
"""A cell over this many times its atoms' usual volumes is mostly vacuum."""

LOOSE_ROOM = 1.7
"""Open frameworks and molecular crystals have as much room, but with bonds of normal length (``LOOSE_CONTACT``)."""

LOOSE_CONTACT = 1.2
"""In sums of covalent radii: with more than ``LOOSE_ROOM``, an atom so far from its nearest one came loose."""

LOWEST_FORMATION = -5.5
"""eV/atom: no compound is bound so strongly (the fluorides of Sc, Y and the lanthanides reach -4.6)."""

HIGHEST_FORMATION = 5.0
"""eV/atom: calculations above it have gone astray; they lie far from any hull."""

ENERGY_MATCH = 0.02
"""eV/atom within which the same formula counts as ``composition_and_energy_match``."""


def earns_no_reward(flags: Iterable[str]) -> bool:
    """Return whether any of a candidate's flags keeps it from offspring and hit rates."""
    return not set(NO_REWARD_FLAGS).isdisjoint(flags)
