"""What a CIF says of its own composition: the witness for what its symmetry is to make of the listed atoms."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import reduce
from math import gcd
from typing import NamedTuple

from pymatgen.core import Element

from matsearch.crystal.languages.cif_blocks import Block

_MAX_FORMULA = 200
_SUM = re.compile(r"(?:[A-Z][a-z]?\d{0,4}\s*)+")
_ELEMENT = re.compile(r"([A-Z][a-z]?)(\d*)")
_MAX_UNITS = 500


class Witness(NamedTuple):
    """The composition that a CIF gives itself.

    Attributes
    ----------
    text : str
        As the CIF writes it.
    unit : dict of str to int
        Smallest formula.
    totals : tuple of dict
        Compositions that the cell can have; empty if only the ratio is known.
    """

    text: str
    unit: dict[str, int]
    totals: tuple[dict[str, int], ...]

    def agrees(self, symbols: list[str]) -> bool:
        """Return whether these atoms have the composition."""
        counts = dict(Counter(symbols))
        return counts in self.totals if self.totals else _unit(counts) == self.unit


def witness_of(block: Block) -> Witness | None:
    """Return what ``_chemical_formula_sum`` and ``_cell_formula_units_Z`` say; None where there is no plain formula.

    The sum is of one formula unit, by the dictionary of CIF; some programs write that of the whole cell, and Z beside it.
    """
    text = block.first("_chemical_formula_sum").strip()
    if not text or len(text) > _MAX_FORMULA or not _SUM.fullmatch(text):
        return None
    counts: Counter[str] = Counter()
    for symbol, amount in _ELEMENT.findall(text):
        counts[symbol] += int(amount or 1)
    if not all(counts.values()) or not all(map(Element.is_valid_symbol, counts)):
        return None
    return Witness(text, _unit(counts), _totals(dict(counts), block.first("_cell_formula_units_z")))


def _totals(counts: dict[str, int], units: str) -> tuple[dict[str, int], ...]:
    if not units.isascii() or not units.isdigit() or not 1 <= int(units[:4]) <= _MAX_UNITS or len(units) > 4:
        return ()
    n = int(units)
    times = {symbol: amount * n for symbol, amount in counts.items()}
    whole_cell = reduce(gcd, counts.values()) % n == 0
    return (times, counts) if whole_cell else (times,)


def _unit(counts: Mapping[str, int]) -> dict[str, int]:
    divisor = reduce(gcd, counts.values())
    return {symbol: amount // divisor for symbol, amount in counts.items()}
