"""Letters of Wyckoff positions, as the International Tables give them.

The tables' letters follow no rule that could be computed, so spglib is asked: a crystal with an atom of its own kind
on every position of a space group tells them all at once.
"""

from functools import lru_cache

import numpy as np

from matsearch.crystal.wyckoff_positions import (
    SHIFTS,
    Group,
    Position,
    group_in_setting,
    orbit,
    positions_in_setting,
)

_PROBE = np.array([0.1234, 0.2718, 0.4142])
"""A point without symmetry; its image on a position is that position's atom."""

_OTHERS = np.array([[0.3819, 0.0457, 0.2283], [0.0713, 0.3391, 0.1777], [0.2237, 0.1101, 0.0319]])
"""Atoms on general positions that leave the crystal no symmetry but the group's; spglib never ends where it has more."""

_PRECISION = 1e-4


@lru_cache(maxsize=530)
def lettered_positions(hall_number: int) -> dict[str, Position]:
    """Return the Wyckoff positions of a space group in one setting by their letters, ``a`` first.

    Parameters
    ----------
    hall_number : int
        Of the setting, 1 to 530.
    """
    import spglib

    group, positions = group_in_setting(hall_number), positions_in_setting(hall_number)
    lattice = _generic_lattice(group)
    points = [position.point(_PROBE) for position in positions]
    atoms = [orbit(point, group) for point in (*points, *_OTHERS)]
    kinds = np.repeat(np.arange(len(atoms)), [len(images) for images in atoms])
    cell = (lattice, np.concatenate(atoms), kinds + 1)
    found = spglib.get_symmetry_dataset(cell, symprec=_PRECISION, hall_number=hall_number)
    letters = np.array(found.wyckoffs)[np.searchsorted(kinds, np.arange(len(positions)))]
    # spglib's letters are those of the place to which it moved the crystal, in its conventional cell
    to_primitive = np.linalg.inv(group.basis.T)
    linear, shift = to_primitive @ found.transformation_matrix, to_primitive @ found.origin_shift
    moved = {
        str(letter): _moved(position, linear, shift)
        for letter, position in zip(letters, positions, strict=True)
    }
    return dict(sorted(moved.items(), key=lambda item: (item[0].isupper(), item[0])))


def centring(group: Group) -> int:
    """Return how many lattice points the conventional cell has."""
    return round(1.0 / abs(float(np.linalg.det(group.basis))))


def nearest_on(
    point: np.ndarray, position: Position, group: Group, lattice: np.ndarray
) -> tuple[np.ndarray, float]:
    """Return the place on a Wyckoff position, or an image of it, that is nearest to a point or an image of it.

    Parameters
    ----------
    point : numpy.ndarray
        In the primitive cell, shape (3,).
    lattice : numpy.ndarray
        Of the primitive cell, vectors in rows, angstrom, shape (3, 3).

    Returns
    -------
    tuple of numpy.ndarray and float
        Its coordinates in the primitive cell, and how far it is, in angstrom.
    """
    images = ((group.images(point) % 1.0)[:, None] + SHIFTS).reshape(-1, 3)
    places = position.origin + images @ position.projector.T
    apart = np.linalg.norm((places - images) @ lattice, axis=1)
    nearest = int(np.argmin(np.round(apart, 6)))  # equal ones: the first, on any machine
    return places[nearest], float(apart[nearest])


def _moved(position: Position, linear: np.ndarray, shift: np.ndarray) -> Position:
    """Return a position in coordinates x' = linear @ x + shift; of its points the origin is the one that projects to 0."""
    projector = linear @ position.projector @ np.linalg.inv(linear)
    origin = linear @ position.origin + shift
    return position._replace(origin=origin - projector @ origin, projector=projector)


def _generic_lattice(group: Group) -> np.ndarray:
    """Return a primitive cell that has the group's symmetry and no more, vectors in rows."""
    rows = np.linalg.inv(group.basis) @ np.array([[7.0, 0.3, 0.5], [0.7, 8.9, 1.1], [0.2, 1.7, 11.3]])
    rows = group.basis @ rows  # a cell without symmetry, seen from the primitive one
    metric = rows @ rows.T
    average = np.mean([turn.T @ metric @ turn for turn in group.rotations], axis=0)
    return np.asarray(np.linalg.cholesky(average))
