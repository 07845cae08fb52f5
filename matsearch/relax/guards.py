"""What a relaxation must not do, checked at every step: converged is not valid."""

import numpy as np
from ase import Atoms

from matsearch.core.config import RelaxSection
from matsearch.core.verdict import FailureKind, Verdict

STAGE = "relax"


def check_numbers(atoms: Atoms) -> Verdict | None:
    """Refuse energies, forces or stresses that are not finite."""
    for name in ("energy", "forces", "stress"):
        value = atoms.calc.results.get(name)
        if value is not None and not np.isfinite(value).all():
            return _verdict(FailureKind.NON_FINITE, f"{name} is not finite")
    return None


def check_geometry(atoms: Atoms, initial_volume: float, settings: RelaxSection) -> Verdict | None:
    """Refuse exploding and collapsing cells, runaway energies and overlapping atoms."""
    ratio = atoms.get_volume() / initial_volume
    if ratio > settings.max_volume_ratio:
        return _verdict(
            FailureKind.EXPLODED, f"volume grew {ratio:.2f} times, over {settings.max_volume_ratio}"
        )
    if ratio < settings.min_volume_ratio:
        return _verdict(
            FailureKind.COLLAPSED, f"volume shrank to {ratio:.2f}, under {settings.min_volume_ratio}"
        )
    energy = abs(atoms.get_potential_energy() / len(atoms))
    if energy > settings.max_energy_per_atom:
        return _verdict(
            FailureKind.EXPLODED, f"energy of {energy:.0f} eV/atom, over {settings.max_energy_per_atom}"
        )
    return None


def check_end(atoms: Atoms, settings: RelaxSection) -> Verdict | None:
    """Refuse an end geometry whose atoms overlap."""
    shortest = _shortest_distance(atoms)
    if shortest < settings.min_distance:
        return _verdict(
            FailureKind.OVERLAPPING_ATOMS,
            f"atoms {shortest:.2f} angstrom apart, under {settings.min_distance}",
        )
    return None


def _shortest_distance(atoms: Atoms) -> float:
    from ase.neighborlist import neighbor_list

    distances = neighbor_list("d", atoms, 3.0)
    return float(distances.min()) if len(distances) else float("inf")


def _verdict(kind: FailureKind, detail: str) -> Verdict:
    return Verdict(kind=kind, stage=STAGE, detail=detail)
