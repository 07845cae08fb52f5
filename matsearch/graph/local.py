"""The local driver: a loop over generations outside jobflow, one flow each. To resume is to run it again."""

import logging
import os
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jobflow import SETTINGS, JobStore, run_locally
from maggma.stores import MemoryStore

from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import SearchConfig
from matsearch.core.errors import StoreError
from matsearch.core.faults import boundary
from matsearch.core.progress import report
from matsearch.core.protocols import Repository
from matsearch.graph.makers import ProposeMaker
from matsearch.pipeline.asking import close_clients
from matsearch.pipeline.campaign import open_campaign
from matsearch.relax.engine import close_engines
from matsearch.store import is_in_memory, open_repository, shown_uri
from matsearch.store.lease import owner as lease_owner

HEARTBEAT_S = 30.0


def run_campaign(config: SearchConfig, store: str, jobstore: JobStore | None = None) -> CampaignRecord:
    """Run a search to the end of its budget and return its campaign.

    Parameters
    ----------
    store : str
        URI of the repository, the only record.
    jobstore : JobStore, optional
        Transport between jobs. Default: the user's own where jobflow is configured, else one in memory.

    Raises
    ------
    CampaignBusyError
        If another driver runs this campaign.
    """
    if is_in_memory(store):
        raise StoreError(f"a search cannot live in {store}", "each job opens the store: use sqlite:///FILE")
    repository = open_repository(store)
    try:
        record = open_campaign(config, repository)
        report(
            "campaign",
            campaign_id=record.campaign_id,
            generation=record.state.generation,
            store=shown_uri(store),
        )
        with leased(repository, record.campaign_id):
            _loop(config, store, jobstore or default_jobstore(), record, repository)
        finished = repository.get_campaign(record.campaign_id)
    finally:
        close_engines()
        close_clients()
        repository.close()
    if finished is None:
        raise StoreError(
            f"campaign {record.campaign_id} vanished from the repository", "was the file removed?"
        )
    return finished


def _loop(
    config: SearchConfig, store: str, jobstore: JobStore, record: CampaignRecord, repository: Repository
) -> None:
    document = config.model_dump(mode="json")
    current: CampaignRecord | None = record
    while current and current.state.generation < config.budget.generations:
        generation = current.state.generation
        made = ProposeMaker(store=store, name=f"propose g{generation:03d}").make(document)
        _run_one(made, jobstore)
        current = repository.get_campaign(record.campaign_id)
        if current and current.state.stopped:
            return


def _run_one(made: Any, jobstore: JobStore) -> None:
    # jobflow announces every job on the root logger; our own events say what a user wants to know
    logging.getLogger("jobflow").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module="jobflow")
        run_locally(
            made, store=jobstore, log=False, ensure_success=True, raise_immediately=True, create_folders=False
        )


def jobflow_config() -> Path | None:
    """Return the user's own jobflow configuration file, or None where there is none."""
    path = Path(os.environ.get("JOBFLOW_CONFIG_FILE") or SETTINGS.CONFIG_FILE).expanduser()
    return path if path.is_file() else None


def default_jobstore() -> JobStore:
    """Return the user's own job store where jobflow is configured, else one in memory."""
    if jobflow_config() is not None:
        return SETTINGS.JOB_STORE
    return JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})


@contextmanager
def leased(repository: Repository, campaign_id: str) -> Iterator[None]:
    """Hold a campaign's lease, and renew it, while the block runs."""
    owner = lease_owner()
    repository.acquire(campaign_id, owner)
    boundary("leased")
    stop = threading.Event()

    def renew() -> None:
        while not stop.wait(HEARTBEAT_S):
            try:
                repository.acquire(campaign_id, owner)
            except StoreError as error:
                # the next beat tries again; a lease lives for several
                logging.getLogger(__name__).warning("could not renew the lease of %s: %s", campaign_id, error)

    heart = threading.Thread(target=renew, daemon=True)
    heart.start()
    try:
        yield
    finally:
        stop.set()
        heart.join()
        repository.release(campaign_id, owner)
