"""Numbers that say when a crystal cannot be one."""

import warnings
from collections.abc import Iterable
from functools import cache

import numpy as np
from pymatgen.core import Element, Structure

MAX_FILE_BYTES = 2_000_000
MAX_FILE_SITES = 2_000
DEFAULT_RADIUS = 1.5
DEFAULT_VOLUME = 25.0

_USUAL_VOLUMES = """
Ac 42.8 Ag 18.7 Al 16.4 As 21.8 Au 18.9 B 6.9 Ba 44.1 Be 8.1 Bi 33.0 Br 37.3 C 7.8 Ca 30.8 Cd 23.1 Ce 27.4
Cl 29.3 Co 9.2 Cr 11.8 Cs 56.3 Cu 11.6 Dy 27.0 Er 26.6 Eu 27.8 F 12.2 Fe 10.2 Ga 17.7 Gd 27.6 Ge 18.5 H 4.9
He 15.6 Hf 19.4 Hg 25.6 Ho 26.8 I 49.7 In 26.8 Ir 14.2 K 44.2 La 32.2 Li 13.7 Lu 25.5 Mg 21.9 Mn 11.1 Mo 14.7
N 7.8 Na 26.0 Nb 17.5 Nd 29.4 Ni 9.9 Np 21.1 O 9.2 Os 13.4 P 18.1 Pa 24.2 Pb 32.1 Pd 14.8 Pm 32.4 Pr 32.1
Pt 15.4 Pu 22.8 Rb 49.8 Re 14.3 Rh 13.3 Ru 12.9 S 23.0 Sb 27.7 Sc 20.4 Se 26.7 Si 17.8 Sm 30.7 Sn 26.8 Sr 36.1
Ta 17.3 Tb 26.8 Tc 14.3 Te 34.8 Th 31.0 Ti 15.2 Tl 31.6 Tm 26.2 U 22.4 V 12.6 W 14.8 Xe 48.0 Y 28.5 Yb 25.7
Zn 16.6 Zr 21.3
"""


@cache
def electronegativity(symbol: str) -> float:
    """Return Pauling's electronegativity; 2.0 for an element that has none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = float(Element(symbol).X)
    return value if value == value else 2.0


@cache
def hush_noble_gases() -> None:
    """Ask the noble gases once for the electronegativity that they lack: pymatgen warns the first time only."""
    for symbol in ("He", "Ne", "Ar"):
        electronegativity(symbol)


def covalent_radius(symbol: str) -> float:
    """Return the covalent radius in angstrom (Cordero et al., Dalton Trans. 2008, 2832, by way of pymatgen)."""
    from pymatgen.analysis.molecule_structure_comparator import CovalentRadius

    return float(CovalentRadius.radius.get(symbol, DEFAULT_RADIUS))


def atomic_volume(symbol: str) -> float:
    """Return the volume that an atom usually takes in a crystal, in cubic angstrom.

    Sums of them fit the cells of 3,700 known crystals (Materials Project, WBM, Alexandria and the embedded set)
    with a standard deviation of 15 percent, by ``scripts/measure_known_geometry.py``.
    """
    return _usual_volumes().get(symbol, DEFAULT_VOLUME)


def usual_volume(symbols: Iterable[str]) -> float:
    """Return the sum of the usual volumes of atoms, each named by its element, in cubic angstrom."""
    return sum(atomic_volume(symbol) for symbol in symbols)


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


def nearest_contact_ratios(structure: Structure, reach: float) -> np.ndarray:
    """Return each atom's distance to its nearest neighbour over the sum of their covalent radii, shape (n,).

    Parameters
    ----------
    reach : float
        In sums of covalent radii: up to here the smallest ratio is exact; an atom without any neighbour that
        near may have infinity.
    """
    radii = np.array([covalent_radius(site.specie.symbol) for site in structure])
    first, second, _, distances = structure.get_neighbor_list(reach * 2.0 * float(radii.max()))
    ratios = np.full(len(structure), np.inf)
    np.minimum.at(ratios, first, distances / (radii[first] + radii[second]))
    return ratios


def volume_ratio(structure: Structure) -> float:
    """Return the volume of the cell over the sum of its atoms' usual volumes."""
    return float(structure.volume / usual_volume(site.specie.symbol for site in structure))


@cache
def _usual_volumes() -> dict[str, float]:
    words = _USUAL_VOLUMES.split()
    return dict(zip(words[::2], map(float, words[1::2]), strict=True))
