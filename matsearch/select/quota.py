"""Who may still become a parent: limits by formula, element and group of elements, and no crystal twice."""

import math
from collections import Counter

from pymatgen.core import Structure

from matsearch.core.config import SelectionSection
from matsearch.core.element_groups import symbols_of
from matsearch.crystal.matching import same_crystal


class Quota:
    """What a selection of ``n`` parents still has room for.

    Parameters
    ----------
    rules : SelectionSection
        ``polymorphs`` of a reduced formula, ``element_caps``: each share of ``n`` rounded down, for crystals that hold the
        element, or any one of the group.
    n : int
        Parents in all.
    """

    def __init__(self, rules: SelectionSection, n: int) -> None:
        self._polymorphs = rules.polymorphs
        # 0.29 * 100 is a little under 29
        self._caps = {name: math.floor(share * n + 1e-9) for name, share in rules.element_caps.items()}
        self._members = {name: symbols_of(name) for name in rules.element_caps}
        self._room = n
        self._holders: Counter[str] = Counter()
        self._taken: dict[str, list[Structure]] = {}

    def take(self, structure: Structure) -> bool:
        """Take a crystal if there is room for it; return whether it was taken."""
        composition = structure.composition
        symbols = {element.symbol for element in composition.elements}
        polymorphs = self._taken.get(composition.reduced_formula, [])
        held = [name for name, members in self._members.items() if not members.isdisjoint(symbols)]
        full = self._room < 1 or len(polymorphs) >= self._polymorphs
        capped = any(self._holders[name] >= self._caps[name] for name in held)
        if full or capped or any(same_crystal(structure, other) for other in polymorphs):
            return False
        self._room -= 1
        self._holders.update(held)
        self._taken[composition.reduced_formula] = [*polymorphs, structure]
        return True
