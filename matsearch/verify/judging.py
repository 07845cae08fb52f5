"""Verdicts of DFT on candidates, against the hull of what was computed alike."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from pymatgen.core import Structure

from matsearch.core.dft import DftCalculation, DftOutcome
from matsearch.core.errors import DftError, ReferenceHullError, SchemeMismatchError
from matsearch.core.protocols import ReferenceHull
from matsearch.core.records import Candidate, HullPlacement
from matsearch.core.verification import Promoted, VerificationPlan
from matsearch.core.verified import Standing, Verified
from matsearch.verify.alike import AlikePhase, Reference, reference_of, usable
from matsearch.verify.grounds import Grounds, became, grounds_of, notes_on
from matsearch.verify.mixture import lowest_mixture

Place = Callable[[Structure, float], HullPlacement]
"""Structure and its total energy in eV, uncorrected, to its place on the reference hull itself."""


class _Measured(NamedTuple):
    """How far from the hull a candidate is, and what stands in the way of a verdict."""

    energy_above_hull: float | None
    formation_energy_per_atom: float | None
    decomposition: dict[str, float]
    n_phases: int
    grounds: Grounds


def judge(
    plan: VerificationPlan,
    candidates: Mapping[str, Candidate],
    outcomes: Mapping[str, DftOutcome],
    hull: ReferenceHull,
    place: Place | None = None,
) -> dict[str, Verified]:
    """Return what DFT says of every candidate that a plan sent.

    Each is measured against reference phases alone, computed with the settings of the plan; other candidates, however
    well they did, change nothing here. The rules, in this order:

    * pending: it has no outcome;
    * failed: its own calculation ended in a verdict, or is of another crystal or of other settings;
    * refuted: at or over the threshold against phases of its own run type, computed in their own cells. Phases that
      are missing could only lower the hull, and so push it further up;
    * confirmed: under the threshold; every phase of its decomposition on the reference hull, every known polymorph of
      these and of itself that the plan lists, and every phase that it decomposes into by DFT was computed alike, in
      its own cell, with the same run type; and it is still the crystal that was sent;
    * indicative: all else. The reasons say what is missing.

    Elements off its facet play no part in this; the formation energy alone rests on them.

    Parameters
    ----------
    candidates : mapping of str to Candidate
        By id; those that the plan sent must be among them.
    outcomes : mapping of str to DftOutcome
        By candidate id and by phase id.
    hull : ReferenceHull
        Says which known crystal a candidate became.
    place : callable, optional
        For settings that meet the reference hull itself (:func:`matsearch.verify.needed.meets_directly`): every phase
        of it counts as computed alike, and candidates are placed by it.

    Returns
    -------
    dict of str to Verified
        By candidate id, in the order of the plan.

    Raises
    ------
    DftError
        If a candidate of the plan is not among those given.
    """
    reference = reference_of(plan, outcomes)
    return {
        sent.candidate_id: _judged(sent, plan, _candidate(sent, candidates), outcomes, reference, hull, place)
        for sent in plan.promoted
    }


def _candidate(sent: Promoted, candidates: Mapping[str, Candidate]) -> Candidate:
    if sent.candidate_id not in candidates:
        raise DftError(f"{sent.candidate_id} was sent to DFT, but the campaign does not have it")
    return candidates[sent.candidate_id]


def _judged(
    sent: Promoted,
    plan: VerificationPlan,
    candidate: Candidate,
    outcomes: Mapping[str, DftOutcome],
    reference: Reference,
    hull: ReferenceHull,
    place: Place | None,
) -> Verified:
    outcome = outcomes.get(sent.candidate_id)
    begun = Verified(
        standing=Standing.PENDING,
        role=sent.role,
        predicted_energy_above_hull=sent.energy_above_hull,
        threshold=float(plan.rule["threshold"]),
        settings_key=plan.settings.key,
        calculation_key=outcome.key if outcome else "",
        core_hours=outcome.core_hours if outcome else 0.0,
        round=plan.round,
    )
    if outcome is None:
        return begun
    calculation = usable(outcome, candidate.formula, plan)
    if isinstance(calculation, str):
        return begun.evolve(standing=Standing.FAILED, reasons=(calculation,))
    if place is None:
        measured = _against_alike(candidate, calculation, reference, begun.threshold)
    else:
        measured = _against_hull(calculation, place)
    grounds = measured.grounds.with_change(became(candidate, calculation, hull))
    standing = _standing(measured.energy_above_hull, begun.threshold, grounds)
    return begun.evolve(
        standing=standing,
        reasons=grounds.reasons(standing),
        energy_above_hull=measured.energy_above_hull,
        formation_energy_per_atom=measured.formation_energy_per_atom,
        decomposition=measured.decomposition,
        n_phases=measured.n_phases,
    )


def _standing(above: float | None, threshold: float, grounds: Grounds) -> Standing:
    if above is None:
        return Standing.INDICATIVE
    if above >= threshold:
        return Standing.INDICATIVE if grounds.against_refuting else Standing.REFUTED
    return Standing.INDICATIVE if grounds.against_confirming else Standing.CONFIRMED


def _against_alike(
    candidate: Candidate, calculation: DftCalculation, reference: Reference, threshold: float
) -> _Measured:
    composition = calculation.structure.composition
    inside = [p for p in reference.phases if set(p.composition.elements) <= set(composition.elements)]
    above, facet = _above(calculation, inside)
    firm, _ = _above(
        calculation,
        [p for p in inside if p.phase.substitute is None and p.run_type == calculation.run_type],
    )
    return _Measured(
        energy_above_hull=above,
        formation_energy_per_atom=_formation_energy(calculation, inside),
        decomposition={phase.label: share for phase, share in facet},
        n_phases=len(inside),
        grounds=grounds_of(
            candidate,
            calculation,
            reference,
            [phase for phase, _ in facet],
            firmly_over=firm is not None and firm >= threshold,
        ),
    )


def _above(
    calculation: DftCalculation, phases: list[AlikePhase]
) -> tuple[float | None, list[tuple[AlikePhase, float]]]:
    """Return the distance from the hull of some phases, in eV/atom, and the phases it is measured against."""
    mixture = lowest_mixture(
        calculation.structure.composition, [(p.composition, p.energy_per_atom) for p in phases]
    )
    if mixture is None:
        return None, []
    facet = [(phases[position], share) for position, share in mixture.shares.items()]
    return calculation.energy_per_atom - mixture.energy_per_atom, facet


def _formation_energy(calculation: DftCalculation, phases: list[AlikePhase]) -> float | None:
    composition = calculation.structure.composition
    total = calculation.energy_per_atom
    for element in composition.elements:
        energies = [p.energy_per_atom for p in phases if p.composition.elements == [element]]
        if not energies:
            return None
        total -= composition.get_atomic_fraction(element) * min(energies)
    return float(total)


def _against_hull(calculation: DftCalculation, place: Place) -> _Measured:
    try:
        placement = place(calculation.structure, calculation.energy)
    except (ReferenceHullError, SchemeMismatchError) as error:
        grounds = Grounds(against_confirming=(str(error),), against_refuting=(str(error),))
        return _Measured(None, None, {}, 0, grounds)
    return _Measured(
        energy_above_hull=placement.energy_above_hull,
        formation_energy_per_atom=placement.formation_energy_per_atom,
        decomposition=placement.decomposition,
        n_phases=placement.n_phases,
        grounds=Grounds(notes=notes_on(calculation, ())),
    )
