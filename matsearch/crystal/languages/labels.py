"""What all structure languages share: element labels, numbers and the caps on a cell."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from pymatgen.core import Element, Lattice, Structure

from matsearch.core.text import one_line
from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.language import (
    MAX_LENGTH,
    MAX_READ_SITES,
    MAX_TEXT_BYTES,
    Unreadable,
)

MIN_SPACING = 0.3
"""Angstrom between neighbouring lattice planes; no crystal repeats within less, and neighbour lists would explode."""

MAX_FRACTIONAL = 2.0
"""Of a fractional coordinate as written; larger ones are angstrom that were called fractional."""

_LARGEST = 1e9
"""Of any number; products of three stay finite."""

_MAX_TOKEN = 40
_MAX_SHOWN = 60
_MAX_NOTES = 4

_PLAIN = str.maketrans(
    "\u2212\u2013\u2010\u2011\u00a0\u202f\u201c\u201d\u201e\u2018\u2019\u2044",
    '----  """\'\'/',
)
_SUPERSCRIPTS = str.maketrans(
    "\u207b\u207a\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079", "-+0123456789"
)
_NOT_ELEMENTS = frozenset({"D", "T"})
_LABEL = re.compile(
    r"([A-Za-z]{1,2})"
    r"(?:\d{1,4}[ADa-z]?|\(\d{1,4}\))?'*"  # site number: Fe1, O1A, O(2), O1'
    r"(?:\d*(?:\.\d+)?[+-]|[+-]\d+(?:\.\d+)?|\((?:[IVX]+|\d*[+-])\))?"  # charge: Fe3+, O-2, Fe(III)
    r"(?:_\w{1,20})?",  # flavour of a potential, or a note: Fe_pv, Ti_oct
    re.ASCII,
)
_LETTERS = re.compile(r"[A-Za-z]+")
_MIXED = re.compile(r"\(?[A-Z][a-z]?:?\d*(?:\.\d+(?:[A-Z(,/ ].*)?|[,/] ?[A-Z].*)\)?")
_UNSIGNED = r"(?:\d+\.?\d*|\.\d+)"
_NUMBER = re.compile(rf"[+-]?{_UNSIGNED}(?:[eEdD][+-]?\d+)?(?:\(\d+\))?", re.ASCII)
_FRACTION = re.compile(rf"([+-]?{_UNSIGNED})/({_UNSIGNED})", re.ASCII)


def plain(text: str) -> str:
    """Return the text with typographic minus signs, quotes, spaces and slashes as ASCII."""
    return text.translate(_PLAIN)


def shown(text: str) -> str:
    """Return a text as it can be quoted in one line of a message."""
    return repr(one_line(text, _MAX_SHOWN))


def check_size(text: str) -> None:
    """Refuse a text that is too long to be one crystal.

    Raises
    ------
    Unreadable
        REPLY_TOO_LARGE, with the sizes.
    """
    size = len(text) if len(text) > MAX_TEXT_BYTES else len(text.encode("utf-8", "replace"))
    if size > MAX_TEXT_BYTES:
        detail = f"a crystal's text of {size} bytes, more than {MAX_TEXT_BYTES}"
        raise Unreadable(FailureKind.REPLY_TOO_LARGE, detail)


def relabelled(labels: Iterable[str], symbols: Iterable[str]) -> list[str]:
    """Return the repair note, if any, that says which labels were read as which elements."""
    changed = dict.fromkeys(
        f"{shown(label)} as {symbol}"
        for label, symbol in zip(labels, symbols, strict=True)
        if label != symbol
    )
    if not changed:
        return []
    more = f" and {len(changed) - _MAX_NOTES} more" if len(changed) > _MAX_NOTES else ""
    return ["read the label " + ", ".join(list(changed)[:_MAX_NOTES]) + more]


def letters_of(label: str) -> str:
    """Return the letters that a label begins with; in CIF and symmetry form the rest numbers the site."""
    found = _LETTERS.match(label)
    return found[0] if found else label


def element_of(label: str) -> str:
    """Return the element's symbol of a site label: ``Fe``, ``fe``, ``FE1``, ``Fe3+``, ``Fe_pv``, ``O2-``.

    Whether case or decoration was changed is for the caller to compare.

    Raises
    ------
    Unreadable
        DISORDERED for a site that several elements share or that is partly empty (``Li0.5Na0.5``);
        UNKNOWN_ELEMENT for dummies, isotopes and nonsense.
    """
    bare = plain(label).translate(_SUPERSCRIPTS).strip().strip("\"'")
    if len(bare) <= _MAX_TOKEN:
        match = _LABEL.fullmatch(bare)
        symbol = match[1].capitalize() if match else ""
        if Element.is_valid_symbol(symbol) and symbol not in _NOT_ELEMENTS:
            return symbol
        if _MIXED.fullmatch(bare):
            raise Unreadable(
                FailureKind.DISORDERED, f"{shown(label)} is a site of mixed or partial occupancy"
            )
    raise Unreadable(FailureKind.UNKNOWN_ELEMENT, f"{shown(label)} names no element")


def names_element(label: str) -> bool:
    """Return whether a label is what :func:`element_of` takes."""
    try:
        element_of(label)
    except Unreadable:
        return False
    return True


def number_of(token: str) -> float:
    """Return the number of ``0.25``, ``.5``, ``-1/2``, ``1e-3``, ``0.3333(2)``: at most 1e9, decimal point only.

    Raises
    ------
    Unreadable
        BAD_NUMBERS, naming the token.
    """
    bare = plain(token).strip()
    if len(bare) <= _MAX_TOKEN:
        value = _value(bare)
        if value is not None and abs(value) <= _LARGEST:
            return value
    raise Unreadable(FailureKind.BAD_NUMBERS, f"{shown(token)} is no number of a crystal")


def is_number(token: str) -> bool:
    """Return whether a token is what :func:`number_of` takes."""
    try:
        number_of(token)
    except Unreadable:
        return False
    return True


def formula_of(symbols: Iterable[str]) -> str:
    """Return how many atoms of each element there are: ``Na4 Cl4``."""
    return " ".join(f"{symbol}{n}" for symbol, n in Counter(symbols).items())


def format_number(value: float, digits: int) -> str:
    """Return a number with at most so many decimals, without trailing zeros: ``0.5``, ``12``, never ``-0``."""
    text = f"{value:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def wrapped(coords: np.ndarray, digits: int) -> np.ndarray:
    """Return fractional coordinates rounded to so many decimals, from 0 up to but without 1."""
    return np.round(np.round(coords, digits) % 1.0, digits)


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


def _value(bare: str) -> float | None:
    fraction = _FRACTION.fullmatch(bare)
    if fraction:
        denominator = float(fraction[2])
        return float(fraction[1]) / denominator if denominator else None
    if not _NUMBER.fullmatch(bare):
        return None
    return float(bare.partition("(")[0].lower().replace("d", "e"))
