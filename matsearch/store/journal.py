"""A journal of results: append-only JSON lines, for workers that cannot reach the repository.

Every cache opened on a folder writes a file of its own and reads all of them. A line is synced to the disk before a
call returns, so a last line without an end was never acknowledged and is left out. Any other line that is not as it
was written is an error.
"""

import json
import os
import socket
import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from matsearch.core.verdict import FailureKind, Verdict
from matsearch.store.backend import to_json
from matsearch.store.journal_lines import SUFFIX, JournalEntry, JournalReader, io_error
from matsearch.store.results import DocumentResultCache
from matsearch.store.tables import now


class JournalCache:
    """A :class:`matsearch.core.protocols.ResultCache` on files alone.

    Parameters
    ----------
    path : Path
        A folder, made where there is none.
    """

    def __init__(self, path: Path) -> None:
        self._reader = JournalReader(path)
        self._entries: list[JournalEntry] = []
        self._results: dict[str, dict[str, Any]] = {}
        self._transient: Counter[str] = Counter()
        self._attempts: dict[tuple[str, str], str] = {}
        self._file: BinaryIO | None = None
        self._lock = threading.RLock()
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise io_error(path, error) from error
        self._refresh()

    def get_results(self, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
        """Return the documents of those keys that have one."""
        self._refresh()
        return {key: _copy(self._results[key]) for key in keys if key in self._results}

    def begin(self, key: str, owner: str) -> None:
        """Say that work on a key starts, for a campaign."""
        attempt = uuid.uuid4().hex
        self._append(JournalEntry(event="begin", key=key, owner=owner, attempt=attempt, at=now()))
        self._attempts[key, owner] = attempt

    def put_result(self, key: str, document: Mapping[str, Any], owner: str) -> bool:
        """Commit a result; False if the key had one already. Durable when it returns.

        The end of work on a key that has a result is written too, with the document that stays.
        """
        checked = _copy(document)
        with self._lock:
            first = self.get_results([key]).get(key)
            attempt = self._attempts.get((key, owner))
            if first is None or attempt:
                kept = checked if first is None else first
                entry = JournalEntry(
                    event="result", key=key, owner=owner, attempt=attempt, content=kept, at=now()
                )
                self._append(entry)
            self._attempts.pop((key, owner), None)
            return first is None

    def put_transient(self, key: str, verdict: Verdict, owner: str) -> None:
        """Count a transient end of the work on a key."""
        attempt = self._attempts.get((key, owner)) or uuid.uuid4().hex
        content = verdict.document()
        self._append(
            JournalEntry(event="transient", key=key, owner=owner, attempt=attempt, content=content, at=now())
        )
        self._attempts.pop((key, owner), None)

    def transient_counts(self, keys: Iterable[str]) -> dict[str, int]:
        """Return how often each key ended in a transient verdict; keys without one are left out."""
        self._refresh()
        return {key: self._transient[key] for key in keys if self._transient[key]}

    def entries(self) -> list[JournalEntry]:
        """Return all lines of all files of the folder."""
        self._refresh()
        return list(self._entries)

    def close(self) -> None:
        """Close this cache's file."""
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def _refresh(self) -> None:
        with self._lock:
            for entry in self._reader.new_entries():
                self._entries.append(entry)
                if entry.event == "result" and entry.content is not None:
                    self._results.setdefault(entry.key, entry.content)
                elif entry.event == "transient" and not _is_bug(entry):
                    self._transient[entry.key] += 1

    def _append(self, entry: JournalEntry) -> None:
        line = entry.line()
        with self._lock:
            try:
                self._write(line)
            except OSError as error:
                # what reached the file stays its unfinished last line: the next entry begins a new file
                self.close()
                raise io_error(self._reader.folder, error) from error

    def _write(self, line: bytes) -> None:
        file = self._file or self._create()
        if file.write(line) != len(line):
            raise OSError("a line was written in part: is the disk full?")
        os.fsync(file.fileno())

    def _create(self) -> BinaryIO:
        name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}{SUFFIX}"
        self._file = (self._reader.folder / name).open("xb", buffering=0)
        folder = os.open(self._reader.folder, os.O_RDONLY)
        try:
            os.fsync(folder)  # else a crash may lose the file's name
        finally:
            os.close(folder)
        return self._file


def commit_journal(folder: Path, repository: DocumentResultCache) -> int:
    """Commit what the journal files of a folder hold; doing it again changes nothing.

    Returns
    -------
    int
        Results that were new to the repository.
    """
    new = 0
    for entry in JournalReader(folder).new_entries():
        if entry.event == "begin" and entry.attempt:
            repository.commit_begin(entry.key, entry.owner, entry.attempt)
        elif entry.event == "result" and entry.content is not None and entry.attempt is None:
            # begun by somebody who reached the repository
            new += repository.put_result(entry.key, entry.content, entry.owner)
        elif entry.event == "result" and entry.content is not None:
            new += repository.commit_result(entry.key, entry.content, entry.owner, entry.attempt)
        elif entry.event == "transient" and entry.attempt:
            verdict = Verdict.model_validate(entry.content)
            repository.commit_transient(entry.key, verdict, entry.owner, entry.attempt)
    return new


def _is_bug(entry: JournalEntry) -> bool:
    return entry.content is not None and entry.content["kind"] == FailureKind.INTERNAL_ERROR


def _copy(document: Mapping[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = json.loads(to_json(dict(document)))
    return copied
