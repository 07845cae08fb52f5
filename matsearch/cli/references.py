"""``matsearch references``: which reference sets there are, what they say, and whether they can be trusted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matsearch.cli.console import print_aligned, print_counts, print_json, print_line
from matsearch.core.config import ReferenceSection
from matsearch.core.errors import InputError, MatsearchError
from matsearch.hull.library import ReferenceSet, find_set, library_folder, named_sets
from matsearch.hull.plain import symbol_of
from matsearch.hull.statements import read_statements

_FEW = 8
_COLUMNS = ("name", "scheme", "date", "entries", "elements", "complete", "sha256", "where")


def list_sets(*, as_json: bool) -> None:
    """Print the sets that have names."""
    sets, problems = named_sets()
    rows = [_row(found) for found in sets]
    problems += [f"{row['name']}: {row['problem']}" for row in rows if row["problem"]]
    if as_json:
        print_json({"folder": str(library_folder()), "sets": rows, "problems": problems})
        return
    print_aligned([_COLUMNS, *(_cells(row) for row in rows)])
    for problem in problems:
        print_line(f"cannot be used: {problem}")
    print_line(f"Library folder: {library_folder()}")


def show_set(source: str, elements: str | None, *, as_json: bool) -> None:
    """Print all that is said of a set, by its card and by its entries; with elements also what is stable there."""
    chosen = find_set(source)
    statements = read_statements(chosen)
    hull = _hull(source, _symbols(elements)) if elements is not None else None
    if as_json:
        print_json({**_facts(chosen), **statements.document(), "hull": hull})
        return
    for key, value in {**_facts(chosen), "n_entries": statements.n_entries}.items():
        print_line(f"{key:<12} {_word(value)}")
    print_line(f"{'elements':<12} {' '.join(statements.elements)}")
    print_counts("Run types", statements.run_types)
    print_counts("Software", statements.software)
    if hull is not None:
        print_line(
            f"{hull['n_phases']} phases of {'-'.join(hull['elements'])}, {len(hull['stable'])} of them stable:"
        )
        print_aligned([(f"  {phase['formula']}", phase["phase_id"]) for phase in hull["stable"]])


def verify_sets(sources: Sequence[str], *, as_json: bool) -> None:
    """Check sets, all named ones by default; exit with 1 if one has an error."""
    from matsearch.hull.checks import check_set

    sets, problems = ([find_set(source) for source in sources], []) if sources else named_sets()
    found = [(chosen.name, check_set(chosen)) for chosen in sets]
    documents = [
        {"name": name, "ok": not any(f.error for f in findings), "findings": [f.document() for f in findings]}
        for name, findings in found
    ]
    ok = all(document["ok"] for document in documents) and not problems
    if as_json:
        print_json({"ok": ok, "sets": documents, "problems": problems})
    else:
        for name, findings in found:
            print_line(f"{'BAD' if any(f.error for f in findings) else 'ok '} {name}")
            for finding in findings:
                print_line(f"    {'error' if finding.error else 'note'}: {finding.text}")
        for problem in problems:
            print_line(f"BAD {problem}")
    if not ok:
        raise SystemExit(1)


def add(source: Path, facts: dict[str, Any], *, as_json: bool) -> None:
    """Put a file into the library under a name."""
    from matsearch.hull.adding import add_set

    added, notes = add_set(source.expanduser(), facts)
    if as_json:
        print_json({**_facts(added), "notes": [note.text for note in notes]})
        return
    for note in notes:
        print_line(f"note: {note.text}")
    print_line(f"{added.name} is in {library_folder()}. Use it with reference.source: {added.name}")


def _row(chosen: ReferenceSet) -> dict[str, Any]:
    facts = _facts(chosen)
    row = {key: facts[key] for key in ("name", "scheme", "date", "complete", "sha256")}
    row |= {"where": facts["path"] or "built-in", "entries": None, "elements": [], "problem": None}
    try:
        statements = read_statements(chosen)
    except MatsearchError as error:
        return {**row, "problem": str(error)}
    return {**row, "entries": statements.n_entries, "elements": list(statements.elements)}


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    symbols = row["elements"]
    shown = {
        **row,
        "entries": "?" if row["entries"] is None else row["entries"],
        "elements": " ".join(symbols) if len(symbols) <= _FEW else len(symbols),
        "sha256": row["sha256"][:12],
    }
    return tuple(_word(shown[key]) for key in _COLUMNS)


def _facts(chosen: ReferenceSet) -> dict[str, Any]:
    card = chosen.card.document() if chosen.card else {}
    keys = ("scheme", "corrections", "software", "complete", "sha256", "description", "citation", "licence")
    facts: dict[str, Any] = {"name": chosen.name, "date": chosen.date}
    facts |= {key: card.get(key) for key in keys}
    return {**facts, "path": str(chosen.path) if chosen.path else None}


def _hull(source: str, elements: tuple[str, ...]) -> dict[str, Any]:
    from matsearch.hull.sources import load_reference

    hull = load_reference(ReferenceSection(source=source), elements)
    stable = [phase for phase in hull.phases() if phase.phase_id in hull.stable_ids]
    return {
        **hull.info.document(),
        "stable": [
            {"formula": phase.formula, "phase_id": phase.phase_id}
            for phase in sorted(stable, key=lambda phase: (phase.formula, phase.phase_id))
        ],
    }


def _symbols(text: str) -> tuple[str, ...]:
    try:
        return tuple(sorted({symbol_of(symbol.strip()) for symbol in text.split(",")}))
    except ValueError as error:
        raise InputError(f"--elements {text}: {error}", "write --elements Li,Fe,O") from error


def _word(value: Any) -> str:
    if value is None or value == "":
        return "-"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
