"""Classical operators: one parent in, one changed crystal out, or None where the operator has nothing to do.

They know no chemistry beyond electronegativities and bond lengths: the offline default, and the control that any
claim about a language model needs.
"""

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from pymatgen.analysis.structure_prediction.volume_predictor import DLSVolumePredictor
from pymatgen.core import Lattice, Structure

from matsearch.core.protocols import Limits
from matsearch.crystal.limits import covalent_radius, electronegativity

SIMILARITY_WIDTH = 0.7
MAX_STRAIN = 0.12
MAX_RATTLE = 0.4


class Change(NamedTuple):
    """What an operator made, and how, for the lineage."""

    structure: Structure
    details: dict[str, str | int | float]


Operator = Callable[[Structure, Limits, np.random.Generator], Change | None]


def substitution(parent: Structure, limits: Limits, rng: np.random.Generator) -> Change | None:
    """Map the parent's elements onto others of the search and rescale the cell to the new bond lengths.

    A new element is drawn with weight exp(-|difference in Pauling electronegativity| / 0.7), so that cations tend
    to replace cations. The volume follows the data-mined lattice scheme (Chu et al., 2018) as in pymatgen.
    """
    old = [element.symbol for element in parent.composition.elements]
    if len(old) > len(limits.elements) or len(parent) > limits.max_atoms:
        return None
    mapping = _draw_mapping(old, list(limits.elements), rng)
    if all(a == b for a, b in mapping.items()):
        return None
    child = parent.copy()
    child.replace_species(mapping)
    text = ", ".join(f"{a}->{b}" for a, b in sorted(mapping.items()))
    return Change(_rescaled(child, parent), {"map": text})


def strain(parent: Structure, limits: Limits, rng: np.random.Generator) -> Change | None:
    """Strain the cell and rattle the atoms, in a cell of the parent or a doubled one.

    Normal strain components up to 12 percent and displacements up to 0.4 angstrom in standard deviation: enough to
    leave the parent's basin now and then.
    """
    if len(parent) > limits.max_atoms:
        return None
    cell, doubled = _maybe_doubled(parent, limits, rng)
    amplitude, displacement = rng.uniform(0.02, MAX_STRAIN), rng.uniform(0.05, MAX_RATTLE)
    tensor = rng.uniform(-amplitude, amplitude, (3, 3))
    deformation = np.eye(3) + (tensor + tensor.T) / 2.0
    cartesian = cell.cart_coords @ deformation + rng.normal(0.0, displacement, (len(cell), 3)) / np.sqrt(3.0)
    child = Structure(
        Lattice(cell.lattice.matrix @ deformation), cell.species, cartesian, coords_are_cartesian=True
    )
    return Change(
        child, {"strain": round(amplitude, 4), "rattle": round(displacement, 4), "doubled": doubled}
    )


def permutation(parent: Structure, limits: Limits, rng: np.random.Generator) -> Change | None:
    """Swap the elements of one or more pairs of sites, in a cell of the parent or a doubled one."""
    if len(parent) > limits.max_atoms or len(parent.composition.elements) < 2:
        return None
    cell, doubled = _maybe_doubled(parent, limits, rng)
    symbols = np.array([site.specie.symbol for site in cell])
    swaps = int(rng.integers(1, max(2, len(cell) // 3 + 1)))
    for _ in range(swaps):
        i = int(rng.integers(len(symbols)))
        others = np.flatnonzero(symbols != symbols[i])
        j = int(rng.choice(others))
        symbols[[i, j]] = symbols[[j, i]]
    child = Structure(cell.lattice, symbols.tolist(), cell.frac_coords)
    return Change(child, {"swaps": swaps, "doubled": doubled})


OPERATORS: dict[str, Operator] = {"substitution": substitution, "strain": strain, "permutation": permutation}


def _draw_mapping(old: list[str], allowed: list[str], rng: np.random.Generator) -> dict[str, str]:
    mapping: dict[str, str] = {}
    free = list(allowed)
    for symbol in old:
        weights = np.array(
            [
                np.exp(-abs(electronegativity(symbol) - electronegativity(other)) / SIMILARITY_WIDTH)
                for other in free
            ]
        )
        chosen = str(rng.choice(free, p=weights / weights.sum()))
        mapping[symbol] = chosen
        free.remove(chosen)
    return mapping


def _rescaled(child: Structure, parent: Structure) -> Structure:
    # the radii alone serve where the data-mined scheme has no bond lengths for a pair
    ratio = _sum_of_cubes(child) / _sum_of_cubes(parent)
    volume = parent.volume * ratio
    child = child.copy()
    child.scale_lattice(volume)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            volume = float(DLSVolumePredictor(min_scaling=0.8, max_scaling=1.25).predict(child))
    except (ValueError, KeyError):
        return child
    child.scale_lattice(volume)
    return child


def _sum_of_cubes(structure: Structure) -> float:
    return float(sum(covalent_radius(site.specie.symbol) ** 3 for site in structure))


def _maybe_doubled(parent: Structure, limits: Limits, rng: np.random.Generator) -> tuple[Structure, int]:
    axis = int(rng.integers(3))
    if rng.random() < 0.5 or 2 * len(parent) > limits.max_atoms:
        return parent.copy(), 1
    scaling = [1, 1, 1]
    scaling[axis] = 2
    child = parent.copy()
    child.make_supercell(scaling)
    return child, 2
