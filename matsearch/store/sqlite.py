"""A repository's database as one SQLite file: WAL mode, every commit synced to the disk."""

import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from matsearch.core.campaign import SCHEMA_VERSION
from matsearch.core.errors import StoreError
from matsearch.store.backend import Collection, Row, Where, equal, to_json

APPLICATION_ID = 0x6D617473
"""In the file's header: tells our files from those of other programs."""

_REMEDIES = (
    ("not a database", "is not a SQLite database", "give another path, or move that file away"),
    (
        "malformed",
        "is damaged",
        "restore it from a copy, or save what can be read with `sqlite3 FILE .recover`",
    ),
    ("disk is full", "cannot be written: the disk is full", "free some space and run the same command again"),
    ("readonly", "cannot be written: it is read-only", "check the permissions of the file and of its folder"),
    ("locked", "is locked by another program", "close that program, then try again"),
    ("unable to open", "cannot be opened", "check that its folder exists and may be written"),
    ("disk i/o", "cannot be read or written: disk I/O error", "check free space, quota and the disk"),
    ("closed database", "is closed", "open the repository again"),
)


class SqliteBackend:
    """One SQLite file. May be used from several threads of the process that opened it.

    Parameters
    ----------
    path : Path or None
        None is in memory.
    timeout_s : float
        How long to wait for another process's write.
    """

    def __init__(self, path: Path | None, timeout_s: float = 30.0) -> None:
        self.location = str(path or ":memory:")
        self._timeout_s = timeout_s
        self._lock = threading.RLock()
        self._pid = os.getpid()
        if path is not None and path.is_dir():
            raise StoreError(f"{path} is a folder", "name a file, such as sqlite:///matsearch.sqlite")
        with self._guarded():
            self._connection = sqlite3.connect(
                self.location, timeout=timeout_s, isolation_level=None, check_same_thread=False
            )
        self._connection.row_factory = sqlite3.Row

    def version(self) -> int | None:
        """Return the schema version of the file; None where it is new."""
        with self._guarded(), self._snapshot():
            application, version = self._pragma("application_id"), self._pragma("user_version")
            tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if application == APPLICATION_ID:
            return int(version)
        if application or version or tables:
            raise StoreError(f"{self.location} is another program's SQLite database", "give another path")
        return None

    def prepare(self, version: int, collections: Sequence[Collection]) -> None:
        """Switch to the write-ahead log and create what is missing."""
        with self._guarded():
            self._use_wal()
            self._connection.execute("PRAGMA synchronous=FULL")
        if self.version() is not None:
            return  # so that opening a store waits for no writer
        with self.transaction():
            if self.version() is not None:
                return
            for collection in collections:
                self._create(collection)
            self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
            self._connection.execute(f"PRAGMA user_version={int(version)}")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Bind writes together: all or none. Inside another transaction, join it."""
        with self._guarded():
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:
                if self._connection.in_transaction:  # a full disk may have ended it already
                    self._connection.execute("ROLLBACK")
                raise

    def insert(self, collection: Collection, row: Row) -> bool:
        """Insert a row; False if its id is there, and then nothing changes."""
        with self.transaction():
            return self._write(collection, row, "ON CONFLICT(id) DO NOTHING") > 0

    def upsert(self, collection: Collection, rows: Sequence[Row]) -> None:
        """Insert or replace rows, all or none."""
        with self.transaction():
            for row in rows:
                others = ", ".join(f'"{name}"=excluded."{name}"' for name in row if name != "id")
                self._write(collection, row, f"ON CONFLICT(id) DO UPDATE SET {others}")

    def update(self, collection: Collection, where: Where, changes: Row) -> bool:
        """Change fields of the row that meets the conditions; False if none does."""
        sets = ", ".join(f'"{name}"=?' for name in changes)
        condition, values = _condition(where)
        sql = f'UPDATE "{collection.name}" SET {sets} WHERE {condition}'  # noqa: S608 - names are our own
        with self.transaction():
            return self._connection.execute(sql, [*_values(changes), *values]).rowcount > 0

    def increment(self, collection: Collection, row_id: str, field: str, amount: int) -> int:
        """Add to a field and return its new value; a missing row counts as 0."""
        with self.transaction():
            rows = self.find(collection, equal(id=row_id), fields=(field,))
            value = (rows[0][field] if rows else 0) + amount
            self.upsert(collection, [{"id": row_id, "schema_version": SCHEMA_VERSION, field: value}])
            return int(value)

    def delete(self, collection: Collection, where: Where) -> None:
        """Remove the rows that meet the conditions."""
        condition, values = _condition(where)
        with self.transaction():
            self._connection.execute(f'DELETE FROM "{collection.name}" WHERE {condition}', values)  # noqa: S608

    def find(
        self,
        collection: Collection,
        where: Where = (),
        sort: Sequence[str] = (),
        skip: int = 0,
        limit: int | None = None,
        fields: Sequence[str] = (),
    ) -> list[Row]:
        """Return rows; see :class:`matsearch.store.backend.Backend`."""
        names = ", ".join(f'"{name}"' for name in fields) or "*"
        condition, values = _condition(where)
        sql = f'SELECT {names} FROM "{collection.name}" WHERE {condition}'  # noqa: S608
        if sort:
            sql += " ORDER BY " + ", ".join(_order(name) for name in sort)
        sql += " LIMIT ? OFFSET ?"
        with self._guarded():
            found = self._connection.execute(sql, [*values, -1 if limit is None else limit, skip])
            return [self._read(collection, row) for row in found]

    def count(self, collection: Collection, where: Where) -> int:
        """Return how many rows meet the conditions."""
        condition, values = _condition(where)
        sql = f'SELECT count(*) FROM "{collection.name}" WHERE {condition}'  # noqa: S608
        with self._guarded():
            return int(self._connection.execute(sql, values).fetchone()[0])

    def group(self, collection: Collection, field: str, where: Where) -> dict[Any, int]:
        """Return how many rows that meet the conditions have each value of a field."""
        condition, values = _condition(where)
        sql = f'SELECT "{field}", count(*) FROM "{collection.name}" WHERE {condition} GROUP BY 1'  # noqa: S608
        with self._guarded():
            return {value: int(n) for value, n in self._connection.execute(sql, values)}

    def close(self) -> None:
        """Close the file."""
        with self._guarded():
            self._connection.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        if os.getpid() != self._pid:
            raise StoreError(
                f"{self.location} was opened by process {self._pid}", "open the repository in each process"
            )
        with self._lock:
            try:
                yield
            except (sqlite3.Error, sqlite3.Warning, OverflowError, UnicodeEncodeError) as error:
                raise _explained(self.location, error) from error

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        # several reads of one moment: another process may be creating the store between them
        if self._connection.in_transaction:
            yield
            return
        self._connection.execute("BEGIN")
        try:
            yield
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _pragma(self, name: str) -> Any:
        return self._connection.execute(f"PRAGMA {name}").fetchone()[0]

    def _use_wal(self) -> None:
        deadline = time.monotonic() + self._timeout_s
        mode = self._pragma("journal_mode")
        while mode not in {"wal", "memory"}:
            try:
                mode = self._pragma("journal_mode=WAL")
            except sqlite3.OperationalError as error:
                # two that create the same file: SQLite's own wait does not cover this switch
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
                continue
            if mode != "wal":
                raise StoreError(
                    f"{self.location} cannot have a write-ahead log here (a network file system?)",
                    "put it on a local disk, or use mongodb://",
                )

    def _create(self, collection: Collection) -> None:
        table = collection.name
        fields = "".join(f', "{name}" {kind}' for name, kind in collection.fields.items())
        self._connection.execute(
            f'CREATE TABLE IF NOT EXISTS "{table}" '
            f'("id" TEXT PRIMARY KEY NOT NULL, "schema_version" INTEGER NOT NULL{fields}, "document" TEXT)'
        )
        for index in collection.indexes:
            name = f"{table}_{'_'.join(index)}"
            columns = ", ".join(f'"{field}"' for field in (*index, "id"))
            self._connection.execute(f'CREATE INDEX IF NOT EXISTS "{name}" ON "{table}" ({columns})')

    def _write(self, collection: Collection, row: Row, conflict: str) -> int:
        names = ", ".join(f'"{name}"' for name in row)
        marks = ", ".join("?" * len(row))
        sql = f'INSERT INTO "{collection.name}" ({names}) VALUES ({marks}) {conflict}'  # noqa: S608
        return self._connection.execute(sql, _values(row)).rowcount

    def _read(self, collection: Collection, found: sqlite3.Row) -> Row:
        row = dict(found)
        if row.get("document") is not None:
            try:
                row["document"] = json.loads(row["document"])
            except (ValueError, TypeError) as error:
                raise StoreError(
                    f"{self.location}: {collection.name} {row.get('id')} is damaged: {error}",
                    "restore it from a copy",
                ) from error
        return row


def _values(row: Row) -> list[Any]:
    return [
        to_json(value) if name == "document" and value is not None else value for name, value in row.items()
    ]


def _condition(where: Where) -> tuple[str, list[Any]]:
    parts, values = ["1"], []
    for field, operator, value in where:
        if operator == "in":
            parts.append(f'"{field}" IN ({", ".join("?" * len(value))})')
            values.extend(value)
        else:
            parts.append(f'"{field}" {"IS" if operator == "=" else operator} ?')
            values.append(value)
    return " AND ".join(parts), values


def _order(name: str) -> str:
    return f'"{name[1:]}" DESC' if name.startswith("-") else f'"{name}"'


def _explained(location: str, error: Exception) -> StoreError:
    text = str(error)
    for sign, problem, remedy in _REMEDIES:
        if sign in text.lower():
            return StoreError(f"{location} {problem}", remedy)
    return StoreError(f"{location}: {text}", "if it stays so, report it as a bug")
