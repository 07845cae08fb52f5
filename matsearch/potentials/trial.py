"""A potential tried on one crystal: whether its forces and its stress are derivatives of its energy."""

import time
from typing import TYPE_CHECKING

import numpy as np

from matsearch.core.errors import MatsearchError, PotentialError
from matsearch.core.model import Record
from matsearch.core.protocols import Potential
from matsearch.crystal.limits import covalent_radius

if TYPE_CHECKING:
    from ase import Atoms

STEP = 0.003
"""Of the central differences: in angstrom, and as a strain, of a component that is 1."""

TOLERANCE = 0.05
"""Of force (eV/angstrom) and of the stress times the volume (eV): far under any mistake of sign or unit."""

SEED = 30
"""Of both directions, whose components differ enough to tell the components of force and stress apart."""

STRAIN = ((0.02, 0.1, -0.06), (0.1, 0.0, 0.02), (-0.06, 0.02, -0.02))
"""Of the crystal that is tried: its three shears differ, so that an exchange of two shows."""


class Trial(Record):
    """What came out.

    Attributes
    ----------
    energy_per_atom : float
        In eV/atom.
    forces_fit, stress_fits : bool
        Whether they agree with the energy's differences.
    gives : tuple of str
        What was given beyond the energy.
    load_s, compute_s : float
        Wall clock of the first geometry with all that is loaded for it, and of a further one.
    """

    formula: str
    energy_per_atom: float
    forces_fit: bool
    stress_fits: bool
    gives: tuple[str, ...]
    load_s: float
    compute_s: float

    @property
    def ok(self) -> bool:
        """Whether it can relax crystals."""
        return self.forces_fit and self.stress_fits


def try_potential(potential: Potential) -> Trial:
    """Return what a potential says of distorted rock salt: NaCl, or two of its elements where it does not know those.

    Raises
    ------
    PotentialError
        If it cannot be loaded or cannot compute that.
    """
    atoms = _rock_salt(potential.info.elements)
    try:
        return _tried(potential, atoms)
    except MatsearchError:
        raise
    except Exception as error:
        raise PotentialError(
            f"{potential.info.name} {potential.info.version} cannot compute {atoms.get_chemical_formula()}: "
            f"{type(error).__name__}: {' '.join(str(error).split())}",
            "state the elements that it knows as potential.elements, or mend it",
        ) from error


def _tried(potential: Potential, atoms: "Atoms") -> Trial:
    began = time.perf_counter()
    atoms.calc = potential.calculator()
    energy = float(atoms.get_potential_energy())
    loaded = time.perf_counter()
    forces_fit, stress_fits = _forces_fit(atoms), _stress_fits(atoms)
    atoms.rattle(0.01, seed=1)
    computing = time.perf_counter()
    atoms.get_potential_energy()
    ended = time.perf_counter()
    given = set(atoms.calc.results) & {"forces", "stress", "magmoms", "charges"}
    return Trial(
        formula=atoms.get_chemical_formula(),
        energy_per_atom=energy / len(atoms),
        forces_fit=forces_fit,
        stress_fits=stress_fits,
        gives=tuple(sorted(given)),
        load_s=loaded - began,
        compute_s=ended - computing,
    )


def _rock_salt(elements: frozenset[str] | None) -> "Atoms":
    from ase.build import bulk

    known = sorted(elements or {"Na", "Cl"})
    first, second = ("Na", "Cl") if {"Na", "Cl"} <= set(known) else (known[0], known[-1])
    edge = (
        5.64 if (first, second) == ("Na", "Cl") else 2.0 * (covalent_radius(first) + covalent_radius(second))
    )
    atoms = bulk("NaCl", "rocksalt", a=edge)
    atoms.set_chemical_symbols([first, second])
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + np.array(STRAIN)), scale_atoms=True)
    atoms.positions[0] += (0.2, 0.1, -0.1)
    return atoms


def _forces_fit(atoms: "Atoms") -> bool:
    """Return whether the forces are the energy's slope along one random direction of all atoms."""
    forces = atoms.get_forces()
    direction = np.random.default_rng(SEED).normal(size=forces.shape)
    energies = []
    for sign in (1, -1):
        moved = atoms.copy()
        moved.positions += sign * STEP * direction
        energies.append(_energy(moved, atoms))
    slope = (energies[0] - energies[1]) / (2 * STEP)
    return bool(np.isfinite(forces).all() and _agree(-slope, float((forces * direction).sum())))


def _stress_fits(atoms: "Atoms") -> bool:
    """Return whether the stress is the energy's slope along one random symmetric strain."""
    stress = atoms.get_stress(voigt=False)
    drawn = np.random.default_rng(SEED).normal(size=(3, 3))
    strain = (drawn + drawn.T) / 2
    energies = []
    for sign in (1, -1):
        strained = atoms.copy()
        strained.set_cell(atoms.cell.array @ (np.eye(3) + sign * STEP * strain), scale_atoms=True)
        energies.append(_energy(strained, atoms))
    slope = (energies[0] - energies[1]) / (2 * STEP)
    work = float((stress * strain).sum() * atoms.get_volume())
    return bool(np.isfinite(stress).all() and _agree(slope, work))


def _energy(changed: "Atoms", atoms: "Atoms") -> float:
    changed.calc = atoms.calc
    return float(changed.get_potential_energy())


def _agree(a: float, b: float) -> bool:
    return abs(a - b) <= TOLERANCE + 0.02 * abs(a)
