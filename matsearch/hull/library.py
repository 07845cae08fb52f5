"""Reference sets that can be named: the built-in ones, those in the library folder, and any file."""

import os
from collections.abc import Collection
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path

from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from matsearch.core.config import BUILT_IN, names_entries_file
from matsearch.core.errors import InputError, MatsearchError, ReferenceHullError
from matsearch.core.model import Record
from matsearch.core.settings import Settings
from matsearch.crystal.known import embedded_set
from matsearch.hull.cards import ReferenceCard, card_path, card_paths, entries_path, read_card
from matsearch.hull.entries import read_entries


class ReferenceSet(Record):
    """A reference set: where it lies and what is said of it.

    Attributes
    ----------
    name : str
        By which a configuration names it; the file's name where it has no card.
    path : Path or None
        The file of entries; None is the embedded set.
    card : ReferenceCard or None
        What is said of it; None where a file has no card.
    date : str
        Of the card, else the day on which the file was last changed (UTC).
    """

    name: str
    path: Path | None
    card: ReferenceCard | None
    date: str

    def entries(self, elements: Collection[str] | None = None) -> tuple[list[ComputedEntry], str]:
        """Return the entries within a chemical system, uncorrected, and the sha256 of their file.

        Raises
        ------
        InputError
            If the file cannot be read.
        ReferenceHullError
            If it is not the file that the card describes.
        """
        if self.path is None:
            return _embedded_entries(elements), embedded_set().sha256
        entries, sha256 = read_entries(self.path, elements)
        self.require_same_file(sha256)
        return entries, sha256

    def require_same_file(self, sha256: str) -> None:
        """Refuse a file that is not the one the card describes.

        Raises
        ------
        ReferenceHullError
            Naming both hashes.
        """
        if self.card is not None and sha256 != self.card.sha256:
            raise ReferenceHullError(
                f"{self.path} has the sha256 {sha256}, its card says {self.card.sha256}",
                "get the file anew, or describe the new one with `matsearch references add`",
            )


def library_folder() -> Path:
    """Return the folder of the reference sets that can be named: MATSEARCH_REFERENCES, else the user's data folder."""
    chosen = Settings().references
    if chosen is not None:
        return chosen.expanduser().absolute()
    data = os.environ.get("XDG_DATA_HOME", "")
    # the XDG specification: a relative path counts as unset
    home = Path(data) if Path(data).is_absolute() else Path.home() / ".local" / "share"
    return home / "matsearch" / "references"


def find_set(source: str) -> ReferenceSet:
    """Return the reference set of a name or of a path.

    Raises
    ------
    InputError
        If there is none, or its card cannot be used.
    """
    if names_entries_file(source):
        return _set_of_file(Path(source).expanduser())
    sets, problems = named_sets()
    found = [s for s in sets if s.name == source]
    if len(found) > 1:
        raise InputError(
            f"several reference sets are called {source!r}: {', '.join(str(s.path) for s in found)}",
            "give a path, or rename one in its card",
        )
    if not found:
        known = ", ".join(s.name for s in sets)
        raise InputError(
            "; ".join([f"no reference set {source!r}", *problems]),
            f"known: {known}; a file needs a suffix such as .json.gz, or a folder, as in ./{source}",
        )
    return found[0]


def named_sets() -> tuple[list[ReferenceSet], list[str]]:
    """Return the sets that have names, built-in ones first, and a line for each card that cannot be used."""
    sets, problems = [_embedded(), _toy()], []
    for path in card_paths(library_folder()):
        try:
            card = read_card(path)
        except MatsearchError as error:
            problems.append(error.message)
            continue
        if card.name in BUILT_IN:
            problems.append(f"{path} takes the name of the built-in set {card.name}")
        else:
            sets.append(_described(entries_path(path), card))
    return sets, problems


def reference_files(source: str) -> tuple[Path, ...]:
    """Return the files that a reference's content depends on, those that exist; none for a built-in set."""
    if source in BUILT_IN:
        return ()
    path = find_set(source).path
    return tuple(p for p in (path, card_path(path)) if p.is_file()) if path else ()


def _described(path: Path, card: ReferenceCard) -> ReferenceSet:
    return ReferenceSet(name=card.name, path=path, card=card, date=card.date)


def _set_of_file(path: Path) -> ReferenceSet:
    if card_path(path).exists():
        return _described(path, read_card(card_path(path)))
    try:
        changed = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise InputError(
            f"cannot read entries from {path}: {error.strerror}", "check the path and the file"
        ) from error
    return ReferenceSet(name=path.name, path=path, card=None, date=changed.date().isoformat())


def _toy() -> ReferenceSet:
    path = Path(str(files("matsearch.hull") / "data" / "toy.json"))
    return _described(path, read_card(card_path(path)))


def _embedded() -> ReferenceSet:
    known = embedded_set()
    card = ReferenceCard(
        name="embedded",
        scheme=known.scheme_id,
        corrections="none",
        software=None,
        complete=False,
        date=known.built,
        sha256=known.sha256,
        description="Known crystals that travel with matsearch, relaxed by CHGNet 0.3.0.",
    )
    return ReferenceSet(name="embedded", path=None, card=card, date=known.built)


def _embedded_entries(elements: Collection[str] | None) -> list[ComputedEntry]:
    phases = embedded_set().phases if elements is None else embedded_set().within(frozenset(elements))
    return [ComputedStructureEntry(p.relaxed, p.energy, entry_id=p.phase_id) for p in phases]
