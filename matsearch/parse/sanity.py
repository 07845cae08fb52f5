"""Sanity: what a crystal must look like before any work is spent on it. Total: same length, order and ids."""

from collections.abc import Sequence

import numpy as np
from pymatgen.core import Structure

from matsearch.core.boundary import contained
from matsearch.core.config import SanitySection
from matsearch.core.records import Candidate
from matsearch.core.slots import Limits
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.crystal.balance import charge_balance
from matsearch.crystal.canonical import structure_key
from matsearch.crystal.limits import covalent_radius
from matsearch.crystal.network import CONTACT_MARGIN, contact_dimensions
from matsearch.crystal.scope import Fault, composition_fault, spacegroup_fault

STAGE = "parse"

MIN_ANGLE = 2.0
"""Degrees between lattice vectors; polytypes of ZnS, SiC and CdI2 have primitive cells of 5."""

MIN_TRANSLATION = 1.0
"""Angstrom after which a lattice may repeat."""

_SHAPES = ("a cluster or an atom alone", "a wire", "a slab")


def check_sanity(batch: Sequence[Candidate], limits: Limits, rules: SanitySection) -> list[Candidate]:
    """Give each living candidate its charge balance, and its structure key or a verdict."""
    return [_check(candidate, limits, rules) if candidate.alive else candidate for candidate in batch]


def _check(candidate: Candidate, limits: Limits, rules: SanitySection) -> Candidate:
    structure = candidate.structure
    if structure is None:
        return candidate.evolve(verdict=_verdict(FailureKind.NO_PROPOSAL, "no structure was proposed"))
    checked = contained(STAGE, lambda: _examine(candidate, structure, limits, rules))
    return candidate.evolve(verdict=checked) if isinstance(checked, Verdict) else checked


def _examine(candidate: Candidate, structure: Structure, limits: Limits, rules: SanitySection) -> Candidate:
    balance = charge_balance(structure.composition)
    verdict = find_fault(structure, limits, rules)
    key = None if verdict else structure_key(structure)
    return candidate.evolve(charge_balance=balance, verdict=verdict, structure_key=key)


def find_fault(structure: Structure, limits: Limits, rules: SanitySection) -> Verdict | None:
    """Return the first rule a structure breaks, or None. What comes later may rely on what came before."""
    return (
        _check_composition(structure, limits)
        or _check_lattice(structure)
        or _check_volume(structure, rules)
        or _check_distances(structure, rules)
        or _check_periodicity(structure)
        or _check_charges(structure, rules)
        or _of_fault(spacegroup_fault(structure, limits))
    )


def _check_composition(structure: Structure, limits: Limits) -> Verdict | None:
    if not structure.is_ordered:
        return _verdict(FailureKind.DISORDERED, f"{structure.composition.formula} has partly occupied sites")
    return _of_fault(composition_fault(structure.composition, limits))


def _check_lattice(structure: Structure) -> Verdict | None:
    angles = structure.lattice.angles
    if min(angles) < MIN_ANGLE or max(angles) > 180.0 - MIN_ANGLE:
        shown = " ".join(f"{angle:.3g}" for angle in angles)
        return _verdict(FailureKind.BAD_LATTICE, f"angles of {shown} degrees: the cell is flat")
    # primitive cells of polytypes are long needles; their shortest translation tells them from flat cells
    shortest = min(structure.lattice.get_lll_reduced_lattice().abc)
    if shortest < MIN_TRANSLATION:
        return _verdict(
            FailureKind.BAD_LATTICE,
            f"the lattice repeats after {shortest:.2f} angstrom, under {MIN_TRANSLATION}",
        )
    return None


def _check_volume(structure: Structure, rules: SanitySection) -> Verdict | None:
    volume = structure.volume / len(structure)
    if rules.min_volume_per_atom <= volume <= rules.max_volume_per_atom:
        return None
    span = f"{rules.min_volume_per_atom} to {rules.max_volume_per_atom}"
    return _verdict(FailureKind.BAD_VOLUME, f"{volume:.1f} cubic angstrom per atom, outside {span}")


def _check_distances(structure: Structure, rules: SanitySection) -> Verdict | None:
    """Compare each pair's distance with the sum of its covalent radii."""
    symbols = [site.specie.symbol for site in structure]
    radii = np.array([covalent_radius(symbol) for symbol in symbols])
    reach = 2.0 * float(radii.max()) * rules.min_distance_ratio
    first, second, _, distances = structure.get_neighbor_list(reach)
    ratios = distances / (radii[first] + radii[second])
    if len(ratios) == 0 or ratios.min() >= rules.min_distance_ratio:
        return None
    closest = int(ratios.argmin())
    pair = "-".join(sorted((symbols[first[closest]], symbols[second[closest]])))
    return _verdict(
        FailureKind.OVERLAPPING_ATOMS,
        f"{pair} of {distances[closest]:.2f} angstrom, {ratios[closest]:.2f} of the sum of the covalent radii, "
        f"under {rules.min_distance_ratio}",
    )


def _check_periodicity(structure: Structure) -> Verdict | None:
    dimensions = contact_dimensions(structure)
    if dimensions == 3:
        return None
    return _verdict(
        FailureKind.NOT_PERIODIC,
        f"{_SHAPES[dimensions]} in vacuum: contacts (van der Waals radii and {CONTACT_MARGIN} angstrom) go on in "
        f"{dimensions} of 3 dimensions",
    )


def _check_charges(structure: Structure, rules: SanitySection) -> Verdict | None:
    if rules.charge_balance == "record" or charge_balance(structure.composition) != "no":
        return None
    formula = structure.composition.reduced_formula
    return _verdict(
        FailureKind.CHARGE_UNBALANCED, f"{formula}: no known oxidation states of its elements sum to zero"
    )


def _of_fault(fault: Fault | None) -> Verdict | None:
    return _verdict(fault.kind, fault.detail) if fault else None


def _verdict(kind: FailureKind, detail: str) -> Verdict:
    return Verdict(kind=kind, stage=STAGE, detail=detail)
