"""Calls in the repository: answers by content, and for each campaign a ledger of what they cost it."""

from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from matsearch.core.calls import Call, CallRequest, Usage
from matsearch.core.errors import StoreError
from matsearch.core.protocols import Repository


class Ledger:
    """One campaign's calls. An answer is kept under its content's key, so that it is never paid for twice."""

    def __init__(self, repository: Repository, campaign_id: str) -> None:
        self._repository = repository
        self._prefix = f"{campaign_id}/"

    def answer(self, request: CallRequest) -> Call | None:
        """Return the answer that was kept, whoever asked for it, and write down that this campaign uses it."""
        document = self._repository.get_call(request.key)
        if document is None:
            return None
        try:
            call = Call.model_validate(document)
        except ValidationError as error:
            raise StoreError(
                f"the record of call {request.key[:12]} is damaged: {error.errors()[0]['msg']}",
                "restore the store from a copy",
            ) from error
        self._write_down(request, call)
        return call

    def keep(self, request: CallRequest, call: Call) -> dict[str, Any]:
        """Keep a call that ended, the answer first, and return its line in the ledger."""
        row = request.key if call.answered else f"{request.key}/{call.created_at}"
        self._repository.put_call(row, call.document())
        return self._write_down(request, call)

    def entries(self) -> list[dict[str, Any]]:
        """Return the lines of the ledger by generation and slot."""
        found = self._repository.list_calls(self._prefix)
        return [found[row] for row in sorted(found)]

    def usage(self) -> Usage:
        """Return what all calls came to."""
        return usage_of(self.entries())

    def _write_down(self, request: CallRequest, call: Call) -> dict[str, Any]:
        line = call.entry(request)
        ending = "" if call.answered else f"/{call.created_at}"
        self._repository.put_call(f"{self._place(request)}{ending}", line)
        return line

    def _place(self, request: CallRequest) -> str:
        return f"{self._prefix}{request.generation:06d}/{request.slot:06d}"


def usage_of(entries: Iterable[dict[str, Any]]) -> Usage:
    """Return what the lines of a ledger come to."""
    usage = Usage()
    for entry in entries:
        usage = usage.with_entry(entry)
    return usage
