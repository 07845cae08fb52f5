"""Which crystals are the same: StructureMatcher is the judge, formulas and fingerprints spare most of its work."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache

import numpy as np
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from matsearch.crystal.fingerprint import distances, fingerprint_with_elements

WINDOW = 0.2
"""Crystals of one formula whose fingerprints differ by more are not compared.

Of 642 matching pairs of the Materials Project, Alexandria and a published search the furthest were 0.14 apart.
"""


@cache
def matcher() -> StructureMatcher:
    """Return the one matcher: pymatgen's default tolerances (0.2, 0.3, 5 degrees), primitive cells, scaled."""
    return StructureMatcher()


def same_crystal(first: Structure, second: Structure) -> bool:
    """Return whether two structures are the same crystal."""
    if first.composition.reduced_formula != second.composition.reduced_formula:
        return False
    return bool(matcher().fit(first, second))


def isotypic(first: Structure, second: Structure) -> bool:
    """Return whether two structures are the same crystal but for which elements they are made of."""
    if first.composition.anonymized_formula != second.composition.anonymized_formula:
        return False
    return bool(matcher().fit_anonymous(first, second))


@cache
def _strict_matcher() -> StructureMatcher:
    return StructureMatcher(ltol=0.05, stol=0.1, angle_tol=2.0, scale=False)


def nearly_same(first: Structure, second: Structure) -> bool:
    """Return whether two structures are the same crystal in nearly the same geometry, size included."""
    if first.composition.reduced_formula != second.composition.reduced_formula:
        return False
    return bool(_strict_matcher().fit(first, second))


def first_match(structure: Structure, others: Iterable[tuple[str, Structure]]) -> str | None:
    """Return the id of the first of ``others`` that is the same crystal."""
    return next((name for name, other in others if same_crystal(structure, other)), None)


def mark_duplicates(structures: Sequence[Structure], n_distinct: int = 0) -> list[int | None]:
    """Return, for each structure, the position of an earlier one that is the same crystal, or None.

    Of several such the one with the most similar fingerprint is named, of equals the earliest; none of those named is
    a duplicate itself.

    Parameters
    ----------
    n_distinct : int
        The first so many are known to be distinct and are not compared with each other.
    """
    by_formula: dict[str, list[int]] = defaultdict(list)
    for position, structure in enumerate(structures):
        by_formula[structure.composition.reduced_formula].append(position)
    marks: list[int | None] = [None] * len(structures)
    for positions in by_formula.values():
        if len(positions) > 1 and positions[-1] >= n_distinct:
            _mark_group(positions, structures, n_distinct, marks)
    return marks


def _mark_group(
    positions: Sequence[int], structures: Sequence[Structure], n_distinct: int, marks: list[int | None]
) -> None:
    crystals = [_Crystal(structures[position]) for position in positions]
    prints = np.array([crystal.fingerprint for crystal in crystals])
    firsts = [i for i, position in enumerate(positions) if position < n_distinct]
    for i in range(len(firsts), len(positions)):
        twin = _find_twin(i, firsts, crystals, prints)
        if twin is None:
            firsts.append(i)
        else:
            marks[positions[i]] = positions[twin]


def _find_twin(
    i: int, firsts: Sequence[int], crystals: Sequence["_Crystal"], prints: np.ndarray
) -> int | None:
    gaps = distances(prints[i], prints[list(firsts)])
    near = [firsts[j] for j in np.argsort(gaps, kind="stable") if gaps[j] <= WINDOW]
    return next((first for first in near if crystals[first].is_same(crystals[i])), None)


class _Crystal:
    """A crystal with what comparing it needs, computed once."""

    def __init__(self, structure: Structure) -> None:
        self._structure = structure
        self._reduced: Structure | None = None
        self.fingerprint = fingerprint_with_elements(structure)

    def is_same(self, other: "_Crystal") -> bool:
        if len(self.reduced) != len(other.reduced):
            return False  # primitive cells: the matcher would say so, later
        return bool(matcher().fit(self.reduced, other.reduced, skip_structure_reduction=True))

    @property
    def reduced(self) -> Structure:
        """The primitive cell of the Niggli cell, as the matcher itself would make it."""
        if self._reduced is None:
            niggli = self._structure.get_reduced_structure(reduction_algo="niggli")
            self._reduced = niggli.get_primitive_structure()
        return self._reduced
