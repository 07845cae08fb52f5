"""The symmetry form as JSON: what it says, before any of it is believed."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.compact_json import parse_object, read_lattice
from matsearch.crystal.languages.json_sites import check_full
from matsearch.crystal.languages.labels import element_of, letters_of, relabelled
from matsearch.crystal.languages.language import MAX_READ_SITES, Unreadable
from matsearch.crystal.languages.numerals import number_of
from matsearch.crystal.languages.text import plain, shown

_GROUP_KEYS = (
    "spacegroup", "spacegroupnumber", "sg", "spg", "symmetry", "number", "spacegroupsymbol", "symbol",
)  # fmt: skip
_LATTICE_KEYS = ("lattice", "cell", "latticeparameters", "cellparameters", "unitcell")
_SITE_KEYS = ("sites", "atoms", "wyckoffsites", "wyckoffpositions", "wyckoff")
_CELL_KEYS = (("a",), ("b",), ("c",), ("alpha", "al"), ("beta", "be"), ("gamma", "ga"))
_NAME_KEYS = ("element", "species", "symbol", "atom", "label", "type", "specie")
_LETTER_KEYS = ("wyckoff", "position", "wyckoffposition", "site", "letter", "wyckoffletter")
_COORD_KEYS = (
    "coords",
    "coordinates",
    "xyz",
    "fraccoords",
    "frac",
    "fractionalcoordinates",
    "position",
    "abc",
)
_OCCUPANCY_KEYS = ("occupancy", "occu", "occ")
_LETTER = re.compile(r"(\d{0,3})([a-zA])", re.ASCII)
_SEPARATORS = re.compile(r"[\s,;()\[\]@]+")
_MOST_WORDS = 8
_MAX_SITE = 200
_MOST = 1e12


class Site(NamedTuple):
    """One orbit as written.

    Attributes
    ----------
    multiplicity : int or None
        As written before the letter.
    letter : str
        Of the Wyckoff position; empty where none is given.
    coords : tuple of float
        Three fractional coordinates in the conventional cell; none where none are given.
    """

    symbol: str
    multiplicity: int | None
    letter: str
    coords: tuple[float, ...]

    @property
    def words(self) -> str:
        """The site as a person would write it."""
        place = f"{self.multiplicity or ''}{self.letter}"
        return " ".join(filter(None, (self.symbol, place, *(f"{x:g}" for x in self.coords))))


class Form(NamedTuple):
    """A symmetry form: the claimed space group, six cell parameters (angstrom, degrees), the orbits, and repairs."""

    group: str
    cell: list[float]
    sites: list[Site]
    repairs: tuple[str, ...] = ()


def read_form(text: str) -> Form:
    """Return what a text says.

    Raises
    ------
    Unreadable
        BROKEN_JSON, WRONG_SCHEMA, AMBIGUOUS, REPLY_TOO_LARGE, NO_CRYSTAL, BAD_LATTICE, BAD_SYMMETRY, BAD_NUMBERS, UNKNOWN_ELEMENT, DISORDERED or TOO_MANY_SITES,
        naming what is wrong.
    """
    content = _keyed(parse_object(text))
    group = _first(content, _GROUP_KEYS)
    if isinstance(group, Mapping):
        group = _first(_keyed(group), _GROUP_KEYS)
    if group is None or isinstance(group, (list, dict, bool)):
        raise Unreadable(FailureKind.BAD_SYMMETRY, "no space group")
    sites = _first(content, _SITE_KEYS)
    if not isinstance(sites, list) or not sites:
        raise Unreadable(FailureKind.NO_CRYSTAL, "no list of sites")
    if len(sites) > MAX_READ_SITES:
        raise Unreadable(FailureKind.TOO_MANY_SITES, f"{len(sites)} orbits, more than {MAX_READ_SITES}")
    written = [_site_words(site) for site in sites]
    orbits = [_site(words) for words in written]
    repairs = relabelled([letters_of(words[0]) for words in written], [orbit.symbol for orbit in orbits])
    return Form(_token(group), _cell(_first(content, _LATTICE_KEYS)), orbits, tuple(repairs))


def _keyed(content: Mapping[str, Any]) -> dict[str, Any]:
    return {re.sub(r"[^a-z]", "", key.lower()): value for key, value in content.items()}


def _first(content: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((content[key] for key in keys if content.get(key) is not None), None)


def _token(value: Any) -> str:
    """Return a JSON number or string as a word."""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) < _MOST:
        return repr(value)
    what = f"{value:g}" if isinstance(value, float) else f"a {type(value).__name__}"
    raise Unreadable(FailureKind.BAD_NUMBERS, f"{what} where a usual number or a word belongs")


def _cell(value: Any) -> list[float]:
    if isinstance(value, Mapping):
        keyed = _keyed(value)
        value = keyed["matrix"] if "matrix" in keyed else [_first(keyed, keys) for keys in _CELL_KEYS]
    if isinstance(value, list) and len(value) == 3:
        return list(read_lattice(value).parameters)
    if isinstance(value, str):
        value = [word for word in _SEPARATORS.split(value) if word]
    if not isinstance(value, list) or len(value) != 6 or None in value:
        raise Unreadable(FailureKind.BAD_LATTICE, "no lattice of six numbers: a, b, c, alpha, beta, gamma")
    return [number_of(_token(number)) for number in value]


def _site(words: list[str]) -> Site:
    if not words:
        raise Unreadable(FailureKind.UNKNOWN_ELEMENT, "a site without an element")
    match = _LETTER.fullmatch(words[1]) if len(words) > 1 else None
    numbers = words[2:] if match else words[1:]
    if len(numbers) not in ((0, 3) if match else (3,)):
        detail = f"{shown(' '.join(words))}: {len(numbers)} coordinates, not 3"
        raise Unreadable(FailureKind.BAD_NUMBERS, detail)
    return Site(
        symbol=element_of(words[0]),
        multiplicity=int(match[1]) if match and match[1] else None,
        letter=match[2] if match else "",
        coords=tuple(number_of(word) for word in numbers),
    )


def _site_words(value: Any) -> list[str]:
    """Return the words of ``"Na 4a 0 0 0"``, ``["Na", "4a", 0, 0, 0]`` or an object with the same."""
    if isinstance(value, Mapping):
        keyed = _keyed(value)
        axes = [keyed[axis] for axis in "xyz" if axis in keyed]
        letter = next((keyed[k] for k in _LETTER_KEYS if isinstance(keyed.get(k), str)), None)
        coords = next((keyed[k] for k in _COORD_KEYS if isinstance(keyed.get(k), (list, str))), axes)
        check_full([keyed[key] for key in _OCCUPANCY_KEYS if key in keyed] or [1], "a site")
        parts = [_first(keyed, _NAME_KEYS), letter, coords if coords is not letter else axes]
        return _site_words([part for part in parts if part is not None])
    if isinstance(value, list):
        value = " ".join(_token(word) for part in value[:_MOST_WORDS] for word in _listed(part))
    text = plain(_token(value))
    if len(text) > _MAX_SITE:
        raise Unreadable(FailureKind.BAD_NUMBERS, f"{shown(text)} is too long for a site")
    return [word for word in _SEPARATORS.split(text) if word][:_MOST_WORDS]


def _listed(value: Any) -> list[Any]:
    return value[:_MOST_WORDS] if isinstance(value, list) else [value]
