"""What is not to be believed of a relaxed crystal, before anyone builds on it or counts it."""

from dataclasses import dataclass

from pymatgen.core import Structure

from matsearch.core.thresholds import (
    FAR_GEOMETRY_FLAG,
    LEAST_CONTACT,
    LEAST_ROOM,
    LOOSE_CONTACT,
    LOOSE_ROOM,
    MOST_CONTACT,
    MOST_ROOM,
    TOO_GOOD,
    TOO_GOOD_FLAG,
    UNKNOWN_ELEMENT_FLAG,
)
from matsearch.crystal.limits import nearest_contact_ratios, volume_ratio


@dataclass(frozen=True)
class Geometry:
    """How close and how far the atoms of a crystal are.

    Attributes
    ----------
    shortest, loneliest : float
        Distance to the nearest neighbour over the sum of the two covalent radii: of the most crowded and of the
        loneliest atom. Infinity where no atom is within reach.
    room : float
        Volume over the sum of the atoms' usual volumes.
    """

    shortest: float
    loneliest: float
    room: float


def implausible(
    structure: Structure, energy_above_hull: float, elements: frozenset[str] | None
) -> tuple[str, ...]:
    """Return the flags of what is not believed until it is checked, sorted; empty for a crystal like others.

    Parameters
    ----------
    structure : Structure
        As relaxed, ordered.
    energy_above_hull : float
        In eV/atom, negative below the hull.
    elements : frozenset of str or None
        Those that the potential was made for; None is any.
    """
    symbols = {element.symbol for element in structure.composition.elements}
    found = {
        TOO_GOOD_FLAG: energy_above_hull < TOO_GOOD,
        UNKNOWN_ELEMENT_FLAG: elements is not None and not symbols <= elements,
        FAR_GEOMETRY_FLAG: is_far_from_known(structure),
    }
    return tuple(sorted(flag for flag, is_so in found.items() if is_so))


def is_far_from_known(structure: Structure) -> bool:
    """Return whether a crystal is crushed, overlapping, mostly vacuum, come loose, or has an atom all alone."""
    room = volume_ratio(structure)
    if not LEAST_ROOM <= room <= MOST_ROOM:
        return True  # a crushed cell would have a neighbour list without end
    return is_unlike_known(_with_contacts(structure, room))


def is_unlike_known(geometry: Geometry) -> bool:
    """Return whether a geometry lies outside the limits that known crystals keep (``core.thresholds``)."""
    crushed = geometry.room < LEAST_ROOM or geometry.shortest < LEAST_CONTACT
    empty = geometry.room > MOST_ROOM or geometry.loneliest > MOST_CONTACT
    loose = geometry.room > LOOSE_ROOM and geometry.loneliest > LOOSE_CONTACT
    return crushed or empty or loose


def measure_geometry(structure: Structure) -> Geometry:
    """Return the geometry that the limits are about."""
    return _with_contacts(structure, volume_ratio(structure))


def _with_contacts(structure: Structure, room: float) -> Geometry:
    contacts = nearest_contact_ratios(structure, MOST_CONTACT)
    return Geometry(shortest=float(contacts.min()), loneliest=float(contacts.max()), room=room)
