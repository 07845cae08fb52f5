"""``matsearch verify``."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from matsearch.cli.console import print_json
from matsearch.cli.progress import shown_progress
from matsearch.cli.verify_targets import campaign_target, file_target, names_files
from matsearch.cli.verify_views import (
    plan_document,
    print_next,
    print_plan,
    print_verification,
    report_of,
    verified_document,
)
from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import SearchConfig
from matsearch.core.errors import ConfigError
from matsearch.core.protocols import Repository
from matsearch.core.settings import Settings
from matsearch.core.verification import VerificationPlan
from matsearch.graph.backends import require_ready, settings_of
from matsearch.graph.verify_local import nobody_to_send, run_verification, screen_given
from matsearch.pipeline.given_campaign import given_campaign
from matsearch.pipeline.result import load_result
from matsearch.pipeline.verification import next_round
from matsearch.relax.engine import close_engines
from matsearch.store import open_repository


def verify(
    targets: Sequence[str],
    name: str | None,
    config: str | None,
    overrides: dict[str, Any],
    store: str | None,
    *,
    plan: bool,
    dry_run: Path | None,
    allow_import: bool,
    as_json: bool,
) -> None:
    """Send a campaign's survivors, or the crystals of files, to DFT; or say whom that would be, or write inputs."""
    uri = store or Settings().store
    overrides = overrides if dry_run is None else _by_vasp(overrides)
    if names_files(targets, uri):
        crystals, search = file_target(targets, name, config, overrides)
        if plan or dry_run is not None:
            with _given_for_now(crystals, search) as (repository, record):
                _look_ahead(record, search, repository, dry_run, as_json=as_json)
            return
        require_ready(search.verify)  # before the screening
        with shown_progress():
            record = screen_given(crystals, search, uri)
    else:
        text = targets[0] if targets else None
        record, search = campaign_target(text, config, overrides, uri, allow_import=allow_import)
        if plan or dry_run is not None:
            repository = open_repository(uri, create=False)
            try:
                _look_ahead(record, search, repository, dry_run, as_json=as_json)
            finally:
                repository.close()
            return
    document = verify_record(record, search, uri, as_json=as_json)
    if as_json:
        print_json(document)


def verify_record(
    record: CampaignRecord, search: SearchConfig, uri: str, *, as_json: bool
) -> dict[str, Any] | None:
    """Verify a stored campaign with progress; print what came of it, or return it as JSON types."""
    with shown_progress():
        record = run_verification(search, record.campaign_id, uri)
    repository = open_repository(uri, create=False)
    try:
        result = load_result(repository, record)
        said = report_of(repository, result)
    finally:
        repository.close()
    if said is None:
        raise nobody_to_send(record, search)
    if as_json:
        return verified_document(result, said, uri)
    print_verification(result, said)
    print_next(result, said, uri)
    return None


def _look_ahead(
    record: CampaignRecord,
    search: SearchConfig,
    repository: Repository,
    dry_run: Path | None,
    *,
    as_json: bool,
) -> None:
    """Say whom the next round would send, or write the inputs of its calculations. Nothing is stored."""
    plan = next_round(record, search, repository, settings_of(search.verify))
    if plan is None:
        raise nobody_to_send(record, search)
    if dry_run is not None:
        _write_inputs(plan, search, repository, dry_run, as_json=as_json)
        return
    formulas = _formulas(plan, repository)
    if as_json:
        print_json(plan_document(plan, formulas))
        return
    print_plan(plan, formulas, search)


def _write_inputs(
    plan: VerificationPlan, search: SearchConfig, repository: Repository, folder: Path, *, as_json: bool
) -> None:
    from matsearch.cli.verify_inputs import print_inputs, write_inputs_of

    index = write_inputs_of(plan, search, repository, folder)
    if as_json:
        print_json(index)
        return
    print_inputs(index)


@contextmanager
def _given_for_now(
    crystals: Sequence[tuple[str, Structure]], search: SearchConfig
) -> Iterator[tuple[Repository, CampaignRecord]]:
    """Screen given crystals into a store that is gone afterwards."""
    repository = open_repository("sqlite://:memory:")
    try:
        with shown_progress():
            record = given_campaign(crystals, search, repository)
        yield repository, record
    finally:
        close_engines()
        repository.close()


def _formulas(plan: VerificationPlan, repository: Repository) -> dict[str, str]:
    found = {p.candidate_id: repository.get_candidate(p.candidate_id) for p in plan.promoted}
    return {name: candidate.formula if candidate else "" for name, candidate in found.items()}


def _by_vasp(overrides: dict[str, Any]) -> dict[str, Any]:
    backend = overrides.get("verify.backend", "vasp")
    if backend != "vasp":
        raise ConfigError(
            f"--dry-run writes inputs of VASP, and the backend asked for is {backend}",
            "leave --backend out, or do without --dry-run",
        )
    return overrides | {"verify.backend": "vasp"}
