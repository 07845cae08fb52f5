"""Folders that a user names."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from matsearch.core.errors import InputError


@contextmanager
def writing_to(folder: Path) -> Iterator[None]:
    """Say what to do where the block cannot write to a folder.

    Raises
    ------
    InputError
        In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error}", "choose another folder with --to") from error
