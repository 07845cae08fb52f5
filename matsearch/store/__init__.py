"""Repositories: the only record of campaigns, candidates, results, calls and blobs."""

from pathlib import Path
from typing import TYPE_CHECKING

from matsearch.core.errors import StoreError

if TYPE_CHECKING:
    from matsearch.store.repository import DocumentRepository

_FORMS = "use sqlite:///relative.sqlite, sqlite:////absolute.sqlite or mongodb://host:port/database"
_MEMORY = {":memory:", "/:memory:"}


def open_repository(uri: str, *, create: bool = True) -> "DocumentRepository":
    """Open a repository.

    Parameters
    ----------
    uri : str
        ``sqlite:///relative.sqlite``, ``sqlite:////absolute/path.sqlite``, ``sqlite://:memory:``,
        ``mongodb://host:port/database`` or ``mongodb+srv://host/database``.
    create : bool
        Whether to create it where there is none. Without, that is an error: for those who only read, and for
        workers, which may be on another machine.

    Raises
    ------
    StoreVersionError
        If it was written by a newer matsearch.
    StoreError
        If it cannot be opened.
    """
    from matsearch.store.repository import DocumentRepository

    if _scheme(uri) == "sqlite":
        from matsearch.store.sqlite import SqliteBackend

        path = _sqlite_path(uri)
        if not create and path is not None and not path.exists():
            raise StoreError(f"there is no repository at {path}", "check the path")
        return DocumentRepository(SqliteBackend(path), create=create)

    from matsearch.store.mongo import MongoBackend

    return DocumentRepository(MongoBackend(uri), create=create)


def absolute_uri(uri: str) -> str:
    """Return the URI of the same repository for use in any folder: a relative path is made absolute."""
    path = _sqlite_path(uri) if _scheme(uri) == "sqlite" else None
    return uri if path is None else f"sqlite:///{path}"


def is_in_memory(uri: str) -> bool:
    """Return whether the repository would vanish with its first user."""
    return _scheme(uri) == "sqlite" and _sqlite_path(uri) is None


def shown_uri(uri: str) -> str:
    """Return the URI as it may be printed: without what stands before an @, which may be a password."""
    scheme, separator, rest = uri.partition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def _scheme(uri: str) -> str:
    scheme, separator, _ = uri.partition("://")
    if separator and scheme in {"sqlite", "mongodb", "mongodb+srv"}:
        return scheme
    # the rest of an unknown URI may hold a password
    what = f"{scheme}://" if separator else "a URI without a scheme"
    raise StoreError(f"unknown kind of repository: {what}", _FORMS)


def _sqlite_path(uri: str) -> Path | None:
    rest = uri.partition("://")[2]
    if rest in _MEMORY:
        return None
    if not rest.startswith("/") or len(rest) == 1 or "\0" in rest:
        raise StoreError(f"{uri!r} names no file", _FORMS)
    return Path(rest[1:]).expanduser().absolute()
