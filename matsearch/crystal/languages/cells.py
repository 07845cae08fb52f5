"""From numbers to a crystal: the caps on cells, sites and coordinates."""

from collections.abc import Sequence

import numpy as np
from pymatgen.core import Lattice, Structure

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.language import MAX_LENGTH, MAX_READ_SITES, Unreadable

MIN_SPACING = 0.3
"""Angstrom between neighbouring lattice planes; no crystal repeats within less, and neighbour lists would explode."""

MAX_FRACTIONAL = 2.0
"""Of a fractional coordinate as written; larger ones are angstrom that were called fractional."""


def cell_of(parameters: Sequence[float]) -> Lattice:
    """Return the lattice of three lengths (angstrom) and three angles (degrees).

    Raises
    ------
    Unreadable
        BAD_LATTICE if no cell has these lengths and angles.
    """
    lengths, angles = parameters[:3], parameters[3:]
    values = ", ".join(f"{number:g}" for number in parameters)
    if len(parameters) != 6:
        raise Unreadable(FailureKind.BAD_LATTICE, f"a cell has six numbers, not {len(parameters)}: {values}")
    if not all(0 < length <= MAX_LENGTH for length in lengths) or not all(
        0 < angle < 180 for angle in angles
    ):
        raise Unreadable(FailureKind.BAD_LATTICE, f"lengths or angles out of range: {values}")
    cosines = np.cos(np.radians(angles))
    if 1 + 2 * cosines.prod() - (cosines**2).sum() <= 0:
        raise Unreadable(FailureKind.BAD_LATTICE, f"no cell has these angles: {values}")
    return Lattice.from_parameters(*parameters)


def check_fractional(coords: Sequence[Sequence[float]]) -> None:
    """Refuse fractional coordinates that can only be meant as angstrom.

    Raises
    ------
    Unreadable
        BAD_NUMBERS, naming the largest.
    """
    largest = max((number for row in coords for number in row), key=abs, default=0.0)
    if abs(largest) > MAX_FRACTIONAL:
        detail = f"fractional coordinate {largest:g}: written in angstrom?"
        raise Unreadable(FailureKind.BAD_NUMBERS, detail)


def check_lattice(matrix: np.ndarray) -> None:
    """Refuse lattice vectors (rows, angstrom, shape (3, 3)) that are too long or span no cell.

    Raises
    ------
    Unreadable
        BAD_LATTICE, with the values.
    """
    longest = float(np.linalg.norm(matrix, axis=1).max())
    if longest > MAX_LENGTH:
        detail = f"lattice vector of {longest:g} angstrom, longer than {MAX_LENGTH:g}"
        raise Unreadable(FailureKind.BAD_LATTICE, detail)
    volume = abs(float(np.linalg.det(matrix)))
    faces = [float(np.linalg.norm(np.cross(matrix[i - 2], matrix[i - 1]))) for i in range(3)]
    if volume < MIN_SPACING * max(faces) or volume == 0:
        detail = (
            f"flat cell: {volume:.3g} cubic angstrom, lattice planes less than {MIN_SPACING} angstrom apart"
        )
        raise Unreadable(FailureKind.BAD_LATTICE, detail)


def checked(
    lattice: Lattice | Sequence[Sequence[float]] | np.ndarray,
    symbols: Sequence[str],
    coords: Sequence[Sequence[float]] | np.ndarray,
) -> Structure:
    """Return the crystal if it is within the caps; sites stay where and in the order they are.

    Parameters
    ----------
    lattice : Lattice or array-like
        Vectors in rows, angstrom, shape (3, 3); a left-handed lattice is as good as any.
    symbols : sequence of str
        Element symbols, length n.
    coords : array-like
        Fractional coordinates, shape (n, 3).

    Raises
    ------
    Unreadable
        NO_CRYSTAL without sites, TOO_MANY_SITES, BAD_NUMBERS or BAD_LATTICE, with the values.
    """
    _check_sites(symbols, coords)
    matrix = np.array(lattice.matrix if isinstance(lattice, Lattice) else lattice, dtype=float)
    positions = np.array(coords, dtype=float)
    if not (np.isfinite(matrix).all() and np.isfinite(positions).all()):
        raise Unreadable(FailureKind.BAD_NUMBERS, "lattice or coordinates are not finite")
    check_lattice(matrix)
    return Structure(Lattice(matrix), list(symbols), positions)


def _check_sites(symbols: Sequence[str], coords: Sequence[Sequence[float]] | np.ndarray) -> None:
    if len(symbols) == 0:
        raise Unreadable(FailureKind.NO_CRYSTAL, "no sites")
    if len(symbols) > MAX_READ_SITES:
        detail = f"{len(symbols)} sites, more than {MAX_READ_SITES}"
        raise Unreadable(FailureKind.TOO_MANY_SITES, detail)
    if len(symbols) != len(coords):
        detail = f"{len(symbols)} elements but {len(coords)} positions"
        raise Unreadable(FailureKind.WRONG_COUNTS, detail)
