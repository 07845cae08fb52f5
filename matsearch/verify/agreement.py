"""The potential beside DFT: one row a crystal that was computed.

Energies above hull meet as each was measured: the potential's against the reference hull, DFT's against the hull of
what was computed alike. Both hulls hold the same facet as long as DFT decomposes the crystal into the phases that the
reference names; where it does not, the difference holds the change of the facet too. Formation energies are the
potential's on the scale of the reference hull, with the corrections of that scale, and DFT's raw.
"""

from collections.abc import Sequence

import numpy as np
from pymatgen.core import Composition

from matsearch.core.dft import DftCalculation
from matsearch.core.errors import InputError
from matsearch.core.model import Record
from matsearch.core.records import Candidate, Frame
from matsearch.core.verified import CONTROL, SURVIVOR, Standing, Verified
from matsearch.crystal.scope import most_electronegative

_CLASSES = {
    "oxide": "O",
    "halide": "F Cl Br I",
    "chalcogenide": "S Se Te",
    "pnictide": "N P As Sb",
    "hydride": "H",
    "boride": "B",
    "carbide": "C",
    "silicide": "Si",
}
_CLASS_OF = {symbol: name for name, symbols in _CLASSES.items() for symbol in symbols.split()}


class AgreementRow(Record):
    """What the potential and DFT say of one crystal. None where one of them does not say.

    Attributes
    ----------
    chemistry : str
        See :func:`chemistry_of`.
    role : str
        ``survivor`` or ``control``.
    threshold : float
        Of the energy above hull, in eV/atom: what was to be confirmed.
    predicted_energy_above_hull, energy_above_hull : float or None
        In eV/atom; the potential's against the reference hull, DFT's against what was computed alike.
    predicted_formation_energy, formation_energy : float or None
        In eV/atom; the potential's on the reference's scale, DFT's raw, against elements computed alike.
    predicted_volume, volume : float
        Of the relaxed crystals, in cubic angstrom an atom.
    largest_force, rms_force : float or None
        Norms of DFT's forces on the potential's relaxed geometry, in eV/angstrom.
    pressure, largest_stress : float or None
        DFT's there, in GPa: minus a third of the trace of the stress (tension positive), and the largest component.
    core_hours : float
        Spent.
    n_steps : int
        Ionic steps of DFT.
    """

    candidate_id: str
    formula: str
    chemistry: str
    role: str
    standing: Standing
    threshold: float
    predicted_energy_above_hull: float
    energy_above_hull: float | None
    predicted_formation_energy: float | None
    formation_energy: float | None
    predicted_volume: float
    volume: float
    largest_force: float | None = None
    rms_force: float | None = None
    pressure: float | None = None
    largest_stress: float | None = None
    core_hours: float
    n_steps: int

    @property
    def volume_ratio(self) -> float:
        """DFT's volume over the potential's."""
        return self.volume / self.predicted_volume


def compare(candidate: Candidate, verified: Verified, calculation: DftCalculation) -> AgreementRow:
    """Return what the potential and DFT say of a crystal.

    Raises
    ------
    InputError
        If the candidate has no structure, or the calculation is of another composition.
    """
    structure = candidate.best_structure
    if structure is None or structure.composition.reduced_formula != calculation.formula:
        raise InputError(
            f"candidate {candidate.candidate_id} ({candidate.formula or 'no structure'}) was compared with a calculation "
            f"of {calculation.formula}",
            "compare a candidate with its own calculation",
        )
    placement = candidate.placement
    first = _given_geometry(calculation)
    largest_force, rms_force = _force_norms(first)
    pressure, largest_stress = _pressure(first)
    return AgreementRow(
        candidate_id=candidate.candidate_id,
        formula=candidate.formula,
        chemistry=chemistry_of(structure.composition),
        role=verified.role,
        standing=verified.standing,
        threshold=verified.threshold,
        predicted_energy_above_hull=verified.predicted_energy_above_hull,
        energy_above_hull=verified.energy_above_hull,
        predicted_formation_energy=placement.formation_energy_per_atom if placement else None,
        formation_energy=verified.formation_energy_per_atom,
        predicted_volume=structure.volume / len(structure),
        volume=calculation.structure.volume / len(calculation.structure),
        largest_force=largest_force,
        rms_force=rms_force,
        pressure=pressure,
        largest_stress=largest_stress,
        core_hours=verified.core_hours,
        n_steps=calculation.n_steps,
    )


def chemistry_of(composition: Composition) -> str:
    """Return the class of a compound by the most electronegative (Pauling) of its anion formers.

    ``oxide``, ``halide``, ``chalcogenide`` (S, Se, Te), ``pnictide`` (N, P, As, Sb), ``hydride``, ``boride``,
    ``carbide``, ``silicide``; ``element``; else ``intermetallic``. Metals are no anion formers, however electronegative:
    PbTe is a chalcogenide.
    """
    symbols = [element.symbol for element in composition.elements]
    if len(symbols) == 1:
        return "element"
    anions = [symbol for symbol in symbols if symbol in _CLASS_OF]
    return _CLASS_OF[most_electronegative(anions)] if anions else "intermetallic"


def false_stable(rows: Sequence[AgreementRow]) -> list[AgreementRow]:
    """Return the survivors that DFT refuted, the furthest above its hull first."""
    refuted = [row for row in rows if row.role == SURVIVOR and row.standing is Standing.REFUTED]
    return sorted(refuted, key=lambda row: (-(row.energy_above_hull or 0.0), row.candidate_id))


def false_unstable(rows: Sequence[AgreementRow]) -> list[AgreementRow]:
    """Return the controls that DFT found under the threshold, the lowest first; some of them may be indicative only."""
    found = [
        (row.energy_above_hull, row.candidate_id, row)
        for row in rows
        if row.role == CONTROL and row.energy_above_hull is not None and row.energy_above_hull < row.threshold
    ]
    return [row for *_, row in sorted(found, key=lambda each: each[:2])]


def _given_geometry(calculation: DftCalculation) -> Frame | None:
    """Return the first frame, unless another functional computed it, as in a relaxation that another one prepares."""
    frames = calculation.frames
    return frames[0] if frames and frames[0].scheme_id == calculation.settings.scheme_id else None


def _force_norms(frame: Frame | None) -> tuple[float, float] | tuple[None, None]:
    if frame is None or not frame.forces:
        return None, None
    norms = np.linalg.norm(np.array(frame.forces), axis=1)
    return float(norms.max()), float(np.sqrt(np.mean(norms**2)))


def _pressure(frame: Frame | None) -> tuple[float, float] | tuple[None, None]:
    if frame is None or frame.stress is None:
        return None, None
    stress = np.array(frame.stress)
    return -float(np.trace(stress)) / 3 + 0.0, float(np.abs(stress).max())
