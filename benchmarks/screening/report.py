"""The report of a run, also of one that is not done: ``python benchmarks/screening/report.py DIR``."""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from arms import ONE_THREAD
from figures import APART, figures, results_of
from journal import read_journal

from matsearch.core.errors import MatsearchError

LISTED = 40


def main() -> None:
    """Print the report of a run's folder."""
    try:
        print(write_report(Path(sys.argv[1])))
    except (MatsearchError, OSError) as error:
        sys.exit(f"error: {error}")


def write_report(out: Path) -> str:
    """Write ``report.json`` and ``report.md`` beside the journal and return the latter's text."""
    first, *lines = read_journal(out / "journal.jsonl")
    header = first["header"]
    crystals = {
        crystal["id"]: {**crystal, "n_atoms": len(crystal["structure"]["species"])}
        for crystal in json.loads((out / "crystals.json").read_text())
    }
    rows = figures(lines, crystals, header["cores"])
    document = {"header": header, "arms": rows}
    (out / "report.json").write_text(json.dumps(document, indent=1) + "\n")
    text = (
        "\n\n".join([title(header, lines, crystals), speeds(rows), costs(rows), answers(rows), *lists(rows)])
        + "\n"
    )
    (out / "report.md").write_text(text)
    return text


def title(
    header: Mapping[str, Any], lines: Sequence[Mapping[str, Any]], crystals: Mapping[str, Mapping[str, Any]]
) -> str:
    """Return what was measured, and how much of it is done."""
    done: dict[str, set[str]] = {}
    for line in lines:
        done.setdefault(line["arm"], set()).update(results_of([line]))
    by_all = set.intersection(*done.values()) if done else set()
    atoms = [crystal["n_atoms"] for crystal in crystals.values()]
    sources = [crystal["source"] for crystal in crystals.values()]
    counts = ", ".join(f"{sources.count(source)} {source}" for source in sorted(set(sources)))
    placed = sum(crystal["hull_energy_per_atom"] is not None for crystal in crystals.values())
    packages = ", ".join(f"{name} {version}" for name, version in header["packages"].items())
    return (
        f"{len(by_all)} crystals done by all arms of {header['n']} asked ({counts}; {placed} with a hull; "
        f"{min(atoms)} to {max(atoms)} atoms, mean {sum(atoms) / len(atoms):.1f}), in chunks of {header['chunk']}; "
        f"fmax {header['fmax']:g} eV/angstrom, {header['cores']} cores; {packages}."
    )


def speeds(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of what was done in which time."""
    head = (
        "arm", "crystals", "finished", "decided", "ended otherwise", "wall s", "CPU s", "others' CPU s", "crystals / core s",
        "times the better reference", "the same, decided only",
    )  # fmt: skip
    cells = [
        (
            row["arm"],
            str(row["crystals"]),
            str(row["finished"]),
            str(row["decided"]),
            ", ".join(f"{n} {word}" for word, n in row["ended"].items()) or "-",
            number(row["wall_s"], "{:.1f}"),
            number(row["cpu_s"], "{:.1f}"),
            number(row["other_cpu_s"], "{:.1f}"),
            number(row["crystals_per_core_s"], "{:.4f}"),
            interval(row.get("times_faster")),
            interval(row.get("times_faster_decided")),
        )
        for row in rows
    ]
    return table(head, cells)


def costs(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of steps and force evaluations, and of the limit that these set."""
    head = (
        "arm", "steps: mean, median", "force evaluations", "CPU ms / evaluation", "CPU us / evaluation and atom",
        "limit s (evaluations alone)", "of wall",
    )  # fmt: skip
    cells = [
        (
            row["arm"],
            f"{number(row['steps_mean'], '{:.1f}')}, {number(row['steps_median'], '{:.0f}')}",
            f"{row['evaluations']}"
            + (f" and {row['steps_unknown']} crystals' unknown" if row["steps_unknown"] else ""),
            number(row["cpu_ms_per_evaluation"], "{:.1f}"),
            number(row["cpu_us_per_evaluation_and_atom"], "{:.0f}"),
            number(row["limit_s"], "{:.1f}"),
            number(row["limit_share"], "{:.0%}"),
        )
        for row in rows
    ]
    return table(head, cells)


def answers(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the table of energies and verdicts against the reference on one thread."""
    head = (
        f"against {ONE_THREAD}", "both finished", "median meV/atom", "p95", "largest",
        f"over {1e3 * APART:.0f} lower, higher", "verdicts the same", "flips to, from metastable",
        "the same, undecided not metastable", "decided by one only",
    )  # fmt: skip
    cells = []
    for row in rows:
        if "energies" not in row:
            continue
        energies, verdicts = row["energies"], row["verdicts"]
        to = sum(flip["metastable"] for flip in verdicts["flips"])
        cells.append(
            (
                row["arm"],
                str(energies["n"]),
                *(number(energies.get(k), "{:.1f}", 1e3) for k in ("median", "p95", "max")),
                f"{energies.get('lower', '-')}, {energies.get('higher', '-')}",
                share(verdicts["agree"], verdicts["n"]),
                f"{to}, {len(verdicts['flips']) - to}",
                share(verdicts["agree_all"], verdicts["n_all"]),
                str(len(row["decided_by_one"])),
            )
        )
    return table(head, cells)


def lists(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the flips and the crystals that only one arm finished, arm by arm."""
    blocks = []
    for row in rows:
        flips = row.get("verdicts", {}).get("flips", [])
        ones = row.get("decided_by_one", [])
        if flips:
            cells = [
                (
                    f["id"],
                    f["formula"],
                    end(f["ended"], f["energy_above_hull"]),
                    end(f["reference_ended"], f["reference"]),
                )
                for f in flips
            ]
            head = ("crystal", "formula", "meV/atom above hull", "reference")
            blocks.append(f"Flips of {row['arm']}:\n\n{table(head, cells[:LISTED])}{more(cells)}")
        if ones:
            cells = [
                (
                    o["id"],
                    o["formula"],
                    end(o["ended"], o["energy_above_hull"]),
                    end(o["reference_ended"], o["reference"]),
                )
                for o in ones
            ]
            head = ("crystal", "formula", "ended, meV/atom above hull", "reference")
            blocks.append(
                f"Decided by one of {row['arm']} and the reference:\n\n{table(head, cells[:LISTED])}{more(cells)}"
            )
    return blocks


def table(head: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table."""
    rows = [head, ["---"] * len(head), *cells]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def number(value: float | None, form: str, factor: float = 1.0) -> str:
    """Return a number, or a dash where there is none."""
    return "-" if value is None else form.format(factor * value)


def interval(value: Mapping[str, float | None] | None) -> str:
    """Return a value with its 95 percent interval, where there are several chunks."""
    if value is None or value["value"] is None:
        return "-"
    if value["low"] is None:
        return f"{value['value']:.2f}"
    return f"{value['value']:.2f} ({value['low']:.2f} to {value['high']:.2f})"


def share(part: int, whole: int) -> str:
    """Return a part, its whole and the percentage."""
    return f"{part} of {whole} ({100 * part / whole:.1f} %)" if whole else "-"


def end(word: str | None, above_hull: float | None) -> str:
    """Return the word for an end other than a finished relaxation, and meV/atom above the hull where there is one."""
    return " ".join(x for x in (word, "" if above_hull is None else number(above_hull, "{:.0f}", 1e3)) if x)


def more(cells: Sequence[Any]) -> str:
    """Return how many rows of a table are left to report.json."""
    return f"\n\n{len(cells) - LISTED} more in report.json." if len(cells) > LISTED else ""


if __name__ == "__main__":
    main()
