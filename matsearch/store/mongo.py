"""A repository's database as one MongoDB database. No transactions: the order of writes makes a crash harmless."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import bson
from bson.errors import BSONError
from pymongo import IndexModel, MongoClient, ReplaceOne, ReturnDocument, errors

from matsearch.core.campaign import SCHEMA_VERSION
from matsearch.core.errors import StoreError
from matsearch.store.backend import Collection, Row, Where, to_json

OLDEST_SERVER = 5
"""Major version; earlier ones refuse field names with dots and dollar signs."""

_TIMEOUTS = {"serverSelectionTimeoutMS": 5_000, "connectTimeoutMS": 5_000, "socketTimeoutMS": 60_000}
"""In milliseconds, where the URI does not say otherwise."""

_FORM = "use mongodb://host:port/database; percent-encode special characters in user name and password"
_OPERATORS = {"=": "$eq", "<": "$lt", ">": "$gt", ">=": "$gte", "in": "$in"}
_REMEDIES = {
    13: "give the user readWrite on this database",
    18: "check user name, password and authSource",
    14031: "free some space on the server's disk",
}


class MongoBackend:
    """One database of a MongoDB server, version 5 or later; a standalone one will do.

    Parameters
    ----------
    uri : str
        With the name of the database.
    """

    def __init__(self, uri: str) -> None:
        self.location = redacted(uri)
        self._secrets = _secrets(uri)
        try:
            self._client: Any = MongoClient(uri, **_options(uri))
        except (errors.PyMongoError, ValueError, TypeError) as error:
            # the text, and so the chain, may quote the URI with its password
            raise StoreError(f"{self.location} cannot be used: {_uri_problem(error)}", _FORM) from None
        try:
            self._database = self._client.get_default_database()
        except errors.PyMongoError:
            self._client.close()
            raise StoreError(f"{self.location} cannot be used: it names no database", _FORM) from None

    def version(self) -> int | None:
        """Return the schema version of the store; None where the database has none."""
        with self._guarded():
            server = self._client.server_info()["version"]
            found = self._database["store"].find_one({"_id": "store"})
        if int(server.split(".")[0]) < OLDEST_SERVER:
            raise StoreError(f"{self.location} is MongoDB {server}", f"use MongoDB {OLDEST_SERVER} or later")
        return None if found is None else int(found["schema_version"])

    def prepare(self, version: int, collections: Sequence[Collection]) -> None:
        """Create the indexes, then the mark that they are there."""
        if self.version() is not None:
            return
        with self._guarded():
            for collection in collections:
                wanted = [IndexModel([(_name(f), 1) for f in (*i, "id")]) for i in collection.indexes]
                if wanted:
                    self._database[collection.name].create_indexes(wanted)
            mark = {"$setOnInsert": {"schema_version": version}}
            self._database["store"].update_one({"_id": "store"}, mark, upsert=True)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Bind nothing: a standalone server cannot."""
        yield

    def insert(self, collection: Collection, row: Row) -> bool:
        """Insert a row; False if its id is there, and then nothing changes."""
        with self._guarded():
            try:
                self._database[collection.name].insert_one(_encoded(row))
            except errors.DuplicateKeyError:
                return False
            return True

    def upsert(self, collection: Collection, rows: Sequence[Row]) -> None:
        """Insert or replace rows, in this order."""
        with self._guarded():
            requests = [ReplaceOne({"_id": row["id"]}, _encoded(row), upsert=True) for row in rows]
            self._database[collection.name].bulk_write(requests, ordered=True)

    def update(self, collection: Collection, where: Where, changes: Row) -> bool:
        """Change fields of one row that meets the conditions, atomically; False if none does."""
        with self._guarded():
            done = self._database[collection.name].update_one(_filter(where), {"$set": _encoded(changes)})
            return bool(done.matched_count)

    def increment(self, collection: Collection, row_id: str, field: str, amount: int) -> int:
        """Add to a field, atomically, and return its new value; a missing row counts as 0."""
        with self._guarded():
            row = self._database[collection.name].find_one_and_update(
                {"_id": row_id},
                {"$inc": {field: amount}, "$setOnInsert": {"schema_version": SCHEMA_VERSION}},
                upsert=True,
                return_document=ReturnDocument.AFTER,
            )
            return int(row[field])

    def delete(self, collection: Collection, where: Where) -> None:
        """Remove the rows that meet the conditions."""
        with self._guarded():
            self._database[collection.name].delete_many(_filter(where))

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
        projection = {"_id": "id" in fields, **{f: True for f in fields if f != "id"}} if fields else None
        order = [(_name(f.removeprefix("-")), -1 if f.startswith("-") else 1) for f in sort]
        with self._guarded():
            cursor = self._database[collection.name].find(_filter(where), projection, skip=skip)
            cursor = cursor.sort(order).allow_disk_use(True) if order else cursor
            return [_decoded(row) for row in (cursor.limit(limit) if limit is not None else cursor)]

    def count(self, collection: Collection, where: Where) -> int:
        """Return how many rows meet the conditions."""
        with self._guarded():
            return int(self._database[collection.name].count_documents(_filter(where)))

    def group(self, collection: Collection, field: str, where: Where) -> dict[Any, int]:
        """Return how many rows that meet the conditions have each value of a field."""
        stages = [{"$match": _filter(where)}, {"$group": {"_id": f"${field}", "n": {"$sum": 1}}}]
        with self._guarded():
            return {row["_id"]: int(row["n"]) for row in self._database[collection.name].aggregate(stages)}

    def close(self) -> None:
        """Close connections."""
        self._client.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except errors.ConnectionFailure as error:
            raise StoreError(
                f"{self.location} cannot be reached",
                "is the server running, and are host and port right? Without one, use sqlite:///FILE",
            ) from error
        except errors.InvalidOperation as error:
            raise StoreError(f"{self.location} is closed", "open the repository again") from error
        except errors.DocumentTooLarge as error:
            raise StoreError(f"{self.location}: a document exceeds 16 MB", "store it as a blob") from error
        except (errors.PyMongoError, BSONError, OverflowError, UnicodeEncodeError) as error:
            remedy = _REMEDIES.get(getattr(error, "code", None) or 0, "look at the server's log")
            raise StoreError(f"{self.location}: {self._clean(error)}", remedy) from error

    def _clean(self, error: Exception) -> str:
        details = getattr(error, "details", None) or {}
        text = " ".join(str(details.get("errmsg") or error).split())[:200]
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _options(uri: str) -> dict[str, Any]:
    query = uri.partition("?")[2].lower()
    timeouts = {name: value for name, value in _TIMEOUTS.items() if name.lower() not in query}
    return {"w": "majority", "journal": True, "appname": "matsearch", **timeouts}


def redacted(uri: str) -> str:
    """Return a MongoDB URI without credentials and options, whatever its form."""
    scheme, _, rest = uri.partition("://")
    # a password that is not encoded may hold any of : / ? @
    place = rest.rpartition("@")[2].partition("?")[0]
    hosts = r"(\[[0-9A-Fa-f:]+\]|[\w.-]+)(:\d+)?"
    return (
        f"{scheme}://{place}" if re.fullmatch(rf"{hosts}(,{hosts})*(/[\w.-]*)?", place) else f"{scheme}://..."
    )


def _secrets(uri: str) -> list[str]:
    password = uri.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return [secret for secret in {password, unquote(password)} if secret]


def _uri_problem(error: Exception) -> str:
    if isinstance(error, errors.InvalidURI):
        return "it is not a valid MongoDB URI"
    return "its host or its options are not valid, or the host's SRV record was not found"


def _name(field: str) -> str:
    return "_id" if field == "id" else field


def _filter(where: Where) -> dict[str, Any]:
    parts = [{_name(c.field): {_OPERATORS[c.operator]: c.value}} for c in where]
    return {"$and": parts} if parts else {}


def _encoded(row: Row) -> dict[str, Any]:
    encoded = {_name(name): value for name, value in row.items()}
    if row.get("document") is not None:
        encoded["document"] = _document(row["document"])
    return encoded


def _document(document: Any) -> Any:
    """Return the document as BSON keeps it; as JSON text where BSON cannot say it (integers beyond 64 bits)."""
    text = to_json(document)
    native = json.loads(text)
    try:
        bson.encode({"document": native})
    except (BSONError, OverflowError, UnicodeEncodeError):
        return text
    return native


def _decoded(row: dict[str, Any]) -> Row:
    decoded = {("id" if name == "_id" else name): value for name, value in row.items()}
    if isinstance(decoded.get("document"), str):
        decoded["document"] = json.loads(decoded["document"])
    return decoded
