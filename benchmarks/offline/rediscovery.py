"""Find known ground states again where neither they nor their isotypes are given.

Structure prediction of a composition by the offline operators: the target and all embedded crystals of its type
(``StructureMatcher.fit_anonymous``) are taken out of parents and templates, and no relaxation is led to them. A seed
succeeds if a relaxed crystal is the target (StructureMatcher, default tolerances). ``--free`` searches the whole
chemical system instead. Cells are at most as large as the target's, or ``--max-atoms``. Each search has its own store in ``--out``: the same command goes on. Usage::

    python benchmarks/offline/rediscovery.py --out DIR --budget-minutes 30
"""

import argparse
import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from pymatgen.analysis.structure_matcher import StructureMatcher
from searches import Unit, run_units
from targets import phase, require_unseen

from matsearch.pipeline.result import SearchResult

TARGETS = ("SrTiO3-221", "Ti2AlC-194", "LiCoO2-166", "MgAl2O4-227")


def main() -> None:
    """Run the searches and print the success counts."""
    options = arguments()
    units = [
        Unit(name, config(name, seed, options)) for seed in range(options.seeds) for name in options.targets
    ]
    for name in options.targets:
        require_unseen(name, config(name, 0, options))
    results: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for unit, numbers in run_units(units, measure, options.out, options.jobs, options.budget_minutes):
        results[unit.arm].append(numbers)
        print(f"{unit.arm:<12} seed {unit.seed}  {numbers}", flush=True)
    for name, found in results.items():
        hits = [numbers for numbers in found if numbers["found_after"] is not None]
        after = ", ".join(str(numbers["found_after"]) for numbers in hits)
        print(
            f"{name:<12} {len(hits)} of {len(found)} seeds" + (f", after {after} proposals" if hits else "")
        )
    (options.out / "rediscovery.json").write_text(json.dumps(results, indent=1))


def arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the searches' stores")
    parser.add_argument("--targets", nargs="+", default=TARGETS, metavar="ID", help="embedded phases")
    parser.add_argument(
        "--max-atoms",
        type=int,
        help="largest cell; default: the target's, which tells how many formula units it has",
    )
    parser.add_argument("--free", action="store_true", help="search the system, not the composition")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--proposals", type=int, default=25, help="a generation")
    parser.add_argument("--generations", type=int, default=4)
    parser.add_argument("--jobs", type=int, default=2, help="searches at a time, of one thread each")
    parser.add_argument("--budget-minutes", type=float, default=600)
    return parser.parse_args()


def config(name: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the search for a target."""
    target = phase(name)
    system = {"elements": sorted(target.symbols), "max_atoms": options.max_atoms or len(target.relaxed)}
    if not options.free:
        system["formulas"] = [target.formula]
    return {
        "name": f"find-{target.formula}",
        "seed": seed,
        "system": system,
        "seeds": {"exclude_isotypes": [name]},
        "population": {"proposals": options.proposals, "parents": 10},
        "budget": {"generations": options.generations},
    }


def measure(result: SearchResult, relaxations: int) -> dict[str, Any]:
    """Return when the target was found, in proposals, and by which operator."""
    target = phase(result.record.config["seeds"]["exclude_isotypes"][0])
    matcher = StructureMatcher()
    relaxed = [(i, c) for i, c in enumerate(result.candidates, start=1) if c.relaxation]
    same = [
        (i, c)
        for i, c in relaxed
        if c.formula == target.formula
        and c.relaxation
        and matcher.fit(target.relaxed, c.relaxation.structure)
    ]
    best = result.ranked[0] if result.ranked else None
    return {
        "found_after": same[0][0] if same else None,
        "operator": same[0][1].lineage.operator if same else None,
        "is_best": bool(best and same and matcher.fit(target.relaxed, best.best_structure)),
        "relaxations": relaxations,
    }


if __name__ == "__main__":
    main()
