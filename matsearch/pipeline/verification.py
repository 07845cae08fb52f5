"""Verification of a campaign: who is sent in which round, and what is concluded from what came back."""

from collections.abc import Callable, Sequence

from pymatgen.core import Composition, Structure

from matsearch.core.campaign import CampaignRecord, CandidateQuery
from matsearch.core.config import SearchConfig
from matsearch.core.dft import DftSettings
from matsearch.core.faults import boundary
from matsearch.core.protocols import ReferenceHull, Repository
from matsearch.core.records import Candidate, HullPlacement
from matsearch.core.verification import Promoted, VerificationPlan
from matsearch.core.verified import Standing, Verified
from matsearch.hull.scale import on_hull_scale
from matsearch.pipeline.learning import learned_state, with_verdicts
from matsearch.pipeline.own_hull import reference_hull_of
from matsearch.pipeline.promoting import RoundInputs, new_plan, phases_for
from matsearch.pipeline.rounds import (
    calculations_of,
    commit_plan,
    is_finished,
    outcomes_of,
    plans_of,
    tasks_of,
)
from matsearch.verify.cost import CostModel
from matsearch.verify.judging import judge
from matsearch.verify.needed import meets_directly


def plan_round(
    record: CampaignRecord, config: SearchConfig, repository: Repository, settings: DftSettings
) -> VerificationPlan | None:
    """Return the round of verification to carry out, written down before anything runs, its candidates marked as sent.

    What it returns and raises is that of :func:`next_round`. A crash in between is mended by doing the same again.
    """
    plan = next_round(record, config, repository, settings)
    if plan is None:
        return None
    if plan.round == len(plans_of(repository, record.campaign_id)):
        plan = commit_plan(plan, repository)
    stored = _finished_candidates(record, repository)
    _put_changed(_marked_as_sent(stored, [plan], repository), stored, repository)
    boundary("verification-sent")
    return plan


def next_round(
    record: CampaignRecord, config: SearchConfig, repository: Repository, settings: DftSettings
) -> VerificationPlan | None:
    """Return the round of verification to carry out, without writing anything.

    A round of the same rule, settings and phases is gone on with until it is finished, and returned as it is as long as
    the campaign has no further generation. Its limits are those given now: under higher ones a round with calculations that
    failed is not finished. Its predicted cost is that of what is not computed yet. Otherwise it is a new round, of
    candidates of finished generations that were not sent with these settings before.

    Parameters
    ----------
    config : SearchConfig
        Its ``verify`` section says who is sent and which phases are computed; all else is the campaign's own.
    settings : DftSettings
        Of every calculation of the round.

    Returns
    -------
    VerificationPlan or None
        None where nobody is left to be sent.

    Raises
    ------
    ReferenceHullError, InputError, SchemeMismatchError
        If the campaign's reference hull is not there any more, or is another one by now.
    """
    plans = plans_of(repository, record.campaign_id)
    done = calculations_of(repository, record.campaign_id).values()
    inputs = RoundInputs(
        record=record,
        config=config,
        settings=settings,
        candidates=_marked_as_sent(_finished_candidates(record, repository), plans, repository),
        hull=reference_hull_of(record),
        cost=CostModel.default().fitted([o.calculation for o in done if o.calculation is not None]),
    )
    alike = [plan.evolve(settings=settings) for plan in plans if _is_alike(plan, inputs)]
    rule = config.verify.promotion.model_dump(mode="json")
    for plan in reversed(alike):
        is_current = plan.generation == record.state.generation
        if plan.rule == rule and (is_current or not is_finished(plan, repository)):
            return _with_cost(plan, inputs.cost, repository)
    plan = new_plan(inputs, len(plans), frozenset().union(*(_ids(plan) for plan in alike)))
    return _with_cost(plan, inputs.cost, repository) if plan.promoted else None


def conclude(record: CampaignRecord, plan: VerificationPlan, repository: Repository) -> CampaignRecord:
    """Take what the calculations of a round came to into the campaign, as far as they have ended.

    Candidates get their verdicts, refuted ones and their copies their flag; the state gets feedback for the next
    prompts and parents without the refuted, and is saved last. To conclude again changes nothing.

    Returns
    -------
    CampaignRecord
        With the state as it is stored now.

    Raises
    ------
    ReferenceHullError, InputError, SchemeMismatchError
        If the campaign's reference hull is not there any more, or is another one by now.
    """
    record = repository.get_campaign(record.campaign_id) or record
    stored = _finished_candidates(record, repository)
    sent = _marked_as_sent(stored, [plan], repository)
    learned = with_verdicts(sent, _verdicts(record, plan, sent, repository))
    _put_changed(learned, stored, repository)
    boundary("verification-judged")
    state = learned_state(record, learned, plans_of(repository, record.campaign_id), repository)
    if state != record.state:
        repository.save_state(state)
    boundary("concluded")
    return record.evolve(state=state)


def _finished_candidates(record: CampaignRecord, repository: Repository) -> list[Candidate]:
    """Return the candidates of finished generations: those of another one may be screened again."""
    everyone = repository.query_candidates(CandidateQuery(campaign_id=record.campaign_id))
    return [c for c in everyone if c.generation < record.state.generation]


def _put_changed(changed: Sequence[Candidate], stored: Sequence[Candidate], repository: Repository) -> None:
    different = [c for c, before in zip(changed, stored, strict=True) if c is not before]
    if different:
        repository.put_candidates(different)


def _marked_as_sent(
    candidates: Sequence[Candidate], plans: Sequence[VerificationPlan], repository: Repository
) -> list[Candidate]:
    """Return the candidates with those that some plans send marked so, where nothing is said of them yet."""
    marks: dict[str, Verified] = {}
    for plan in plans:
        tasks = tasks_of(plan, repository)
        for promoted in plan.promoted:
            if promoted.candidate_id in tasks:
                marks[promoted.candidate_id] = _pending(promoted, plan, tasks[promoted.candidate_id].key)
    return [
        c if c.verification or c.candidate_id not in marks else c.evolve(verification=marks[c.candidate_id])
        for c in candidates
    ]


def _pending(promoted: Promoted, plan: VerificationPlan, key: str) -> Verified:
    return Verified(
        standing=Standing.PENDING,
        role=promoted.role,
        predicted_energy_above_hull=promoted.energy_above_hull,
        threshold=float(plan.rule["threshold"]),
        settings_key=plan.settings.key,
        calculation_key=key,
        round=plan.round,
    )


def _is_alike(plan: VerificationPlan, inputs: RoundInputs) -> bool:
    """Return whether a plan has the same settings, and computes the phases that its candidates would need now."""
    if plan.settings.key != inputs.settings.key:
        return False
    needed = phases_for(_ids(plan), inputs)
    return {(p.phase_id, p.substitute) for p in needed} == {(p.phase_id, p.substitute) for p in plan.phases}


def _ids(plan: VerificationPlan) -> set[str]:
    return {promoted.candidate_id for promoted in plan.promoted}


def _with_cost(plan: VerificationPlan, cost: CostModel, repository: Repository) -> VerificationPlan:
    """Return the plan with the predicted cost of those of its calculations that have not ended before."""
    done = outcomes_of(plan, repository)
    waiting = {task.key: task for name, task in tasks_of(plan, repository).items() if name not in done}
    hours = sum(cost.core_hours(t.structure, plan.settings, box=t.box) for t in waiting.values())
    factors = [cost.factor(t.structure, plan.settings, box=t.box) for t in waiting.values()]
    return plan.evolve(predicted_core_hours=hours, cost_factor=max(factors, default=1.0))


def _verdicts(
    record: CampaignRecord, plan: VerificationPlan, sent: Sequence[Candidate], repository: Repository
) -> dict[str, Verified]:
    """Return the verdicts that no calculation still running can change."""
    hull, outcomes = reference_hull_of(record), outcomes_of(plan, repository)
    chosen = {c.candidate_id: c for c in sent if c.candidate_id in _ids(plan)}
    phases = {phase.phase_id for phase in plan.phases}
    waiting = [
        task.structure.composition
        for name, task in tasks_of(plan, repository).items()
        if name in phases and name not in outcomes
    ]
    judged = judge(plan, chosen, outcomes, hull, place=_placing(plan.settings, hull))
    return {
        name: verified
        for name, verified in judged.items()
        if verified.standing in {Standing.REFUTED, Standing.FAILED} or not _waits(chosen[name], waiting)
    }


def _waits(candidate: Candidate, waiting: Sequence[Composition]) -> bool:
    """Return whether the calculation of a phase in a candidate's chemical system has not ended yet."""
    inside = set(Composition(candidate.formula).elements)
    return any(set(composition.elements) <= inside for composition in waiting)


def _placing(
    settings: DftSettings, hull: ReferenceHull
) -> Callable[[Structure, float], HullPlacement] | None:
    """Return what places a calculation on the reference hull itself, where they are of the same code; else None."""
    if not meets_directly(settings, hull.info):
        return None
    scheme_id = hull.info.scheme_id

    def place(structure: Structure, energy: float) -> HullPlacement:
        scaled = on_hull_scale(structure, energy, settings.scheme_id, scheme_id, None, hull.element_energies)
        return hull.place([structure.composition], [scaled], scheme_id)[0]

    return place
