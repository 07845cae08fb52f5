"""The lines of journal files: how they are written, checked and read."""

import json
import zlib
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from matsearch.core.campaign import SCHEMA_VERSION
from matsearch.core.errors import StoreError, StoreVersionError
from matsearch.core.keys import canonical_json
from matsearch.core.model import Record
from matsearch.store.backend import to_json

SUFFIX = ".jsonl"


class JournalEntry(Record):
    """One line.

    Attributes
    ----------
    event : str
        ``begin``, ``result`` or ``transient``.
    attempt : str or None
        What a beginning and its end have in common; None is a result whose beginning this process did not see.
    content : dict or None
        The document of a result, or the verdict of a transient end.
    at : str
        Aware UTC, ISO 8601.
    """

    schema_version: int = SCHEMA_VERSION
    event: Literal["begin", "result", "transient"]
    key: str
    owner: str
    attempt: str | None
    content: dict[str, Any] | None = None
    at: str

    def line(self) -> bytes:
        """Return the line with its checksum, the end of line included."""
        entry = self.document()
        return f'{{"crc":"{_checksum(entry)}","entry":{to_json(entry)}}}\n'.encode("ascii")


class JournalReader:
    """Reads all journal files of a folder, again and again, each line once.

    Parameters
    ----------
    folder : Path
        May be missing: then there are no entries.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[Path, tuple[int, int]] = {}

    def new_entries(self) -> list[JournalEntry]:
        """Return the complete lines written since the last call, file by file.

        Raises
        ------
        StoreError
            If a file cannot be read, or naming the line that is damaged.
        """
        return [entry for path in sorted(self.folder.glob(f"*{SUFFIX}")) for entry in self._tail(path)]

    def _tail(self, path: Path) -> list[JournalEntry]:
        offset, number = self._read.get(path, (0, 0))
        try:
            with path.open("rb") as file:
                file.seek(offset)
                content = file.read()
        except OSError as error:
            raise io_error(path, error) from error
        *lines, unfinished = content.split(b"\n")
        entries = [_parse(path, number + i, line) for i, line in enumerate(lines, start=1)]
        self._read[path] = offset + len(content) - len(unfinished), number + len(lines)
        return entries


def io_error(path: Path, error: OSError) -> StoreError:
    """Return the error that a user sees when a journal cannot be read or written."""
    return StoreError(
        f"the journal {path} cannot be used: {error.strerror or error}",
        "check the path, its permissions and free space",
    )


def _checksum(entry: Any) -> str:
    return f"{zlib.crc32(canonical_json(entry).encode('ascii')):08x}"


def _parse(path: Path, number: int, line: bytes) -> JournalEntry:
    where = f"{path}, line {number},"
    try:
        content = json.loads(line)
        entry, intact = content["entry"], content["crc"] == _checksum(content["entry"])
        version = int(entry["schema_version"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(where, error) from error
    if not intact:
        raise _damaged(where, "its checksum does not fit")
    if version > SCHEMA_VERSION:
        raise StoreVersionError(
            f"{where} has schema version {version}, this matsearch knows {SCHEMA_VERSION}",
            "upgrade matsearch",
        )
    try:
        return JournalEntry.model_validate(entry)
    except ValidationError as error:
        raise _damaged(where, error) from error


def _damaged(where: str, why: object) -> StoreError:
    reason = " ".join(str(why).split())[:120]
    return StoreError(f"{where} is damaged: {reason}", "remove that line to give up what it held")
