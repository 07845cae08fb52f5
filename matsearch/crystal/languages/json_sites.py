"""Sites of a crystal in JSON, in the shapes that models and libraries give them."""

from collections.abc import Sequence
from typing import Any

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.language import Unreadable
from matsearch.crystal.languages.numerals import is_number, number_of
from matsearch.crystal.languages.poscar_lines import split_words
from matsearch.crystal.languages.text import shown

_COORD_KEYS = ("frac_coords", "abc", "position", "coords", "xyz")
"""Best first: beside ``abc``, pymatgen's ``xyz`` is Cartesian."""

_LABEL_KEYS = ("species", "element", "specie", "label")


def read_site(site: Any, position: int) -> tuple[str, list[float]]:
    """Return the label and the coordinates of a site.

    Parameters
    ----------
    site : str, list or dict
        ``"Na 0 0 0.5"``, ``["Na", 0, 0, 0.5]``, ``["Na", [0, 0, 0.5]]`` or an object.
    position : int
        Counted from 1, for messages.

    Raises
    ------
    Unreadable
        If it is none of these, or a site of mixed or partial occupancy.
    """
    name = f"site {position}"
    if isinstance(site, str):
        return _of_words(split_words(site), name)
    if isinstance(site, list):
        return _of_list(site, name)
    if isinstance(site, dict):
        return _of_object(site, name)
    raise Unreadable(FailureKind.WRONG_SCHEMA, f"{name} is {_say(site)}")


def read_coords(value: Any, name: str) -> list[float]:
    """Return three numbers.

    Raises
    ------
    Unreadable
        BAD_NUMBERS, naming what they were for.
    """
    if not isinstance(value, list) or len(value) != 3:
        raise Unreadable(FailureKind.BAD_NUMBERS, f"{name}: {_say(value)} is not three numbers")
    return site_values(value, name)


def site_values(values: Sequence[Any], name: str) -> list[float]:
    """Return numbers, or strings of numbers, as finite ones.

    Raises
    ------
    Unreadable
        BAD_NUMBERS, naming what they were for.
    """
    return [_value(value, name) for value in values]


def _value(value: Any, name: str) -> float:
    if not isinstance(value, int | float | str):
        raise Unreadable(FailureKind.BAD_NUMBERS, f"{name}: {_say(value)} is no number")
    try:
        return number_of(str(value))
    except Unreadable as refusal:
        raise Unreadable(refusal.kind, f"{name}: {refusal.detail}") from None


def _of_words(words: Sequence[str], name: str) -> tuple[str, list[float]]:
    """Return a site of a label and three numbers, the label first or last."""
    if len(words) != 4:
        detail = f"{name}: {shown(' '.join(words))} is not an element and three numbers"
        raise Unreadable(FailureKind.BAD_NUMBERS, detail)
    last = is_number(words[0]) and not is_number(words[3])
    label, coords = (words[3], words[:3]) if last else (words[0], words[1:])
    return label, site_values(coords, name)


def _of_list(site: list[Any], name: str) -> tuple[str, list[float]]:
    if len(site) == 2:
        return _label(site[0], name), read_coords(site[1], name)
    return _label(site[0] if site else None, name), read_coords(site[1:], name)


def _of_object(site: dict[str, Any], name: str) -> tuple[str, list[float]]:
    occupancy = site.get("occupancy", site.get("occu", 1))
    label_key = next((key for key in _LABEL_KEYS if key in site), "element")
    label = _label(site.get(label_key), name)
    check_full([occupancy], name)
    coord_key = next((key for key in _COORD_KEYS if key in site), None)
    coords = site[coord_key] if coord_key else [site.get(axis) for axis in "xyz"]
    return label, read_coords(coords, name)


def _label(value: Any, name: str) -> str:
    """Return the label of a text, or of pymatgen's list of one fully occupying species."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and value and all(isinstance(part, dict) for part in value):
        check_full([part.get("occu", 1) for part in value], name)
        return _label(value[0].get("element"), name)
    if isinstance(value, dict) and value:
        check_full(list(value.values()), name)
        return next(iter(value))
    raise Unreadable(FailureKind.UNKNOWN_ELEMENT, f"{name}: {_say(value)} names no element")


def _say(value: Any) -> str:
    """Return what a value is, without walking through it."""
    if isinstance(value, dict):
        return "an object"
    return "a list" if isinstance(value, list) else shown(str(value))


def check_full(occupancies: Sequence[Any], name: str) -> None:
    """Refuse a site that has several species or one that does not fill it.

    Raises
    ------
    Unreadable
        DISORDERED, with the occupancies.
    """
    if len(occupancies) != 1 or _value(occupancies[0], name) != 1:
        said = ", ".join(map(_say, occupancies))
        raise Unreadable(FailureKind.DISORDERED, f"{name} has mixed or partial occupancy: {said[:60]}")
