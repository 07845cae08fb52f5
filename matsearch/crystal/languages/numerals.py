"""Numbers of a structure language, as text both ways."""

import re
from collections.abc import Iterable

import numpy as np
from pymatgen.core import Structure

from matsearch.core.structures import encode_structure
from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.language import Unreadable
from matsearch.crystal.languages.text import plain, shown

_LARGEST = 1e9
"""Of any number; products of three stay finite."""

_MAX_NUMBER = 40
"""Characters of a number."""

_UNSIGNED = r"(?:\d+\.?\d*|\.\d+)"
_NUMBER = re.compile(rf"[+-]?{_UNSIGNED}(?:[eEdD][+-]?\d+)?(?:\(\d+\))?", re.ASCII)
_FRACTION = re.compile(rf"([+-]?{_UNSIGNED})/({_UNSIGNED})", re.ASCII)


def number_of(token: str) -> float:
    """Return the number of ``0.25``, ``.5``, ``-1/2``, ``1e-3``, ``0.3333(2)``: at most 1e9, decimal point only.

    Raises
    ------
    Unreadable
        BAD_NUMBERS, naming the token.
    """
    bare = plain(token).strip()
    if len(bare) <= _MAX_NUMBER:
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


def format_number(value: float, digits: int) -> str:
    """Return a number with at most so many decimals, without trailing zeros: ``0.5``, ``12``, never ``-0``."""
    text = f"{value:.{digits}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def format_row(numbers: Iterable[float], digits: int) -> str:
    """Return numbers on one line, each as :func:`format_number` writes it."""
    return " ".join(format_number(float(number), digits) for number in numbers)


def format_sites(structure: Structure, digits: int) -> list[str]:
    """Return element and fractional coordinates of each site, from 0 up to but without 1: ``Na 0 0 0.5``.

    Raises
    ------
    InputError
        If a site is disordered.
    """
    species = encode_structure(structure)["species"]
    coords = wrapped(structure.frac_coords, digits)
    return [f"{symbol} {format_row(row, digits)}" for symbol, row in zip(species, coords, strict=True)]


def wrapped(coords: np.ndarray, digits: int) -> np.ndarray:
    """Return fractional coordinates rounded to so many decimals, from 0 up to but without 1."""
    return np.round(np.round(coords, digits) % 1.0, digits)


def _value(bare: str) -> float | None:
    fraction = _FRACTION.fullmatch(bare)
    if fraction:
        denominator = float(fraction[2])
        return float(fraction[1]) / denominator if denominator else None
    if not _NUMBER.fullmatch(bare):
        return None
    return float(bare.partition("(")[0].lower().replace("d", "e"))
