"""Sanity: what a crystal must look like before any work is spent on it. Total: same length, order and ids."""

from collections.abc import Sequence

from pymatgen.core import Structure

from matsearch.core.boundary import contained
from matsearch.core.config import SanitySection
from matsearch.core.protocols import Limits
from matsearch.core.records import Candidate
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.crystal.canonical import structure_key
from matsearch.crystal.limits import covalent_radius, shortest_contact_ratio

STAGE = "parse"


def check_sanity(batch: Sequence[Candidate], limits: Limits, rules: SanitySection) -> list[Candidate]:
    """Give each living candidate its structure key or a verdict."""
    return [_check(candidate, limits, rules) if candidate.alive else candidate for candidate in batch]


def _check(candidate: Candidate, limits: Limits, rules: SanitySection) -> Candidate:
    structure = candidate.structure
    if structure is None:
        return candidate.evolve(verdict=_verdict(FailureKind.NO_PROPOSAL, "no structure was proposed"))
    verdict = contained(STAGE, lambda: find_fault(structure, limits, rules))
    if verdict:
        return candidate.evolve(verdict=verdict)
    return candidate.evolve(structure_key=structure_key(structure))


def find_fault(structure: Structure, limits: Limits, rules: SanitySection) -> Verdict | None:
    """Return the first rule a structure breaks, or None."""
    return (
        _check_composition(structure, limits)
        or _check_volume(structure, rules)
        or _check_distances(structure, rules)
    )


def _check_composition(structure: Structure, limits: Limits) -> Verdict | None:
    if not structure.is_ordered:
        return _verdict(FailureKind.DISORDERED, f"{structure.composition.formula} has partly occupied sites")
    if len(structure) > limits.max_atoms:
        return _verdict(FailureKind.TOO_MANY_SITES, f"{len(structure)} sites, over {limits.max_atoms}")
    strangers = {e.symbol for e in structure.composition.elements} - set(limits.elements)
    if strangers:
        return _verdict(
            FailureKind.ELEMENT_NOT_ALLOWED, f"{', '.join(sorted(strangers))} not in the search's elements"
        )
    return None


def _check_volume(structure: Structure, rules: SanitySection) -> Verdict | None:
    if (
        min(structure.lattice.abc) < 1.0
        or min(structure.lattice.angles) < 15
        or max(structure.lattice.angles) > 165
    ):
        return _verdict(FailureKind.BAD_LATTICE, f"lattice {structure.lattice.parameters} is degenerate")
    volume = structure.volume / len(structure)
    if not rules.min_volume_per_atom <= volume <= rules.max_volume_per_atom:
        span = f"{rules.min_volume_per_atom} to {rules.max_volume_per_atom}"
        return _verdict(FailureKind.BAD_VOLUME, f"{volume:.1f} cubic angstrom per atom, outside {span}")
    return None


def _check_distances(structure: Structure, rules: SanitySection) -> Verdict | None:
    radii = [covalent_radius(element.symbol) for element in structure.composition.elements]
    ratio = shortest_contact_ratio(structure, cutoff=max(4.0, 2.0 * max(radii) * rules.min_distance_ratio))
    if ratio < rules.min_distance_ratio:
        return _verdict(
            FailureKind.OVERLAPPING_ATOMS,
            f"two atoms at {ratio:.2f} of the sum of their covalent radii, under {rules.min_distance_ratio}",
        )
    return None


def _verdict(kind: FailureKind, detail: str) -> Verdict:
    return Verdict(kind=kind, stage=STAGE, detail=detail)
