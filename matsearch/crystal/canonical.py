"""The canonical form of a crystal, and its key.

The form describes a cell as it is given: no reduction, no symmetry, no choice of origin. So a supercell has another
key, and so has the same crystal in another setting: those are duplicates for :mod:`matsearch.crystal.matching`,
not the same input to a relaxation. What the form does not depend on: the order of the sites, the orientation of
the lattice in space (CIF does not keep it) and its handedness (energies do not know it), multiples of a lattice
vector, oxidation states and site properties.

Rounding, version 1: lengths to 1e-3 angstrom, angles to 1e-2 degree, fractional coordinates to 1e-4. A number
within the error of a file format of a rounding boundary may go either way: :func:`rounding_margin` says how near
the nearest one is, and a round trip that moves numbers by less keeps the key. The grid is shifted so that simple
fractions, whole angstroms and whole degrees lie far from the boundaries.
"""

from typing import Any

import numpy as np
from pymatgen.core import Structure

from matsearch.core.keys import content_key
from matsearch.core.structures import encode_structure

VERSION = "structure/1"
LENGTH_STEP = 1e-3
ANGLE_STEP = 1e-2
COORD_STEP = 1e-4
_SHIFT = 0.61
_COORD_PERIOD = round(1 / COORD_STEP)


def canonical_form(structure: Structure) -> dict[str, Any]:
    """Return the form as integers: lengths, angles and sites sorted by element and coordinates."""
    lengths, angles = _scaled_lattice(structure)
    return {
        "abc": np.floor(lengths).astype(int).tolist(),
        "angles": np.floor(angles).astype(int).tolist(),
        "sites": sorted(_rounded_sites(structure)),
    }


def structure_key(structure: Structure) -> str:
    """Return the sha256 of the canonical form.

    Raises
    ------
    InputError
        If a site is disordered.
    """
    return content_key(VERSION, canonical_form(structure))


def sorted_sites(structure: Structure) -> Structure:
    """Return the crystal with its sites in the canonical form's order, so that one key means one order."""
    sites = _rounded_sites(structure)
    order = sorted(range(len(sites)), key=sites.__getitem__)
    return Structure(structure.lattice, [sites[i][0] for i in order], structure.frac_coords[order])


def rounding_margin(structure: Structure) -> float:
    """Return how near the nearest rounding boundary is, as a fraction of a rounding step (0 to 0.5)."""
    scaled = np.concatenate([*_scaled_lattice(structure), _scaled_coords(structure).ravel()])
    fraction = scaled % 1.0
    return float(np.minimum(fraction, 1.0 - fraction).min())


def _rounded_sites(structure: Structure) -> list[list[Any]]:
    """Return element symbol and three integers for each site, in the structure's order."""
    species = encode_structure(structure)["species"]
    coords = np.floor(_scaled_coords(structure)).astype(int) % _COORD_PERIOD
    return [[symbol, *row] for symbol, row in zip(species, coords.tolist(), strict=True)]


def _scaled_lattice(structure: Structure) -> tuple[np.ndarray, np.ndarray]:
    lattice = structure.lattice
    return np.array(lattice.abc) / LENGTH_STEP + _SHIFT, np.array(lattice.angles) / ANGLE_STEP + _SHIFT


def _scaled_coords(structure: Structure) -> np.ndarray:
    return structure.frac_coords / COORD_STEP + _SHIFT
