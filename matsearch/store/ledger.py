"""The ledger of work: every beginning is an attempt with an id of its own, and ends at most once.

So nothing counts twice, whoever else works on the same key and however often a crash makes the same be said again.
"""

import uuid
from collections.abc import Iterable
from typing import Any

from matsearch.core.campaign import WorkSummary
from matsearch.core.verdict import FailureKind
from matsearch.store.backend import Backend, Condition, equal
from matsearch.store.tables import RESULTS, WORK, in_pages, make_row, now

FINISHED = "finished"
TRANSIENT = "transient"
FAILED = "failed"
"""By a bug: ended, but no reason to give up on the key."""


class WorkLedger:
    """Attempts, in the ``work`` collection.

    Parameters
    ----------
    backend : Backend
        The database.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def begin(self, key: str, owner: str, attempt: str | None = None) -> str:
        """Write down a beginning and return its attempt id; the same attempt begins once."""
        attempt = attempt or uuid.uuid4().hex
        self._insert(attempt, key, owner, begun=True)
        return attempt

    def finish(self, attempt: str) -> None:
        """Write down that an attempt ended in a result; one that ended before stays as it is."""
        self._backend.update(WORK, equal(id=attempt, end=None), {"end": FINISHED})

    def end_transiently(self, attempt: str | None, key: str, owner: str, verdict: dict[str, Any]) -> None:
        """Write down that an attempt ended in a transient verdict, also one that nobody saw begin."""
        attempt = attempt or uuid.uuid4().hex
        end = FAILED if verdict["kind"] == FailureKind.INTERNAL_ERROR else TRANSIENT
        changes = {"end": end, "document": verdict}
        if not self._backend.update(WORK, equal(id=attempt, end=None), changes):
            self._insert(attempt, key, owner, begun=False, **changes)

    def open_attempt(self, key: str, owner: str, *, repeatable: bool) -> str | None:
        """Return an attempt of a key that did not end, begun elsewhere or before a restart.

        Parameters
        ----------
        repeatable : bool
            Whether the key may end more than once. If not, an owner whose work on it finished has none.
        """
        if not repeatable and self._backend.count(WORK, equal(key=key, owner=owner, end=FINISHED)):
            return None
        rows = self._backend.find(WORK, equal(key=key, owner=owner, end=None), limit=1, fields=("id",))
        return str(rows[0]["id"]) if rows else None

    def transient_counts(self, keys: Iterable[str]) -> dict[str, int]:
        """Return how often each key ended in a transient verdict; keys without one are left out."""
        counts: dict[str, int] = {}
        for page in in_pages(keys):
            where = (*equal(end=TRANSIENT), Condition("key", "in", page))
            counts.update(self._backend.group(WORK, "key", where))
        return counts

    def summary(self, owner: str) -> WorkSummary:
        """Return how the attempts of an owner ended."""
        ends = self._backend.group(WORK, "end", equal(owner=owner, begun=True))
        finished = ends.get(FINISHED, 0)
        if ends.get(None):
            finished += self._finished_unnoticed(owner)
        return WorkSummary(
            started=sum(ends.values()),
            finished=finished,
            transient=ends.get(TRANSIENT, 0) + ends.get(FAILED, 0),
        )

    def _finished_unnoticed(self, owner: str) -> int:
        # without transactions a crash can fall between a result and the end of its attempt
        attempts = self._backend.find(WORK, equal(owner=owner, begun=True, end=None), fields=("id", "key"))
        keys = {row["id"]: row["key"] for row in attempts}
        committed: set[str] = set()
        for page in in_pages(keys.values()):
            rows = self._backend.find(RESULTS, (Condition("id", "in", page),), fields=("id", "attempt"))
            committed.update(row["attempt"] for row in rows)
        return len(committed & keys.keys())

    def _insert(self, attempt: str, key: str, owner: str, **fields: Any) -> None:
        row = {"key": key, "owner": owner, "end": None, "created_at": now(), **fields}
        self._backend.insert(WORK, make_row(attempt, **row))
