"""From what a user types to a campaign or a candidate."""

from collections.abc import Iterator
from contextlib import contextmanager

from matsearch.core.campaign import CampaignRecord, CandidateQuery
from matsearch.core.errors import InputError
from matsearch.core.protocols import Repository
from matsearch.core.records import Candidate
from matsearch.core.settings import Settings
from matsearch.store import open_repository


@contextmanager
def opened(store: str | None) -> Iterator[Repository]:
    """Open the repository of a URI or of the settings; it must exist."""
    repository = open_repository(store or Settings().store, create=False)
    try:
        yield repository
    finally:
        repository.close()


def find_campaign(repository: Repository, text: str | None) -> CampaignRecord:
    """Return the campaign of an id, a name or the beginning of an id; the newest without one.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    campaigns = repository.list_campaigns()
    if not campaigns:
        raise InputError("the store holds no campaign", "run one: `matsearch run quickstart`")
    if text is None:
        return campaigns[0]
    found = [r for r in campaigns if text in {r.campaign_id, r.name}]
    found = found[:1] or [r for r in campaigns if r.campaign_id.startswith(text)]
    if len(found) == 1:
        return found[0]
    names = ", ".join(r.campaign_id for r in (found or campaigns)[:10])
    raise InputError(f"{len(found) or 'no'} campaigns match {text!r}", f"the store holds {names}")


def find_candidate(repository: Repository, text: str) -> Candidate:
    """Return the candidate of an id or of its beginning.

    Raises
    ------
    InputError
        If there is none, or more than one.
    """
    exact = repository.get_candidate(text)
    if exact is not None:
        return exact
    found = repository.query_candidates(CandidateQuery(id_prefix=text, limit=5)) if text else []
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(f"no candidate {text!r}", "`matsearch top` lists ids")
    raise InputError(f"several candidates begin with {text!r}", ", ".join(c.candidate_id for c in found))
