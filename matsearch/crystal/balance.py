"""Whether known oxidation states of a composition's elements can sum to zero.

An element's states are closed intervals: the atoms of a metal may have any mean charge between its lowest and its
highest known state, since some cell shares it out in whole numbers (Fe3O4, BaBiO3). One mixed element is enough for
that: going from all lowest to all highest states, one element after the other, passes through every sum between. So
what is tested is whether an interval of sums holds zero; no atom is ever looked at alone.

Nonmetals and metalloids have separate states (sulfide or sulfate), and small intervals where like atoms share bonds
(FeS2, Zintl anions). States: Greenwood and Earnshaw, Chemistry of the Elements (1997), and for metals those that
pymatgen knows, the lowest from crystals (ICSD). Metallic subnitrides (Fe4N) and MAX phases (Ti2AlN) are not balanced.
"""

from collections.abc import Iterable
from fractions import Fraction
from functools import cache, lru_cache
from math import gcd, lcm
from typing import Literal, NamedTuple

from pymatgen.core import Composition, Element

ChargeBalance = Literal["yes", "no", "not applicable"]

ListedStates = tuple[tuple[str, tuple[int, ...]], ...]
"""Elements and the states (e) that they may have."""

ANION_FORMERS = frozenset(("N", "O", "F", "S", "Cl", "Se", "Br", "Te", "I"))
"""Elements whose compounds are judged.

Of 470 crystals with one of them in a sample of the Materials Project, less than 0.03 eV/atom above the hull, 96 percent
are balanced (oxides and fluorides nearly all; nitrides 85, iodides 88, tellurides 91, for some are metals), but 36
percent of formulas of the same elements with amounts drawn from 1 to 8. Not B, C, Si, Ge, P, As and Sb, whose compounds
with metals are often metals with charges in name only (Fe3C, Fe2P): 8 to 76 percent of those as stable would be
unbalanced. Nor H, for the same reason (PdH).
"""


class States(NamedTuple):
    """A closed interval of mean charges (e) that the atoms of an element may have."""

    low: Fraction
    high: Fraction


def _states(*bounds: str) -> tuple[States, ...]:
    """Return intervals of ``low..high`` or of single states."""
    ends = [bound.partition("..") for bound in bounds]
    return tuple(States(Fraction(low), Fraction(high or low)) for low, _, high in ends)


_NONMETALS: dict[str, tuple[States, ...]] = {
    "H": _states("-1", "1"),
    "B": _states("-3", "3"),
    "C": _states("-4..-1", "2", "3", "4"),
    "N": _states("-3", "-2", "1", "3", "4", "5"),
    "O": _states("-2"),
    "F": _states("-1"),
    "Si": _states("-4..-1", "4"),
    "P": _states("-3..-1", "3", "4", "5"),
    "S": _states("-2..-1", "2", "4", "5", "6"),
    "Cl": _states("-1", "1", "3", "4", "5", "7"),
    "Ge": _states("-4..-1", "2..4"),
    "As": _states("-3..-1", "3", "5"),
    "Se": _states("-2..-1", "4", "6"),
    "Kr": _states("2"),
    "Br": _states("-1", "1", "3", "5", "7"),
    "Sn": _states("-4..-1", "2..4"),
    "Sb": _states("-3..-1", "3..5"),
    "Te": _states("-2..-1", "4..6"),
    "I": _states("-1", "1", "3", "5", "7"),
    "Xe": _states("2", "4", "6", "8"),
    "Pb": _states("-4..-1", "2..4"),
    "Bi": _states("-3..-1", "1..5"),
}

_LARGE = frozenset(("Na", "K", "Rb", "Cs"))
_S_BLOCK = _LARGE | {"H", "Li", "Mg", "Ca", "Sr", "Ba"}
_OF_PEROXIDES = _S_BLOCK | {"Zn", "Cd", "Hg"}

_BESIDE_S_BLOCK: dict[str, tuple[States, ...]] = {
    "N": _states("-1", "-1/3"),
    "S": _states("-2..-1/3"),
    "Se": _states("-2..-1/3"),
    "Br": _states("-1/3"),
    "Te": _states("-2..-1/3"),
    "I": _states("-1/3"),
}
"""Diazenides, azides, polychalcogenides, trihalides: only where nothing but s-block metals is beside."""

_PEROXIDE = _states("-1")
"""Of the s block and group 12: K2O2, ZnO2."""

_SUPEROXIDE = _states("-1..-1/2")
"""Of the larger alkali metals: KO2, Rb4O6."""

_LEAST_OF_EARLY = 2
"""Of rare earths, actinoids and group 4 at most: YS, US and HfN are metals, as LaS, TiS and ZrN are."""

_PARTS = 6
"""All states are multiples of 1/6 e."""


def charge_balance(composition: Composition) -> ChargeBalance:
    """Return whether known oxidation states of the elements can sum to zero; the amounts' scale changes nothing.

    Parameters
    ----------
    composition : Composition
        Of a formula or a cell; whole or fractional amounts.

    Returns
    -------
    str
        ``not applicable`` for a pure element and for a composition without any of ``ANION_FORMERS``.
    """
    counts = _whole_counts(composition)
    if len(counts) < 2 or ANION_FORMERS.isdisjoint(symbol for symbol, _ in counts):
        return "not applicable"
    return "yes" if _balanced(counts) else "no"


def balances_with(composition: Composition, listed: ListedStates) -> bool:
    """Return whether charges sum to zero where some elements have no other states than those listed.

    The other elements have their known ones. Any composition is judged, with an anion former or without. An element's
    listed states of one sign may mix (Fe3O4 with Fe 2 and 3), those of different signs not.

    Parameters
    ----------
    composition : Composition
        Of a formula or a cell; whole or fractional amounts.
    listed : tuple of (str, tuple of int)
        Elements and their states in e; those of elements that the composition has not say nothing.
    """
    return _balanced(_whole_counts(composition), listed)


def may_balance(symbol: str, listed: ListedStates, partners: Iterable[str]) -> bool:
    """Return whether an element with listed states can be in a neutral crystal at all, with some of the partners."""
    states = dict(listed)
    own = states[symbol]
    others = [
        state
        for partner in partners
        if partner != symbol
        for each in (_mixed(states[partner]) if partner in states else known_states(partner, frozenset()))
        for state in each
    ]
    lowest, highest = min(others, default=0), max(others, default=0)
    return 0 in own or (min(own) < 0 < highest) or (lowest < 0 < max(own))


def known_states(symbol: str, partners: frozenset[str]) -> tuple[States, ...]:
    """Return the states of an element in a compound with other elements; zero where none is known (Ar)."""
    states = _NONMETALS.get(symbol) or _metal(symbol)
    if partners and partners <= _S_BLOCK:
        states += _BESIDE_S_BLOCK.get(symbol, ())
    if symbol == "O" and partners and partners <= _OF_PEROXIDES:
        states += _SUPEROXIDE if partners <= _LARGE else _PEROXIDE
    return states


def _whole_counts(composition: Composition) -> tuple[tuple[str, int], ...]:
    """Return the elements, sorted, with the smallest whole numbers in proportion to their amounts."""
    elements = composition.element_composition
    amounts = {str(e.symbol): Fraction(n).limit_denominator(1000) for e, n in elements.items()}
    scale = lcm(*(n.denominator for n in amounts.values()))
    counts = {symbol: int(n * scale) for symbol, n in amounts.items()}
    common = gcd(*counts.values())
    return tuple(sorted((symbol, n // common) for symbol, n in counts.items()))


def _mixed(states: Iterable[int]) -> tuple[States, ...]:
    """Return the means that atoms of these states may have: an interval for each sign."""
    signs = ([s for s in states if s < 0], [s for s in states if s == 0], [s for s in states if s > 0])
    return tuple(States(Fraction(min(of)), Fraction(max(of))) for of in signs if of)


@lru_cache(maxsize=4096)
def _balanced(counts: tuple[tuple[str, int], ...], listed: ListedStates = ()) -> bool:
    symbols, own = frozenset(symbol for symbol, _ in counts), dict(listed)
    states = {s: _mixed(own[s]) if s in own else known_states(s, symbols - {s}) for s in symbols}
    ranges = [[(int(n * _PARTS * low), int(n * _PARTS * high)) for low, high in states[s]] for s, n in counts]
    # wide ones first: their sums overlap, and few are left
    ranges.sort(key=lambda each: (len(each), min(low - high for low, high in each)))
    sums = [(0, 0)]
    for i, each in enumerate(ranges):
        rest = ranges[i + 1 :]
        most = -sum(min(low for low, _ in other) for other in rest)
        least = -sum(max(high for _, high in other) for other in rest)
        added = ((a + low, b + high) for a, b in sums for low, high in each)
        sums = _merged((low, high) for low, high in added if low <= most and high >= least)
    return bool(sums)


def _merged(intervals: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the union of closed intervals as separate ones, in order."""
    merged: list[tuple[int, int]] = []
    for low, high in sorted(set(intervals)):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


@cache
def _metal(symbol: str) -> tuple[States, ...]:
    element = Element(symbol)
    seen = element.icsd_oxidation_states or element.oxidation_states
    low = min((state for state in seen if state > 0), default=0)
    high = max((state for state in element.oxidation_states if state > 0), default=0)
    if element.is_rare_earth or element.is_actinoid or element.group == 4:
        low = min(low, _LEAST_OF_EARLY)
    return (States(Fraction(low), Fraction(max(low, high))),)
