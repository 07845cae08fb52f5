"""Several objectives at once: fronts and crowding against a weighted sum and a lexical score.

Case ``two`` is stability and bulk modulus, case ``three`` also the deformation energy (E_relaxed - E_proposed)/N, which
MatLLMSearch (arXiv:2502.20933) maximises. The arms differ in ``selection.scheme`` alone: pareto, weighted, and, for two
objectives as in that paper, lexical. All crystals come from the operators; the first generation of a seed is the same
in all arms. Cells of up to 8 atoms in Ti-B-C-N, where the stable layered phases are soft; diamond and cubic boron
nitride, the stiffest, are not given and have to be found. What lies more than 0.5 eV/atom above the hull, the end of that axis, is
worse than all else in every arm (``at_most``). The weights of the weighted sum are the paper's, 0.7 for stability and 0.3
for the rest, shared equally.

The hypervolume is that of all believed crystals up to a generation on absolute axes (``matsearch.core.axes``), so that
generations, seeds and arms compare; it is computed here and held against the campaign's own. Differences are paired by
seed, with 95 percent intervals by Student's t. Each search has its own store in ``--out``: the same command goes on. After each
search ``objectives.json`` and ``objectives.md`` are written anew, at the end also the fronts by generation and the
hypervolume against evaluations as PNG. Usage::

    python benchmarks/objectives/run.py --out DIR --budget-minutes 60 --jobs 2
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from drawing import draw_fronts, draw_hypervolumes
from front_measures import measure
from front_tables import report
from searches import Unit, run_units

SCHEMES = {"two": ("pareto", "weighted", "lexical"), "three": ("pareto", "weighted")}
"""Of each case; the paper's lexical score is of two objectives."""

STABILITY = {"name": "energy_above_hull", "direction": "minimize", "at_most": 0.5, "weight": 0.7}
OTHERS_WEIGHT = 0.3


def main() -> None:
    """Run the searches, print the tables and draw the figures."""
    options = arguments()
    units = [
        Unit(f"{case}-{scheme}", config(case, scheme, seed, options))
        for seed in range(options.seeds)
        for case in options.cases
        for scheme in SCHEMES[case]
    ]
    found: list[dict[str, Any]] = []
    for unit, numbers in run_units(units, measure, options.out, options.jobs, options.budget_minutes):
        found.append(numbers)
        volumes = [round(one["hypervolume"], 4) for one in numbers["generations"]]
        print(f"{unit.arm:<16} seed {unit.seed}  hypervolume by generation {volumes}", flush=True)
        (options.out / "objectives.json").write_text(json.dumps(found, indent=1))
        (options.out / "objectives.md").write_text(report(found, len(units)))
    print(report(found, len(units)))
    for case in options.cases:
        of_case = [numbers for numbers in found if numbers["case"] == case]
        if of_case:
            draw_fronts(of_case, options.out / f"fronts-{case}.png")
            draw_hypervolumes(of_case, options.out / f"hypervolume-{case}.png")


def arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the searches' stores")
    parser.add_argument("--cases", nargs="+", default=list(SCHEMES), choices=SCHEMES)
    parser.add_argument("--property", default="bulk_modulus", help="maximised beside stability")
    parser.add_argument("--elements", nargs="+", default=["B", "C", "N", "Ti"])
    parser.add_argument("--exclude", nargs="*", default=["BN-216", "C-227"], help="known crystals not given")
    parser.add_argument("--max-atoms", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--proposals", type=int, default=20, help="a generation")
    parser.add_argument("--generations", type=int, default=6)
    parser.add_argument("--jobs", type=int, default=2, help="searches at a time, of one thread each")
    parser.add_argument("--budget-minutes", type=float, default=600)
    return parser.parse_args()


def config(case: str, scheme: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the search of a case by a scheme; what else selection may do is left out."""
    names = [options.property] if case == "two" else ["deformation_energy", options.property]
    weight = OTHERS_WEIGHT / len(names)
    others = [{"name": name, "direction": "maximize", "weight": weight} for name in names]
    return {
        "name": f"objectives-{case}",
        "seed": seed,
        "system": {"elements": options.elements, "max_atoms": options.max_atoms},
        "objectives": [STABILITY, *others],
        "seeds": {"exclude": options.exclude},
        "population": {"proposals": options.proposals, "parents": 8},
        "selection": {"scheme": scheme, "diversity": 0.0, "stagnation": None},
        "budget": {"generations": options.generations},
    }


if __name__ == "__main__":
    main()
