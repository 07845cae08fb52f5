"""``matsearch potentials``: which potentials there are, what they need, and whether they work here."""

from collections.abc import Iterable, Mapping
from typing import Any

from matsearch.cli.console import print_aligned, print_json, print_line
from matsearch.core.config import parse_config, with_overrides
from matsearch.potentials import find_entry, load_from, potential_entries
from matsearch.potentials.entry import PotentialEntry

_COLUMNS = ("name", "version", "scheme", "elements", "gives", "installed", "weights")


def list_potentials(*, as_json: bool) -> None:
    """Print all potentials, a line for each version."""
    documents = [_document(entry) for entry in potential_entries()]
    if as_json:
        print_json({"potentials": documents})
        return
    rows = [row for document in documents for row in _rows(document)]
    print_aligned([_COLUMNS, *rows])
    for document in documents:
        if not document["installed"]:
            print_line(f"{document['name']}: {document['install']}")


def show_potential(name: str, *, as_json: bool) -> None:
    """Print one potential."""
    document = _document(find_entry(name))
    if as_json:
        print_json(document)
        return
    for key in ("name", "title", "gives", "licence", "package", "installed", "install"):
        print_line(f"{key:<10} {_word(document[key])}")
    titles = ("version", "scheme", "elements", "weights")
    print_aligned([titles, *([_word(version[key]) for key in titles] for version in document["versions"])])


def check_potential(name: str, version: str | None, overrides: Mapping[str, Any], *, as_json: bool) -> None:
    """Load a potential and compute a crystal; exit with 1 if its forces or stress do not fit its energy."""
    from matsearch.potentials.ase_calculators import quietly
    from matsearch.potentials.trial import try_potential

    find_entry(name)
    search = {
        "name": "check",
        "system": {"elements": ["Na"]},
        "potential": {"name": name, "version": version},
    }
    section = parse_config(with_overrides(search, overrides), "potential").potential
    potential = load_from(section)
    trial = quietly(lambda: try_potential(potential))
    info = potential.info.model_dump(mode="json", include={"name", "version", "sha256", "scheme_id"})
    if as_json:
        print_json({**info, **trial.document(), "ok": trial.ok})
    else:
        for key, value in {**info, **trial.document()}.items():
            print_line(f"{key:<15} {_word(value)}")
        print_line("ok" if trial.ok else "BAD: forces or stress are not the energy's derivatives")
    if not trial.ok:
        raise SystemExit(1)


def _document(entry: PotentialEntry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.title,
        "gives": sorted(entry.gives),
        "licence": entry.licence,
        "package": entry.package,
        "installed": entry.installed,
        "install": entry.install if entry.package else None,
        "extra": entry.extra,
        "versions": [_version(entry, name) for name in entry.versions],
    }


def _version(entry: PotentialEntry, name: str) -> dict[str, Any]:
    version, path = entry.versions[name], entry.weights_path(name)
    return {
        "version": name,
        "scheme": version.scheme_id,
        "elements": len(version.elements) if version.elements else None,
        "weights": str(path) if path else None,
        "weights_here": path is not None if version.weights else None,
    }


def _rows(document: Mapping[str, Any]) -> Iterable[tuple[str, ...]]:
    nothing = {"version": None, "scheme": None, "elements": None, "weights_here": None}
    for version in document["versions"] or [nothing]:
        row = {**document, **version, "weights": version["weights_here"]}
        yield tuple(_word(row[key]) for key in _COLUMNS)


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, list):
        return " ".join(value) or "-"
    return "-" if value in {None, ""} else str(value)
