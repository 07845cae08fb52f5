"""What is done, line by line, so that the same command goes on where it ended."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matsearch.core.errors import InputError


class Journal:
    """A file of JSON lines: a header that says what is measured, then one line for each finished (chunk, arm).

    A line is on disk before the next arm begins. One that was cut off by a crash is dropped when the file is read.

    Parameters
    ----------
    header : mapping
        All that the figures depend on (JSON types); a journal with another one is refused.

    Raises
    ------
    InputError
        If the file belongs to another measurement or a line in it is not JSON.
    """

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self._path = path
        self.lines: list[dict[str, Any]] = []
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
        found = read_journal(path) if path.exists() else []
        if not found:
            path.write_bytes(b"")
            self._write({"header": dict(header)})
            return
        first, *self.lines = found
        differing = [key for key in header if first.get("header", {}).get(key) != header[key]]
        if differing:
            raise InputError(
                f"{path} was measured with another {differing[0]}",
                "give another --out, or remove that folder",
            )
        _drop_torn_line(path)

    def find(self, chunk: int, arm: str) -> dict[str, Any] | None:
        """Return the line of one chunk of one arm."""
        return next((x for x in self.lines if (x["chunk"], x["arm"]) == (chunk, arm)), None)

    def append(self, line: Mapping[str, Any]) -> None:
        """Add a finished (chunk, arm); it is durable when this returns."""
        self._write(line)
        self.lines.append(dict(line))

    def _write(self, line: Mapping[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a journal, the header first, without a last one that is cut off.

    Raises
    ------
    InputError
        If a line is not JSON.
    """
    whole = path.read_text(encoding="utf-8").split("\n")[:-1]
    try:
        return [json.loads(line) for line in whole]
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}", "give another --out") from error


def _drop_torn_line(path: Path) -> None:
    content = path.read_bytes()
    end = content.rfind(b"\n") + 1
    if end < len(content):
        with path.open("rb+") as file:
            file.truncate(end)
