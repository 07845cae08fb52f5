"""One crystal relaxed with ASE: positions and cell, guarded at every step."""

import logging
import warnings
from typing import Any

import numpy as np
from ase import Atoms
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE, LBFGS
from pymatgen.core import Lattice, Structure

from matsearch.core.boundary import contained
from matsearch.core.config import RelaxSection
from matsearch.core.keys import content_key
from matsearch.core.protocols import PotentialInfo
from matsearch.core.records import Relaxation, RelaxOutcome
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.potentials.frames import to_atoms
from matsearch.relax.guards import check_end, check_geometry, check_numbers

PROTOCOL = "relax/1"
_OPTIMIZERS = {"lbfgs": LBFGS, "fire": FIRE}
_log = logging.getLogger(__name__)


def relax_key(structure_key: str, info: PotentialInfo, settings: RelaxSection) -> str:
    """Return the content key of a relaxation: structure, weights, protocol version and physics settings."""
    return content_key(
        PROTOCOL, [structure_key, info.sha256, info.scheme_id, settings.model_dump(mode="json")]
    )


def relax_one(
    structure: Structure, calculator: Any, info: PotentialInfo, settings: RelaxSection, key: str
) -> RelaxOutcome:
    """Relax one crystal to a relaxation or a verdict.

    Parameters
    ----------
    structure : Structure
        Ordered.
    calculator : ase.calculators.calculator.Calculator
        Giving energy, forces and stress.
    key : str
        Recorded as the relaxation's ``relax_key``.
    """
    atoms = to_atoms(structure)
    atoms.calc = calculator
    calculator.reset()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _run(structure, atoms, info, settings, key)
    except ValueError as error:
        if "isolated atom" not in str(error):
            raise
        return _end(FailureKind.ISOLATED_ATOM, "an atom has no neighbour within the potential's cut-off")


def relax_contained(
    structure: Structure, calculator: Any, info: PotentialInfo, settings: RelaxSection, key: str
) -> RelaxOutcome:
    """Relax one crystal; an exception nobody expected is an outcome too."""
    outcome = contained("relax", lambda: relax_one(structure, calculator, info, settings, key))
    return RelaxOutcome(verdict=outcome) if isinstance(outcome, Verdict) else outcome


def _run(
    structure: Structure, atoms: Atoms, info: PotentialInfo, settings: RelaxSection, key: str
) -> RelaxOutcome:
    volume = atoms.get_volume()
    moving = FrechetCellFilter(atoms)
    optimizer = _OPTIMIZERS[settings.optimizer](moving, logfile=None)
    initial: float | None = None
    for _ in optimizer.irun(fmax=settings.fmax, steps=settings.max_steps):
        energy = atoms.get_potential_energy()
        failed = check_numbers(atoms) or check_geometry(atoms, volume, settings)
        if failed:
            return RelaxOutcome(verdict=failed)
        initial = energy if initial is None else initial
        _log.debug("step %3d  E %12.5f eV  V %9.3f A^3", optimizer.nsteps, energy, atoms.get_volume())
    fmax = float(np.linalg.norm(moving.get_forces(), axis=1).max())
    if fmax > settings.fmax:
        return _end(FailureKind.NOT_CONVERGED, f"fmax {fmax:.3f} eV/A after {optimizer.nsteps} steps")
    failed = check_end(atoms, settings)
    if failed:
        return RelaxOutcome(verdict=failed)
    magmoms = atoms.calc.results.get("magmoms")
    final_energy = float(atoms.get_potential_energy())
    return RelaxOutcome(
        relaxation=Relaxation(
            structure=_to_structure(atoms, structure),
            energy=final_energy,
            energy_per_atom=final_energy / len(atoms),
            initial_energy_per_atom=float(initial if initial is not None else final_energy) / len(atoms),
            n_steps=int(optimizer.nsteps),
            fmax=fmax,
            volume_ratio=float(atoms.get_volume() / volume),
            magmoms=None if magmoms is None else tuple(float(m) for m in np.abs(magmoms)),
            potential=f"{info.name} {info.version}",
            potential_sha256=info.sha256,
            scheme_id=info.scheme_id,
            relax_key=key,
        )
    )


def _to_structure(atoms: Atoms, proposed: Structure) -> Structure:
    return Structure(Lattice(atoms.cell.array), proposed.species, atoms.get_scaled_positions(wrap=True))


def _end(kind: FailureKind, detail: str) -> RelaxOutcome:
    return RelaxOutcome(verdict=Verdict(kind=kind, stage="relax", detail=detail))
