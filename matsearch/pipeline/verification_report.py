"""What a report says of verification, counted from the plans, the candidates and the calculations."""

from collections import Counter
from collections.abc import Mapping, Sequence

from matsearch.core.dft import DftOutcome
from matsearch.core.protocols import HullInfo
from matsearch.core.records import Candidate
from matsearch.core.verification import Promoted, VerificationPlan
from matsearch.core.verified import CONTROL, SURVIVOR, Standing, Verified
from matsearch.export.report.verification_numbers import (
    ErrorLine,
    RoundNumbers,
    SentCrystal,
    VerificationReport,
)
from matsearch.export.report.verification_words import hull_words, rule_words, substitute_words
from matsearch.pipeline.verification_rates import beside, count_rates
from matsearch.verify.agreement import AgreementRow, chemistry_of, compare, false_stable, false_unstable
from matsearch.verify.agreement_summary import SETTLED, confusions, count_chemistries, summarise
from matsearch.verify.needed import meets_directly

_COMPARED = {
    "predicted_volume",
    "volume",
    "largest_force",
    "rms_force",
    "pressure",
    "largest_stress",
    "n_steps",
}


def verification_report(
    candidates: Sequence[Candidate],
    plans: Sequence[VerificationPlan],
    outcomes: Mapping[str, DftOutcome],
) -> VerificationReport | None:
    """Return all that a report shows of verification; None where nothing was sent.

    Parameters
    ----------
    outcomes : mapping of str to DftOutcome
        Of all rounds, by task key.
    """
    chosen = {(plan.round, p.candidate_id): p for plan in plans for p in plan.promoted}
    sent = _in_order([c for c in candidates if c.verification is not None], chosen)
    if not sent or not plans:
        return None
    rows = {c.candidate_id: row for c, v in sent if (row := _row(c, v, outcomes)) is not None}
    compared = list(rows.values())
    settled = [row for row in compared if row.standing in SETTLED]
    spent = sum(_spent(outcome) for outcome in outcomes.values())
    own = {v.calculation_key for _, v in sent}
    said = {c.candidate_id: v for c, v in sent}
    known = {c.candidate_id for c, _ in sent if c.match and c.match.kind == "structure"}
    return VerificationReport(
        rounds=tuple(map(_round, plans)),
        sent=tuple(_sent(c, v, rows.get(c.candidate_id), chosen) for c, v in sent),
        errors=tuple(
            ErrorLine(of=of, **summary.document())
            for of, some in (("all computed", compared), ("confirmed or refuted", settled))
            for summary in summarise(some)
        ),
        confusions=confusions(compared),
        chemistries=count_chemistries([(_chemistry(c), v.standing) for c, v in sent if v.role == SURVIVOR]),
        false_stable=tuple(row.candidate_id for row in false_stable(compared)),
        false_unstable=tuple(row.candidate_id for row in false_unstable(compared)),
        rates=count_rates(plans, said, known),
        beside=beside(plans, said, known),
        core_hours=spent,
        phases_core_hours=sum(_spent(o) for key, o in outcomes.items() if key not in own),
        predicted_core_hours=sum(plan.predicted_core_hours for plan in plans),
    )


def _in_order(
    sent: Sequence[Candidate], chosen: Mapping[tuple[int, str], Promoted]
) -> list[tuple[Candidate, Verified]]:
    """Return candidates with what DFT said of them last, by round and by the order of choice."""
    pairs = [(c, c.verification) for c in sent if c.verification is not None]

    def place(pair: tuple[Candidate, Verified]) -> tuple[int, int, str]:
        candidate, verified = pair
        promoted = chosen.get((verified.round, candidate.candidate_id))
        return verified.round, promoted.rank if promoted else 0, candidate.candidate_id

    return sorted(pairs, key=place)


def _row(candidate: Candidate, verified: Verified, outcomes: Mapping[str, DftOutcome]) -> AgreementRow | None:
    outcome = outcomes.get(verified.calculation_key)
    if outcome is None or outcome.calculation is None:
        return None
    if verified.standing in (Standing.FAILED, Standing.PENDING):
        return None  # a document of another crystal fails too
    return compare(candidate, verified, outcome.calculation)


def _sent(
    candidate: Candidate,
    verified: Verified,
    row: AgreementRow | None,
    chosen: Mapping[tuple[int, str], Promoted],
) -> SentCrystal:
    promoted = chosen.get((verified.round, candidate.candidate_id))
    placement = candidate.placement
    return SentCrystal(
        candidate_id=candidate.candidate_id,
        formula=candidate.formula,
        spacegroup=candidate.spacegroup,
        chemistry=_chemistry(candidate),
        round=verified.round,
        role=verified.role,
        standing=verified.standing.value,
        reasons=verified.reasons,
        threshold=verified.threshold,
        predicted_energy_above_hull=verified.predicted_energy_above_hull,
        energy_above_hull=verified.energy_above_hull,
        predicted_formation_energy=placement.formation_energy_per_atom if placement else None,
        formation_energy=verified.formation_energy_per_atom,
        decomposition=verified.decomposition,
        volume_ratio=row.volume_ratio if row else None,
        predicted_core_hours=promoted.core_hours if promoted else None,
        core_hours=verified.core_hours,
        **(row.model_dump(include=_COMPARED) if row else {}),
    )


def _round(plan: VerificationPlan) -> RoundNumbers:
    roles = Counter(p.role for p in plan.promoted)
    same = meets_directly(plan.settings, HullInfo.model_validate(plan.hull))
    return RoundNumbers(
        round=plan.round,
        created_at=plan.created_at,
        generation=plan.generation,
        rule=rule_words(plan.rule, plan.seed),
        settings=f"{plan.settings.code} {plan.settings.functional}",
        scheme_id=plan.settings.scheme_id,
        parameters=plan.settings.parameters,
        survivors=roles[SURVIVOR],
        controls=roles[CONTROL],
        left_out=plan.left_out,
        phases=dict(sorted(Counter(p.why for p in plan.phases).items())),
        without_structure=tuple(p.phase_id for p in plan.phases if p.structure is None),
        substitutes=tuple(substitute_words(p) for p in plan.phases if p.substitute),
        hull=hull_words(plan, same_code=same),
        predicted_core_hours=plan.predicted_core_hours,
    )


def _chemistry(candidate: Candidate) -> str:
    structure = candidate.best_structure
    return chemistry_of(structure.composition) if structure is not None else "unknown"


def _spent(outcome: DftOutcome) -> float:
    known = outcome.calculation.core_hours if outcome.calculation else 0.0
    return max(outcome.core_hours, known)
