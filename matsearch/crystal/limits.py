"""Numbers that say when a crystal cannot be one."""

import warnings
from functools import cache

from pymatgen.core import Element, Structure

MAX_FILE_BYTES = 2_000_000
MAX_FILE_SITES = 2_000
DEFAULT_RADIUS = 1.5


@cache
def electronegativity(symbol: str) -> float:
    """Return Pauling's electronegativity; 2.0 for an element that has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = float(Element(symbol).X)
    return value if value == value else 2.0


def covalent_radius(symbol: str) -> float:
    """Return the covalent radius in angstrom (Cordero et al., Dalton Trans. 2008, 2832, by way of pymatgen)."""
    from pymatgen.analysis.molecule_structure_comparator import CovalentRadius

    return float(CovalentRadius.radius.get(symbol, DEFAULT_RADIUS))


def shortest_contact_ratio(structure: Structure, cutoff: float = 4.0) -> float:
    """Return the smallest distance between two atoms over the sum of their covalent radii.

    Parameters
    ----------
    cutoff : float
        Look for neighbours within this many angstrom; none within it gives infinity.
    """
    first, second, _, distances = structure.get_neighbor_list(cutoff)
    if len(distances) == 0:
        return float("inf")
    radii = [covalent_radius(site.specie.symbol) for site in structure]
    return float(min(d / (radii[i] + radii[j]) for i, j, d in zip(first, second, distances, strict=True)))
