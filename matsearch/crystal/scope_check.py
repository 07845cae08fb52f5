"""Limits that no crystal can keep to are refused before a search begins."""

from pymatgen.core import Composition

from matsearch.core.errors import ConfigError
from matsearch.core.sections import SanitySection
from matsearch.core.slots import Limits
from matsearch.crystal.balance import charge_balance, may_balance
from matsearch.crystal.costs import element_cost
from matsearch.crystal.limits import electronegativity
from matsearch.crystal.scope import ratio_fault


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
    if limits.max_cost is None:
        return
    priced = {s: cost for s in limits.elements if (cost := element_cost(s)) is not None}
    cheapest = min(priced, key=lambda symbol: priced[symbol], default=None)
    if cheapest is None:
        raise ConfigError(
            f"system.max_cost: no price is known for {', '.join(limits.elements)}", "leave it out"
        )
    if priced[cheapest] > limits.max_cost:
        raise ConfigError(
            f"system.max_cost {limits.max_cost:g}: {cheapest}, the cheapest element, costs {priced[cheapest]:.3g} USD per kg",
            "raise it, or add elements",
        )


def _check_anions(limits: Limits) -> None:
    """Refuse anions beside which there are too few elements less electronegative than they are."""
    fewest = limits.n_elements[0] if limits.n_elements else min(2, len(limits.elements))
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
