"""How unlike two crystals are, in chemistry and in structure."""

from functools import cache

import numpy as np
from pymatgen.core import Composition, Element, Structure

from matsearch.crystal.fingerprint import distances, fingerprint

CHEMISTRY_UNIT = 20.0
"""Places on the scale of elements: the median between two known crystals (Materials Project)."""

STRUCTURE_UNIT = 0.1
"""Of fingerprints, without unit: the median between two known crystals (Materials Project)."""

_SCALE = 104


class Unlikeness:
    """Distances within a list of crystals: of chemistry and of structure, each in units of its median.

    Chemistry is the earth mover's distance between compositions on Pettifor's scale of elements, on which alike ones
    are neighbours (Hargreaves et al., Chem. Mater. 32, 10610 (2020)); structure is that of the fingerprints.

    Parameters
    ----------
    crystals : list of Structure
        Ordered.
    """

    def __init__(self, crystals: list[Structure]) -> None:
        self._chemistry = np.array([_chemistry(crystal.composition) for crystal in crystals])
        self._structure = np.array([fingerprint(crystal) for crystal in crystals])

    def from_one(self, index: int) -> np.ndarray:
        """Return the distance of every crystal from one of them, shape (n,), without unit."""
        chemistry = np.abs(self._chemistry - self._chemistry[index]).sum(axis=1)
        structure = distances(self._structure[index], self._structure)
        return chemistry / CHEMISTRY_UNIT + structure / STRUCTURE_UNIT


def _chemistry(composition: Composition) -> np.ndarray:
    """Return the share of atoms up to each place of the scale, shape (104,); their differences sum to the distance."""
    shares = np.zeros(_SCALE)
    for element, share in composition.fractional_composition.items():
        shares[_place(element.symbol)] += share
    return shares.cumsum()


@cache
def _place(symbol: str) -> int:
    """Return an element's place on Pettifor's scale (J. Phys. C 19, 285 (1986), by way of pymatgen)."""
    place = Element(symbol).mendeleev_no
    return int(place) if place == place else _SCALE - 1  # the heaviest have none
