"""The replies, and the naive reading that they are compared with."""

import csv
import gzip
import io
import json
from pathlib import Path

from pymatgen.core import Structure


def naive_reading(text: str) -> list[Structure] | None:
    """Return what ``json.loads`` and ``Structure.from_str`` make of a reply; None where either fails."""
    try:
        return [
            Structure.from_str(entry["poscar"], "poscar")
            if "poscar" in entry
            else Structure.from_str(entry["cif"], "cif")
            for entry in json.loads(text).values()
        ]
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        return None


def read_table(path: Path, column: str) -> list[str]:
    """Return one column of a packed CSV file."""
    text = gzip.decompress(path.read_bytes()).decode("utf-8")
    csv.field_size_limit(10_000_000)
    return [row[column] for row in csv.DictReader(io.StringIO(text, newline=""))]
