"""Whether a crystal keeps to the limits of a search, and the limits in words."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from pymatgen.core import Composition, Element, Structure

from matsearch.core.slots import Limits
from matsearch.core.system_rules import CRYSTAL_SYSTEMS
from matsearch.core.verdict import FailureKind
from matsearch.crystal.balance import balances_with
from matsearch.crystal.costs import cost_per_kg
from matsearch.crystal.ions import ion
from matsearch.crystal.limits import electronegativity
from matsearch.crystal.symmetry import spacegroup_number

_LAST_KNOWN = 94
"""Potentials know no element beyond plutonium."""

_FEW = 20
"""Elements that are listed one by one whatever the others are."""


class Fault(NamedTuple):
    """Which limit is broken, and how: one line with values and units."""

    kind: FailureKind
    detail: str


def allows(limits: Limits, composition: Composition) -> bool:
    """Return whether a cell of this composition keeps to all limits that a composition can break."""
    return composition_fault(composition, limits) is None


def asks_for(limits: Limits, composition: Composition) -> bool:
    """Return whether a proposer should offer it: what is allowed, but no pure element among several unasked."""
    compounds = limits.n_elements is None or limits.n_elements[1] > 1
    alone = bool(composition.is_element) and len(limits.elements) > 1 and compounds and not limits.formulas
    return not alone and allows(limits, composition)


def composition_fault(composition: Composition, limits: Limits) -> Fault | None:
    """Return the first limit that a cell of this composition breaks, or None.

    Parameters
    ----------
    composition : Composition
        Of the whole cell: its atoms are counted.
    """
    if composition.num_atoms > limits.max_atoms:
        return Fault(FailureKind.TOO_MANY_SITES, f"{composition.num_atoms:g} sites, over {limits.max_atoms}")
    strangers = {element.symbol for element in composition.elements}.difference(limits.elements)
    if strangers:
        detail = f"{', '.join(sorted(strangers))} not in the search's elements"
        return Fault(FailureKind.ELEMENT_NOT_ALLOWED, detail)
    if limits.formulas and composition.reduced_formula not in limits.formulas:
        detail = f"{composition.reduced_formula}, not {' or '.join(limits.formulas)}"
        return Fault(FailureKind.FORMULA_NOT_ASKED, detail)
    return ratio_fault(composition, limits)


def ratio_fault(composition: Composition, limits: Limits) -> Fault | None:
    """Return the first limit that elements in these proportions break, or None: number, anion, cost, charges."""
    if limits.n_elements or limits.anions or limits.oxidation_states or limits.max_cost is not None:
        return _ratio_fault(tuple(sorted(composition.get_el_amt_dict().items())), limits)
    return None


def spacegroup_fault(structure: Structure, limits: Limits) -> Fault | None:
    """Return the fault of an ordered crystal whose space group is not among those allowed, or None.

    Found by spglib within 0.1 angstrom; 1 where it finds none.
    """
    if not limits.spacegroups:
        return None
    number = spacegroup_number(structure)
    if number in limits.spacegroups:
        return None
    return Fault(FailureKind.OUTSIDE_LIMITS, f"space group {number}, not {_spans(limits.spacegroups)}")


def most_electronegative(symbols: Iterable[str]) -> str:
    """Return the element with the highest electronegativity (Pauling): the anion, where there is one."""
    return max(symbols, key=lambda symbol: (electronegativity(symbol), symbol))


def limits_lines(limits: Limits) -> tuple[str, ...]:
    """Return each limit as one plain line, for prompts and reports."""
    return tuple(_lines(limits))


@lru_cache(maxsize=1 << 14)
def _ratio_fault(amounts: tuple[tuple[str, float], ...], limits: Limits) -> Fault | None:
    composition = Composition(dict(amounts))
    detail = (
        _number_fault(len(amounts), limits)
        or _anion_fault([symbol for symbol, _ in amounts], limits)
        or _cost_fault(composition, limits)
    )
    if detail:
        return Fault(FailureKind.OUTSIDE_LIMITS, detail)
    listed = [each for each in limits.oxidation_states if each[0] in dict(amounts)]
    if listed and not balances_with(composition, limits.oxidation_states):
        detail = f"{composition.reduced_formula}: charges do not sum to zero with {_states(listed)}"
        return Fault(FailureKind.CHARGE_UNBALANCED, detail)
    return None


def _number_fault(n: int, limits: Limits) -> str | None:
    if limits.n_elements is None or limits.n_elements[0] <= n <= limits.n_elements[1]:
        return None
    return f"{_elements(n, n)}, not {_elements(*limits.n_elements)}"


def _anion_fault(symbols: Sequence[str], limits: Limits) -> str | None:
    anion = most_electronegative(symbols)
    # Pd and H are alike: none of them is more electronegative
    alike = {symbol for symbol in symbols if electronegativity(symbol) == electronegativity(anion)}
    if not limits.anions or not alike.isdisjoint(limits.anions):
        return None
    return f"{anion} is the most electronegative element, not {' or '.join(limits.anions)}"


def _cost_fault(composition: Composition, limits: Limits) -> str | None:
    if limits.max_cost is None:
        return None
    cost = cost_per_kg(composition)
    if cost is None:
        return f"{composition.reduced_formula} has an element without a known price"
    return f"elements of {cost:.3g} USD per kg, over {limits.max_cost:g}" if cost > limits.max_cost else None


def _lines(limits: Limits) -> Iterator[str]:
    if limits.formulas:
        yield f"Only {' or '.join(limits.formulas)}, with any number of formula units in the cell."
    if not limits.formulas or {e.symbol for f in limits.formulas for e in Composition(f)} != set(
        limits.elements
    ):
        yield _elements_line(limits.elements)
    yield f"At most {limits.max_atoms} atoms in the cell."
    if limits.n_elements:
        yield f"{_elements(*limits.n_elements)}."
    if limits.anions:
        yield f"The most electronegative element is {' or '.join(limits.anions)}."
    if limits.oxidation_states:
        yield f"Charges sum to zero with {_states(limits.oxidation_states)}."
    if limits.spacegroups:
        yield f"The space group is {_spans(limits.spacegroups)}."
    if limits.max_cost is not None:
        yield f"The elements cost at most {limits.max_cost:g} USD per kg."


def _elements_line(symbols: tuple[str, ...]) -> str:
    known = {Element.from_Z(z).symbol for z in range(1, _LAST_KNOWN + 1)}
    others = known - set(symbols)
    if len(symbols) <= max(_FEW, len(others)) or not set(symbols) <= known:
        return f"Elements: {', '.join(sorted(symbols, key=lambda s: (electronegativity(s), s)))}."
    but = f" but {', '.join(sorted(others))}" if others else ""
    return f"Any element up to {Element.from_Z(_LAST_KNOWN).symbol}{but}."


def _elements(fewest: int, most: int) -> str:
    span = str(most) if fewest == most else f"{fewest} to {most}"
    return f"{span} element{'s' if most > 1 else ''}"


def _states(listed: Iterable[tuple[str, tuple[int, ...]]]) -> str:
    return ", ".join(" or ".join(ion(symbol, state) for state in states) for symbol, states in listed)


def _spans(numbers: tuple[int, ...]) -> str:
    """Return runs of space groups in words: ``75 to 142 (tetragonal) or 225``."""
    systems = {(each[0], each[-1]): f" ({name})" for name, each in CRYSTAL_SYSTEMS.items()}
    spans = []
    for _, members in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        run = [number for _, number in members]
        ends = str(run[0]) if len(run) == 1 else f"{run[0]} to {run[-1]}"
        spans.append(ends + systems.get((run[0], run[-1]), ""))
    return " or ".join(spans)
