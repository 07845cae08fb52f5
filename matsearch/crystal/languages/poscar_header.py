"""The head of a POSCAR as models write it: scale, lattice, elements, counts and mode."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.language import Unreadable
from matsearch.crystal.languages.numerals import is_number, number_of
from matsearch.crystal.languages.poscar_lines import Line, is_site

_SEARCHED = 10
"""Lines at the beginning among which the lattice has to be."""

_FLAT = 1e-6
"""Cubic angstrom of unscaled lattice vectors that no scale makes a cell of a given volume."""

_COUNT = re.compile(r"\d{1,6}", re.ASCII)
_KEYWORD = re.compile(r"direct|frac|cart|kart|selective", re.IGNORECASE)


class Header(NamedTuple):
    """What stands before the sites.

    Attributes
    ----------
    matrix : ndarray
        Scaled lattice vectors in rows, angstrom.
    scale : ndarray
        Of Cartesian coordinates, shape (3,).
    species : tuple of str or None
        Words of the line of elements.
    counts : tuple of int or None
        Sites of each.
    """

    matrix: np.ndarray
    scale: np.ndarray
    species: tuple[str, ...] | None
    counts: tuple[int, ...] | None
    cartesian: bool


def read_header(lines: Sequence[Line], repairs: list[str]) -> tuple[Header, int]:
    """Return the head and the position of the line after it; what was mended is added to the repairs.

    Raises
    ------
    Unreadable
        If there is no lattice, or the counts are not whole numbers.
    """
    scale, first = _find_lattice(lines, repairs)
    rows = np.array([_numbers(line)[:3] for line in lines[first : first + 3]])
    _check_three(lines[first + 3 : first + 5])
    factors = _factors(scale, rows)
    species, counts, position = _elements(lines, first + 3)
    cartesian, position = _mode(lines, position, repairs)
    return Header(rows * factors, factors, species, counts, cartesian), position


def begins_crystal(lines: Sequence[Line]) -> bool:
    """Return whether a single scale and three lattice vectors stand somewhere."""
    single = (i for i, line in enumerate(lines) if len(line.words) == 1 and _is_scale(line))
    return any(_are_vectors(lines[i + 1 : i + 4]) for i in single)


def _find_lattice(lines: Sequence[Line], repairs: list[str]) -> tuple[list[float], int]:
    """Return the scale and the position of the first lattice vector."""
    for position in range(min(len(lines), _SEARCHED)):
        if _is_scale(lines[position]) and _are_vectors(lines[position + 1 : position + 4]):
            if position == 0 and not lines[0].after_blank:
                repairs.append("no comment line")
            if position > 1:
                repairs.append(f"ignored the lines before {lines[position - 1]}")
            return _numbers(lines[position]), position + 1
    for position in (0, 1):
        rows = lines[position : position + 3]
        if _are_vectors(rows) and all(len(row.words) == 3 for row in rows):
            repairs.append("no scale: read as 1")
            return [1.0], position
    raise _no_lattice(lines)


def _no_lattice(lines: Sequence[Line]) -> Unreadable:
    """Return why there is no lattice, naming the line if one is at fault."""
    if not any(_numbers(line) for line in lines):
        return Unreadable(FailureKind.NO_CRYSTAL, "no numbers: this is no POSCAR")
    start = next((i for i in (0, 1) if i < len(lines) and _is_scale(lines[i])), None)
    if start is None:
        detail = "no scale followed by three lattice vectors in the first lines"
        return Unreadable(FailureKind.BAD_LATTICE, detail)
    wrong = next((line for line in lines[start + 1 : start + 4] if not _are_vectors([line] * 3)), None)
    if wrong is None:
        return Unreadable(FailureKind.CUT_OFF, f"the text ends in the lattice, after {lines[-1]}")
    return Unreadable(FailureKind.BAD_LATTICE, f"{wrong} is no lattice vector")


def _numbers(line: Line) -> list[float]:
    """Return the numbers that a line begins with."""
    numbers = []
    for word in line.words:
        if not is_number(word):
            break
        numbers.append(number_of(word))
    return numbers


def _is_scale(line: Line) -> bool:
    return len(_numbers(line)) in (1, 3) and len(_numbers(line)) == len(line.words)


def _are_vectors(rows: Sequence[Line]) -> bool:
    """Return whether these are three lattice vectors; other text may follow the numbers."""
    return len(rows) == 3 and all(len(_numbers(row)) == 3 for row in rows)


def _check_three(after: Sequence[Line]) -> None:
    """Refuse a fourth lattice vector, told from a site by the line of elements after it."""
    if len(after) == 2 and _are_vectors([after[0]] * 3) and not (_integers(after[0]) or is_site(after[1])):
        raise Unreadable(FailureKind.BAD_LATTICE, f"{after[0]} is a fourth lattice vector")


def _factors(scale: Sequence[float], rows: np.ndarray) -> np.ndarray:
    """Return the factor of each Cartesian component; a single negative scale is the volume of the cell."""
    volume = abs(float(np.linalg.det(rows)))
    if len(scale) == 1 and scale[0] < 0 and volume > _FLAT:
        return np.full(3, (-scale[0] / volume) ** (1 / 3))
    if min(scale) <= 0:
        detail = f"scale {' '.join(f'{number:g}' for number in scale)} of a cell of {volume:g} cubic angstrom"
        raise Unreadable(FailureKind.BAD_LATTICE, detail)
    return np.broadcast_to(np.array(scale, dtype=float), 3)


def _elements(
    lines: Sequence[Line], position: int
) -> tuple[tuple[str, ...] | None, tuple[int, ...] | None, int]:
    """Return the line of elements, the counts, and where they end; each may be missing."""
    species = None
    if position < len(lines) and _is_species(lines[position]):
        species = tuple(lines[position].words)
        position += 1
    counts: tuple[int, ...] = ()
    while position < len(lines) and _continues(lines[position], counts, species):
        counts += tuple(int(word) for word in lines[position].words)
        position += 1
    if not counts and species and _is_fractional_count(lines[position : position + 2]):
        detail = f"{lines[position]} counts parts of atoms"
        raise Unreadable(FailureKind.DISORDERED, detail)
    return species, counts or None, position


def _is_species(line: Line) -> bool:
    return not (_integers(line) or _KEYWORD.match(line.text) or is_site(line))


def _integers(line: Line) -> bool:
    return bool(line.words) and all(map(_COUNT.fullmatch, line.words)) and any(map(int, line.words))


def _continues(line: Line, counts: tuple[int, ...], species: tuple[str, ...] | None) -> bool:
    """Return whether a line has counts, the first ones or those of the elements that have none yet."""
    if not _integers(line):
        return False
    return not counts or (species is not None and len(counts) + len(line.words) <= len(species))


def _is_fractional_count(lines: Sequence[Line]) -> bool:
    """Return whether numbers stand where the counts should, before the mode."""
    return (
        len(lines) == 2
        and len(_numbers(lines[0])) == len(lines[0].words)
        and bool(_KEYWORD.match(lines[1].text))
    )


def _mode(lines: Sequence[Line], position: int, repairs: list[str]) -> tuple[bool, int]:
    """Return whether coordinates are Cartesian, and where the sites begin."""
    if position < len(lines) and lines[position].text[:3].lower() == "sel":
        position += 1
    if position == len(lines) or is_site(lines[position]):
        repairs.append("no line says direct or Cartesian: read as direct")
        return False, position
    word = lines[position].text.lower()
    if re.match(r"[ck]\b", word) or re.search("[ck]art", word):
        return True, position + 1
    if not re.match(r"[df]\b|direct|frac", word):
        repairs.append(f"{lines[position]} read as direct")
    return False, position + 1
