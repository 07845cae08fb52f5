"""Ionic substitution: known crystals with other elements in place of theirs.

Which ion replaces which follows statistics of known crystals (Hautier et al., Inorg. Chem. 2011, 50, 656, with the
parameters that pymatgen carries).
"""

from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np
from pymatgen.core import Structure

from matsearch.core.slots import Slot
from matsearch.crystal.valences import fixed_states
from matsearch.propose.assignment import draw_assignment, similarity
from matsearch.propose.change import Change
from matsearch.propose.patterns import draw_pattern, rescaled

STATISTICS_SHARE = 0.8
"""Of a weight, where the statistics know the parent's ion; they have gaps (no telluride, no phosphide)."""


def substitution(slot: Slot, rng: np.random.Generator) -> Change | None:
    """Map the elements of a parent or template onto those of the search, and rescale the cell.

    An ion's new element is drawn by the conditional probability of that substitution among known crystals, summed over
    the element's ions, with a fifth of the weight from similar electronegativities. Where the parent has no anion,
    electronegativities alone decide. Two elements may become the same one; charges that balance are preferred.
    """
    parent = draw_pattern(slot, rng)
    if parent is None:
        return None
    old = parent.structure.composition.get_el_amt_dict()
    states = mean_states(parent.structure)
    weights = np.array([substitution_weights(a, states.get(a), slot.limits.elements) for a in old])
    counts = [round(amount) for amount in old.values()]
    usual = min(len(old), len(slot.limits.elements))
    new = draw_assignment(weights, counts, slot.limits, rng, usual)
    if new is None or new == tuple(old):
        return None
    mapping = dict(zip(old, new, strict=True))
    symbols = [mapping[site.specie.symbol] for site in parent.structure]
    child = Structure(parent.structure.lattice, symbols, parent.structure.frac_coords)
    text = ", ".join(f"{a}->{b}" for a, b in sorted(mapping.items()))
    return Change(rescaled(child, parent.structure), {"map": text}, (parent,))


def substitution_weights(symbol: str, state: int | None, elements: tuple[str, ...]) -> np.ndarray:
    """Return the probability of each element in the place of an ion, shape (n,), summing to 1.

    Parameters
    ----------
    symbol : str
        The element replaced.
    state : int or None
        Its oxidation state in e; None where there is none to speak of.
    """
    alike = np.array([similarity(symbol, element) for element in elements])
    alike /= alike.sum()
    if state is None or f"{symbol}{state:+d}" not in _ions():
        return alike
    seen = np.array([_conditional(symbol, state, element) for element in elements])
    mined: np.ndarray = STATISTICS_SHARE * seen / seen.sum() + (1.0 - STATISTICS_SHARE) * alike
    return mined


def mean_states(structure: Structure) -> dict[str, int]:
    """Return the oxidation state of each element, rounded from the mean of its atoms; empty without an anion.

    States come from elements and bonds (``crystal.valences``). One element that these leave open has the state that
    makes the cell neutral, if that is within 1 and 8; others are left out.
    """
    known = defaultdict(list)
    for site, state in zip(structure, fixed_states(structure), strict=True):
        known[site.specie.symbol].append(state)
    totals = {
        symbol: sum(state for state in states if isinstance(state, int))
        for symbol, states in known.items()
        if all(isinstance(state, int) for state in states)
    }
    if not any(total < 0 for total in totals.values()):
        return {}
    states = {symbol: round(total / len(known[symbol])) for symbol, total in totals.items()}
    still_open = [symbol for symbol in known if symbol not in totals]
    if len(still_open) == 1:
        missing = round(-sum(totals.values()) / len(known[still_open[0]]))
        states |= {still_open[0]: missing} if 1 <= missing <= 8 else {}
    return states


@cache
def _statistics() -> Any:
    from pymatgen.analysis.structure_prediction.substitution_probability import SubstitutionProbability

    return SubstitutionProbability()


@cache
def _ions() -> dict[str, Any]:
    """Return the statistics' ions by name, such as ``Fe+2``."""
    return {f"{ion.symbol}{int(ion.oxi_state):+d}": ion for ion in _statistics().species}


@cache
def _conditional(symbol: str, state: int, element: str) -> float:
    """Return the probability of an element, in any of its states, in the place of an ion."""
    old = _ions()[f"{symbol}{state:+d}"]
    return float(
        sum(_statistics().cond_prob(ion, old) for ion in _ions().values() if ion.symbol == element)
        or np.exp(_statistics().alpha) / _statistics().get_px(old)
    )
