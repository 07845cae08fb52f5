"""The hull stage. Total: same length, order and ids."""

from collections.abc import Sequence

from matsearch.core.boundary import contained
from matsearch.core.errors import ReferenceHullError, SchemeMismatchError
from matsearch.core.protocols import ReferenceHull
from matsearch.core.records import Candidate, HullPlacement
from matsearch.core.thresholds import TOO_GOOD, TOO_GOOD_FLAG
from matsearch.core.verdict import FailureKind, Verdict

STAGE = "hull"


def place(batch: Sequence[Candidate], hull: ReferenceHull) -> list[Candidate]:
    """Give each relaxed candidate its place against the hull; below -0.1 eV/atom it earns a flag."""
    return [_place(candidate, hull) if candidate.alive else candidate for candidate in batch]


def _place(candidate: Candidate, hull: ReferenceHull) -> Candidate:
    placement = contained(STAGE, lambda: _placement(candidate, hull))
    if isinstance(placement, Verdict):
        return candidate.evolve(verdict=placement)
    flags = set(candidate.flags) | ({TOO_GOOD_FLAG} if placement.energy_above_hull < TOO_GOOD else set())
    return candidate.evolve(placement=placement, flags=tuple(sorted(flags)))


def _placement(candidate: Candidate, hull: ReferenceHull) -> HullPlacement | Verdict:
    relaxation = candidate.relaxation
    if relaxation is None:
        return Verdict(
            kind=FailureKind.NO_REFERENCE, stage=STAGE, detail="not relaxed, so it has no energy to place"
        )
    try:
        return hull.place(relaxation.structure.composition, relaxation.energy, relaxation.scheme_id)
    except ReferenceHullError as error:
        return Verdict(kind=FailureKind.NO_REFERENCE, stage=STAGE, detail=str(error))
    except SchemeMismatchError as error:
        return Verdict(kind=FailureKind.SCHEME_MISMATCH, stage=STAGE, detail=str(error))
