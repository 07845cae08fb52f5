"""Frames as extended XYZ: as ASE reads them back, and with the keys that MACE trains on."""

import io
import json
import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matsearch.export.frames.rows import Row
from matsearch.potentials.frames import EV_A3_TO_GPA, to_atoms

if TYPE_CHECKING:
    from ase import Atoms

_UNSAFE = re.compile(r"[^A-Za-z0-9 .:+/()_-]")
"""In a comment line of extended XYZ these quote, separate or end; ids come from files of others."""


def ase_text(rows: Sequence[Row]) -> str:
    """Return steps with labels as ASE's reader puts them into a ``SinglePointCalculator``.

    Energy in eV, forces in eV/angstrom, stress in eV/angstrom^3 and tension positive, moments in Bohr magnetons.
    """
    return _written(rows, _for_ase)


def mace_text(rows: Sequence[Row]) -> str:
    """Return steps with ``REF_energy``, ``REF_forces`` and ``REF_stress``, MACE's default keys, in the same units.

    ``REF_stress`` is the matrix row by row. Isolated atoms, from which MACE takes its E0s, are not among them: nobody
    computed any.
    """
    return _written(rows, _for_mace)


def _written(rows: Sequence[Row], labelled: Callable[[Row], "Atoms"]) -> str:
    import ase.io

    text = io.StringIO()
    ase.io.write(text, [labelled(row) for row in rows], format="extxyz")
    return text.getvalue()


def _for_ase(row: Row) -> "Atoms":
    from ase.calculators.singlepoint import SinglePointCalculator

    atoms, frame = _atoms(row), row.frame
    labels: dict[str, Any] = {"energy": frame.energy}
    if frame.forces is not None:
        labels["forces"] = np.array(frame.forces)
    if frame.stress is not None:
        labels["stress"] = _stress(frame.stress)
    if frame.magmoms is not None:
        labels["magmoms"] = np.array(frame.magmoms)
    atoms.calc = SinglePointCalculator(atoms, **labels)
    return atoms


def _for_mace(row: Row) -> "Atoms":
    atoms, frame = _atoms(row), row.frame
    atoms.info["config_type"] = _plain(frame.scheme_id)
    atoms.info["REF_energy"] = frame.energy
    if frame.stress is not None:
        atoms.info["REF_stress"] = _stress(frame.stress).ravel()
    if frame.forces is not None:
        atoms.arrays["REF_forces"] = np.array(frame.forces)
    if frame.magmoms is not None:
        atoms.arrays["REF_magmoms"] = np.array(frame.magmoms)
    return atoms


def _atoms(row: Row) -> "Atoms":
    """Return the geometry with where it comes from; no value looks like a number or a truth value to a reader."""
    steps, settings = row.source.steps, row.source.steps.settings
    atoms = to_atoms(row.frame.structure)
    atoms.info = {
        "ids": " ".join(_plain(name).replace(" ", "_") for name in row.source.names),
        # the reduced formulas NaN and InF would be read as numbers
        "formula": row.frame.structure.composition.formula,
        "step": row.step,
        "converged": row.source.converged,
        "task_key": f"key:{row.source.key}",
        "settings_key": f"key:{settings.key}",
        "scheme_id": _plain(row.frame.scheme_id),
        "code": _plain(settings.code),
        "functional": _plain(settings.functional),
        "software": _plain(steps.software),
        "hubbards": json.dumps({_plain(symbol): u for symbol, u in sorted(steps.hubbards.items())}),
    }
    return atoms


def _stress(stress: Sequence[Sequence[float]]) -> np.ndarray:
    """Return GPa as eV/angstrom^3; both are tension positive."""
    return np.array(stress) / EV_A3_TO_GPA


def _plain(text: str) -> str:
    return _UNSAFE.sub("_", text)
