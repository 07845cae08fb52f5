"""The screening engine against ``chgnet.model.StructOptimizer``, one crystal after another: a paired run.

The same crystals (see ``crystals.py``) are relaxed by each arm of ``arms.py`` in chunks. The arms take turns within a
chunk, in an order that rotates from chunk to chunk, each alone on the machine in a fresh process; imports, weights and
a first relaxation are outside the clock. Each finished (chunk, arm) is a line in ``DIR/journal.jsonl``, and the same
command goes on from there. It stops before the budget would be passed, and writes ``DIR/report.md`` and
``DIR/report.json`` of what is done::

    python benchmarks/screening/run.py DATA --replies FOLDER --out DIR --budget-minutes 60

``DATA`` holds ``gpt5mini_generations.csv.gz`` and ``Li-Fe-P-O_entries.json.gz``, ``FOLDER`` the ``*.reply.txt``.
"""

import argparse
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from arms import ARMS, Arm, chosen
from crystals import benchmark_crystals
from journal import Journal
from process import run_arm
from report import write_report
from sources import Crystal

import matsearch
from matsearch.core.errors import InputError, MatsearchError
from matsearch.core.keys import content_key

PACKAGES = ("chgnet", "torch", "ase", "numpy", "pymatgen")
CODE = ("core", "crystal", "potentials", "relax")


def main() -> None:
    """Measure what is missing and write the report."""
    options = parsed()
    try:
        arms = chosen(options.arms)
        crystals = benchmark_crystals(options.data, options.replies, options.n, options.seed)
        options.out.mkdir(parents=True, exist_ok=True)
        journal = Journal(options.out / "journal.jsonl", header(options, crystals))
        (options.out / "crystals.json").write_text(json.dumps([c.document() for c in crystals]))
        chunks = [crystals[i : i + options.chunk] for i in range(0, len(crystals), options.chunk)]
        measure(arms, chunks, journal, options.fmax, 60 * options.budget_minutes)
        print(write_report(options.out))
    except MatsearchError as error:
        sys.exit(f"error: {error}")


def parsed() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument("--replies", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget-minutes", type=float, required=True, help="Of this call.")
    parser.add_argument("--n", type=int, default=200, help="Crystals.")
    parser.add_argument("--chunk", type=int, default=20, help="Crystals a chunk.")
    parser.add_argument("--fmax", type=float, default=0.1, help="eV/angstrom.")
    parser.add_argument("--seed", type=int, default=0, help="Of the choice of crystals.")
    names = "; ".join(arm.name for arm in ARMS)
    parser.add_argument("--arms", nargs="+", metavar="ARM", help=f"Without it all: {names}.")
    return parser.parse_args()


def header(options: argparse.Namespace, crystals: Sequence[Crystal]) -> dict[str, Any]:
    """Return all that the figures depend on."""
    return {
        "crystals": content_key("screening benchmark/1", [c.document() for c in crystals]),
        "n": options.n,
        "chunk": options.chunk,
        "fmax": options.fmax,
        "cores": len(os.sched_getaffinity(0)),
        "packages": {name: version(name) for name in PACKAGES},
        "code": code_sha256(),
    }


def code_sha256() -> str:
    """Return the hash of matsearch's sources that relax: figures of two codes must not mix."""
    root = Path(matsearch.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for part in CODE for path in (root / part).rglob("*.py")):
        digest.update(f"{path.relative_to(root)}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def measure(
    arms: Sequence[Arm], chunks: Sequence[Sequence[Crystal]], journal: Journal, fmax: float, budget_s: float
) -> None:
    """Run each arm over each chunk that the journal does not have, as long as the budget lasts.

    Raises
    ------
    InputError
        If an arm's settings are not those under which the journal has it.
    """
    began = time.perf_counter()
    for k, chunk in enumerate(chunks):
        turn = k % len(arms)
        for arm in [*arms[turn:], *arms[:turn]]:
            found = journal.find(k, arm.name)
            if found:
                require_same(found, arm)
                continue
            left = budget_s - (time.perf_counter() - began)
            if expected_seconds(journal.lines, arm.name) > left:
                print(
                    f"stopped before chunk {k + 1}, {arm.name}: {max(0.0, left):.0f} s left", file=sys.stderr
                )
                return
            line = run_arm(arm, chunk, fmax)
            journal.append({"chunk": k, "arm": arm.name, "settings": arm.settings(), **line})
            print(f"chunk {k + 1} of {len(chunks)}  {arm.name:<30} {line['wall_s']:8.1f} s", file=sys.stderr)


def require_same(line: dict[str, Any], arm: Arm) -> None:
    """Refuse a journal whose arm of the same name did something else.

    Raises
    ------
    InputError
        If it did.
    """
    if line["settings"] != arm.settings():
        raise InputError(
            f"the journal's arm {arm.name!r} has other settings: {line['settings']}", "give another --out"
        )


def expected_seconds(lines: Sequence[dict[str, Any]], arm: str) -> float:
    """Return the longest that a chunk of this arm took, its start included; of any arm where it has none; else 0."""
    own = [line for line in lines if line["arm"] == arm]
    return max((line["start_s"] + line["wall_s"] for line in own or lines), default=0.0)


if __name__ == "__main__":
    main()
