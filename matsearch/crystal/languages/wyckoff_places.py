"""From the orbits of a symmetry form to atoms: which of what was said fits together."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.language import MAX_READ_SITES, Unreadable
from matsearch.crystal.languages.operations import SAME_ATOM, Atoms, check_all_listed, different, distances
from matsearch.crystal.languages.space_groups import Setting
from matsearch.crystal.languages.wyckoff_text import Site
from matsearch.crystal.wyckoff_letters import centring, lettered_positions, nearest_on
from matsearch.crystal.wyckoff_positions import Group, Position, group_in_setting

MAX_MOVE = 0.1
"""Angstrom from the written coordinates to the Wyckoff position of the written letter."""

MAX_MOVE_UNLETTERED = 0.05
"""Angstrom to a special position where no letter is written: what three decimals are wrong by, and some."""

MENTIONED_MOVE = 0.01
"""Angstrom; what coordinates were rounded by is no repair."""


def place_sites(
    sites: Sequence[Site], setting: Setting, lattice: np.ndarray
) -> tuple[Atoms, tuple[str, ...]]:
    """Return the atoms of the primitive cell, and a line for all that was not believed.

    Parameters
    ----------
    lattice : numpy.ndarray
        Of the primitive cell, vectors in rows, angstrom, shape (3, 3).

    Raises
    ------
    Unreadable
        BAD_SYMMETRY if letter and coordinates of a site contradict each other; TOO_MANY_SITES; AMBIGUOUS for a list
        without letters of some but not all atoms of an orbit.
    """
    group = group_in_setting(setting.hall_number)
    symbols: list[str] = []
    coords = np.empty((0, 3))
    repairs: list[str] = []
    images = 0
    different = Counter(sites)
    for site, times in different.items():
        if times > 1:
            repairs.append(f"{site.words}: given {times} times, taken once")
        orbit, notes = _orbit_of(site, setting, group, lattice)
        repairs += notes
        own = coords[[symbol == site.symbol for symbol in symbols]]
        if len(own) and distances(own - orbit[0], lattice).min() < SAME_ATOM:
            images += 1
            continue
        symbols += [site.symbol] * len(orbit)
        coords = np.concatenate([coords, orbit])
        if len(symbols) > MAX_READ_SITES:
            detail = f"more than {MAX_READ_SITES} sites under {setting.symbol}"
            raise Unreadable(FailureKind.TOO_MANY_SITES, detail)
    if images:
        repairs.append(f"{images} listed atoms are images of others under {setting.symbol}")
    if images and not any(site.letter for site in sites):
        check_all_listed([site.symbol for site in different], symbols * centring(group), setting.symbol)
    return Atoms(symbols, coords), tuple(repairs)


def _orbit_of(
    site: Site, setting: Setting, group: Group, lattice: np.ndarray
) -> tuple[np.ndarray, list[str]]:
    positions = lettered_positions(setting.hall_number)
    if site.letter:
        name, position = _lettered(site, positions, setting)
        place, moved = _place(site, position, group, lattice)
    else:
        name, position, place, moved = _unlettered(site, positions, group, lattice)
    orbit = different(group.images(place), lattice)
    if moved > MAX_MOVE or len(orbit) != position.multiplicity:
        reason = f"{moved:.2f} angstrom from it" if moved > MAX_MOVE else "on a more special position"
        detail = (
            f"{site.words}: position {name} of {setting.symbol} is contradicted by its coordinates, {reason}"
        )
        raise Unreadable(FailureKind.BAD_SYMMETRY, detail)
    notes = [f"{site.words}: moved by {moved:.3f} angstrom onto {name}"] if moved > MENTIONED_MOVE else []
    atoms = position.multiplicity * centring(group)
    if site.multiplicity not in (None, atoms):
        notes.append(
            f"{site.words}: position {name} of {setting.symbol} has {atoms} atoms, not {site.multiplicity}"
        )
    return orbit, notes


def _lettered(site: Site, positions: dict[str, Position], setting: Setting) -> tuple[str, Position]:
    letter = site.letter if site.letter in positions else site.letter.lower()
    if letter not in positions:
        detail = f"{site.words}: {setting.symbol} has no position {letter}, only a to {list(positions)[-1]}"
        raise Unreadable(FailureKind.BAD_SYMMETRY, detail)
    return letter, positions[letter]


def _place(site: Site, position: Position, group: Group, lattice: np.ndarray) -> tuple[np.ndarray, float]:
    if not site.coords and position.freedom:
        raise Unreadable(
            FailureKind.BAD_NUMBERS, f"{site.words}: no coordinates of a position that leaves them free"
        )
    return (
        nearest_on(_primitive(site, group), position, group, lattice)
        if site.coords
        else (position.origin, 0.0)
    )


def _unlettered(
    site: Site, positions: dict[str, Position], group: Group, lattice: np.ndarray
) -> tuple[str, Position, np.ndarray, float]:
    """Return the most special position that the coordinates are on."""
    point = _primitive(site, group)
    for name, position in sorted(positions.items(), key=lambda item: (item[1].freedom, item[1].multiplicity)):
        place, moved = nearest_on(point, position, group, lattice)
        if moved <= MAX_MOVE_UNLETTERED:
            return name, position, place, moved
    raise AssertionError("every point is on the general position")


def _primitive(site: Site, group: Group) -> np.ndarray:
    return np.linalg.solve(group.basis.T, np.array(site.coords))
