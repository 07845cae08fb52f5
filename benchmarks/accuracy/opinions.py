"""Whether potentials that disagree are wrong: 486 WBM crystals at their DFT geometry, energies per atom.

Disagreement is the largest minus the smallest energy, uncertainty the sample standard deviation, error that of the
first potential against the Materials Project 2020-corrected DFT energy. All lie on one geometry and one hull, so
energies and energies above hull differ by the same. Intervals are 95 percent, by bootstrap over crystals. One thread::

    python benchmarks/accuracy/opinions.py DATA --json opinions.json

``DATA`` holds ``wbm_equilibrium_half.json.gz`` (Wang, Botti and Marques, npj Comput. Mater. 7, 12 (2021), by way of
matcalc).
"""

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
from run import FILE, Reference, draws, interval, read_crystals, shown, with_interval
from scipy.stats import rankdata

from matsearch.core.errors import MatsearchError
from matsearch.core.labels import Labels
from matsearch.core.protocols import Potential
from matsearch.core.schemes import MP_GGA
from matsearch.core.thresholds import DISAGREEMENT
from matsearch.hull.scale import on_hull_scale
from matsearch.potentials import load_potential
from matsearch.potentials.evaluators import evaluator_of
from matsearch.potentials.frames import to_atoms

PAIR = ("chgnet:0.3.0", "chgnet:0.2.0")
PASS = 8
MOST = 0.2
"""Share of the crystals that counts as those that disagree most."""
LARGE = 100.0
"""meV/atom: an error as large as the window of what is metastable."""
THRESHOLDS = (20.0, 50.0, 75.0, 1e3 * DISAGREEMENT, 150.0, 200.0)
QUANTILES = (50, 80, 90, 95, 99, 100)


def main() -> None:
    """Measure, print tables and write the figures."""
    options = parsed()
    warnings.simplefilter("ignore")
    began = time.perf_counter()
    try:
        crystals = read_crystals(options.data / FILE)
        potentials = [load_potential(*name.split(":", 1)) for name in options.potentials]
        answers = np.array([energies(potential, crystals) for potential in potentials])
    except MatsearchError as error:
        sys.exit(f"error: {error}")
    answered = np.isfinite(answers).all(axis=0)
    dft = np.array([1e3 * c.energies["corrected"] / len(c.structure) for c in crystals])
    result = measured(answers[:, answered], dft[answered])
    result |= {"potentials": options.potentials, "refused": int((~answered).sum())}
    result["seconds"] = round(time.perf_counter() - began, 1)
    print(tables(result))
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n")


def parsed() -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--potentials", nargs="+", default=PAIR, metavar="NAME:VERSION", help="The first: whose errors."
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="Write all figures there.")
    return parser.parse_args()


def energies(potential: Potential, crystals: Sequence[Reference]) -> np.ndarray:
    """Return energies in meV/atom on the scale of a Materials Project hull, shape (n,); NaN where there is none.

    Raises
    ------
    SchemeMismatchError
        If they may not be compared with such a hull.
    """
    evaluator = evaluator_of(potential)
    found = []
    for first in range(0, len(crystals), PASS):
        batch = [c.structure for c in crystals[first : first + PASS]]
        for structure, labels in zip(batch, evaluator.evaluate([to_atoms(s) for s in batch]), strict=True):
            energy = labels.energy if isinstance(labels, Labels) else np.nan
            scaled = on_hull_scale(structure, energy, potential.info.scheme_id, MP_GGA, None, {})
            found.append(1e3 * scaled / len(structure))
    return np.array(found)


def measured(answers: np.ndarray, dft: np.ndarray) -> dict[str, Any]:
    """Return the figures, in meV/atom, of answers of shape (potentials, n)."""
    spread, uncertainty = np.ptp(answers, axis=0), answers.std(axis=0, ddof=1)
    errors = np.abs(answers[0] - dft)
    most = np.zeros(len(dft), dtype=bool)
    most[np.argsort(spread)[-round(MOST * len(dft)) :]] = True
    return {
        "n": len(dft),
        "mae": [mean(np.abs(energy - dft)) for energy in answers],
        "mae_of_the_mean": mean(np.abs(answers.mean(axis=0) - dft)),
        "spearman": correlation(spread, errors),
        "mae_most": mean(errors[most]),
        "mae_rest": mean(errors[~most]),
        "spread_quantiles": {str(q): float(np.percentile(spread, q)) for q in QUANTILES},
        "within_two_uncertainties": mean(100.0 * (errors <= 2.0 * uncertainty)),
        "large_errors": int((errors > LARGE).sum()),
        "by_threshold": [at_threshold(limit, spread, errors) for limit in THRESHOLDS],
    }


def at_threshold(limit: float, spread: np.ndarray, errors: np.ndarray) -> dict[str, Any]:
    """Return what a threshold on the disagreement flags, and how wrong that and the rest are."""
    flagged = spread > limit
    return {
        "limit": limit,
        "flagged": int(flagged.sum()),
        "mae_flagged": mean(errors[flagged]) if flagged.any() else None,
        "mae_rest": mean(errors[~flagged]),
        "large_flagged": int((errors[flagged] > LARGE).sum()),
        "large_rest": int((errors[~flagged] > LARGE).sum()),
    }


def correlation(first: np.ndarray, second: np.ndarray) -> list[float]:
    """Return Spearman's rank correlation with its interval."""
    drawn = [_spearman(first[sample], second[sample]) for sample in draws(len(first))]
    return [_spearman(first, second), *interval(drawn)]


def _spearman(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(rankdata(first), rankdata(second))[0, 1])


def mean(values: np.ndarray) -> list[float]:
    """Return the mean with its interval."""
    return with_interval(lambda x: x.mean(axis=-1), values)


def tables(result: dict[str, Any]) -> str:
    """Return the figures as aligned text."""
    names = result["potentials"]
    maes = zip((*names, "their mean"), (*result["mae"], result["mae_of_the_mean"]), strict=True)
    lines = [
        f"{result['n']} crystals in {result['seconds']} s, {result['refused']} refused; meV/atom, first: {names[0]}",
        *(f"{'MAE, ' + name:<36}{shown(mae)}" for name, mae in maes),
        f"{'Spearman, disagreement and error':<36}{shown(result['spearman'], 2)}",
        f"{f'MAE, {MOST:.0%} that disagree most':<36}{shown(result['mae_most'])}",
        f"{'MAE, the rest':<36}{shown(result['mae_rest'])}",
        f"{'error within 2 uncertainties, %':<36}{shown(result['within_two_uncertainties'])}",
        "disagreement: " + ", ".join(f"{q}% {value:.0f}" for q, value in result["spread_quantiles"].items()),
        f"{'over':>6}{'flagged':>9}{'MAE flagged':>26}{'MAE rest':>24}  errors over {LARGE:.0f}: flagged, rest",
    ]
    for row in result["by_threshold"]:
        flagged = shown(row["mae_flagged"]) if row["mae_flagged"] else "-"
        lines.append(
            f"{row['limit']:>6.0f}{row['flagged']:>9}{flagged:>26}{shown(row['mae_rest']):>24}"
            f"  {row['large_flagged']}, {row['large_rest']}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
