"""What the entries of a set state of themselves, counted."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from matsearch.core.model import Record
from matsearch.hull.entries import read_plain
from matsearch.hull.evidence import POTCAR_KEYS
from matsearch.hull.library import ReferenceSet

_UNSTATED = "not stated"


class Statements(Record):
    """What entries state.

    Attributes
    ----------
    elements : tuple of str
        Sorted symbols.
    run_types, software : dict of str to int
        Number of entries by what they state.
    """

    n_entries: int
    elements: tuple[str, ...]
    run_types: dict[str, int]
    software: dict[str, int]


def read_statements(chosen: ReferenceSet) -> Statements:
    """Read a set's file and count what its entries state; nothing is corrected or built.

    Raises
    ------
    InputError
        If the file cannot be read.
    ReferenceHullError
        If it is not the file that the card describes.
    """
    if chosen.path is None:
        entries, _ = chosen.entries()
        symbols = [{element.symbol for element in entry.composition.elements} for entry in entries]
        return _counted(symbols, [(entry.parameters, entry.data) for entry in entries])
    plain, sha256 = read_plain(chosen.path)
    chosen.require_same_file(sha256)
    return _counted([entry.amounts.keys() for entry in plain], [(e.parameters, e.data) for e in plain])


def _counted(
    symbols: Iterable[Iterable[str]], stated: list[tuple[Mapping[str, Any], Mapping[str, Any]]]
) -> Statements:
    facts = [{**data, **parameters} for parameters, data in stated]
    return Statements(
        n_entries=len(facts),
        elements=tuple(sorted({symbol for found in symbols for symbol in found})),
        run_types=_by_count(str(fact.get("run_type") or _UNSTATED) for fact in facts),
        software=_by_count(_software(fact) for fact in facts),
    )


def _software(facts: Mapping[str, Any]) -> str:
    if facts.get("software"):
        return str(facts["software"])
    return "VASP, by POTCAR data" if any(facts.get(key) for key in POTCAR_KEYS) else _UNSTATED


def _by_count(words: Iterable[str]) -> dict[str, int]:
    return dict(Counter(words).most_common())
