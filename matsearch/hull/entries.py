"""Files of pymatgen entries, read as data: nothing in them names code that is run."""

import gzip
import hashlib
import io
import json
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from matsearch.core.errors import InputError, ReferenceHullError

_MAX_BYTES = 500_000_000
_WANTED = "give a JSON list of pymatgen entries, gzipped or not"


def read_entries(path: Path) -> tuple[list[ComputedEntry], str]:
    """Read a JSON list of ComputedEntry or ComputedStructureEntry documents, gzipped or not.

    Returns
    -------
    entries, sha256
        Uncorrected entries, and the hash of the file.

    Raises
    ------
    InputError
        If the file cannot be read or an entry is malformed.
    """
    try:
        content = path.read_bytes()
        stream = gzip.GzipFile(fileobj=io.BytesIO(content)) if path.suffix == ".gz" else io.BytesIO(content)
        text = stream.read(_MAX_BYTES + 1)
        documents = json.loads(text) if len(text) <= _MAX_BYTES else None
    except OSError as error:
        raise InputError(f"cannot read entries from {path}: {error.strerror or error}", _WANTED) from error
    except (EOFError, zlib.error, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"cannot read entries from {path}: {error}", _WANTED) from error
    if documents is None:
        raise InputError(f"{path} unpacks to more than {_MAX_BYTES} bytes", "split it by chemical system")
    if not isinstance(documents, list) or not documents:
        raise InputError(f"{path} holds no list of entries", _WANTED)
    entries = [_entry(document, f"{path}, entry {i}") for i, document in enumerate(documents)]
    useless = next(
        (i for i, e in enumerate(entries) if not np.isfinite(e.energy) or not e.composition.num_atoms), None
    )
    if useless is not None:
        raise InputError(f"{path}, entry {useless} has no atoms or no finite energy", "take it out")
    return entries, hashlib.sha256(content).hexdigest()


def apply_mp2020(entries: list[ComputedEntry]) -> list[ComputedEntry]:
    """Return the entries that ``MaterialsProject2020Compatibility`` accepts, corrected (Wang et al., Sci. Rep. 2021).

    Raises
    ------
    ReferenceHullError
        If an entry says neither GGA nor GGA+U: its energies are of another kind.
    """
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    strangers = {str(e.parameters.get("run_type")) for e in entries} - {"GGA", "GGA+U"}
    if strangers:
        raise ReferenceHullError(
            f"entries of run_type {', '.join(sorted(strangers))} cannot take the MP2020 corrections",
            "give GGA and GGA+U entries, or set reference.corrections: none",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(
            MaterialsProject2020Compatibility(check_potcar=False).process_entries(entries, clean=True)
        )


def _entry(document: Any, where: str) -> ComputedEntry:
    try:
        composition = Composition(document["composition"], strict=True)
        energy = float(document["energy"])
        rest = {
            "correction": float(document.get("correction") or 0.0),
            "parameters": dict(document.get("parameters") or {}),
            "data": dict(document.get("data") or {}),
            "entry_id": str(document.get("entry_id") or where),
        }
        if document.get("structure"):
            return ComputedStructureEntry(_structure(document["structure"]), energy, **rest)
        return ComputedEntry(composition, energy, **rest)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"{where} is no pymatgen entry: {error}", "it needs composition and energy"
        ) from error


def _structure(document: dict[str, Any]) -> Structure:
    sites = document["sites"]
    species = [{s["element"]: float(s["occu"]) for s in site["species"]} for site in sites]
    return Structure(Lattice(document["lattice"]["matrix"]), species, [site["abc"] for site in sites])
