"""Structure prediction of five known compounds where neither they nor their isotypes are given.

Each compound is searched by its formula alone, by all operators and by random symmetric crystals alone, with the same
seeds. The target and all embedded crystals of its type (``StructureMatcher.fit_anonymous``) are taken out of seeds and
templates, and no relaxation is led to them; other known crystals of the same formula (anatase, where rutile is sought)
stay, and count only as themselves. Cells of up to 12 atoms are searched for every compound, so that nothing tells how
large the target's is. The first 100 distinct relaxations in order of birth count, failed ones and those ended early
too; generations are added until there are as many.

A seed succeeds if a relaxed crystal is the known phase as the same potential relaxed it (StructureMatcher, default
tolerances). Crystals that the potential puts more than 5 meV/atom lower than the known phase form a column of their
own. Each search has its own store in ``--out``: the same command goes on. After each search ``prediction.json`` and
``prediction.md`` there are written anew. Usage::

    python benchmarks/prediction/run.py --out DIR --budget-minutes 120 --jobs 2
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from outcomes import ARMS, RELAXATIONS, measure, report, require_nothing_leads_there
from searches import Unit, run_units
from targets import phase, require_unseen

TARGETS = ("NaCl-225", "CaF2-225", "TiO2-136", "SrTiO3-221", "KZnF3-221")


def main() -> None:
    """Run the searches and print the tables."""
    options = arguments()
    units = [
        Unit(f"{name}-{arm}", config(name, arm, seed, options), RELAXATIONS)
        for seed in range(options.seeds)
        for name in options.targets
        for arm in ARMS
    ]
    for name in options.targets:
        require_unseen(name, config(name, ARMS[0], 0, options))
        require_nothing_leads_there(name, config(name, ARMS[0], 0, options))
    found: list[dict[str, Any]] = []
    for unit, numbers in run_units(units, measure, options.out, options.jobs, options.budget_minutes):
        found.append(numbers)
        print(f"{unit.arm:<22} seed {unit.seed}  {numbers}", flush=True)
        (options.out / "prediction.json").write_text(json.dumps(found, indent=1))
        (options.out / "prediction.md").write_text(report(found, len(units)))
    print(report(found, len(units)))


def arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the searches' stores")
    parser.add_argument("--targets", nargs="+", default=TARGETS, metavar="ID", help="embedded phases")
    parser.add_argument("--max-atoms", type=int, default=12, help="largest cell, of every compound")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2, help="searches at a time, of one thread each")
    parser.add_argument("--budget-minutes", type=float, default=600)
    return parser.parse_args()


def config(name: str, arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the search for a target by an arm."""
    target = phase(name)
    return {
        "name": f"predict-{target.formula}",
        "seed": seed,
        "system": {
            "elements": sorted(target.symbols),
            "max_atoms": options.max_atoms,
            "formulas": [target.formula],
        },
        "seeds": {"exclude_isotypes": [name]},
        "propose": {"operators": {"random_symmetric": 1.0}} if arm == "random" else {},
        "population": {"proposals": 20, "parents": 10},
        "budget": {"generations": 5},
    }


if __name__ == "__main__":
    main()
