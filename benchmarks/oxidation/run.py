"""Oxidation states from moments: windows fixed on one half of the compounds, scored on the other.

Prints a table, and the whole result as JSON with ``--json FILE``. ``--write-windows`` writes the windows into the
package (only meant for the default potential)::

    OMP_NUM_THREADS=1 python benchmarks/oxidation/run.py --version 0.3.0 --json oxidation.json
"""

import argparse
import json
import os
import sys
import time
import warnings
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
sys.path.insert(0, str(Path(__file__).parent))

from compounds import load_compounds
from moments import Measured, measure
from scoring import (
    Answer,
    by_bond_valence,
    by_chgnet,
    by_composition,
    by_matsearch,
    by_neutrality_alone,
    by_windows_alone,
    score,
    summary,
)
from windows import best_margin, fit, widened

import matsearch.crystal
from matsearch.crystal.ions import ion_summary, moment_summary
from matsearch.crystal.oxidation import Windows, moment_windows
from matsearch.potentials import load_potential

GEOMETRIES = {"literature": False, "relaxed": True}


def main() -> None:
    """Calculate, fix, score, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--potential", default="chgnet")
    parser.add_argument("--version")
    parser.add_argument("--json", type=Path, help="Write everything here.")
    parser.add_argument("--write-windows", action="store_true")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    potential = load_potential(options.potential, options.version)
    name = f"{potential.info.name} {potential.info.version}"
    began = time.perf_counter()
    measured = measure_all(potential.calculator())
    calibration = [
        one
        for ones in measured.values()
        for one in ones
        if not one.compound.held_out and not one.compound.metal
    ]
    margin, margins = best_margin(calibration)
    windows = fit(calibration, margin)
    result = {
        "potential": name,
        "margin": margin,
        "margins": margins,
        "windows": listed(windows),
        "widened": listed(widened(windows)),
        "scores": {key: scores(ones, windows) for key, ones in measured.items()},
        "metals": {key: claims(ones, windows) for key, ones in measured.items()},
        "compounds": {key: [line(one, windows) for one in ones] for key, ones in measured.items()},
        "seconds": round(time.perf_counter() - began, 1),
    }
    show(result)
    if options.json:
        options.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    if options.write_windows:
        write_windows(result)


def listed(windows: Windows) -> dict[str, list[list[float]]]:
    """Return windows as JSON types."""
    return {symbol: [list(w) for w in found] for symbol, found in sorted(windows.items())}


def measure_all(calculator: Any) -> dict[str, list[Measured]]:
    """Return all compounds' moments, at the literature's geometry and relaxed."""
    compounds = load_compounds()
    return {
        key: [measure(compound, calculator, relaxed=relaxed) for compound in compounds]
        for key, relaxed in GEOMETRIES.items()
    }


def answers(one: Measured, windows: Windows) -> dict[str, Answer]:
    """Return what each method says."""
    return {
        "moments, bonds and neutrality": by_matsearch(one, windows),
        "the same, packaged windows": by_matsearch(one, moment_windows()),
        "bonds and neutrality alone": by_neutrality_alone(one, windows),
        "moment windows alone": by_windows_alone(one, windows),
        "solve_charge_by_mag": by_chgnet(one),
        "BVAnalyzer": by_bond_valence(one),
        "oxi_state_guesses": by_composition(one),
    }


def scores(measured: list[Measured], windows: Windows) -> dict[str, Any]:
    """Score every method on the held-out half."""
    by_method: dict[str, list[Any]] = {}
    for one in measured:
        if one.compound.held_out:
            for method, answer in answers(one, windows).items():
                by_method.setdefault(method, []).append(score(one, answer))
    return {method: summary(found) for method, found in by_method.items()}


def claims(measured: list[Measured], windows: Windows) -> dict[str, list[str]]:
    """Return the metals of which each method claims that a site has an oxidation state."""
    claimed: dict[str, list[str]] = {}
    for one in measured:
        if one.compound.metal:
            for method, answer in answers(one, windows).items():
                found = claimed.setdefault(method, [])
                found += [one.compound.formula] if any(state is not None for state in answer) else []
    return claimed


def line(one: Measured, windows: Windows) -> dict[str, Any]:
    """Return one compound's line of the report."""
    symbols = [site.specie.symbol for site in one.crystal]
    return {
        "formula": one.compound.formula,
        "held_out": one.compound.held_out,
        "moments": moment_summary(symbols, one.moments, least=0.0),
        "fmax": round(one.fmax, 3),
        "converged": one.converged,
        **{
            method: {"verdict": score(one, answer).verdict, "ions": ion_summary(symbols, answer)}
            for method, answer in answers(one, windows).items()
        },
    }


def show(result: dict[str, Any]) -> None:
    """Print the tables."""
    print(f"{result['potential']}: margin {result['margin']} muB of {result['margins']}")
    for symbol, found in result["windows"].items():
        print(f"  {symbol:3s}" + "; ".join(f"{state}+ {low:.2f} to {high:.2f}" for state, low, high in found))
    for key, methods in result["scores"].items():
        print(f"\nheld-out half, {key} geometry: right / wrong / cannot tell (Wilson 95 %)")
        for method, found in methods.items():
            print(f"  {method:30s} " + "   ".join(f"{what}: {_words(found[what])}" for what in found))
        for method, found in result["metals"][key].items():
            print(f"  metals claimed by {method}: {len(found)} ({' '.join(found)})")
        for entry in result["compounds"][key]:
            ours = entry["moments, bonds and neutrality"]
            if entry["held_out"] and ours["verdict"] != "right":
                print(f"    {ours['verdict']:11s} {entry['formula']:12s} {ours['ions']}   {entry['moments']}")
    print(f"\n{result['seconds']} s")


def write_windows(result: dict[str, Any]) -> None:
    """Write the windows where the package reads them."""
    document = {"potential": result["potential"], "margin": result["margin"], "windows": result["widened"]}
    path = Path(matsearch.crystal.__file__).with_name("oxidation_windows.json")
    text = json.dumps(document, indent=1).replace("\n    ", " ").replace("\n   ]", " ]")
    path.write_text(text + "\n", encoding="utf-8")


def _words(shares: dict[str, Any]) -> str:
    parts = [shares[kind] for kind in ("right", "wrong", "cannot_tell")]
    counts = " / ".join(str(part["count"]) for part in parts)
    low, high = parts[0]["interval"]
    return f"{counts} of {shares['n']} (right {low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
