"""Rounds of verification as a repository keeps them: the plans, their calculations, and what came of these."""

from matsearch.core.dft import DftOutcome, DftTask
from matsearch.core.faults import boundary
from matsearch.core.keys import content_key
from matsearch.core.protocols import Repository
from matsearch.core.records import Candidate
from matsearch.core.verification import NeededPhase, VerificationPlan
from matsearch.verify.moments import initial_moments
from matsearch.verify.settings import dft_task
from matsearch.verify.stage import known_outcomes


def plans_of(repository: Repository, campaign_id: str) -> list[VerificationPlan]:
    """Return the plans of a campaign's rounds, the first first."""
    plans: list[VerificationPlan] = []
    while (document := _stored(repository, campaign_id, len(plans))) is not None:
        plans.append(VerificationPlan.model_validate(document))
    return plans


def commit_plan(plan: VerificationPlan, repository: Repository) -> VerificationPlan:
    """Write a plan down under its campaign and number, durably, and return what is written there.

    A plan is written once: where that number is taken the plan that has it is returned.
    """
    key = _plan_key(plan.campaign_id, plan.round)
    repository.put_result(key, plan.document(), f"verification {plan.campaign_id}")
    boundary("verification-planned")
    return VerificationPlan.model_validate(repository.get_results([key])[key])


def tasks_of(plan: VerificationPlan, repository: Repository) -> dict[str, DftTask]:
    """Return the calculations of a plan by candidate id and by phase id, candidates first, in the plan's order.

    Candidates begin at the geometry and with the moments that the potential gave them, phases at that of the reference
    or of their substitute. Phases without an ordered structure have no calculation.
    """
    tasks = {}
    for chosen in plan.promoted:
        candidate = repository.get_candidate(chosen.candidate_id)
        if candidate is not None and candidate.best_structure is not None:
            tasks[chosen.candidate_id] = _candidate_task(candidate, plan)
    phases = [p for p in plan.phases if p.structure is not None and p.structure.is_ordered]
    return tasks | {phase.phase_id: _phase_task(phase, plan) for phase in phases}


def calculations_of(repository: Repository, campaign_id: str) -> dict[str, DftOutcome]:
    """Return how the calculations of all rounds of a campaign ended, by task key; those without an end are left out."""
    plans = plans_of(repository, campaign_id)
    tasks = [task for plan in plans for task in tasks_of(plan, repository).values()]
    return known_outcomes(tasks, repository)


def outcomes_of(plan: VerificationPlan, repository: Repository) -> dict[str, DftOutcome]:
    """Return how the calculations of a plan ended, by candidate id and phase id; those without an end are left out."""
    tasks = tasks_of(plan, repository)
    known = known_outcomes(tasks.values(), repository)
    return {name: known[task.key] for name, task in tasks.items() if task.key in known}


def is_finished(plan: VerificationPlan, repository: Repository) -> bool:
    """Return whether every calculation of a plan has ended under its limits, well or not."""
    return tasks_of(plan, repository).keys() == outcomes_of(plan, repository).keys()


def _stored(repository: Repository, campaign_id: str, number: int) -> dict | None:
    key = _plan_key(campaign_id, number)
    return repository.get_results([key]).get(key)


def _plan_key(campaign_id: str, number: int) -> str:
    return content_key("verification-round/1", [campaign_id, number])


def _candidate_task(candidate: Candidate, plan: VerificationPlan) -> DftTask:
    structure = candidate.best_structure
    assert structure is not None  # noqa: S101 - only candidates with one come here
    suggested = candidate.relaxation.magmoms if candidate.relaxation else None
    return dft_task(
        structure,
        plan.settings,
        f"{candidate.candidate_id} {candidate.formula}",
        initial_moments(structure, suggested),
    )


def _phase_task(phase: NeededPhase, plan: VerificationPlan) -> DftTask:
    assert phase.structure is not None  # noqa: S101 - only phases with one come here
    label = f"{phase.substitute} for {phase.phase_id}" if phase.substitute else phase.phase_id
    return dft_task(
        phase.structure,
        plan.settings,
        f"{phase.formula} ({label})",
        initial_moments(phase.structure),
        box=phase.box,
    )
