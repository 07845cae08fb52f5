"""Limits that no crystal can keep to are refused before a search begins."""

from pymatgen.core import Composition, Element

from matsearch.core.errors import ConfigError
from matsearch.core.sections import SanitySection
from matsearch.core.slots import Limits
from matsearch.crystal.balance import charge_balance, may_balance
from matsearch.crystal.costs import cost_per_kg, element_cost
from matsearch.crystal.limits import electronegativity
from matsearch.crystal.scope import ratio_fault
from matsearch.crystal.wyckoff_positions import wyckoff_positions


def check_limits(limits: Limits, rules: SanitySection) -> None:
    """Refuse limits that contradict each other or the rules of sanity.

    Raises
    ------
    ConfigError
        Naming the key, the value and the remedy.
    """
    for formula in limits.formulas:
        _check_formula(Composition(formula), limits, rules)
    if not limits.formulas:
        _check_cost(limits)
        _check_anions(limits)
    _check_states(limits)
    _check_spacegroups(limits)


def _check_spacegroups(limits: Limits) -> None:
    """Refuse space groups of which even one orbit has more atoms than a cell may have."""
    fewest = [min(p.multiplicity for p in wyckoff_positions(number)) for number in limits.spacegroups]
    if fewest and min(fewest) > limits.max_atoms:
        raise ConfigError(
            f"system.spacegroups: a primitive cell of them has at least {min(fewest)} atoms, over max_atoms "
            f"{limits.max_atoms}",
            "raise system.max_atoms, or take others",
        )


def _check_formula(composition: Composition, limits: Limits, rules: SanitySection) -> None:
    fault = ratio_fault(composition, limits)
    if fault:
        raise ConfigError(
            f"system.formulas: {composition.reduced_formula} is outside the system's limits: {fault.detail}",
            "take the formula out, or widen the limit",
        )
    if rules.charge_balance == "require" and charge_balance(composition) == "no":
        raise ConfigError(
            f"sanity.charge_balance: no known oxidation states of {composition.reduced_formula} sum to zero",
            "record charge balance, do not require it, or take the formula out",
        )


def _check_cost(limits: Limits) -> None:
    """Refuse a cost over which even the best cell is: one atom of each element, the rest of the one that saves most."""
    if limits.max_cost is None:
        return
    priced = {s: cost for s in limits.elements if (cost := element_cost(s)) is not None}
    fewest = _fewest(limits)
    if len(priced) < fewest:
        unknown = ", ".join(sorted(set(limits.elements) - set(priced)))
        raise ConfigError(
            f"system.max_cost: no price is known for {unknown}", "leave it out, or add elements"
        )
    # a cell is too dear where these sum to more than zero
    excess = {s: float(Element(s).atomic_mass) * (priced[s] - limits.max_cost) for s in priced}
    chosen = sorted(excess, key=lambda symbol: excess[symbol])[:fewest]
    cell = Composition({**dict.fromkeys(chosen, 1), chosen[0]: limits.max_atoms - fewest + 1})
    if (cost := cost_per_kg(cell)) is not None and cost > limits.max_cost:
        raise ConfigError(
            f"system.max_cost {limits.max_cost:g}: even {cell.reduced_formula} costs {cost:.3g} USD per kg",
            "raise it, or add elements",
        )


def _fewest(limits: Limits) -> int:
    """Return how many elements a crystal has at least: two, where nothing else is said and so many are there."""
    return limits.n_elements[0] if limits.n_elements else min(2, len(limits.elements), limits.max_atoms)


def _check_anions(limits: Limits) -> None:
    """Refuse anions beside which there are too few elements that are not more electronegative than they are."""
    fewest = _fewest(limits)
    for anion in limits.anions:
        own = electronegativity(anion)
        if sum(electronegativity(symbol) <= own for symbol in limits.elements) >= fewest:
            return
    if limits.anions:
        raise ConfigError(
            f"system.anions: {' or '.join(limits.anions)} cannot be the most electronegative of {fewest} of the elements "
            f"{', '.join(limits.elements)}",
            "name other anions, or fewer elements to a crystal in n_elements",
        )


def _check_states(limits: Limits) -> None:
    for symbol, states in limits.oxidation_states:
        if not may_balance(symbol, limits.oxidation_states, limits.elements):
            raise ConfigError(
                f"system.oxidation_states: {symbol} with {', '.join(f'{state:+d}' for state in states)} is balanced by "
                "no other element",
                "give other states, or add elements of the other sign",
            )
