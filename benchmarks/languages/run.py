"""Tokens per structure of each structure language, and what a round trip through it loses.

The crystals are Materials Project's in ``mp20_sample.csv.gz`` of the folder given. Tokens are counted on texts of ``--digits``
decimals; round trips are made with so many and with as many as lose nothing that a structure key sees. Usage::

    python benchmarks/languages/run.py FOLDER --out DIR
"""

import argparse
import csv
import gzip
import io
import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from counters import Counter, counters, versions
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from matsearch.crystal.canonical import structure_key
from matsearch.crystal.languages import LANGUAGES
from matsearch.crystal.languages.language import LOSSLESS_DIGITS, Language, Unreadable

SAMPLE = "mp20_sample.csv.gz"

SAME_CELL = 0.02
"""Angstrom or degrees by which rounding changes a cell at most."""


def main() -> None:
    """Print the tables and write them to ``languages.json``."""
    options = arguments()
    warnings.simplefilter("ignore")
    structures = read_sample(options.data / SAMPLE)[:: options.stride]
    document: dict[str, Any] = {"structures": len(structures), "digits": options.digits}
    print(f"{len(structures)} crystals, {sum(map(len, structures))} atoms, {options.digits} decimals")
    if options.tokens == "all":
        tables = token_tables(structures, options.languages, options.digits, counters())
        document |= {"packages": versions(), "tokens": tables}
        print_tokens(tables)
    if options.round_trips == "all":
        document["round_trips"] = [
            round_trips(LANGUAGES[name], structures, digits)
            for digits in (options.digits, LOSSLESS_DIGITS)
            for name in options.languages
        ]
        print_round_trips(document["round_trips"])
    options.out.mkdir(parents=True, exist_ok=True)
    (options.out / "languages.json").write_text(json.dumps(document, indent=1) + "\n")


def arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help=f"folder of {SAMPLE}")
    parser.add_argument("--out", type=Path, required=True, help="folder of languages.json")
    parser.add_argument("--languages", nargs="+", choices=list(LANGUAGES), default=list(LANGUAGES))
    parser.add_argument("--digits", type=int, default=4, help="decimals that are written")
    parser.add_argument("--stride", type=int, default=1, help="take every so many crystals")
    parser.add_argument("--tokens", choices=("all", "none"), default="all")
    parser.add_argument("--round-trips", choices=("all", "none"), default="all")
    return parser.parse_args()


def read_sample(path: Path) -> list[Structure]:
    """Return the crystals of the sample."""
    rows = csv.DictReader(io.StringIO(gzip.decompress(path.read_bytes()).decode()))
    return [Structure.from_str(row["cif"], fmt="cif") for row in rows]


def token_tables(
    structures: Sequence[Structure], names: Sequence[str], digits: int, by_name: dict[str, Counter]
) -> list[dict[str, Any]]:
    """Return one row for each tokenizer and language; ratios are of sums, to the POSCARs of the same crystals."""
    texts = {name: [LANGUAGES[name].write(s, digits=digits) for s in structures] for name in names}
    atoms = sum(map(len, structures))
    rows = []
    for tokenizer, count in by_name.items():
        tokens = {name: np.array([count(text) for text in texts[name]]) for name in names}
        poscar = float(tokens["poscar"].sum()) if "poscar" in tokens else float("nan")
        for name, counts in tokens.items():
            rows.append(
                {
                    "tokenizer": tokenizer,
                    "language": name,
                    "mean": round(float(counts.mean()), 1),
                    "median": float(np.median(counts)),
                    "p90": float(np.percentile(counts, 90)),
                    "per_atom": round(float(counts.sum()) / atoms, 2),
                    "to_poscar": round(float(counts.sum()) / poscar, 3),
                    "characters": round(float(np.mean([len(text) for text in texts[name]])), 1),
                }
            )
    return rows


def round_trips(language: Language, structures: Sequence[Structure], digits: int) -> dict[str, Any]:
    """Return how many crystals come back the same, and how far the worst atom was moved.

    ``same_key`` counts equal structure keys, which a language that writes another cell cannot have; ``same_crystal``
    counts those whose atoms are where they were, or that match by StructureMatcher. The error is the largest
    displacement of an atom in angstrom among these.
    """
    same_key, repaired, refused, errors = 0, 0, 0, []
    for structure in structures:
        try:
            reading = language.read(language.write(structure, digits=digits))
        except Unreadable as refusal:
            print(f"{language.name}: {structure.composition.formula}: {refusal.detail}")
            refused += 1
            continue
        repaired += bool(reading.repairs)
        same_key += structure_key(reading.structure) == structure_key(structure)
        errors.append(displacement(structure, reading.structure))
    found = [error for error in errors if error is not None]
    return {
        "language": language.name,
        "digits": digits,
        "n": len(structures),
        "refused": refused,
        "repaired": repaired,
        "same_key": same_key,
        "same_crystal": len(found),
        "largest_error": max(found, default=None),
    }


def displacement(one: Structure, other: Structure) -> float | None:
    """Return how far in angstrom an atom was moved at most; None if the crystals differ."""
    if np.allclose(one.lattice.parameters, other.lattice.parameters, atol=SAME_CELL):
        moved = same_cell_displacement(one, other)
        if moved is not None and moved < SAME_CELL:
            return moved
    found = StructureMatcher(scale=False, attempt_supercell=False).get_rms_dist(one, other)
    return None if found is None else float(found[1]) * (one.volume / len(one)) ** (1 / 3)


def same_cell_displacement(one: Structure, other: Structure) -> float | None:
    """Return the largest distance in angstrom from an atom to the nearest of its element in the other crystal.

    The change of the lattice vectors' lengths counts as well.
    """
    if one.composition != other.composition:
        return None
    symbols, others = (np.array([site.specie.symbol for site in s]) for s in (one, other))
    distances = one.lattice.get_all_distances(one.frac_coords, other.frac_coords)
    distances[symbols[:, None] != others[None, :]] = np.inf
    lengths = np.abs(np.array(one.lattice.abc) - np.array(other.lattice.abc))
    return float(max(distances.min(axis=1).max(), lengths.max()))


def print_tokens(rows: Sequence[dict[str, Any]]) -> None:
    """Print one line for each tokenizer and language."""
    print(
        f"\n{'tokenizer':<14} {'language':<8} {'mean':>7} {'median':>7} {'p90':>7} {'per atom':>9} {'to POSCAR':>10} {'characters':>11}"
    )
    for row in rows:
        print(
            f"{row['tokenizer']:<14} {row['language']:<8} {row['mean']:7.1f} {row['median']:7.0f} {row['p90']:7.0f} "
            f"{row['per_atom']:9.2f} {row['to_poscar']:10.3f} {row['characters']:11.1f}"
        )


def print_round_trips(rows: Sequence[dict[str, Any]]) -> None:
    """Print one line for each language and number of decimals."""
    print("\nlanguage decimals      same key  same crystal  repaired  refused  largest error (angstrom)")
    for row in rows:
        n, error = row["n"], row["largest_error"]
        print(
            f"{row['language']:<8} {row['digits']:>8} {row['same_key']:>5} of {n:<4}  {row['same_crystal']:>5} of {n:<4} "
            f"{row['repaired']:>8} {row['refused']:>8}  {'none' if error is None else f'{error:.1e}'}"
        )


if __name__ == "__main__":
    main()
