"""What a database must be able to do for a repository: the logic is above it, SQL and BSON are below it."""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from matsearch.core.errors import StoreError

Row = dict[str, Any]
"""``id``, ``schema_version``, the fields of the collection and ``document`` (JSON types)."""


@dataclass(frozen=True)
class Collection:
    """A kind of row.

    Attributes
    ----------
    fields : Mapping of str to str
        What can be filtered and sorted by, with its SQL type.
    indexes : tuple of tuple of str
        Fields indexed together.
    """

    name: str
    fields: Mapping[str, str]
    indexes: tuple[tuple[str, ...], ...] = ()


class Condition(NamedTuple):
    """One condition; several are joined by AND. A missing value is equal to None and to nothing else."""

    field: str
    operator: Literal["=", "<", ">", ">=", "in"]
    value: Any


Where = Sequence[Condition]


def equal(**fields: Any) -> tuple[Condition, ...]:
    """Return the conditions that fields have these values."""
    return tuple(Condition(name, "=", value) for name, value in fields.items())


class Backend(Protocol):
    """A database. Every failure of it is a StoreError."""

    location: str

    def version(self) -> int | None:
        """Return the schema version of the store; None where there is no store yet. Writes nothing."""
        ...

    def prepare(self, version: int, collections: Sequence[Collection]) -> None:
        """Make ready for reading and writing; a store that is not there yet is created."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Bind writes together where the database can."""
        ...

    def insert(self, collection: Collection, row: Row) -> bool:
        """Insert a row; False if its id is there, and then nothing changes."""
        ...

    def upsert(self, collection: Collection, rows: Sequence[Row]) -> None:
        """Insert or replace rows, in this order."""
        ...

    def update(self, collection: Collection, where: Where, changes: Row) -> bool:
        """Change fields of one row that meets the conditions, atomically; False if none does."""
        ...

    def increment(self, collection: Collection, row_id: str, field: str, amount: int) -> int:
        """Add to a field, atomically, and return its new value; a missing row counts as 0."""
        ...

    def delete(self, collection: Collection, where: Where) -> None:
        """Remove the rows that meet the conditions."""
        ...

    def find(
        self,
        collection: Collection,
        where: Where = (),
        sort: Sequence[str] = (),
        skip: int = 0,
        limit: int | None = None,
        fields: Sequence[str] = (),
    ) -> list[Row]:
        """Return rows.

        Parameters
        ----------
        sort : sequence of str
            Fields, ascending; a leading ``-`` is descending.
        limit : int or None
            At least 1; None is all.
        fields : sequence of str
            Only these; none is the whole row.
        """
        ...

    def count(self, collection: Collection, where: Where) -> int:
        """Return how many rows meet the conditions."""
        ...

    def group(self, collection: Collection, field: str, where: Where) -> dict[Any, int]:
        """Return how many rows that meet the conditions have each value of a field."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...


def to_json(document: Any) -> str:
    """Return the JSON text of a document, so that every database keeps and refuses the same.

    Raises
    ------
    StoreError
        If it holds NaN, infinity or something that JSON cannot say.
    """
    try:
        return json.dumps(document, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise StoreError(
            f"a document cannot be stored: {error}", "use JSON types and finite numbers"
        ) from error
