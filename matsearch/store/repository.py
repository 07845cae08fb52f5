"""The only record: campaigns, candidates, results, calls and blobs, on any database."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from matsearch.core.campaign import (
    SCHEMA_VERSION,
    CampaignRecord,
    CampaignState,
    CandidateQuery,
    Changes,
)
from matsearch.core.errors import StoreError
from matsearch.core.model import Record
from matsearch.core.records import Candidate
from matsearch.store import blobs, lease
from matsearch.store.backend import Collection, Condition, equal
from matsearch.store.results import DocumentResultCache
from matsearch.store.tables import (
    CALLS,
    CAMPAIGNS,
    CANDIDATES,
    COUNTERS,
    SORTS,
    STATES,
    begins_with,
    candidate_conditions,
    candidate_row,
    in_pages,
    make_row,
    now,
)

R = TypeVar("R", bound=Record)


class DocumentRepository(DocumentResultCache):
    """A :class:`matsearch.core.protocols.Repository` over a backend. Open one with ``open_repository``."""

    def create_campaign(self, record: CampaignRecord) -> bool:
        """Store a new campaign; False if it exists, and then nothing changes."""
        fields = {"name": record.name, "created_at": record.created_at}
        return self._backend.insert(CAMPAIGNS, make_row(record.campaign_id, record.document(), **fields))

    def get_campaign(self, campaign_id: str) -> CampaignRecord | None:
        """Return a campaign."""
        document = self._get(CAMPAIGNS, campaign_id)
        if document is None:
            return None
        return self._campaign(campaign_id, document, self._get(STATES, campaign_id))

    def list_campaigns(self) -> list[CampaignRecord]:
        """Return all campaigns, newest first."""
        states = {row["id"]: self._document(STATES, row) for row in self._backend.find(STATES)}
        rows = self._backend.find(CAMPAIGNS, sort=("-created_at", "id"))
        return [
            self._campaign(row["id"], self._document(CAMPAIGNS, row), states.get(row["id"])) for row in rows
        ]

    def save_state(self, state: CampaignState) -> None:
        """Replace a campaign's state."""
        if not self._backend.count(CAMPAIGNS, equal(id=state.campaign_id)):
            raise StoreError(
                f"{self._backend.location} has no campaign {state.campaign_id}", "create it first"
            )
        self._refuse_newer(STATES, [state.campaign_id])
        self._backend.upsert(STATES, [make_row(state.campaign_id, state.document(), saved_at=now())])

    def put_candidates(self, candidates: Iterable[Candidate]) -> None:
        """Insert or replace candidates by id, all or none where the database can."""
        batch = list(candidates)
        with self._backend.transaction():
            self._refuse_newer(CANDIDATES, [candidate.candidate_id for candidate in batch])
            last = {
                campaign_id: self._backend.increment(COUNTERS, f"seq:{campaign_id}", "value", n) - n
                for campaign_id, n in Counter(candidate.campaign_id for candidate in batch).items()
            }
            rows = []
            for candidate in batch:
                last[candidate.campaign_id] += 1
                rows.append(candidate_row(candidate, last[candidate.campaign_id]))
            if rows:
                self._backend.upsert(CANDIDATES, rows)

    def get_candidate(self, candidate_id: str) -> Candidate | None:
        """Return a candidate."""
        document = self._get(CANDIDATES, candidate_id)
        return None if document is None else self._record(Candidate, CANDIDATES, candidate_id, document)

    def query_candidates(self, query: CandidateQuery) -> list[Candidate]:
        """Return one page of candidates."""
        if query.limit is not None and query.limit <= 0:
            return []
        rows = self._backend.find(
            CANDIDATES,
            candidate_conditions(query),
            sort=SORTS[query.sort],
            skip=max(0, query.offset),
            limit=query.limit,
        )
        return [
            self._record(Candidate, CANDIDATES, row["id"], self._document(CANDIDATES, row)) for row in rows
        ]

    def count_candidates(self, query: CandidateQuery) -> int:
        """Return how many candidates a query has, its limit and offset aside."""
        return self._backend.count(CANDIDATES, candidate_conditions(query))

    def verdict_counts(self, campaign_id: str) -> dict[str, int]:
        """Return the number of candidates by kind of verdict; those alive are left out."""
        return self._backend.group(CANDIDATES, "verdict_kind", equal(campaign_id=campaign_id, alive=False))

    def changes_since(self, campaign_id: str, cursor: int, limit: int = 1000) -> Changes:
        """Return candidates written after a cursor; 0 is the beginning.

        One writer a campaign, as the lease ensures, is what makes a cursor miss nothing.
        """
        if limit <= 0:
            return Changes(candidate_ids=(), cursor=cursor)
        where = (*equal(campaign_id=campaign_id), Condition("seq", ">", cursor))
        rows = self._backend.find(CANDIDATES, where, sort=("seq",), limit=limit, fields=("id", "seq"))
        ids = tuple(row["id"] for row in rows)
        return Changes(candidate_ids=ids, cursor=rows[-1]["seq"] if rows else cursor)

    def put_call(self, key: str, document: Mapping[str, Any]) -> bool:
        """Commit an answered language-model call; False if the key had one already."""
        return self._backend.insert(CALLS, make_row(key, document, created_at=now()))

    def get_call(self, key: str) -> dict[str, Any] | None:
        """Return an answered call."""
        return self._get(CALLS, key)

    def list_calls(self, prefix: str) -> dict[str, dict[str, Any]]:
        """Return the calls whose keys begin so, by key."""
        rows = self._backend.find(CALLS, begins_with(prefix), sort=("id",))
        return {row["id"]: self._document(CALLS, row) for row in rows}

    def put_blob(self, content: bytes) -> str:
        """Store bytes and return their sha256."""
        return blobs.put_blob(self._backend, content)

    def get_blob(self, sha256: str) -> bytes | None:
        """Return stored bytes."""
        return blobs.get_blob(self._backend, sha256)

    def acquire(self, campaign_id: str, owner: str) -> None:
        """Take or renew the campaign's lease for one driver.

        Raises
        ------
        CampaignBusyError
            If a living driver holds it.
        """
        lease.acquire(self._backend, campaign_id, owner)

    def release(self, campaign_id: str, owner: str) -> None:
        """Give the lease back, if it is this owner's."""
        lease.release(self._backend, campaign_id, owner)

    def _campaign(
        self, campaign_id: str, document: dict[str, Any], state: dict[str, Any] | None
    ) -> CampaignRecord:
        current = document if state is None else {**document, "state": state}
        return self._record(CampaignRecord, CAMPAIGNS, campaign_id, current)

    def _record(self, kind: type[R], collection: Collection, row_id: str, document: dict[str, Any]) -> R:
        try:
            return kind.model_validate(document)
        except ValidationError as error:
            raise self._damaged(collection, row_id, error) from error

    def _refuse_newer(self, collection: Collection, ids: list[str]) -> None:
        for page in in_pages(ids):
            where = (Condition("id", "in", page), Condition("schema_version", ">", SCHEMA_VERSION))
            for row in self._backend.find(collection, where, limit=1, fields=("id", "schema_version")):
                self._require_readable(row["schema_version"], f"{collection.name} {row['id']}")
