"""Who may still become a parent: limits by formula and by element, and no crystal twice."""

import math
from collections import Counter

from pymatgen.core import Structure

from matsearch.core.config import SelectionSection
from matsearch.crystal.matching import same_crystal


class Quota:
    """What a selection of ``n`` parents still has room for.

    Parameters
    ----------
    rules : SelectionSection
        ``polymorphs`` of a reduced formula, ``element_caps``: each share of ``n`` rounded down.
    n : int
        Parents in all.
    """

    def __init__(self, rules: SelectionSection, n: int) -> None:
        self._polymorphs = rules.polymorphs
        # 0.29 * 100 is a little under 29
        self._caps = {symbol: math.floor(share * n + 1e-9) for symbol, share in rules.element_caps.items()}
        self._room = n
        self._holders: Counter[str] = Counter()
        self._taken: dict[str, list[Structure]] = {}

    def take(self, structure: Structure) -> bool:
        """Take a crystal if there is room for it; return whether it was taken."""
        composition = structure.composition
        symbols = {element.symbol for element in composition.elements}
        polymorphs = self._taken.get(composition.reduced_formula, [])
        full = self._room < 1 or len(polymorphs) >= self._polymorphs
        capped = any(self._holders[symbol] >= self._caps[symbol] for symbol in symbols & set(self._caps))
        if full or capped or any(same_crystal(structure, other) for other in polymorphs):
            return False
        self._room -= 1
        self._holders.update(symbols)
        self._taken[composition.reduced_formula] = [*polymorphs, structure]
        return True
