"""What every process that matsearch starts has in common."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import IO

from matsearch.core.text import one_line

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def one_thread_environment() -> dict[str, str]:
    """Return this process's environment for a child that computes on one thread."""
    return {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, "1")}


def start_child(
    command: Sequence[str], errors: IO[bytes], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a process that takes and gives lines of text.

    Parameters
    ----------
    errors : binary file
        Where its standard error goes.
    environment : mapping, optional
        Default: :func:`one_thread_environment`.

    Raises
    ------
    OSError
        If it cannot be started.
    """
    return subprocess.Popen(
        list(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        encoding="utf-8",
        env=environment or one_thread_environment(),
        # Ctrl-C is for the parent, which then closes the child's input
        start_new_session=True,
    )


def last_words(errors: IO[bytes]) -> str:
    """Return the last line that a child wrote to its file of errors: printable, cut to 300 characters."""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - 2000))
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return one_line(lines[-1], 300) if lines else ""
