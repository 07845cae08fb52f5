"""Candidates with values of their objectives."""

from functools import cache

from pymatgen.core import Lattice, Structure

from matsearch.core.records import PropertyValue
from matsearch.testing.samples import sample_candidate, sample_structure

PAIRS = [
    ("Na", "Cl"),
    ("K", "Cl"),
    ("Li", "F"),
    ("K", "Br"),
    ("Mg", "O"),
    ("Ti", "C"),
    ("Ti", "N"),
    ("Pt", "Li"),
]


def scored(slot, energy_above_hull=0.0, pair=None, spacegroup="Fm-3m", parents=(), **values):
    """Return a rock salt crystal, another one for each slot, with properties by name, NaN too, unchecked."""
    sample = sample_candidate(slot, energy_above_hull=0.0)
    return sample.evolve(
        structure=crystal(*(pair or PAIRS[slot % len(PAIRS)])),
        placement=sample.placement.model_copy(update={"energy_above_hull": energy_above_hull}),
        spacegroup=spacegroup,
        lineage=sample.lineage.evolve(parent_ids=tuple(parent.candidate_id for parent in parents)),
        properties={
            name: PropertyValue.model_construct(value=value, unit="GPa", source="test")
            for name, value in values.items()
        },
    )


def stiff(pairs):
    """Return candidates by (energy above hull, bulk modulus)."""
    return [scored(slot, energy, bulk_modulus=modulus) for slot, (energy, modulus) in enumerate(pairs)]


def slots(candidates):
    return [candidate.slot for candidate in candidates]


@cache
def crystal(first, second):
    return sample_structure(first, second)


@cache
def stretched(first, second, ratio):
    """Return a tetragonal CsCl; distinct crystals for ratios apart."""
    lattice = Lattice.tetragonal(3.2, 3.2 * ratio)
    return Structure(lattice, [first, second], [[0, 0, 0], [0.5, 0.5, 0.5]])
