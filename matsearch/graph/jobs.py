"""The jobs. Values in, values out: everything a job needs is in its arguments."""

import logging
from pathlib import Path
from typing import Any

from jobflow import Flow, Response, job
from pymatgen.core import Structure

from matsearch.core.campaign import CampaignRecord, CandidateQuery
from matsearch.core.config import SearchConfig, parse_config
from matsearch.core.errors import BudgetSpentError, InputError, SchemeMismatchError, StoreError
from matsearch.core.protocols import Repository, ResultCache
from matsearch.core.records import Candidate
from matsearch.graph.documents import GenerationDocument, ScreenDocument
from matsearch.pipeline.campaign import open_campaign
from matsearch.pipeline.given import given_batch
from matsearch.pipeline.steps import advance, plan, screen
from matsearch.pipeline.tools import Tools, build_tools
from matsearch.store import open_repository
from matsearch.store.journal import JournalCache, commit_journal

JOURNAL_FOLDER = "matsearch-journal"


@job
def propose(config: dict[str, Any], store: str, chain: bool) -> Response:
    """Plan the next generation and replace this job by its screening and its advance.

    Parameters
    ----------
    config : dict
        A resolved search configuration.
    store : str
        URI of the repository.
    chain : bool
        Whether the advance goes on with the next generation.
    """
    search = parse_config(config)
    repository = open_repository(store)
    try:
        record = open_campaign(search, repository)
        if record.state.status == "finished":
            return Response(output=_generation_document(record, store))
        try:
            proposals = plan(record.state, build_tools(search), repository)
        except BudgetSpentError as spent:
            record = open_campaign(search, repository)  # the plan may have saved its first parents
            record = record.evolve(state=record.state.evolve(stopped=str(spent)))
            repository.save_state(record.state)
            return Response(output=_generation_document(record, store))
    finally:
        repository.close()
    return Response(replace=_generation_flow(search, record, proposals, store, chain))


@job(output_schema=ScreenDocument)
def screen_batch(
    batch: list[dict[str, Any]], config: dict[str, Any], owner: str, store: str | None
) -> ScreenDocument:
    """Screen a batch of candidate documents.

    Parameters
    ----------
    store : str or None
        Repository that caches relaxations; None, or one that cannot be reached from here, is a journal in the
        job's folder, which the advance commits.
    """
    candidates = [Candidate.model_validate(document) for document in batch]
    cache, journal = cache_of(store, create=False)
    return _screened(candidates, parse_config(config), cache, owner, journal)


@job(output_schema=ScreenDocument)
def screen_structures(
    structures: list[Structure], sections: dict[str, Any], store: str | None
) -> ScreenDocument:
    """Screen structures that belong to no campaign.

    Parameters
    ----------
    structures : list of Structure
        Ordered.
    sections : dict
        Sections of a search configuration.
    store : str or None
        As for :func:`screen_batch`; a SQLite file is made where there is none.
    """
    if not structures:
        return ScreenDocument(candidates=[], n_alive=0, best_energy_above_hull=None, journal=None)
    config, candidates = given_batch(structures, sections)
    cache, journal = cache_of(store, create=True)
    return _screened(candidates, config, cache, config.name, journal)


@job
def advance_generation(
    batches: list[dict[str, Any]], config: dict[str, Any], store: str, chain: bool
) -> GenerationDocument | Response:
    """Commit a screened generation; go on with the next one where asked to.

    Parameters
    ----------
    batches : list of dict
        Screen documents of the whole generation.
    """
    search = parse_config(config)
    documents = [ScreenDocument.model_validate(_plain(batch)) for batch in batches]
    screened = [Candidate.model_validate(c) for document in documents for c in document.candidates]
    repository = open_repository(store)
    try:
        for document in documents:
            if document.journal and Path(document.journal).is_dir():
                commit_journal(Path(document.journal), repository)
        record = open_campaign(search, repository)
        if any(c.generation >= record.state.generation for c in screened) or not screened:
            tools = build_tools(search)
            _require_whole_generation(screened, record, tools, repository)
            record = record.evolve(state=advance(record.state, screened, tools, repository))
    finally:
        repository.close()
    if chain and record.state.status == "running":
        following = propose(config, store, chain)
        following.name = f"propose g{record.state.generation:03d}"
        return Response(replace=Flow([following], output=following.output))
    return _generation_document(record, store)


def _generation_flow(
    search: SearchConfig, record: CampaignRecord, proposals: list[Candidate], store: str, chain: bool
) -> Flow:
    config = search.model_dump(mode="json")
    generation = record.state.generation
    size = search.execution.batch_size or len(proposals)
    batches = [proposals[i : i + size] for i in range(0, len(proposals), size)]
    jobs = []
    for number, batch in enumerate(batches):
        documents = [candidate.document() for candidate in batch]
        screening = screen_batch(documents, config, record.campaign_id, store)
        screening.name = f"screen g{generation:03d} b{number:02d}"
        jobs.append(screening)
    last = advance_generation([j.output for j in jobs], config, store, chain)
    last.name = f"advance g{generation:03d}"
    return Flow([*jobs, last], output=last.output, name=f"{record.campaign_id} g{generation:03d}")


def _generation_document(record: CampaignRecord, store: str) -> GenerationDocument:
    history = record.state.history
    return GenerationDocument(
        campaign_id=record.campaign_id,
        generation=record.state.generation,
        status=record.state.status,
        store=store,
        best_energy_above_hull=history[-1].best_energy_above_hull if history else None,
        stopped=record.state.stopped,
    )


def _require_whole_generation(
    screened: list[Candidate], record: CampaignRecord, tools: Tools, repository: Repository
) -> None:
    state = record.state
    query = CandidateQuery(campaign_id=record.campaign_id, generation=state.generation)
    planned = {c.candidate_id for c in repository.query_candidates(query)}
    if not planned or {c.candidate_id for c in screened} != planned:
        raise InputError(
            f"{len(screened)} screened candidates are not the {len(planned)} of generation {state.generation} "
            f"of {record.campaign_id}",
            "advance takes all screen documents of one generation",
        )
    others = {c.placement.hull_sha256 for c in screened if c.placement} - {tools.hull.info.sha256}
    if others:
        raise SchemeMismatchError(
            f"screened against another hull (sha256 {min(others)[:12]}) than {tools.hull.info.name}",
            "use the same reference file everywhere",
        )


def _screened(
    candidates: list[Candidate], config: SearchConfig, cache: ResultCache, owner: str, journal: str | None
) -> ScreenDocument:
    try:
        screened = screen(candidates, build_tools(config), cache, owner)
    finally:
        cache.close()
    placed = [c.placement.energy_above_hull for c in screened if c.placement]
    return ScreenDocument(
        candidates=[c.document() for c in screened],
        n_alive=sum(c.alive for c in screened),
        best_energy_above_hull=min(placed, default=None),
        journal=journal,
    )


def cache_of(store: str | None, *, create: bool) -> tuple[ResultCache, str | None]:
    """Return the repository as cache, or a journal in the job's folder and where that is."""
    if store is not None:
        try:
            return open_repository(store, create=create), None
        except StoreError as error:
            logging.getLogger(__name__).warning(
                "no repository from here, so results go to a journal: %s", error
            )
    folder = Path.cwd() / JOURNAL_FOLDER
    return JournalCache(folder), str(folder)


def _plain(document: Any) -> Any:
    # jobflow resolves a reference to the document itself where it can, else to a dict with its class's name
    if isinstance(document, ScreenDocument):
        return document
    return {key: value for key, value in document.items() if not key.startswith("@")}
