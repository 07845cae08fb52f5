"""Crystals that a user gives become candidates like any other."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymatgen.core import Structure

from matsearch.core.config import SearchConfig, parse_config
from matsearch.core.keys import candidate_id
from matsearch.core.records import Candidate, Lineage


def given_batch(
    structures: Sequence[Structure], sections: Mapping[str, Any]
) -> tuple[SearchConfig, list[Candidate]]:
    """Return the configuration that screens given structures, and the candidates they become."""
    config = parse_config({"name": "screen", "system": _system_of(structures), **sections})
    return config, [_given(config.name, i, structure) for i, structure in enumerate(structures)]


def _system_of(structures: Sequence[Structure]) -> dict[str, Any]:
    elements = sorted({e.symbol for s in structures for e in s.composition.elements})
    return {"elements": elements, "max_atoms": max(len(s) for s in structures)}


def _given(owner: str, index: int, structure: Structure) -> Candidate:
    return Candidate(
        candidate_id=candidate_id(owner, 0, "given", 0, index),
        campaign_id=owner,
        generation=0,
        proposer="given",
        slot=0,
        index=index,
        lineage=Lineage(operator="given"),
        structure=structure,
    )
