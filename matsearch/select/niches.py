"""Niches of chemistry and structure, and the best crystal of each: against a search that breeds one kind of crystal alone.

The archive of MAP-Elites (Mouret and Clune, arXiv:1504.04909), not stored: a function of the candidates.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cache

from pymatgen.core import Structure

from matsearch.core.element_groups import GROUPS
from matsearch.core.records import Candidate
from matsearch.core.system_rules import CRYSTAL_SYSTEMS
from matsearch.crystal.languages.space_groups import settings_of
from matsearch.crystal.symmetry import spacegroup_symbol

Niche = tuple[str, str]
"""Element families, such as ``alkali + halogen``, and crystal system."""

_SYMBOLS = {
    "alkali": "Li Na K Rb Cs Fr",
    "alkaline earth": "Be Mg Ca Sr Ba Ra",
    "early transition": "Sc Y Ti Zr Hf Rf V Nb Ta Db Cr Mo W Sg Mn Tc Re Bh",
    "late transition": "Fe Hs Co Mt Ni Ds Cu Rg Zn Cd Hg Cn",
    "post-transition": "Al Ga In Tl Nh Si Ge Sn Pb Fl Sb Bi Mc Po Lv",
    "light": "H B C",
    "pnictogen": "N P As",
    "oxygen": "O",
    "chalcogen": "S Se Te",
    "halogen": "F Cl Br I At Ts",
}
"""Sb, Bi and Po are with the metals and metalloids that they alloy like."""

_FAMILIES = {name: GROUPS[name] for name in ("f-block", "precious", "noble-gas")} | {
    family: frozenset(symbols.split()) for family, symbols in _SYMBOLS.items()
}
"""Each element is in one."""


def niche_of(candidate: Candidate) -> Niche:
    """Return the niche of a candidate that has a structure."""
    chemistry = _families(candidate.best_structure)
    return chemistry, crystal_system(candidate.spacegroup or spacegroup_symbol(candidate.best_structure))


def elites(
    candidates: Sequence[Candidate], order: Callable[[Sequence[Candidate]], list[Candidate]]
) -> dict[Niche, Candidate]:
    """Return the best candidate of each niche, the best of all first.

    Parameters
    ----------
    order : callable
        Candidates to those that may breed, best first.
    """
    found: dict[Niche, Candidate] = {}
    for candidate in order(candidates):
        found.setdefault(niche_of(candidate), candidate)
    return found


def occupancy(candidates: Sequence[Candidate]) -> dict[Niche, int]:
    """Return how many of the candidates with a structure are in each niche, the fullest first, ties by name."""
    counts = Counter(niche_of(c) for c in candidates if c.best_structure is not None)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def neglected_elites(ranked: Sequence[Candidate], given: Sequence[Candidate]) -> list[Candidate]:
    """Return the elites of all niches, those of the niches with the fewest children first, then by rank.

    Parameters
    ----------
    ranked : sequence of Candidate
        Best first.
    given : sequence of Candidate
        Whose parents are counted, for the niche of each parent that is among them too.
    """
    children = _children(given)
    found = elites(ranked, list)
    return [found[niche] for niche in sorted(found, key=lambda niche: children[niche])]


def _children(given: Sequence[Candidate]) -> Counter[Niche]:
    """Return the children of each niche; a child of two parents in one niche is one child."""
    families = {c.candidate_id: set(c.lineage.parent_ids) for c in given}
    named = set().union(*families.values())
    niches = {
        c.candidate_id: niche_of(c) for c in given if c.candidate_id in named and c.best_structure is not None
    }
    return Counter(
        niche
        for parents in families.values()
        for niche in {niches[parent] for parent in parents if parent in niches}
    )


@cache
def crystal_system(symbol: str) -> str:
    """Return the crystal system of a space group by its Hermann-Mauguin symbol.

    Raises
    ------
    ValueError
        If there is no such group.
    """
    settings = settings_of(symbol)
    if not settings:
        raise ValueError(f"{symbol!r} is no space group")
    return next(system for system, numbers in CRYSTAL_SYSTEMS.items() if settings[0].number in numbers)


def _families(structure: Structure) -> str:
    present = {element.symbol for element in structure.composition.elements}
    return " + ".join(family for family, symbols in _FAMILIES.items() if not symbols.isdisjoint(present))
