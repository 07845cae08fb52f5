"""Frames in the form of MPtrj, which CHGNet's ``StructureJsonData`` loads."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from matsearch.core.model import Record
from matsearch.core.records import Frame
from matsearch.export.frames.rows import Row

CUTOFF = 6.0
"""Angstrom: an atom without a neighbour within it has no place in CHGNet's graph."""

GPA_TO_KBAR = 10.0


class ChgnetFrames(Record):
    """What CHGNet can train on.

    Attributes
    ----------
    data : dict
        By calculation, then by step.
    left_out : dict of str to int
        Steps that cannot be in it, by reason: CHGNet would put another one in their place, at random.
    """

    data: dict[str, dict[str, dict[str, Any]]]
    left_out: dict[str, int]


def chgnet_frames(rows: Sequence[Row]) -> ChgnetFrames:
    """Return steps as CHGNet reads them.

    ``energy_per_atom`` in eV/atom, raw; ``force`` in eV/angstrom; ``stress`` in kBar and tension negative, as VASP prints
    it (CHGNet multiplies by -0.1 and has GPa, tension positive); ``magmom`` in Bohr magnetons, magnitudes, or null.
    Steps of one calculation share their first key, which is how CHGNet keeps them on one side of a split.
    """
    data: dict[str, dict[str, dict[str, Any]]] = {}
    left_out: Counter[str] = Counter()
    for row in rows:
        reason = _unfit(row.frame)
        if reason:
            left_out[reason] += 1
        else:
            data.setdefault(row.source.key[:16], {})[row.row_id] = _document(row)
    return ChgnetFrames(data=data, left_out=dict(sorted(left_out.items())))


def _document(row: Row) -> dict[str, Any]:
    frame, steps = row.frame, row.source.steps
    magmoms = None if frame.magmoms is None else np.abs(frame.magmoms).tolist()
    return {
        "structure": frame.structure.as_dict(),
        "energy_per_atom": frame.energy / len(frame.structure),
        "force": [list(force) for force in frame.forces or ()],
        "stress": (-GPA_TO_KBAR * np.array(frame.stress)).tolist(),
        "magmom": magmoms,
        "ids": list(row.source.names),
        "formula": frame.structure.composition.reduced_formula,
        "step": row.step,
        "scheme_id": frame.scheme_id,
        "converged": row.source.converged,
        "settings_key": steps.settings.key,
        "software": steps.software,
        "hubbards": dict(sorted(steps.hubbards.items())),
    }


def _unfit(frame: Frame) -> str:
    if frame.forces is None:
        return "without forces"
    if frame.stress is None:
        return "without stress"
    centres, *_ = frame.structure.get_neighbor_list(CUTOFF)
    if len(set(centres.tolist())) < len(frame.structure):
        return f"an atom has no neighbour within {CUTOFF:g} angstrom"
    return ""
