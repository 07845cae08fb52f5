"""Calls in the repository: answers by content, and for each campaign a ledger of what they cost it."""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from matsearch.core.calls import Call, CallEntry, CallRequest, Usage
from matsearch.core.errors import StoreError
from matsearch.core.model import Record
from matsearch.core.protocols import Repository

R = TypeVar("R", bound=Record)


class Ledger:
    """One campaign's calls. An answer is kept under its content's key, so that it is never paid for twice."""

    def __init__(self, repository: Repository, campaign_id: str) -> None:
        self._repository = repository
        self._prefix = f"{campaign_id}/"

    def answer(self, request: CallRequest) -> Call | None:
        """Return the answer that was kept, whoever asked for it, and write down that this campaign uses it.

        Raises
        ------
        StoreError
            If its record is damaged.
        """
        document = self._repository.get_call(request.key)
        if document is None:
            return None
        call = _read(Call, request.key, document)
        self._write_down(request, call)
        return call

    def keep(self, request: CallRequest, call: Call) -> CallEntry:
        """Keep a call that ended, the answer first, and return its line in the ledger."""
        row = request.key if call.answered else f"{request.key}/{call.created_at}"
        self._repository.put_call(row, call.document())
        return self._write_down(request, call)

    def entries(self) -> list[CallEntry]:
        """Return the lines of the ledger by generation and slot."""
        return self._entries(self._prefix)

    def usage(self) -> Usage:
        """Return what all calls came to."""
        return usage_of(self.entries())

    def costs(self, generation: int) -> dict[int, float]:
        """Return what the answers of a generation cost by slot, in USD, whoever paid them; unknown ones are left out.

        What another campaign paid counts too, so that the same answers mean the same to a bandit.
        """
        entries = self._entries(f"{self._prefix}{generation:06d}/")
        return {e.slot: e.cost for e in entries if e.answered and e.cost is not None}

    def _entries(self, prefix: str) -> list[CallEntry]:
        found = self._repository.list_calls(prefix)
        return [_read(CallEntry, row, found[row]) for row in sorted(found)]

    def _write_down(self, request: CallRequest, call: Call) -> CallEntry:
        entry = call.entry(request)
        ending = "" if call.answered else f"/{call.created_at}"
        place = f"{self._prefix}{request.generation:06d}/{request.slot:06d}{ending}"
        self._repository.put_call(place, entry.document())
        return entry


def usage_of(entries: Iterable[CallEntry]) -> Usage:
    """Return what the lines of a ledger come to."""
    usage = Usage()
    for entry in entries:
        usage = usage.with_entry(entry)
    return usage


def _read(kind: type[R], row: str, document: Mapping[str, Any]) -> R:
    try:
        return kind.model_validate(document)
    except ValidationError as error:
        said = error.errors()[0]["msg"]
        raise StoreError(f"the call {row} is damaged: {said}", "restore the store from a copy") from error
