"""The local driver of verification: plan, one flow a calculation, conclude. To resume is to run it again."""

from collections.abc import Mapping, Sequence

from jobflow import JobStore
from pymatgen.core import Structure

from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import SearchConfig
from matsearch.core.dft import DftOutcome, DftTask
from matsearch.core.errors import InternalErrorRateError, NobodyToSendError, StoreError
from matsearch.core.progress import report
from matsearch.core.protocols import DftBackend, Repository
from matsearch.core.verdict import FailureKind
from matsearch.core.verification import VerificationPlan
from matsearch.graph.backends import calculation_folder
from matsearch.graph.calculations import FlowBackend
from matsearch.graph.local import default_jobstore, leased
from matsearch.graph.verify_jobs import owner_of, stored_campaign
from matsearch.pipeline.campaign import open_campaign
from matsearch.pipeline.given_campaign import given_campaign
from matsearch.pipeline.rounds import tasks_of
from matsearch.pipeline.verification import conclude, plan_round
from matsearch.relax.engine import close_engines
from matsearch.store import is_in_memory, open_repository
from matsearch.verify.stage import carry_out, known_outcomes


def run_verification(
    config: SearchConfig,
    campaign_id: str,
    store: str,
    *,
    jobstore: JobStore | None = None,
    backend: DftBackend | None = None,
) -> CampaignRecord:
    """Verify a campaign's survivors, or go on with it, and return the campaign.

    Parameters
    ----------
    config : SearchConfig
        Its ``verify`` section says whom to send and how they are computed.
    store : str
        URI of the repository, the only record.
    jobstore : JobStore, optional
        Transport between jobs. Default: the user's own where jobflow is configured, else one in memory.
    backend : DftBackend, optional
        Carries calculations out; by default that of the section.

    Raises
    ------
    DftError
        If calculations cannot be run here; nothing is written then.
    InputError
        If there is no such campaign, or nobody in it to send.
    CampaignBusyError
        If another driver runs this campaign.
    InternalErrorRateError
        If calculations ended in unexpected exceptions. What is known is concluded; the next run tries them again.
    """
    _require_kept(store)
    section = config.verify
    backend = backend or FlowBackend(
        section, calculation_folder(section, store), jobstore or default_jobstore()
    )
    backend.require_ready()
    repository = open_repository(store, create=False)
    try:
        record = stored_campaign(repository, campaign_id)
        with leased(repository, campaign_id):
            return _round(record, config, repository, backend)
    finally:
        repository.close()


def screen_given(
    crystals: Sequence[tuple[str, Structure]], config: SearchConfig, store: str
) -> CampaignRecord:
    """Return the campaign that given crystals become, screened now if it was not.

    Parameters
    ----------
    crystals : sequence of (str, Structure)
        Names and ordered crystals.
    config : SearchConfig
        Of :func:`matsearch.pipeline.given_campaign.given_config`.

    Raises
    ------
    CampaignBusyError
        If another driver screens them.
    """
    _require_kept(store)
    repository = open_repository(store)
    try:
        identity = open_campaign(config, repository).campaign_id
        with leased(repository, identity):
            return given_campaign(crystals, config, repository)
    finally:
        close_engines()
        repository.close()


def _require_kept(store: str) -> None:
    if is_in_memory(store):
        raise StoreError(
            f"a verification cannot live in {store}", "each job opens the store: use sqlite:///FILE"
        )


def _round(
    record: CampaignRecord, config: SearchConfig, repository: Repository, backend: DftBackend
) -> CampaignRecord:
    plan = plan_round(record, config, repository, backend.settings)
    if plan is None:
        raise nobody_to_send(record, config)
    tasks = tasks_of(plan, repository)
    _announce(plan, tasks, repository)
    try:
        outcomes = carry_out(tasks, backend, repository, owner_of(record.campaign_id))
    except KeyboardInterrupt:
        conclude(record, plan, repository)  # what is known by now is to be seen
        raise
    record = conclude(record, plan, repository)
    _refuse_bugs(outcomes)
    return record


def nobody_to_send(record: CampaignRecord, config: SearchConfig) -> NobodyToSendError:
    """Return the error of a campaign in which a rule finds nobody."""
    rule = config.verify.promotion
    return NobodyToSendError(
        f"{record.campaign_id} has nobody to send that is not a known phase, flagged, or sent before "
        f"(verify.promotion: {rule.survivors} survivors under {rule.threshold:g} eV/atom, {rule.controls} controls)",
        "search longer, raise verify.promotion.threshold, or ask for --controls",
    )


def _announce(plan: VerificationPlan, tasks: Mapping[str, DftTask], repository: Repository) -> None:
    by_key = {task.key: task for task in tasks.values()}
    report(
        "verification-planned",
        campaign_id=plan.campaign_id,
        round=plan.round,
        code=plan.settings.code,
        functional=plan.settings.functional,
        candidates=len(plan.promoted),
        phases=len(plan.phases),
        calculations=len(by_key),
        known=len(known_outcomes(by_key.values(), repository)),
        predicted_core_hours=plan.predicted_core_hours,
    )


def _refuse_bugs(outcomes: Mapping[str, DftOutcome]) -> None:
    bugs = {
        name: outcome.verdict.detail
        for name, outcome in outcomes.items()
        if outcome.verdict is not None and outcome.verdict.kind is FailureKind.INTERNAL_ERROR
    }
    if bugs:
        first, detail = next(iter(bugs.items()))
        raise InternalErrorRateError(
            f"{len(bugs)} of {len(outcomes)} calculations ended in unexpected errors, the first {first}: {detail}",
            "no verdict was made of them; the same command tries them again",
        )
