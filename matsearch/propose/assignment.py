"""Drawing elements for sublattices: by weight, within the limits, balanced charges preferred."""

from collections.abc import Sequence

import numpy as np
from pymatgen.core import Composition

from matsearch.core.slots import Limits
from matsearch.crystal.balance import charge_balance
from matsearch.crystal.limits import electronegativity
from matsearch.crystal.scope import allows

DRAWS = 200
UNBALANCED_WEIGHT = 0.1
LOST_ELEMENT_WEIGHT = 0.1
SIMILARITY_WIDTH = 0.7
"""In Pauling's electronegativity."""


def draw_assignment(
    weights: np.ndarray, counts: Sequence[int], limits: Limits, rng: np.random.Generator, usual: int
) -> tuple[str, ...] | None:
    """Return an element of the limits for each sublattice; None where no draw keeps to the limits.

    Sublattices are drawn independently, then refused by what they come to together: one whose charges cannot be
    balanced is kept with a probability of 0.1, and each element fewer than usual costs another factor of 0.1.

    Parameters
    ----------
    weights : ndarray of float, shape (n_sublattices, n_elements)
        Not negative, some of each row positive; columns in the order of ``limits.elements``.
    counts : sequence of int
        Atoms of each sublattice in the cell.
    usual : int
        Number of different elements below which a draw is made less likely.
    """
    chances = weights / weights.sum(axis=1, keepdims=True)
    drawn = np.stack([rng.choice(len(limits.elements), size=DRAWS, p=row) for row in chances], axis=1)
    luck = rng.random(DRAWS)
    for row, fortune in zip(drawn.tolist(), luck, strict=True):
        symbols = tuple(limits.elements[i] for i in row)
        if fortune < _acceptance(symbols, counts, limits, usual):
            return symbols
    return None


def preference(composition: Composition) -> float:
    """Return the weight of a composition: 1, or 0.1 where known oxidation states cannot balance it."""
    return UNBALANCED_WEIGHT if charge_balance(composition) == "no" else 1.0


def similarity(first: str, second: str) -> float:
    """Return how alike two elements are by electronegativity, 1 at most."""
    return float(np.exp(-abs(electronegativity(first) - electronegativity(second)) / SIMILARITY_WIDTH))


def _acceptance(symbols: Sequence[str], counts: Sequence[int], limits: Limits, usual: int) -> float:
    amounts: dict[str, int] = {}
    for symbol, count in zip(symbols, counts, strict=True):
        amounts[symbol] = amounts.get(symbol, 0) + count
    composition = Composition(amounts)
    if not allows(limits, composition):
        return 0.0
    return preference(composition) * float(LOST_ELEMENT_WEIGHT ** max(0, usual - len(amounts)))
