"""Which crystals are the same: StructureMatcher is the judge, the formula spares most of its work."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cache

from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure


@cache
def matcher() -> StructureMatcher:
    """Return the one matcher: pymatgen's default tolerances (0.2, 0.3, 5 degrees), primitive cells, scaled."""
    return StructureMatcher()


def same_crystal(first: Structure, second: Structure) -> bool:
    """Return whether two structures are the same crystal."""
    if first.composition.reduced_formula != second.composition.reduced_formula:
        return False
    return bool(matcher().fit(first, second))


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
    """Return, for each structure, the position of the first earlier one that is the same crystal, or None.

    Parameters
    ----------
    n_distinct : int
        The first so many are known to be distinct and are not compared with each other.
    """
    firsts: dict[str, list[int]] = defaultdict(list)
    marks: list[int | None] = []
    for position, structure in enumerate(structures):
        earlier = firsts[structure.composition.reduced_formula]
        compared = earlier if position >= n_distinct else []
        twin = next((i for i in compared if same_crystal(structures[i], structure)), None)
        marks.append(twin)
        if twin is None:
            earlier.append(position)
    return marks


def spacegroup_symbol(structure: Structure, symprec: float = 0.1) -> str:
    """Return the Hermann-Mauguin symbol by spglib, ``P1`` where it finds none.

    Parameters
    ----------
    symprec : float
        In angstrom; 0.1 suits structures relaxed to a loose force.
    """
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

    try:
        return str(SpacegroupAnalyzer(structure, symprec=symprec).get_space_group_symbol())
    except (SymmetryUndeterminedError, TypeError, ValueError):
        return "P1"
