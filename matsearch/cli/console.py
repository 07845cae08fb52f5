"""How things look: tables and lines for people, JSON for programs."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from matsearch.core.rounding import rounded
from matsearch.core.thresholds import REFUTED_FLAG
from matsearch.pipeline.funnel import below_hull_word, hull_sentence
from matsearch.pipeline.result import SearchResult

_COLUMNS = {
    "rank": ("#", "right"),
    "front": ("front", "right"),
    "formula": ("formula", "left"),
    "spacegroup": ("space group", "left"),
    "n_atoms": ("atoms", "right"),
    "energy_above_hull": ("E above hull (eV/atom)", "right"),
    "energy_above_own_hull": ("with own finds", "right"),
    "dft_energy_above_hull": ("by DFT", "right"),
    "dft": ("DFT", "left"),
    "bulk_modulus": ("bulk modulus (GPa)", "right"),
    "density": ("density (g/cm^3)", "right"),
    "deformation_energy": ("deformation (eV/atom)", "right"),
    "operator": ("operator", "left"),
    "generation": ("gen", "right"),
    "note": ("known phase", "left"),
    "candidate_id": ("id", "left"),
}

_WIDEST = 10_000
_ENERGIES = ("energy_above_hull", "energy_above_own_hull", "dft_energy_above_hull")


def print_json(value: Any) -> None:
    """Print JSON on standard output."""
    typer.echo(json.dumps(value, indent=2, allow_nan=False))


def print_line(text: str = "") -> None:
    """Print a line on standard output."""
    typer.echo(text)


def printable(text: str) -> str:
    """Return a text of several lines that cannot steer the terminal."""
    return "".join(c if c.isprintable() or c in "\n\t" else "?" for c in text)


def known(value: float | None, form: str = "") -> str:
    """Return a number in a format of Python, ``unknown`` where there is none."""
    return "unknown" if value is None else f"{value:{form}}"


def print_result(result: SearchResult, n: int) -> None:
    """Print the ranked table, the funnel and what the numbers mean."""
    rows = result.rows(n)
    if rows:
        print_ranked(rows)
    else:
        print_line("No crystal was scored.")
    print_line(hull_sentence(result.record))
    print_line(funnel_sentence(result))


def print_ranked(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print the ranked table."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    shown = {key: column for key, column in _COLUMNS.items() if key == "note" or key in rows[0]}
    for title, side in shown.values():
        table.add_column(title, justify=side, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        energies = {key: _signed(row[key]) for key in _ENERGIES if row.get(key) is not None}
        cells = {**row, **energies, "note": _note(row)}
        table.add_row(*(_text(cells[key]) for key in shown))
    print_table(table)


def print_table(table: Table) -> None:
    """Print a table as wide as it is: a narrow terminal breaks its lines, and no cell is cut."""
    wide = Console(width=_WIDEST, highlight=False)
    width = Measurement.get(wide, wide.options, table).maximum
    Console(width=max(width, 1), highlight=False).print(table, soft_wrap=True)


def print_counts(title: str, counts: Mapping[str, Any]) -> None:
    """Print names and numbers, one a line."""
    print_line(title)
    width = max((len(name) for name in counts), default=0)
    for name, number in counts.items():
        print_line(f"  {name:<{width}}  {number}")


def print_aligned(rows: Iterable[Sequence[str]]) -> None:
    """Print rows with their cells in columns."""
    lines = list(rows)
    widths = [max(len(row[i]) for row in lines) for i in range(len(lines[0]))] if lines else []
    for row in lines:
        print_line("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def funnel_sentence(result: SearchResult) -> str:
    """Return the funnel in one paragraph, every count with its denominator."""
    funnel = result.funnel
    sent = (
        f"\nSent to DFT: {funnel.sent} survivors, {funnel.dft_confirmed} confirmed, {funnel.dft_indicative} indicative, "
        f"{funnel.dft_refuted} refuted, {funnel.dft_failed} failed, "
        f"{funnel.sent - funnel.dft_confirmed - funnel.dft_indicative - funnel.dft_refuted - funnel.dft_failed} waiting."
    )
    return (
        f"Asked {funnel.asked}, parsed {funnel.parsed}, valid {funnel.valid}, unique {funnel.unique}, "
        f"relaxed {funnel.relaxed}, scored {funnel.scored}, distinct {funnel.distinct}.\n"
        f"Of {funnel.distinct} distinct: {funnel.metastable} under 0.1 eV/atom, {funnel.near_stable} under 0.03, "
        f"{funnel.below_hull} {below_hull_word(result.record).replace('_', ' ')}; {_flagged_words(result)}.\n"
        f"Known phases met: {funnel.rediscovered} rediscovered by structure, {funnel.kept} kept by their own "
        f"descendants, {funnel.composition_and_energy_matched} by composition and energy alone; "
        f"{funnel.unmatched} crystals match none."
    ) + (sent if funnel.sent else "")


def _flagged_words(result: SearchResult) -> str:
    if not result.funnel.flagged:
        return "none flagged"
    reasons = ", ".join(f"{n} {flag.replace('_', ' ')}" for flag, n in result.flag_counts.items())
    until = "" if REFUTED_FLAG in result.flag_counts else " until checked"
    return f"{result.funnel.flagged} flagged ({reasons}) and in no other count{until}"


def _note(row: Mapping[str, Any]) -> str:
    if row["flags"]:
        return str(row["flags"]).replace(" ", ", ").replace("_", " ")
    words = {"rediscovery": "rediscovered", "kept": "kept", "composition_and_energy_match": "same energy as"}
    return f"{words[row['match']]} {row['known_phase']}" if row["match"] else ""


def _signed(energy: float) -> str:
    return f"{rounded(energy):+.3f}"


def _text(value: Any) -> str:
    from rich.markup import escape

    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else escape(str(value))
