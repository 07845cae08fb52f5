"""Labels of sites, and the elements that they name."""

import re
from collections import Counter
from collections.abc import Iterable

from pymatgen.core import Element

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.language import Unreadable
from matsearch.crystal.languages.text import plain, shown

_MAX_LABEL = 40
_MAX_NOTES = 4
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
    if len(bare) <= _MAX_LABEL:
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


def letters_of(label: str) -> str:
    """Return the letters that a label begins with; in CIF and symmetry form the rest numbers the site."""
    found = _LETTERS.match(label)
    return found[0] if found else label


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


def formula_of(symbols: Iterable[str]) -> str:
    """Return how many atoms of each element there are: ``Na4 Cl4``."""
    return " ".join(f"{symbol}{n}" for symbol, n in Counter(symbols).items())
