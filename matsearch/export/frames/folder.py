"""A folder of frames: one file a format and settings, and ``frames.json``, which says what they are."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matsearch.core.errors import InputError
from matsearch.core.writing import write_whole
from matsearch.export.frames.chgnet import chgnet_frames
from matsearch.export.frames.extxyz import ase_text, mace_text
from matsearch.export.frames.rows import FrameSource, SettingsRows, by_settings
from matsearch.export.writing import writing_to

FORMATS = ("extxyz", "chgnet", "mace")

_UNITS = {
    "extxyz": {"energy": "eV", "forces": "eV/A", "stress": "eV/A^3, tension positive", "magmoms": "mu_B"},
    "mace": {"REF_energy": "eV", "REF_forces": "eV/A", "REF_stress": "eV/A^3, tension positive"},
    "chgnet": {
        "energy_per_atom": "eV/atom",
        "force": "eV/A",
        "stress": "kBar, tension negative (as VASP; CHGNet multiplies by -0.1)",
        "magmom": "mu_B, magnitudes",
    },
}


def formats_of(form: str) -> tuple[str, ...]:
    """Return the formats that a word names.

    Raises
    ------
    InputError
        If it names none.
    """
    if form == "all":
        return FORMATS
    if form not in FORMATS:
        raise InputError(f"--format {form}: no such format", f"known: {', '.join(FORMATS)}, all")
    return (form,)


def write_frames(
    sources: Sequence[FrameSource], folder: Path, formats: Sequence[str] = FORMATS
) -> dict[str, Any]:
    """Write all steps of the calculations, and return what ``frames.json`` says.

    Parameters
    ----------
    formats : sequence of str
        Of ``FORMATS``; each has a folder of its own.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    contents: dict[str, bytes] = {}
    groups = []
    for group in by_settings(sources):
        files = []
        for form in formats:
            name, text, said = _file(group, form)
            contents[name] = text.encode()
            files.append({"name": name, "format": form, "sha256": _sha256(contents[name]), **said})
        groups.append({**_described(group), "files": files})
    index = {"version": 1, "units": {form: _UNITS[form] for form in formats}, "settings": groups}
    with writing_to(folder):
        for name, content in contents.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            write_whole(folder / name, content)
        folder.mkdir(parents=True, exist_ok=True)
        # last: it speaks of files that are there
        write_whole(folder / "frames.json", _json(index).encode())
    return index


def _file(group: SettingsRows, form: str) -> tuple[str, str, dict[str, Any]]:
    """Return name and content of a file, and what is to be said of it."""
    if form == "chgnet":
        found = chgnet_frames(group.rows)
        n = sum(len(steps) for steps in found.data.values())
        text = json.dumps(found.data, allow_nan=False)
        return f"chgnet/{group.stem}.json", text, {"frames": n, "left_out": found.left_out}
    text = ase_text(group.rows) if form == "extxyz" else mace_text(group.rows)
    return f"{form}/{group.stem}.extxyz", text, {"frames": len(group.rows), "left_out": {}}


def _described(group: SettingsRows) -> dict[str, Any]:
    sources = {row.source.key: row.source for row in group.rows}.values()
    kept = [row.source.key for row in group.rows]
    return {
        "settings_key": group.settings.key,
        "scheme_ids": sorted({row.frame.scheme_id for row in group.rows}),
        "settings": group.settings.document(),
        "frames": len(group.rows),
        "repeats_left_out": group.n_repeats,
        "calculations": [
            {
                "task_key": source.key,
                "ids": list(source.names),
                "formula": source.formula,
                "software": source.steps.software,
                "converged": source.converged,
                "frames": kept.count(source.key),
            }
            for source in sources
        ],
    }


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
