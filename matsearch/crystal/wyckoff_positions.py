"""Wyckoff positions of the 230 space groups, worked out from their operations.

A position is a point, line, plane or all of space whose points have one site symmetry. Each is what an operation
leaves fixed inside a larger one, so intersecting downwards from the general position finds them all, without
tables (International Tables for Crystallography, volume A, chapter 1.4). Everything is in a primitive cell.
"""

from functools import cache, lru_cache
from itertools import combinations, product
from typing import NamedTuple

import numpy as np

SAME = 1e-6
SHIFTS = np.array(list(product((-2, -1, 0, 1, 2), repeat=3)), dtype=float)
"""Lattice vectors to the cells around, shape (125, 3)."""

_NEAR_SHIFTS = SHIFTS[(np.abs(SHIFTS) <= 1).all(axis=1)]
_GENERIC = np.array([0.3719, 0.1357, 0.7283])
"""A point with no symmetry but the one it is projected onto."""


class Group(NamedTuple):
    """A space group in a primitive cell.

    Attributes
    ----------
    basis : numpy.ndarray
        Rows: the primitive cell in vectors of the conventional one, shape (3, 3).
    rotations, translations : numpy.ndarray
        One operation a rotation part, x' = W x + w, shapes (n, 3, 3) and (n, 3).
    """

    number: int
    basis: np.ndarray
    rotations: np.ndarray
    translations: np.ndarray

    def images(self, point: np.ndarray) -> np.ndarray:
        """Return a point's images under all operations, shape (n, 3), not brought into the cell."""
        return np.asarray(self.rotations @ point + self.translations)


class Position(NamedTuple):
    """A Wyckoff position: the points ``origin + projector @ x`` for any x.

    Attributes
    ----------
    multiplicity : int
        Atoms in the primitive cell.
    freedom : int
        Free coordinates, 0 to 3.
    origin, projector : numpy.ndarray
        Shapes (3,) and (3, 3).
    """

    multiplicity: int
    freedom: int
    origin: np.ndarray
    projector: np.ndarray

    def point(self, x: np.ndarray) -> np.ndarray:
        """Return the point of this position that belongs to a point of space, shape (3,)."""
        return np.asarray(self.origin + self.projector @ x)


def space_group(number: int) -> Group:
    """Return the operations of a space group, 1 to 230, in its first standard setting, from spglib's database."""
    return group_in_setting(first_setting(number))


def wyckoff_positions(number: int) -> tuple[Position, ...]:
    """Return the Wyckoff positions of a space group, the general one first."""
    return positions_in_setting(first_setting(number))


def first_setting(number: int) -> int:
    """Return the first of a space group's settings: its Hall number, 1 to 530."""
    return _hall_numbers()[number]


@lru_cache(maxsize=530)
def group_in_setting(hall_number: int) -> Group:
    """Return the operations of a space group in any of its settings."""
    import spglib

    operations = spglib.get_symmetry_from_database(hall_number)
    rotations, translations = operations["rotations"], operations["translations"]
    basis = _primitive_basis(translations[(rotations == np.eye(3)).all(axis=(1, 2))])
    _, firsts = np.unique(rotations.reshape(-1, 9), axis=0, return_index=True)
    # columns of the transposed basis are the new axes: x_conventional = basis.T @ x_primitive
    to_primitive = np.linalg.inv(basis.T)
    return Group(
        spglib.get_spacegroup_type(hall_number).number,
        basis,
        np.round(to_primitive @ rotations[firsts] @ basis.T),
        translations[firsts] @ to_primitive.T,
    )


@lru_cache(maxsize=530)
def positions_in_setting(hall_number: int) -> tuple[Position, ...]:
    """Return the Wyckoff positions of a space group in any of its settings, the general one first."""
    group = group_in_setting(hall_number)
    general = Position(len(group.rotations), 3, np.zeros(3), np.eye(3))
    found = [general]
    for position in found:
        for narrower in _inside(position, group):
            if not any(_equivalent(narrower, other, group) for other in found):
                found.append(narrower)
    return tuple(found)


def orbit(point: np.ndarray, group: Group) -> np.ndarray:
    """Return the different images of a point in the cell, shape (n, 3)."""
    images = group.images(point)
    apart = images[:, None] - images[None]
    same = (np.abs(apart - np.round(apart)) < SAME).all(axis=2)
    firsts = same.argmax(axis=1) == np.arange(len(images))
    return np.asarray(images[firsts] % 1.0)


def _inside(position: Position, group: Group) -> list[Position]:
    """Return the positions that operations leave fixed inside one, each at least once."""
    if position.freedom == 0:
        return []
    moves = np.eye(3) - group.rotations
    # rounded, for what should vanish must not be inverted
    along = np.round(moves @ position.projector, 9)
    inverse = np.linalg.pinv(along, rcond=SAME)
    wanted = group.translations[:, None] + SHIFTS - (moves @ position.origin)[:, None]
    steps = wanted @ inverse.transpose(0, 2, 1)
    solved = (np.abs(steps @ along.transpose(0, 2, 1) - wanted) < SAME).all(axis=2)
    solved &= along.any(axis=(1, 2))[:, None]
    rests = (np.eye(3) - inverse @ along) @ _GENERIC
    points = position.origin + (steps + rests[:, None])[solved] @ position.projector.T
    _, firsts = np.unique(np.round(points % 1.0, 4) % 1.0, axis=0, return_index=True)
    return [_around(points[i], group) for i in firsts]


def _around(point: np.ndarray, group: Group) -> Position:
    """Return the position of a point: the average of the operations that leave it fixed projects onto it."""
    apart = group.images(point) - point
    shifts = np.round(apart)
    fixing = (np.abs(apart - shifts) < SAME).all(axis=1)
    projector = group.rotations[fixing].mean(axis=0)
    origin = (group.translations[fixing] - shifts[fixing]).mean(axis=0) % 1.0
    freedom = round(float(np.trace(projector)))
    return Position(len(group.rotations) // int(fixing.sum()), freedom, origin, projector)


def _equivalent(first: Position, second: Position, group: Group) -> bool:
    """Return whether an operation takes one position onto the other."""
    if (first.multiplicity, first.freedom) != (second.multiplicity, second.freedom):
        return False
    images = group.images(first.point(_GENERIC)) % 1.0
    apart = images[:, None] + _NEAR_SHIFTS - second.origin
    return bool((np.abs(apart @ second.projector.T - apart) < SAME).all(axis=2).any())


@cache
def _hall_numbers() -> dict[int, int]:
    import spglib

    numbers: dict[int, int] = {}
    for hall_number in range(1, 531):
        numbers.setdefault(spglib.get_spacegroup_type(hall_number).number, hall_number)
    return numbers


def _primitive_basis(centring: np.ndarray) -> np.ndarray:
    """Return rows that span the lattice of the centring translations, right-handed."""
    for rows in combinations([*centring, *np.eye(3)], 3):
        basis = np.array(rows)
        volume = float(np.linalg.det(basis))
        if abs(abs(volume) * len(centring) - 1.0) < SAME:
            return basis if volume > 0 else basis[::-1]
    raise AssertionError("a centred lattice without a primitive cell")
