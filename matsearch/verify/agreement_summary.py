"""Rows of agreement counted: errors, confusion at a threshold, and how each chemistry fared."""

from collections.abc import Callable, Sequence

import numpy as np

from matsearch.core.agreement import ChemistryCount, Confusion, ErrorSummary
from matsearch.core.thresholds import METASTABLE, NEAR_STABLE
from matsearch.core.verified import Standing
from matsearch.verify.agreement import AgreementRow
from matsearch.verify.intervals import exact_interval

THRESHOLDS = (METASTABLE, NEAR_STABLE, 0.0)
"""Of energy above hull, in eV/atom, at which predictions are counted as right or wrong."""

SETTLED = (Standing.CONFIRMED, Standing.REFUTED)
"""Standings of a verdict that is no hint."""

_Pair = Callable[[AgreementRow], tuple[float | None, float | None]]

_QUANTITIES: dict[str, tuple[str, _Pair]] = {
    "energy above hull": ("eV/atom", lambda r: (r.predicted_energy_above_hull, r.energy_above_hull)),
    "formation energy": ("eV/atom", lambda r: (r.predicted_formation_energy, r.formation_energy)),
    "volume": ("Å³/atom", lambda r: (r.predicted_volume, r.volume)),
}


def summarise(rows: Sequence[AgreementRow]) -> tuple[ErrorSummary, ...]:
    """Return the errors of energy above hull, formation energy and volume."""
    return tuple(
        _summary(quantity, unit, [pair(row) for row in rows])
        for quantity, (unit, pair) in _QUANTITIES.items()
    )


def confusions(
    rows: Sequence[AgreementRow], thresholds: Sequence[float] = THRESHOLDS
) -> tuple[Confusion, ...]:
    """Return right and wrong predictions at each threshold, of the crystals of which both say the energy."""
    pairs = [
        (r.predicted_energy_above_hull, r.energy_above_hull) for r in rows if r.energy_above_hull is not None
    ]
    return tuple(_confusion(pairs, threshold) for threshold in thresholds)


def count_chemistries(sent: Sequence[tuple[str, Standing]]) -> tuple[ChemistryCount, ...]:
    """Return the counts of each chemistry, sorted by name.

    Parameters
    ----------
    sent : sequence of (str, Standing)
        Chemistry and standing of every survivor that was sent, those without a calculation too.
    """
    return tuple(
        _chemistry_count(name, [standing for chemistry, standing in sent if chemistry == name])
        for name in sorted({chemistry for chemistry, _ in sent})
    )


def _summary(quantity: str, unit: str, pairs: Sequence[tuple[float | None, float | None]]) -> ErrorSummary:
    errors = np.array([one - other for one, other in pairs if one is not None and other is not None])
    if not len(errors):
        return ErrorSummary(quantity=quantity, unit=unit, n=0)
    mean = float(errors.mean())
    half = _half_width(errors)
    return ErrorSummary(
        quantity=quantity,
        unit=unit,
        n=len(errors),
        mean=mean,
        mean_absolute=float(np.abs(errors).mean()),
        rms=float(np.sqrt(np.mean(errors**2))),
        lower=None if half is None else mean - half,
        upper=None if half is None else mean + half,
    )


def _half_width(errors: np.ndarray, level: float = 0.95) -> float | None:
    """Return half of Student's interval of a mean: t(n - 1) s / sqrt(n)."""
    from scipy.stats import t

    n = len(errors)
    if n < 2:
        return None
    return float(t.ppf((1 + level) / 2, n - 1) * errors.std(ddof=1) / np.sqrt(n))


def _confusion(pairs: Sequence[tuple[float, float]], threshold: float) -> Confusion:
    counts = {(p, f): 0 for p in (True, False) for f in (True, False)}
    for predicted, found in pairs:
        counts[predicted < threshold, found < threshold] += 1
    return Confusion(
        threshold=threshold,
        true_stable=counts[True, True],
        false_stable=counts[True, False],
        false_unstable=counts[False, True],
        true_unstable=counts[False, False],
    )


def _chemistry_count(name: str, standings: Sequence[Standing]) -> ChemistryCount:
    counts = {standing.value: standings.count(standing) for standing in Standing}
    lower, upper = exact_interval(counts["confirmed"], len(standings))
    return ChemistryCount(chemistry=name, sent=len(standings), lower=lower, upper=upper, **counts)
