"""Small valid records to test with."""

from typing import Any

from pymatgen.core import Lattice, Structure

from matsearch.core.campaign import CampaignRecord, CampaignState
from matsearch.core.keys import candidate_id
from matsearch.core.records import Candidate, HullPlacement, Lineage, Relaxation
from matsearch.core.verdict import FailureKind, Verdict


def sample_structure(first: str = "Na", second: str = "Cl", length: float = 5.64) -> Structure:
    """Return a two-atom rock salt crystal; length is the cubic cell's, in angstrom."""
    half = length / 2
    lattice = Lattice([[0.0, half, half], [half, 0.0, half], [half, half, 0.0]])
    return Structure(lattice, [first, second], [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])


def sample_verdict(kind: FailureKind = FailureKind.EXPLODED) -> Verdict:
    """Return a verdict."""
    return Verdict(kind=kind, stage="relax", detail="volume 4.1 times the proposed one")


def sample_placement(energy_above_hull: float) -> HullPlacement:
    """Return a place (eV/atom) against an imaginary hull."""
    return HullPlacement(
        energy_above_hull=energy_above_hull,
        formation_energy_per_atom=-1.0,
        decomposition={"NaCl (sample-1)": 1.0},
        hull_name="sample",
        hull_sha256="0" * 64,
        hull_scheme_id="toy",
        n_phases=3,
        complete=False,
    )


def sample_relaxation(structure: Structure | None = None, energy_per_atom: float = -3.5) -> Relaxation:
    """Return a relaxation that leaves the structure as it is; energy in eV/atom."""
    relaxed = structure or sample_structure()
    return Relaxation(
        structure=relaxed,
        energy=energy_per_atom * len(relaxed),
        energy_per_atom=energy_per_atom,
        initial_energy_per_atom=energy_per_atom + 0.2,
        n_steps=12,
        fmax=0.05,
        volume_ratio=1.0,
        potential="toy 1",
        potential_sha256="0" * 64,
        scheme_id="toy",
        relax_key="0" * 64,
    )


def sample_candidate(
    slot: int = 0,
    generation: int = 0,
    campaign_id: str = "sample-00000000",
    energy_above_hull: float | None = None,
    **fields: Any,
) -> Candidate:
    """Return a candidate.

    Parameters
    ----------
    energy_above_hull : float or None
        In eV/atom; None is a candidate without a place.
    **fields
        Any other field of a candidate.
    """
    index = fields.get("index", 0)
    defaults = {
        "candidate_id": candidate_id(campaign_id, generation, "sample", slot, index),
        "proposer": "sample",
        "index": index,
        "lineage": Lineage(operator="sample", parent_ids=("sample-1",), roots=("sample-1",)),
        "structure": sample_structure(),
        "placement": None if energy_above_hull is None else sample_placement(energy_above_hull),
    }
    return Candidate(campaign_id=campaign_id, generation=generation, slot=slot, **{**defaults, **fields})


def sample_campaign(campaign_id: str = "sample-00000000", **fields: Any) -> CampaignRecord:
    """Return a campaign; ``fields`` are any of its other fields."""
    defaults = {
        "name": "sample",
        "config": {"name": "sample", "seed": 0},
        "provenance": {"packages": {"matsearch": "0"}},
        "created_at": "2026-01-01T00:00:00+00:00",
        "state": CampaignState(campaign_id=campaign_id),
    }
    return CampaignRecord(campaign_id=campaign_id, **{**defaults, **fields})
