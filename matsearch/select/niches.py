"""Niches of chemistry and structure, and the best crystal of each: against a search that breeds one kind of crystal alone.

The archive of MAP-Elites (Mouret and Clune, arXiv:1504.04909), not stored: a function of the candidates.
"""

from collections import Counter
from collections.abc import Sequence
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
    structure = candidate.best_structure
    system = crystal_system(candidate.spacegroup or "") or crystal_system(spacegroup_symbol(structure))
    return _families(structure), system


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
    elites: dict[Niche, Candidate] = {}
    for candidate in ranked:
        elites.setdefault(niche_of(candidate), candidate)
    return [elites[niche] for niche in sorted(elites, key=lambda niche: children[niche])]


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
    """Return the crystal system of a space group by its Hermann-Mauguin symbol, an empty string where there is none."""
    numbers = {setting.number for setting in settings_of(symbol)}
    return next((name for name, own in CRYSTAL_SYSTEMS.items() if not numbers.isdisjoint(own)), "")


def _families(structure: Structure) -> str:
    present = {element.symbol for element in structure.composition.elements}
    return " + ".join(family for family, symbols in _FAMILIES.items() if not symbols.isdisjoint(present))
