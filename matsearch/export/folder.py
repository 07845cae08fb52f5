"""A folder anyone can open: CIF, POSCAR, a table, the full records and where everything came from."""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pymatgen.core import Structure
from pymatgen.io.cif import CifWriter
from pymatgen.io.vasp import Poscar

from matsearch.core.campaign import CampaignRecord
from matsearch.core.records import Candidate
from matsearch.export.writing import writing_to


def write_folder(
    record: CampaignRecord, candidates: Sequence[Candidate], rows: Sequence[Mapping[str, Any]], folder: Path
) -> list[str]:
    """Write candidates and return the names of the files written, tables first.

    Parameters
    ----------
    rows : sequence of mapping
        The table, one row a candidate.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    texts = {
        "table.csv": _table(rows),
        "candidates.jsonl": "".join(json.dumps(c.document(), allow_nan=False) + "\n" for c in candidates),
        "campaign.json": json.dumps(record.model_dump(mode="json", exclude={"state": {"parents"}}), indent=2),
    }
    for number, candidate in enumerate(candidates, start=1):
        structure = candidate.best_structure
        if structure is not None:
            stem = f"{number:04d}-{candidate.formula}-{candidate.candidate_id}"
            texts[f"{stem}.cif"] = cif_text(structure)
            texts[f"{stem}.vasp"] = Poscar(
                structure, comment=f"{candidate.formula} {candidate.candidate_id}"
            ).get_str()
    texts["sha256.txt"] = "".join(f"{_sha256(text)}  {name}\n" for name, text in texts.items())
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    return list(texts)


def cif_text(structure: Structure) -> str:
    """Return a CIF with the symmetry that spglib finds within 0.01 angstrom."""
    return str(CifWriter(structure, symprec=0.01))


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    import io

    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
