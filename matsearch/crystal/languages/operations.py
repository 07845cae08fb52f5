"""Symmetry operations as text, and what they make of listed atoms."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.labels import formula_of
from matsearch.crystal.languages.language import MAX_READ_SITES, Unreadable
from matsearch.crystal.languages.text import plain, shown

MAX_OPERATIONS = 192
"""No space group has more in its conventional cell."""

MAX_IMAGES = 50_000
"""Listed atoms times operations; more are refused before any work."""

SAME_ATOM = 0.1
"""Angstrom: images that are nearer are one atom, at their average. Text of two decimals puts atoms of special positions
this far off; no two atoms are this near."""

METRIC_GAP = 0.02
"""Relative change of a cell under an operation up to which it is a symmetry of the cell."""

_TRANSLATION_GRID = 24
_PART = r"(?:([xyz])|(\d{1,2})/(\d{1,2})|(\d?\.\d{1,10}|\d))"
_TERM = re.compile(rf"([+-]?){_PART}")
_COMPONENT = re.compile(rf"[+-]?{_PART}(?:[+-]{_PART}){{0,4}}")


class Operations(NamedTuple):
    """Symmetry operations x' = W x + w on fractional coordinates.

    Attributes
    ----------
    rotations, translations : numpy.ndarray
        W and w, shapes (n, 3, 3) and (n, 3).
    """

    rotations: np.ndarray
    translations: np.ndarray


class Atoms(NamedTuple):
    """Atoms of a cell: element symbols, and fractional coordinates of shape (n, 3)."""

    symbols: list[str]
    coords: np.ndarray


def parse_operations(texts: Sequence[str]) -> Operations:
    """Return the operations of texts such as ``x+1/2,-y,z``; repeated ones once. Nothing is evaluated.

    Raises
    ------
    Unreadable
        BAD_SYMMETRY if a text is no operation, or there are more than any space group has.
    """
    texts = list(dict.fromkeys(texts))
    if len(texts) > MAX_OPERATIONS:
        detail = f"{len(texts)} symmetry operations, more than the {MAX_OPERATIONS} of any space group"
        raise Unreadable(FailureKind.BAD_SYMMETRY, detail)
    parsed = [_operation(text) for text in texts]
    return Operations(np.array([p[0] for p in parsed]), np.array([p[1] for p in parsed]))


def setting_operations(hall_number: int) -> Operations:
    """Return the operations of one setting of a space group, in its conventional cell, from spglib's database."""
    import spglib

    found = spglib.get_symmetry_from_database(hall_number)
    return Operations(found["rotations"], found["translations"])


def metric_gap(operations: Operations, lattice: np.ndarray) -> float:
    """Return the largest relative change of the cell's metric under an operation; 0 if all are symmetries of it."""
    metric = lattice @ lattice.T
    lengths = np.sqrt(np.diag(metric))
    turned = operations.rotations.transpose(0, 2, 1) @ metric @ operations.rotations
    return float((np.abs(turned - metric) / np.outer(lengths, lengths)).max())


def expand(listed: Atoms, operations: Operations, lattice: np.ndarray) -> tuple[Atoms, int]:
    """Return all images of listed atoms.

    Images of an atom that nearly coincide become one at their average, which is the nearest special position. A listed
    atom that is an image of an earlier one of its element adds nothing.

    Parameters
    ----------
    lattice : numpy.ndarray
        Vectors in rows, angstrom, shape (3, 3).

    Returns
    -------
    tuple of Atoms and int
        The atoms of the cell, and how many of the listed ones added nothing.

    Raises
    ------
    Unreadable
        TOO_MANY_SITES, before the work is done.
    """
    n_images = len(listed.symbols) * len(operations.rotations)
    if len(listed.symbols) > MAX_READ_SITES or n_images > MAX_IMAGES:
        detail = f"{len(listed.symbols)} listed atoms under {len(operations.rotations)} symmetry operations"
        raise Unreadable(FailureKind.TOO_MANY_SITES, detail)
    symbols: list[str] = []
    coords, kinds = np.empty((n_images, 3)), np.empty(n_images, dtype=int)
    kind_of = {symbol: kind for kind, symbol in enumerate(dict.fromkeys(listed.symbols))}
    repeated = 0
    for symbol, point in zip(listed.symbols, listed.coords, strict=True):
        n, kind = len(symbols), kind_of[symbol]
        own = coords[:n][kinds[:n] == kind]
        if len(own) and distances(own - point, lattice).min() < SAME_ATOM:
            repeated += 1
            continue
        images = _orbit(point, operations, lattice)
        symbols += [symbol] * len(images)
        coords[n : len(symbols)], kinds[n : len(symbols)] = images, kind
    return Atoms(symbols, coords[: len(symbols)]), repeated


def check_all_listed(listed: Sequence[str], made: Sequence[str], group: str) -> None:
    """Refuse a list with several atoms of one orbit that is not all that its group makes of it.

    Whoever lists images of atoms lists all atoms: then the group is wrong. Or there is one too many.

    Parameters
    ----------
    listed, made : sequence of str
        Elements of the different listed atoms, and of those of the same cell after the symmetry was applied.

    Raises
    ------
    Unreadable
        AMBIGUOUS, with both.
    """
    if Counter(listed) != Counter(made):
        detail = (
            f"listed are {formula_of(listed)}, several of one orbit; {group} makes them {formula_of(made)}"
        )
        raise Unreadable(FailureKind.AMBIGUOUS, detail)


def _orbit(point: np.ndarray, operations: Operations, lattice: np.ndarray) -> np.ndarray:
    """Return the different images of a point, after it was moved to the special position that it nearly is on."""
    apart = operations.rotations @ point + operations.translations - point
    apart -= np.round(apart)
    fixing = np.linalg.norm(apart @ lattice, axis=1) < SAME_ATOM
    place = point + (apart[fixing].mean(axis=0) if fixing.any() else 0.0)
    images = operations.rotations @ place + operations.translations
    return different(images, lattice)


def different(images: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """Return those of fractional coordinates of shape (n, 3) that are different atoms, within the cell."""
    same = distances(images[:, None] - images[None], lattice) < SAME_ATOM
    return np.asarray(images[same.argmax(axis=1) == np.arange(len(images))] % 1.0)


def distances(apart: np.ndarray, lattice: np.ndarray) -> np.ndarray:
    """Return the lengths (angstrom) of fractional vectors of shape (..., 3), each to its nearest periodic image."""
    return np.asarray(np.linalg.norm((apart - np.round(apart)) @ lattice, axis=-1))


def _operation(text: str) -> tuple[np.ndarray, np.ndarray]:
    components = re.sub(r"[\s\"'*]", "", plain(text[:100]).lower()).split(",")
    if len(text) > 100 or len(components) != 3 or not all(map(_COMPONENT.fullmatch, components)):
        raise Unreadable(FailureKind.BAD_SYMMETRY, f"{shown(text)} is no symmetry operation")
    rotation, translation = np.zeros((3, 3)), np.zeros(3)
    for row, component in enumerate(components):
        for sign, axis, numerator, denominator, decimal in _TERM.findall(component):
            factor = -1.0 if sign == "-" else 1.0
            if axis:
                rotation[row, "xyz".index(axis)] += factor
            else:
                translation[row] += factor * _fraction(numerator, denominator, decimal)
    if abs(abs(np.linalg.det(rotation)) - 1.0) > 1e-6 or not np.isfinite(translation).all():
        raise Unreadable(FailureKind.BAD_SYMMETRY, f"{shown(text)} is no symmetry operation of a crystal")
    return rotation, translation


def _fraction(numerator: str, denominator: str, decimal: str) -> float:
    """Return a translation, on the grid of those that occur where it was rounded."""
    if numerator:
        return int(numerator) / int(denominator) if int(denominator) else float("inf")
    value = float(decimal)
    on_grid = round(value * _TRANSLATION_GRID) / _TRANSLATION_GRID
    return on_grid if abs(value - on_grid) < 0.005 else value
