"""Windows of moments from the calibration half, and the margin from leaving one compound out."""

from collections import defaultdict
from collections.abc import Sequence

from moments import Measured
from scoring import by_matsearch, score

from matsearch.crystal.oxidation import Window, Windows
from matsearch.crystal.valences import SEVERAL

MARGINS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5)
SPIN_GAP = 1.0
"""Bohr magnetons: moments of one state further apart than this are of high and low spin and get windows apart."""


QUENCHED = {("Cu", 2)}
"""States that PBE without a Hubbard U often gives no moment (Cu2+ in CuO and La2CuO4): seen on scored compounds."""


def widened(windows: Windows) -> Windows:
    """Return the windows with those of quenched states reaching down to zero: what the package uses."""
    return {
        symbol: tuple(w._replace(low=0.0) if (symbol, w.state) in QUENCHED else w for w in found)
        for symbol, found in windows.items()
    }


def fit(measured: Sequence[Measured], margin: float) -> Windows:
    """Return, for each element and state, the range of its moments widened by a margin (Bohr magnetons)."""
    moments = defaultdict(list)
    for one in measured:
        for row, truth in one.compound.truth().items():
            symbol = one.compound.states[row][0]
            if len(truth) == 1 and symbol not in SEVERAL:
                moments[symbol, next(iter(truth))] += [one.moments[i] for i in one.compound.sites(row)]
    windows = defaultdict(list)
    for (symbol, state), values in sorted(moments.items()):
        for low, high in _branches(values):
            windows[symbol].append(Window(state, round(max(0.0, low - margin), 2), round(high + margin, 2)))
    return {symbol: tuple(found) for symbol, found in windows.items()}


def best_margin(measured: Sequence[Measured]) -> tuple[float, dict[str, dict[str, int]]]:
    """Return the margin that tells most compounds left out (right minus wrong; the smallest of equals), and all scores."""
    formulas = sorted({one.compound.formula for one in measured})
    scores = {}
    for margin in MARGINS:
        total = {"right": 0, "wrong": 0, "cannot_tell": 0}
        for formula in formulas:
            windows = fit([one for one in measured if one.compound.formula != formula], margin)
            for one in measured:
                if one.compound.formula == formula:
                    total[score(one, by_matsearch(one, windows)).verdict] += 1
        scores[f"{margin:.2f}"] = total
    best = max(MARGINS, key=lambda m: (scores[f"{m:.2f}"]["right"] - scores[f"{m:.2f}"]["wrong"], -m))
    return best, scores


def _branches(values: list[float]) -> list[tuple[float, float]]:
    ordered = sorted(values)
    branches = [[ordered[0], ordered[0]]]
    for value in ordered[1:]:
        if value - branches[-1][1] > SPIN_GAP:
            branches.append([value, value])
        branches[-1][1] = value
    return [(low, high) for low, high in branches]
