"""Moments of the benchmark's compounds, as written down and after relaxation."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from ase.filters import FrechetCellFilter
from ase.optimize import LBFGS
from compounds import Compound
from pymatgen.core import Structure

from matsearch.potentials.frames import to_atoms

FMAX = 0.1
MAX_STEPS = 200


@dataclass(frozen=True)
class Measured:
    """A compound, the crystal that was calculated and its moments in Bohr magnetons."""

    compound: Compound
    crystal: Structure
    moments: tuple[float, ...]
    fmax: float
    converged: bool


def measure(compound: Compound, calculator: Any, *, relaxed: bool) -> Measured:
    """Calculate the crystal as it is, or relax cell and atoms first (to 0.1 eV/angstrom)."""
    atoms = to_atoms(compound.crystal)
    atoms.calc = calculator
    converged = True
    if relaxed:
        converged = bool(LBFGS(FrechetCellFilter(atoms), logfile=None).run(fmax=FMAX, steps=MAX_STEPS))
    fmax = float(np.linalg.norm(atoms.get_forces(), axis=1).max())
    crystal = Structure(
        atoms.cell.array, atoms.get_chemical_symbols(), atoms.positions, coords_are_cartesian=True
    )
    moments = tuple(abs(float(m)) for m in calculator.results["magmoms"])
    return Measured(compound, crystal, moments, fmax, converged)
