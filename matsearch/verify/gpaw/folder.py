"""The folder of one task: what was asked, the steps done, the result, and the time it took."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from matsearch.core.dft import DftTask
from matsearch.core.errors import DftError
from matsearch.core.writing import write_whole
from matsearch.verify.gpaw.results import (
    Failure,
    Result,
    Step,
    read_result,
    read_steps,
    task_document,
)
from matsearch.verify.moments import initial_moments

_WAIT_S = 0.5


class TaskFolder:
    """Files of one task.

    Parameters
    ----------
    parent : Path
        Holds the folders of all tasks; this one's is named by its key.
    """

    def __init__(self, parent: Path, task: DftTask) -> None:
        self.path = parent.expanduser().absolute() / task.folder_name
        self.log = self.path / "worker.log"
        self._task = task
        self._attempts = self.path / "attempts.json"

    def open(self) -> None:
        """Make the folder, or take the one there.

        Raises
        ------
        DftError
            If it belongs to another task or cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            there = self._key_there()
            if there not in {None, self._task.key}:
                raise DftError(
                    f"{self.path} holds another task than {self._task.label}",
                    "move that folder away, or choose another verify.run.folder",
                )
        except OSError as error:
            raise DftError(
                f"{self.path} cannot be used: {error}", "choose another verify.run.folder"
            ) from error

    @contextlib.contextmanager
    def held(self, until: float) -> Iterator[bool]:
        """Keep other processes out, and wait for them until a time (``time.monotonic``); yield whether it is held."""
        with (self.path / "lock").open("ab") as file:
            while not (taken := _taken(file.fileno())) and time.monotonic() < until:
                time.sleep(_WAIT_S)
            yield taken

    def begin(self) -> None:
        """Write the task for the worker; steps of earlier attempts stay, their result does not."""
        self.result_path.unlink(missing_ok=True)
        document = task_document(self._task, initial_moments(self._task.structure, self._task.magmoms))
        write_whole(self._task_path, json.dumps(document, allow_nan=False).encode())

    @property
    def result_path(self) -> Path:
        """Where the worker writes its end."""
        return self.path / "result.json"

    def steps(self) -> list[Step]:
        """Return the ionic steps of all attempts."""
        return read_steps(self._steps_path, len(self._task.structure))

    def steps_stamp(self) -> int:
        """Return when the steps were last written, 0 if never."""
        try:
            return self._steps_path.stat().st_mtime_ns
        except OSError:
            return 0

    def result(self) -> Result | Failure | None:
        """Return what the worker came to, None where there is nothing that can be read."""
        return read_result(self.result_path)

    def max_steps(self) -> int:
        """Return how many ionic steps the last attempt was allowed, 0 where that is not said."""
        try:
            return int(json.loads(self._task_path.read_bytes())["parameters"]["max_steps"])
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            return 0

    def attempts(self) -> list[tuple[int, float]]:
        """Return cores and seconds of each attempt."""
        try:
            rows = json.loads(self._attempts.read_bytes())
            return [(int(cores), max(0.0, min(float(seconds), 1e9))) for cores, seconds in rows]
        except (OSError, ValueError, TypeError, OverflowError, RecursionError):
            return []

    def keep_attempts(self, attempts: list[tuple[int, float]]) -> None:
        """Write cores and seconds of each attempt."""
        write_whole(self._attempts, json.dumps(attempts).encode())

    def core_hours(self) -> float:
        """Return what all attempts took, in hours of one core."""
        return sum(cores * seconds for cores, seconds in self.attempts()) / 3600.0

    def last_words(self) -> str:
        """Return the last lines that processes wrote, as far as they say something."""
        try:
            with self.log.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 4000))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return ""
        lines = [line.strip() for line in text.splitlines() if any(c.isalnum() for c in line)]
        return " | ".join(lines[-3:])

    @property
    def _steps_path(self) -> Path:
        return self.path / "steps.jsonl"

    @property
    def _task_path(self) -> Path:
        return self.path / "task.json"

    def _key_there(self) -> str | None:
        """Return the key of the task whose folder this is; None of a new one."""
        if not self._task_path.exists():
            return None
        try:
            return str(json.loads(self._task_path.read_bytes())["key"])
        except (ValueError, KeyError, TypeError, RecursionError):
            return "unreadable"


def _taken(descriptor: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False
