"""Crystals that a user gives become candidates like any other."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from pymatgen.core import Structure

from matsearch.core.config import MAX_ATOMS, SearchConfig, parse_config, with_overrides
from matsearch.core.records import Candidate, Lineage
from matsearch.core.structures import decode_structure, encode_structure
from matsearch.core.verdict import FailureKind, Verdict


def given_batch(
    structures: Sequence[Structure], sections: Mapping[str, Any]
) -> tuple[SearchConfig, list[Candidate]]:
    """Return the configuration that screens given structures (at least one), and the candidates they become."""
    data = {"name": "screen", "system": _system_of(structures), **copy.deepcopy(dict(sections))}
    config = parse_config(with_overrides(data, {}))
    return config, [_given(config.name, i, structure) for i, structure in enumerate(structures)]


def _system_of(structures: Sequence[Structure]) -> dict[str, Any]:
    elements = sorted({e.symbol for s in structures for e in s.composition.elements})
    return {"elements": elements, "max_atoms": min(MAX_ATOMS, max(len(s) for s in structures))}


def _given(owner: str, index: int, structure: Structure) -> Candidate:
    plain = decode_structure(encode_structure(structure)) if structure.is_ordered else None
    detail = f"{structure.composition.formula} has partly occupied sites"
    return Candidate.born(
        owner,
        0,
        "given",
        0,
        index,
        lineage=Lineage(operator="given"),
        structure=plain,
        verdict=None if plain else Verdict(kind=FailureKind.DISORDERED, stage="parse", detail=detail),
    )
