"""The collections of a repository, their rows and their queries."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from matsearch.core.campaign import SCHEMA_VERSION, CandidateQuery
from matsearch.core.records import Candidate
from matsearch.store.backend import Collection, Condition, Row, equal

CAMPAIGNS = Collection("campaigns", {"name": "TEXT", "created_at": "TEXT"})
STATES = Collection("states", {"saved_at": "TEXT"})
CANDIDATES = Collection(
    "candidates",
    {
        "campaign_id": "TEXT",
        "generation": "INTEGER",
        "slot": "INTEGER",
        "index": "INTEGER",
        "formula": "TEXT",
        "verdict_kind": "TEXT",
        "alive": "INTEGER",
        "duplicate": "INTEGER",
        "placed": "INTEGER",
        "energy_above_hull": "REAL",
        "seq": "INTEGER",
    },
    (
        ("campaign_id", "seq"),
        ("campaign_id", "generation", "slot", "index"),
        ("campaign_id", "placed", "energy_above_hull"),
        ("campaign_id", "verdict_kind"),
        ("formula",),
    ),
)
RESULTS = Collection("results", {"owner": "TEXT", "attempt": "TEXT", "created_at": "TEXT"})
WORK = Collection(
    "work",
    {"key": "TEXT", "owner": "TEXT", "begun": "INTEGER", "end": "TEXT", "created_at": "TEXT"},
    (("owner", "end"), ("key", "owner")),
)
CALLS = Collection("calls", {"created_at": "TEXT"})
BLOBS = Collection("blobs", {"size": "INTEGER", "created_at": "TEXT"})
CHUNKS = Collection("chunks", {"blob": "TEXT", "number": "INTEGER", "content": "BLOB"}, (("blob", "number"),))
LEASES = Collection("leases", {"owner": "TEXT", "renewed": "REAL"})
COUNTERS = Collection("counters", {"value": "INTEGER"})

COLLECTIONS = (
    CAMPAIGNS,
    STATES,
    CANDIDATES,
    RESULTS,
    WORK,
    CALLS,
    BLOBS,
    CHUNKS,
    LEASES,
    COUNTERS,
)

SORTS = {
    "birth": ("generation", "slot", "index", "id"),
    "energy_above_hull": ("-placed", "energy_above_hull", "id"),
}


def make_row(row_id: str, document: Mapping[str, Any] | None = None, **fields: Any) -> Row:
    """Return a row of this version."""
    kept = None if document is None else dict(document)
    return {"id": row_id, "schema_version": SCHEMA_VERSION, "document": kept, **fields}


def in_pages(values: Iterable[str], size: int = 500) -> Iterator[list[str]]:
    """Yield values in lists short enough for one query."""
    iterator = iter(values)
    while page := list(islice(iterator, size)):
        yield page


def now() -> str:
    """Return the time, aware UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def candidate_row(candidate: Candidate, seq: int) -> Row:
    """Return the row of a candidate, written as the campaign's ``seq``-th."""
    placement, verdict = candidate.placement, candidate.verdict
    return make_row(
        candidate.candidate_id,
        candidate.document(),
        campaign_id=candidate.campaign_id,
        generation=candidate.generation,
        slot=candidate.slot,
        index=candidate.index,
        formula=candidate.formula,
        verdict_kind=verdict.kind.value if verdict else None,
        alive=candidate.alive,
        duplicate=candidate.duplicate_of is not None,
        placed=placement is not None,
        energy_above_hull=placement.energy_above_hull if placement else None,
        seq=seq,
    )


def candidate_conditions(query: CandidateQuery) -> tuple[Condition, ...]:
    """Return what a query asks of a row."""
    asked = {
        "campaign_id": query.campaign_id,
        "generation": query.generation,
        "formula": query.formula,
        "verdict_kind": query.verdict_kind,
        "alive": query.alive,
        "duplicate": False if query.unique else None,
    }
    conditions = equal(**{name: value for name, value in asked.items() if value is not None})
    if query.max_energy_above_hull is not None:
        conditions += (Condition("energy_above_hull", "<", query.max_energy_above_hull),)
    if query.id_prefix:
        conditions += begins_with(query.id_prefix)
    return conditions


def begins_with(prefix: str) -> tuple[Condition, ...]:
    """Return the conditions of ids that begin so: a range needs no escaping and uses the index in both databases."""
    return Condition("id", ">=", prefix), Condition("id", "<", prefix + chr(0x10FFFF))
