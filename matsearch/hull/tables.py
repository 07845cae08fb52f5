"""Tables of entries (CSV): what ``EntrySet.to_csv`` writes, and plain ones of formulas and energies."""

import csv
import io
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from matsearch.core.errors import InputError
from matsearch.hull.plain import PlainEntry, amounts_of, number, symbol_of

_FORMULA = ("formula", "composition")
_ENERGY = ("energy", "energy_per_atom")
_PARAMETERS = ("run_type", "software")
_KNOWN = {*_FORMULA, *_ENERGY, *_PARAMETERS, "entry_id", "correction"}
_WANTED = (
    "columns: formula, energy or energy_per_atom, optionally entry_id, correction, run_type, software; "
    "or Name, element symbols, Energy, as EntrySet.to_csv writes"
)
_MOST_SAID = 5

Cells = dict[str, str]
Reader = Callable[[int, Cells], PlainEntry]


def read_table(content: bytes | bytearray, path: Path) -> list[PlainEntry]:
    """Return the entries of a CSV table, header first; empty lines are skipped.

    A row without an id is called by its line. Where the names of an ``EntrySet`` repeat, as formulas do, the line is
    added to them.

    Raises
    ------
    InputError
        Naming every bad row by its line.
    """
    header, rows = _rows(content, path)
    reader = _reader(header, path)
    entries, faults = [], []
    for line, row in rows:
        try:
            entries.append(reader(line, _cells(header, row)))
        except ValueError as error:
            faults.append(f"line {line}: {error}")
    if faults:
        more = f"; {len(faults) - _MOST_SAID} more lines" if len(faults) > _MOST_SAID else ""
        raise InputError(
            f"cannot read entries from {path}: {'; '.join(faults[:_MOST_SAID])}{more}", "mend these lines"
        )
    return _told_apart(entries) if header[0] == "name" else entries


def _rows(content: bytes | bytearray, path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    try:
        table = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(table.line_num, row) for row in table if any(cell.strip() for cell in row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot read entries from {path}: {error}", _WANTED) from error
    if len(rows) < 2:
        raise InputError(f"{path} holds no list of entries", _WANTED)
    header = [cell.strip().lower() for cell in rows[0][1]]
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise InputError(f"{path} has the column {repeated[0]!r} twice", "take one out")
    return header, rows[1:]


def _cells(header: list[str], row: list[str]) -> Cells:
    if len(row) != len(header):
        raise ValueError(f"{len(row)} cells, where the header has {len(header)}")
    return dict(zip(header, (cell.strip() for cell in row), strict=True))


def _reader(header: list[str], path: Path) -> Reader:
    if header[0] == "name" and header[-1] == "energy":
        try:
            symbols = {name: symbol_of(name.capitalize()) for name in header[1:-1]}
        except ValueError as error:
            raise InputError(f"cannot read entries from {path}: column {error}", _WANTED) from error
        return lambda line, cells: _from_amounts(line, cells, symbols)
    unknown = [name for name in header if name not in _KNOWN]
    if unknown:
        raise InputError(f"{path} has an unknown column {unknown[0]!r}", _WANTED)
    chosen = [[name for name in names if name in header] for names in (_FORMULA, _ENERGY)]
    if any(len(names) != 1 for names in chosen):
        raise InputError(f"{path} needs one column of formulas and one of energies", _WANTED)
    if "energy_per_atom" in header and "correction" in header:
        raise InputError(
            f"{path} has energy_per_atom with correction, which is of the whole formula",
            "give energy instead",
        )
    return lambda line, cells: _from_formula(line, cells, formula=chosen[0][0])


def _from_amounts(line: int, cells: Cells, symbols: dict[str, str]) -> PlainEntry:
    """``EntrySet.to_csv``: atoms by element, zero where there are none, and the corrected energy (eV)."""
    amounts = {symbol: _number(cells[column], column) for column, symbol in symbols.items()}
    stated = {symbol: amount for symbol, amount in amounts.items() if amount != 0}
    return _entry(line, cells["name"], stated, _number(cells["energy"], "energy"), 0.0, {})


def _from_formula(line: int, cells: Cells, formula: str) -> PlainEntry:
    amounts = amounts_of(cells[formula])
    if "energy" in cells:
        energy = _number(cells["energy"], "energy")
    else:
        energy = _number(cells["energy_per_atom"], "energy_per_atom") * sum(amounts.values())
    correction = _number(cells["correction"], "correction") if cells.get("correction") else 0.0
    parameters = {name: cells[name] for name in _PARAMETERS if cells.get(name)}
    return _entry(line, cells.get("entry_id", ""), amounts, energy, correction, parameters)


def _entry(
    line: int, entry_id: str, amounts: Any, energy: float, correction: float, parameters: dict[str, Any]
) -> PlainEntry:
    return PlainEntry(
        where=f"line {line}",
        entry_id=entry_id or f"line {line}",
        amounts=amounts_of(amounts),
        energy=energy,
        correction=correction,
        parameters=parameters,
        data={},
    )


def _number(cell: str, column: str) -> float:
    try:
        value = float(cell)
    except ValueError as error:
        raise ValueError(f"{column} is {cell!r}, no number") from error
    return number(value, column)


def _told_apart(entries: list[PlainEntry]) -> list[PlainEntry]:
    counts = Counter(entry.entry_id for entry in entries)
    return [replace(e, entry_id=f"{e.entry_id}, {e.where}") if counts[e.entry_id] > 1 else e for e in entries]
