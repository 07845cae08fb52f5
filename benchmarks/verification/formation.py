"""Formation energies by GPAW: compounds and elements relaxed, their convergence, and what others say.

NaCl, MgO, CaF2, SrTiO3, TiN and TiC and their elements are relaxed with the settings of ``matsearch verify``; at the relaxed
geometries cut-off and k-points are raised, one after the other. Gases are molecules in a box::

    python benchmarks/verification/formation.py --out DIR --budget-minutes 60

Every calculation keeps its files in ``DIR/dft``: the same command goes on where it ended. ``DIR/formation.json`` and a table
are written from what is done.
"""

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pymatgen.core import Structure

from matsearch.core.dft import DftOutcome, DftTask
from matsearch.core.errors import InputError, MatsearchError
from matsearch.core.verify_section import GpawSection, RunSection
from matsearch.crystal.known import embedded_set
from matsearch.hull.corrections import mp2020_correction
from matsearch.verify.gpaw.backend import GpawBackend
from matsearch.verify.moments import initial_moments
from matsearch.verify.settings import dft_task
from matsearch.verify.substitutes import substitute_for

COMPOUNDS = ("NaCl-225", "MgO-225", "CaF2-225", "SrTiO3-221", "TiN-225", "TiC-225")
GASES = frozenset({"N", "O", "F", "Cl"})
METALS = {"Na": "Na-229", "Mg": "Mg-194", "Ca": "Ca-225", "Sr": "Sr-225", "Ti": "Ti-194", "C": "C-194"}
CHANGES: dict[str, dict[str, float]] = {
    "cut-off 700 eV, 3.5 k-points": {},
    "cut-off 800 eV": {"cutoff": 800.0},
    "cut-off 1000 eV": {"cutoff": 1000.0},
    "2.5 k-points": {"kpoint_density": 2.5},
    "5 k-points": {"kpoint_density": 5.0},
}
COLUMNS = {
    "GPAW PBE": "formation_energy_per_atom",
    "VASP PBE": "vasp_pbe",
    "GPAW + MP2020": "corrected",
    "Materials Project": "materials_project",
    "CHGNet": "chgnet",
    "experiment": "experiment",
    "A^3/atom": "volume_per_atom",
    "core-hours": "core_hours",
}
PUBLISHED = Path(__file__).with_name("published.yaml")


class Phase(NamedTuple):
    """A crystal or a molecule in a box, with the offset (eV/atom) to the phase it stands for."""

    name: str
    structure: Structure
    box: bool = False
    offset_per_atom: float = 0.0


def main() -> None:
    """Compute what is missing within the budget, then print and write."""
    options = parsed()
    try:
        lines = run(options)
    except MatsearchError as error:
        sys.exit(str(error))
    (options.out / "formation.json").write_text(json.dumps(lines, indent=1))
    print_table(lines)


def parsed() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--budget-minutes", type=float, default=60.0)
    parser.add_argument("--cores", type=int, default=None)
    return parser.parse_args()


def run(options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return one line a compound and setting, of what is done."""
    until = time.monotonic() + 60.0 * options.budget_minutes
    phases = all_phases()
    relaxed = {
        name: outcome
        for name, phase in phases.items()
        if (outcome := computed(phase, phase.structure, {}, options, until, relax=True)) is not None
    }
    statics = {
        change: {
            name: outcome
            for name, phase in phases.items()
            if name in relaxed and (done := relaxed[name].calculation) is not None
            if (outcome := computed(phase, done.structure, values, options, until, relax=False)) is not None
        }
        for change, values in CHANGES.items()
    }
    return [
        line
        for compound in COMPOUNDS
        for change, outcomes in {"relaxed": relaxed, **statics}.items()
        if (line := line_of(phases, compound, change, outcomes)) is not None
    ]


def all_phases() -> dict[str, Phase]:
    """Return compounds by id and elements by symbol."""
    known = {phase.phase_id: phase.relaxed for phase in embedded_set().phases}
    compounds = {name: Phase(name, known[name]) for name in COMPOUNDS}
    symbols = sorted({e.symbol for phase in compounds.values() for e in phase.structure.composition.elements})
    elements = {}
    for symbol in symbols:
        if symbol in GASES:
            found = substitute_for(symbol, None, on_facet=False)
            if found is None:
                raise InputError(
                    f"{symbol} has no molecule to compute", "add one to matsearch.verify.substitutes"
                )
            elements[symbol] = Phase(found.name, found.structure, found.box, found.offset_per_atom)
        else:
            elements[symbol] = Phase(METALS[symbol], known[METALS[symbol]])
    return {**elements, **compounds}


def computed(
    phase: Phase,
    structure: Structure,
    changes: Mapping[str, float],
    options: argparse.Namespace,
    until: float,
    *,
    relax: bool,
) -> DftOutcome | None:
    """Return the outcome of one calculation, from its folder where it is done; None when the time is over."""
    left = until - time.monotonic()
    if left <= 0:
        return None
    run = RunSection(cores=options.cores, time_limit_h=max(left, 1.0) / 3600)
    backend = GpawBackend(GpawSection(**changes), run, options.out / "dft", relax=relax)
    backend.require_ready()
    task: DftTask = dft_task(
        structure, backend.settings, phase.name, initial_moments(structure), box=phase.box
    )
    began = time.monotonic()
    outcome = backend.run(task)
    said = outcome.verdict.detail if outcome.verdict else f"{outcome.calculation.energy_per_atom:.4f} eV/atom"
    print(f"{phase.name}: {said} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
    return outcome


def line_of(
    phases: Mapping[str, Phase], compound: str, change: str, outcomes: Mapping[str, DftOutcome]
) -> dict[str, Any] | None:
    """Return formation energy, raw and corrected, in eV/atom; None unless compound and elements are done."""
    composition = phases[compound].structure.composition
    needed = [compound, *(e.symbol for e in composition.elements)]
    done = {name: made for name in needed if name in outcomes and (made := outcomes[name].calculation)}
    if len(done) < len(needed):
        return None
    energy = {name: made.energy_per_atom + phases[name].offset_per_atom for name, made in done.items()}
    fractions = composition.fractional_composition
    raw = energy[compound] - sum(fractions[e] * energy[e.symbol] for e in composition.elements)
    made = done[compound]
    stress = made.stress or ()
    return {
        "compound": composition.reduced_formula,
        "setting": change,
        "formation_energy_per_atom": round(raw, 4),
        "corrected": round(raw + mp2020_correction(made.structure) / len(made.structure), 4),
        "volume_per_atom": round(made.structure.volume / len(made.structure), 3),
        "pressure_gpa": round(-sum(stress[i][i] for i in range(3)) / 3, 2) if stress else None,
        "chgnet": round(chgnet_formation_energy(compound), 4),
        "core_hours": round(sum(outcomes[name].core_hours for name in needed), 3),
    }


def chgnet_formation_energy(compound: str) -> float:
    """Return CHGNet's formation energy in eV/atom: it was fitted to the Materials Project's corrected energies."""
    phases = {phase.phase_id: phase for phase in embedded_set().phases}
    composition = phases[compound].relaxed.composition
    elements = {
        e.symbol: [p for p in phases.values() if p.symbols == {e.symbol}] for e in composition.elements
    }
    lowest = {symbol: min(p.energy / len(p.relaxed) for p in known) for symbol, known in elements.items()}
    amounts = composition.get_el_amt_dict()
    return (
        phases[compound].energy - sum(n * lowest[symbol] for symbol, n in amounts.items())
    ) / composition.num_atoms


def print_table(lines: list[dict[str, Any]]) -> None:
    """Print relaxed values beside the published ones, then the convergence."""
    published = yaml.safe_load(PUBLISHED.read_text())
    print("\n| compound |", " | ".join(COLUMNS), "|")
    print("| --- |", " | ".join("---" for _ in COLUMNS), "|")
    for line in lines:
        if line["setting"] == "relaxed":
            row = {**published[line["compound"]], **line}
            cells = [f"{row[key]:.3f}" if key in row else "" for key in COLUMNS.values()]
            print(f"| {line['compound']} |", " | ".join(cells), "|")
    print("\n| formation energy, eV/atom (pressure, GPa) |", " | ".join(CHANGES), "|")
    print("| --- |", " | ".join("---" for _ in CHANGES), "|")
    for compound in dict.fromkeys(line["compound"] for line in lines):
        by_setting = {line["setting"]: line for line in lines if line["compound"] == compound}
        cells = [
            f"{by_setting[c]['formation_energy_per_atom']:.4f} ({by_setting[c]['pressure_gpa']})"
            if c in by_setting
            else ""
            for c in CHANGES
        ]
        print(f"| {compound} |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
