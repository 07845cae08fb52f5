"""Files of entries, read as data: nothing in them names code that is run."""

import json
import warnings
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pymatgen.entries.computed_entries import ComputedEntry

from matsearch.core.errors import InputError
from matsearch.hull.plain import PlainEntry, plain_entry
from matsearch.hull.tables import read_table
from matsearch.hull.unpack import read_unpacked

_WANTED = "give a JSON list of pymatgen entries, or a CSV table with formula and energy"
_PACKED = (".gz", ".bz2", ".xz")


def read_entries(path: Path, elements: Collection[str] | None = None) -> tuple[list[ComputedEntry], str]:
    """Read a file of entries: pymatgen's JSON or CSV, plain or packed with gzip, bzip2 or xz.

    JSON is a list of entry documents, a mapping with such a list under ``entries`` (pymatgen's ``EntrySet``), or a
    mapping of names to entry documents. :func:`matsearch.hull.tables.read_table` says what CSV may be. An entry's
    energy is read without its correction, which is kept as one adjustment beside it.

    Parameters
    ----------
    elements : collection of str, optional
        Chemical system; all entries are checked, but only those within it become objects.

    Returns
    -------
    entries, sha256
        Entries in the file's order, and the hash of the file as it lies there.

    Raises
    ------
    InputError
        If the file cannot be read or an entry is malformed.
    """
    plain, sha256 = read_plain(path)
    wanted = None if elements is None else frozenset(elements)
    inside = plain if wanted is None else [entry for entry in plain if entry.amounts.keys() <= wanted]
    with warnings.catch_warnings():
        # noble gases have none, and nothing here needs one
        warnings.filterwarnings("ignore", "No Pauling electronegativity")
        return [_built(entry, path) for entry in inside], sha256


def read_plain(path: Path) -> tuple[list[PlainEntry], str]:
    """Read a file of entries as plain values: formulas, energies and what is said of them.

    Raises
    ------
    InputError
        If the file cannot be read or an entry is malformed.
    """
    content, sha256 = read_unpacked(path)
    if _is_table(path, content):
        return read_table(content, path), sha256
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise InputError(f"cannot read entries from {path}: {error}", _WANTED) from error
    entries = [_plain(where, found, path) for where, found in _documents(document)]
    if not entries:
        raise InputError(f"{path} holds no list of entries", _WANTED)
    return entries, sha256


def _is_table(path: Path, content: bytes | bytearray) -> bool:
    name = path.with_suffix("") if path.suffix.lower() in _PACKED else path
    suffix = name.suffix.lower()
    return suffix == ".csv" or (suffix != ".json" and content.lstrip()[:1] not in (b"[", b"{"))


def _documents(document: Any) -> Iterator[tuple[str, Any]]:
    found = document["entries"] if isinstance(document, dict) and "entries" in document else document
    if isinstance(found, list):
        yield from ((f"entry {i}", item) for i, item in enumerate(found))
    elif isinstance(found, dict):
        yield from ((f"entry {key}", item) for key, item in found.items() if not key.startswith("@"))


def _plain(where: str, document: Any, path: Path) -> PlainEntry:
    try:
        return plain_entry(document, where)
    except ValueError as error:
        raise InputError(
            f"{path}, {where} is no pymatgen entry: {error}", "it needs composition and energy"
        ) from error


def _built(entry: PlainEntry, path: Path) -> ComputedEntry:
    try:
        return entry.built()
    except ValueError as error:
        raise InputError(f"{path}, {entry.where}: {error}", "mend it or take it out") from error
