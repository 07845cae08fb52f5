"""The jobs of verification. Values in, values out: everything a job needs is in its arguments."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jobflow import Flow, JobConfig, OnMissing, Response, job

from matsearch.core.campaign import CampaignRecord, CandidateQuery
from matsearch.core.config import parse_config
from matsearch.core.dft import DftTask
from matsearch.core.errors import InputError
from matsearch.core.protocols import Repository
from matsearch.core.verification import VerificationPlan
from matsearch.core.verify_section import VerifySection
from matsearch.graph.backends import calculation_folder, settings_of
from matsearch.graph.calculations import calculation_flow, outcome_of
from matsearch.graph.jobs import cache_of
from matsearch.graph.verify_documents import CalculationDocument, VerificationDocument
from matsearch.pipeline.rounds import plans_of, tasks_of
from matsearch.pipeline.verification import conclude, plan_round
from matsearch.store import open_repository
from matsearch.store.journal import commit_journal
from matsearch.verify.stage import commit, end_key, known_outcomes

_WHATEVER_HAPPENED = JobConfig(on_missing_references=OnMissing.NONE)
"""Of jobs that a failed one before them does not stop."""


@job
def plan_verification(config: dict[str, Any], campaign_id: str, store: str) -> Response:
    """Plan a round and replace this job by the calculations that it lacks and its conclusion.

    Parameters
    ----------
    config : dict
        A resolved search configuration; its ``verify`` section says whom to send and how they are computed.
    campaign_id : str
        A campaign of the repository.
    store : str
        URI of the repository.
    """
    search = parse_config(config)
    repository = open_repository(store, create=False)
    try:
        record = stored_campaign(repository, campaign_id)
        plan = plan_round(record, search, repository, settings_of(search.verify))
        if plan is None:
            return Response(output=_nobody(campaign_id, store))
        missing = missing_tasks(plan, repository)
        for task in missing:
            repository.begin(end_key(task), owner_of(campaign_id))
    finally:
        repository.close()
    return Response(replace=_round_flow(plan, missing, search.verify, store))


@job(output_schema=CalculationDocument, config=_WHATEVER_HAPPENED)
def record_calculation(
    document: Any, task: dict[str, Any], verify: dict[str, Any], store: str, owner: str
) -> CalculationDocument:
    """Write down what a calculation came to; one whose jobs failed is a verdict.

    Parameters
    ----------
    document : Any
        Its output, or None.
    task : dict
        The :class:`~matsearch.core.dft.DftTask` that was asked.
    verify : dict
        The ``verify`` section.
    store : str
        Repository; where it cannot be reached from here, a journal in the job's folder is written, which the
        conclusion commits.
    owner : str
        For counting the work.
    """
    asked = DftTask.model_validate(task)
    outcome = outcome_of(document, asked, VerifySection.model_validate(verify))
    cache, journal = cache_of(store, create=False)
    try:
        outcome = commit(outcome, cache, owner, asked)
    finally:
        cache.close()
    return CalculationDocument(
        key=asked.key,
        label=asked.label,
        end="done" if outcome.verdict is None else outcome.verdict.kind.value,
        core_hours=outcome.core_hours,
        journal=journal,
    )


@job(output_schema=VerificationDocument, config=_WHATEVER_HAPPENED)
def conclude_verification(
    recorded: list[Any], campaign_id: str, number: int, limits: dict[str, Any], store: str
) -> VerificationDocument:
    """Judge the candidates of a round by what was calculated.

    Parameters
    ----------
    recorded : list
        Calculation documents of the round; None for those whose record failed.
    number : int
        The round.
    limits : dict
        Under which its calculations were carried out; those written down with the round may be lower.
    """
    repository = open_repository(store, create=False)
    try:
        for journal in filter(None, map(_journal_of, recorded)):
            commit_journal(journal, repository)
        record = stored_campaign(repository, campaign_id)
        stored = next(plan for plan in plans_of(repository, campaign_id) if plan.round == number)
        plan = stored.evolve(settings=stored.settings.evolve(limits=limits))
        conclude(record, plan, repository)
        return VerificationDocument(
            campaign_id=campaign_id,
            round=number,
            standings=standings_of(plan, repository),
            missing=len(missing_tasks(plan, repository)),
            store=store,
        )
    finally:
        repository.close()


def stored_campaign(repository: Repository, campaign_id: str) -> CampaignRecord:
    """Return a campaign.

    Raises
    ------
    InputError
        If the repository has none of this id.
    """
    record = repository.get_campaign(campaign_id)
    if record is None:
        raise InputError(f"the store holds no campaign {campaign_id}", "run the search first")
    return record


def owner_of(campaign_id: str) -> str:
    """Return the owner of a campaign's calculations: its relaxations are counted apart."""
    return f"verification {campaign_id}"


def missing_tasks(plan: VerificationPlan, repository: Repository) -> list[DftTask]:
    """Return the distinct tasks of a round that have no end yet."""
    tasks = {task.key: task for task in tasks_of(plan, repository).values()}
    known = known_outcomes(tasks.values(), repository)
    return [task for key, task in tasks.items() if key not in known]


def standings_of(plan: VerificationPlan, repository: Repository) -> dict[str, str]:
    """Return what DFT made of the candidates of a round, by candidate id."""
    everybody = repository.query_candidates(CandidateQuery(campaign_id=plan.campaign_id))
    verified = {c.candidate_id: c.verification for c in everybody if c.verification is not None}
    return {p.candidate_id: verified[p.candidate_id].standing.value for p in plan.promoted}


def _round_flow(
    plan: VerificationPlan, missing: Sequence[DftTask], section: VerifySection, store: str
) -> Flow:
    folder = calculation_folder(section, store)
    document = section.model_dump(mode="json")
    owner = owner_of(plan.campaign_id)
    made, records = [], []
    for task in missing:
        calculation = calculation_flow(task, section, folder)
        record = record_calculation(calculation.output, task.document(), document, store, owner)
        record.name = f"record {task.label}"
        made.append(Flow([calculation, record], output=record.output, name=task.label))
        records.append(record.output)
    last = conclude_verification(records, plan.campaign_id, plan.round, plan.settings.limits, store)
    last.name = f"conclude r{plan.round:02d}"
    return Flow([*made, last], output=last.output, name=f"{plan.campaign_id} r{plan.round:02d}")


def _nobody(campaign_id: str, store: str) -> VerificationDocument:
    return VerificationDocument(campaign_id=campaign_id, round=None, standings={}, missing=0, store=store)


def _journal_of(recorded: Any) -> Path | None:
    document = recorded if isinstance(recorded, CalculationDocument | None) else _document(recorded)
    journal = Path(document.journal) if document and document.journal else None
    return journal if journal and journal.is_dir() else None


def _document(recorded: dict[str, Any]) -> CalculationDocument:
    # jobflow marks documents with their classes' names
    plain = {key: value for key, value in recorded.items() if not key.startswith("@")}
    return CalculationDocument.model_validate(plain)
