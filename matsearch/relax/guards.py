"""What a relaxation must not do, checked at every step: converged is not valid."""

import numpy as np
from ase import Atoms

from matsearch.core.config import RelaxSection
from matsearch.core.labels import Labels
from matsearch.core.verdict import FailureKind, Verdict

STAGE = "relax"


def check_numbers(labels: Labels) -> Verdict | None:
    """Refuse energies, forces or stresses that are not finite."""
    for name in ("energy", "forces", "stress"):
        if not np.isfinite(getattr(labels, name)).all():
            return verdict(FailureKind.NON_FINITE, f"{name} is not finite")
    return None


def check_volume(atoms: Atoms, initial_volume: float, settings: RelaxSection) -> Verdict | None:
    """Refuse exploding and collapsing cells; asked before the labels, for a crushed cell costs most."""
    ratio = atoms.get_volume() / initial_volume
    if ratio > settings.max_volume_ratio:
        return verdict(
            FailureKind.EXPLODED, f"volume grew {ratio:.2f} times, over {settings.max_volume_ratio}"
        )
    if ratio < settings.min_volume_ratio:
        return verdict(
            FailureKind.COLLAPSED, f"volume shrank to {ratio:.2f}, under {settings.min_volume_ratio}"
        )
    return None


def check_energy(labels: Labels, settings: RelaxSection) -> Verdict | None:
    """Refuse energies that no crystal has."""
    energy = abs(labels.energy / len(labels.forces))
    if energy > settings.max_energy_per_atom:
        return verdict(
            FailureKind.EXPLODED, f"energy of {energy:.0f} eV/atom, over {settings.max_energy_per_atom}"
        )
    return None


def check_distances(atoms: Atoms, settings: RelaxSection) -> Verdict | None:
    """Refuse a geometry whose atoms overlap."""
    from ase.neighborlist import neighbor_list

    close = neighbor_list("d", atoms, settings.min_distance)
    if len(close) == 0:
        return None
    return verdict(
        FailureKind.OVERLAPPING_ATOMS,
        f"atoms {close.min():.2f} angstrom apart, under {settings.min_distance}",
    )


def verdict(kind: FailureKind, detail: str) -> Verdict:
    """Return a verdict of this stage."""
    return Verdict(kind=kind, stage=STAGE, detail=detail)
