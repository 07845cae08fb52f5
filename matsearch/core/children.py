"""What every process that matsearch starts has in common."""

import os
from typing import IO

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def one_thread_environment() -> dict[str, str]:
    """Return this process's environment for a child that computes on one thread."""
    return {**os.environ, **dict.fromkeys(_THREAD_VARIABLES, "1")}


def last_words(errors: IO[bytes]) -> str:
    """Return the last line that a child wrote to its file of errors, cut to 300 characters."""
    size = errors.seek(0, os.SEEK_END)
    errors.seek(max(0, size - 2000))
    lines = errors.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:300] if lines else ""
