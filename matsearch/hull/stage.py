"""The hull stage. Total: same length, order and ids."""

from collections.abc import Mapping, Sequence
from functools import partial

from matsearch.core.boundary import contained
from matsearch.core.errors import ReferenceHullError, SchemeMismatchError
from matsearch.core.protocols import ReferenceHull
from matsearch.core.records import Candidate, HullPlacement, Relaxation
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.crystal.plausibility import implausible
from matsearch.hull.scale import on_hull_scale

STAGE = "hull"


def place(
    batch: Sequence[Candidate],
    hull: ReferenceHull,
    elements: frozenset[str] | None = None,
    own_element_energies: Mapping[str, float] | None = None,
) -> list[Candidate]:
    """Give each relaxed candidate its place against the hull, and flags where the answer is not to be believed.

    Parameters
    ----------
    elements : frozenset of str or None
        Those the potential was made for; None is any.
    own_element_energies : mapping of str to float, optional
        Energies of the pure elements in the candidates' own scheme (eV/atom), for schemes that meet the hull through
        formation energies.
    """
    scaled = {
        i: contained(STAGE, partial(_scaled, candidate, hull, own_element_energies))
        for i, candidate in enumerate(batch)
        if candidate.alive
    }
    energies = {i: energy for i, energy in scaled.items() if not isinstance(energy, Verdict)}
    placed: dict[int, HullPlacement | Verdict] = {i: v for i, v in scaled.items() if isinstance(v, Verdict)}
    placed |= _placed(batch, energies, hull)
    return [
        _finished(candidate, placed[i], elements) if i in placed else candidate
        for i, candidate in enumerate(batch)
    ]


def _scaled(
    candidate: Candidate, hull: ReferenceHull, own_element_energies: Mapping[str, float] | None
) -> float | Verdict:
    """Return the energy (eV) that may be compared with the hull, or why there is none."""
    relaxation = candidate.relaxation
    if relaxation is None:
        return _verdict(FailureKind.NO_REFERENCE, "not relaxed, so it has no energy to place")
    strangers = {e.symbol for e in relaxation.structure.composition.elements} - set(hull.info.elements)
    if strangers:
        return _verdict(
            FailureKind.NO_REFERENCE, f"the hull {hull.info.name} has no {', '.join(sorted(strangers))}"
        )
    try:
        return on_hull_scale(
            relaxation.structure,
            relaxation.energy,
            relaxation.scheme_id,
            hull.info.scheme_id,
            own_element_energies,
            hull.element_energies,
        )
    except ReferenceHullError as error:
        return _verdict(FailureKind.NO_REFERENCE, str(error))
    except SchemeMismatchError as error:
        return _verdict(FailureKind.SCHEME_MISMATCH, str(error))


def _placed(
    batch: Sequence[Candidate], energies: Mapping[int, float], hull: ReferenceHull
) -> dict[int, HullPlacement | Verdict]:
    def placements(positions: Sequence[int]) -> list[HullPlacement]:
        relaxed = [_relaxation(batch[i]) for i in positions]
        scaled = [energies[i] for i in positions]
        placed = hull.place([r.structure.composition for r in relaxed], scaled, hull.info.scheme_id)
        return [
            p.evolve(correction_per_atom=(energy - r.energy) / len(r.structure))
            for p, energy, r in zip(placed, scaled, relaxed, strict=True)
        ]

    positions = list(energies)
    together = contained(STAGE, partial(placements, positions))
    if not isinstance(together, Verdict):
        return dict(zip(positions, together, strict=True))
    # one of them brings the hull down: the others are placed without it
    alone = {i: contained(STAGE, partial(placements, [i])) for i in positions}
    return {i: p if isinstance(p, Verdict) else p[0] for i, p in alone.items()}


def _finished(
    candidate: Candidate, placement: HullPlacement | Verdict, elements: frozenset[str] | None
) -> Candidate:
    relaxation = candidate.relaxation
    if isinstance(placement, Verdict) or relaxation is None:
        return candidate.evolve(verdict=placement)
    structure, above = relaxation.structure, placement.energy_above_hull
    flags = contained(STAGE, lambda: implausible(structure, above, elements))
    if isinstance(flags, Verdict):
        return candidate.evolve(verdict=flags)
    return candidate.evolve(placement=placement, flags=tuple(sorted({*candidate.flags, *flags})))


def _relaxation(candidate: Candidate) -> Relaxation:
    if candidate.relaxation is None:
        raise ValueError(f"{candidate.candidate_id} is not relaxed")
    return candidate.relaxation


def _verdict(kind: FailureKind, detail: str) -> Verdict:
    return Verdict(kind=kind, stage=STAGE, detail=detail)
