"""The bulk modulus of a crystal by its equation of state: energies at several volumes, ions relaxed at each.

The cell keeps its shape and changes its size, and the ions relax in it. So the number is the Voigt average of the
elastic constants with relaxed ions, (C11 + C22 + C33 + 2 C12 + 2 C13 + 2 C23)/9 (Hill, Proc. Phys. Soc. A 65, 349
(1952), equation 2): of cubic crystals the bulk modulus itself, of others an upper bound of it, for under pressure
their cells would change shape too.
"""

import warnings
from collections.abc import Mapping, Sequence

import numpy as np
from pymatgen.core import Structure

from matsearch.core.config import RelaxSection
from matsearch.core.records import PropertyValue, RelaxOutcome
from matsearch.core.verdict import FailureKind, Verdict

NAME = "bulk_modulus"
UNIT = "GPa"
PROTOCOL = "bulk_modulus/1"

VOLUME_RATIOS = (0.90, 0.95, 1.0, 1.05, 1.10)
"""Over the relaxed volume. Wider than usual with DFT: over less, the small bumps in a learned potential decide the
curvature, and a cell that was relaxed to 0.1 eV/angstrom may lie 3 percent from its minimum. Seven volumes in this
range say the same as five, at a third more cost."""

FMAX = 0.02
"""eV/angstrom on the ions, or what the search asks for if that is less. At 0.1 the error against DFT is the same, but
one value in thirty moves by a tenth or more: it would tell where a relaxation happened to stop."""

_PARAMETERS = 4


def strained(structure: Structure) -> dict[float, Structure]:
    """Return the crystal at each of the volumes, by their ratio to its own: same shape, same fractional coordinates."""
    return {ratio: structure.copy().scale_lattice(ratio * structure.volume) for ratio in VOLUME_RATIOS}


def settings_of_ions(settings: RelaxSection) -> RelaxSection:
    """Return how ions are relaxed in a strained cell, given how the search relaxes crystals."""
    return settings.model_copy(update={"fmax": min(settings.fmax, FMAX)})


def bulk_modulus(points: Mapping[float, RelaxOutcome]) -> PropertyValue | Verdict:
    """Return the bulk modulus (GPa) from what became of each strained cell, by its ratio of volumes.

    Where there is none: a verdict of the kind ``no_property`` that says why, or the unexpected error of a cell.
    """
    for ratio, outcome in points.items():
        if outcome.verdict is not None:
            return _no_energy(ratio, outcome.verdict)
    relaxed = [outcome.relaxation for outcome in points.values() if outcome.relaxation is not None]
    return fit([r.structure.volume for r in relaxed], [r.energy for r in relaxed])


def fit(volumes: Sequence[float], energies: Sequence[float]) -> PropertyValue | Verdict:
    """Return the bulk modulus (GPa) at the minimum of a third-order Birch-Murnaghan equation of state.

    F. Birch, Phys. Rev. 71, 809 (1947), as energy against volume. The uncertainty is the standard deviation of fits that
    leave one volume out: how much the choice of volumes decides. It knows nothing of the potential's own errors, and is
    None of four volumes, which the equation meets exactly.

    Parameters
    ----------
    volumes, energies : sequence of float
        Of one cell, in angstrom^3 and eV; at least four.

    Returns
    -------
    PropertyValue or Verdict
        A verdict of the kind ``no_property`` where the energy is not convex or has no minimum between the volumes.
    """
    order = np.argsort(volumes)
    v, e = np.asarray(volumes, dtype=float)[order], np.asarray(energies, dtype=float)[order]
    slopes = np.diff(e) / np.diff(v)
    if (np.diff(slopes) <= 0.0).any():
        return _none("the energy is not a convex function of the volume")
    if slopes[0] >= 0.0 or slopes[-1] <= 0.0:
        return _none(f"no minimum of the energy between {v[0]:.2f} and {v[-1]:.2f} angstrom^3")
    whole = _modulus(v, e)
    if whole is None or whole <= 0.0:
        return _none("no equation of state fits the energies")
    return PropertyValue(value=whole, unit=UNIT, uncertainty=_spread(v, e), source=PROTOCOL)


def _modulus(volumes: np.ndarray, energies: np.ndarray) -> float | None:
    from ase.eos import EquationOfState
    from ase.units import GPa

    middle = float(volumes.mean())
    # volumes around one and energies around zero: the solver finds its way from there
    curve = EquationOfState(volumes / middle, energies - energies.min(), "birchmurnaghan")
    with warnings.catch_warnings(action="ignore"):  # it asks for a covariance, which four points do not have
        try:
            _, _, modulus = curve.fit(warn=False)
        except RuntimeError:  # it found no way
            return None
    return float(modulus / middle / GPa) if np.isfinite(modulus) else None


def _spread(volumes: np.ndarray, energies: np.ndarray) -> float | None:
    n = len(volumes)
    if n < _PARAMETERS + 1:
        return None
    left_out = [_modulus(np.delete(volumes, i), np.delete(energies, i)) for i in range(n)]
    found = [modulus for modulus in left_out if modulus is not None]
    if len(found) < n:
        return None
    return float(np.std(found))


def _no_energy(ratio: float, verdict: Verdict) -> Verdict:
    if verdict.kind is FailureKind.INTERNAL_ERROR:  # a bug says nothing of the crystal
        return verdict
    return _none(f"no energy at {ratio:g} times the volume: {verdict.kind}: {verdict.detail}")


def _none(why: str) -> Verdict:
    return Verdict(kind=FailureKind.NO_PROPERTY, stage=NAME, detail=why)
