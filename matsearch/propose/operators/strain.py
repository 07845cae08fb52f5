"""Lattice strain: the cell is deformed, the atoms ride along."""

import numpy as np
from pymatgen.core import Lattice, Structure

from matsearch.core.slots import Slot
from matsearch.propose.change import Change, allowed_parents, draw_parent

MIN_STRAIN = 0.04
MAX_STRAIN = 0.12


def strain(slot: Slot, rng: np.random.Generator) -> Change | None:
    """Multiply the lattice by 1 plus a random symmetric tensor; fractional coordinates stay.

    An amplitude between 4 and 12 percent is drawn, then each of the six components evenly within it: a symmetric tensor
    is a deformation without rotation.
    """
    pool = allowed_parents(slot)
    if not pool:
        return None
    parent = draw_parent(pool, rng)
    amplitude = float(rng.uniform(MIN_STRAIN, MAX_STRAIN))
    upper = np.triu(rng.uniform(-amplitude, amplitude, (3, 3)))
    tensor = upper + np.triu(upper, 1).T
    lattice = Lattice(parent.structure.lattice.matrix @ (np.eye(3) + tensor))
    child = Structure(lattice, parent.structure.species, parent.structure.frac_coords)
    return Change(child, {"strain": round(amplitude, 4)}, (parent,))
