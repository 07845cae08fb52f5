"""Limits that a relaxation may break: the space group."""

from collections.abc import Sequence

from matsearch.core.boundary import contained
from matsearch.core.records import Candidate
from matsearch.core.slots import Limits
from matsearch.core.verdict import Verdict
from matsearch.crystal.scope import spacegroup_fault

STAGE = "relax"


def outside_limits(batch: Sequence[Candidate], limits: Limits) -> list[Candidate]:
    """End each living candidate whose relaxed space group is not allowed: same length, order and ids."""
    if not limits.spacegroups:
        return list(batch)
    return [_checked(candidate, limits) for candidate in batch]


def _checked(candidate: Candidate, limits: Limits) -> Candidate:
    if not candidate.alive or candidate.relaxation is None:
        return candidate
    structure = candidate.relaxation.structure
    fault = contained(STAGE, lambda: spacegroup_fault(structure, limits))
    if isinstance(fault, Verdict):
        return candidate.evolve(verdict=fault)
    if fault is None:
        return candidate
    verdict = Verdict(kind=fault.kind, stage=STAGE, detail=f"relaxed to {fault.detail}")
    return candidate.evolve(verdict=verdict)
