"""Results by content key, on any database."""

from collections.abc import Iterable, Mapping
from typing import Any

from matsearch.core.campaign import SCHEMA_VERSION, WorkSummary
from matsearch.core.errors import StoreError, StoreVersionError
from matsearch.core.verdict import Verdict
from matsearch.store.backend import Backend, Collection, Condition, Row, equal
from matsearch.store.ledger import WorkLedger
from matsearch.store.tables import COLLECTIONS, RESULTS, in_pages, make_row, now


class DocumentResultCache:
    """A :class:`matsearch.core.protocols.ResultCache` over a backend.

    Parameters
    ----------
    backend : Backend
        The database. It is made ready here, and closed if that fails.
    create : bool
        Whether to make a store where there is none.
    """

    def __init__(self, backend: Backend, *, create: bool = True) -> None:
        self._backend = backend
        self._ledger = WorkLedger(backend)
        self._attempts: dict[tuple[str, str], str] = {}
        try:
            version = backend.version()
            if version is None and not create:
                raise self._missing()
            self._require_readable(version or 0, backend.location)
            backend.prepare(SCHEMA_VERSION, COLLECTIONS)
        except StoreError:
            backend.close()
            raise

    def get_results(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the documents of those keys that have one, in the order asked."""
        asked = list(dict.fromkeys(keys))
        found: dict[str, dict[str, Any]] = {}
        for page in in_pages(asked):
            for row in self._backend.find(RESULTS, (Condition("id", "in", page),)):
                found[row["id"]] = self._document(RESULTS, row)
        return {key: found[key] for key in asked if key in found}

    def begin(self, key: str, owner: str) -> None:
        """Say that work on a key starts, for a campaign."""
        self._attempts[key, owner] = self._ledger.begin(key, owner)

    def put_result(self, key: str, document: Mapping[str, Any], owner: str) -> bool:
        """Commit a result; False if the key had one already. Durable when it returns.

        It ends the owner's work on the key either way: whose document stays does not matter for that.
        """
        attempt = self._attempts.get((key, owner))
        attempt = attempt or self._ledger.open_attempt(key, owner, repeatable=False)
        new = self.commit_result(key, document, owner, attempt)
        self._attempts.pop((key, owner), None)
        return new

    def put_transient(self, key: str, verdict: Verdict, owner: str) -> None:
        """Count a transient end of the work on a key."""
        attempt = self._attempts.get((key, owner))
        attempt = attempt or self._ledger.open_attempt(key, owner, repeatable=True)
        self._ledger.end_transiently(attempt, key, owner, verdict.document())
        self._attempts.pop((key, owner), None)

    def transient_counts(self, keys: Iterable[str]) -> dict[str, int]:
        """Return how often each key ended in a transient verdict; keys without one are left out."""
        return self._ledger.transient_counts(keys)

    def work_summary(self, owner: str) -> WorkSummary:
        """Return how the work begun for a campaign ended."""
        return self._ledger.summary(owner)

    def commit_begin(self, key: str, owner: str, attempt: str) -> None:
        """Write down a beginning that a journal recorded; again changes nothing."""
        self._ledger.begin(key, owner, attempt)

    def commit_result(self, key: str, document: Mapping[str, Any], owner: str, attempt: str | None) -> bool:
        """Commit the result of an attempt; again changes nothing."""
        fields = {"owner": owner, "attempt": attempt, "created_at": now()}
        with self._backend.transaction():
            new = self._backend.insert(RESULTS, make_row(key, document, **fields))
            if attempt:
                self._ledger.finish(attempt)
        return new

    def commit_transient(self, key: str, verdict: Verdict, owner: str, attempt: str) -> None:
        """Write down a transient end that a journal recorded; again changes nothing."""
        self._ledger.end_transiently(attempt, key, owner, verdict.document())

    def close(self) -> None:
        """Close connections."""
        self._backend.close()

    def _get(self, collection: Collection, row_id: str) -> dict[str, Any] | None:
        rows = self._backend.find(collection, equal(id=row_id))
        return self._document(collection, rows[0]) if rows else None

    def _document(self, collection: Collection, row: Row) -> dict[str, Any]:
        self._require_readable(
            row["schema_version"], f"{self._backend.location}: {collection.name} {row['id']}"
        )
        if not isinstance(row["document"], dict):
            raise self._damaged(collection, row["id"], "no document")
        return row["document"]

    def _missing(self) -> StoreError:
        return StoreError(f"there is no repository at {self._backend.location}", "check path or database")

    def _damaged(self, collection: Collection, row_id: str, why: object) -> StoreError:
        reason = " ".join(str(why).split())[:200]
        return StoreError(
            f"{self._backend.location}: {collection.name} {row_id} cannot be read: {reason}",
            "restore the repository from a copy",
        )

    def _require_readable(self, version: int, what: str) -> None:
        if version > SCHEMA_VERSION:
            raise StoreVersionError(
                f"{what} has schema version {version}, this matsearch knows {SCHEMA_VERSION}",
                "upgrade matsearch",
            )
