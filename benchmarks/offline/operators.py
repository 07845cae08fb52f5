"""What each operator yields: unique crystals under 0.1 eV/atom per 100 relaxations in Li-Fe-P-O.

One search per operator alone, one with the default shares, each with several seeds, by CHGNet 0.3.0 against a
complete hull of Materials Project entries. Operators that need parents begin with the embedded crystals of the system. A
crystal counts once (StructureMatcher), if it is believed and no known phase that its own line began with. Means and 95
percent intervals over seeds by Student's t. Each search has its own store in ``--out``: the same command goes on. Usage::

    python benchmarks/offline/operators.py Li-Fe-P-O_entries.json.gz --out DIR --budget-minutes 60
"""

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

sys.path.insert(0, str(Path(__file__).parents[1]))  # benchmarks/

from searches import Unit, interval, run_units

from matsearch.core.propose_section import OperatorName
from matsearch.core.thresholds import METASTABLE, earns_no_reward
from matsearch.pipeline.result import SearchResult

ALL = "all together"


def main() -> None:
    """Run the searches and print the table."""
    options = arguments()
    arms = [ALL, *get_args(OperatorName)]
    units = [Unit(arm, config(arm, seed, options)) for seed in range(options.seeds) for arm in arms]
    results: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for unit, numbers in run_units(units, measure, options.out, options.jobs, options.budget_minutes):
        results[unit.arm].append(numbers)
        print(f"{unit.arm:<18} seed {unit.seed}  {numbers}", flush=True)
    print_table(arms, results, len(units))
    (options.out / "operators.json").write_text(json.dumps(results, indent=1))


def arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("entries", type=Path, help="entries of Li-Fe-P-O, GGA and GGA+U, uncorrected")
    parser.add_argument("--out", type=Path, required=True, help="folder of the searches' stores")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--proposals", type=int, default=20, help="a generation")
    parser.add_argument("--generations", type=int, default=3)
    parser.add_argument("--max-atoms", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=2, help="searches at a time, of one thread each")
    parser.add_argument("--budget-minutes", type=float, default=600)
    return parser.parse_args()


def config(arm: str, seed: int, options: argparse.Namespace) -> dict[str, Any]:
    """Return the search of an arm."""
    proposing = {} if arm == ALL else {"operators": {arm: 1.0}}
    return {
        "name": "operators",
        "seed": seed,
        "system": {"elements": ["Li", "Fe", "P", "O"], "max_atoms": options.max_atoms},
        "reference": {"source": str(options.entries.absolute()), "corrections": "mp2020", "complete": True},
        "propose": proposing,
        "population": {"proposals": options.proposals, "parents": 12},
        "budget": {"generations": options.generations},
    }


def measure(result: SearchResult, relaxations: int) -> dict[str, Any]:
    """Return what a search yielded."""
    believed = [c for c in result.ranked if not earns_no_reward(c.flags)]
    low = [c for c in believed if c.placement and c.placement.energy_above_hull < METASTABLE]
    own = [c for c in low if c.match and c.match.own_root]
    new = [c.placement.energy_above_hull for c in low if c.placement and c not in own]
    return {
        "relaxations": relaxations,
        "distinct": result.funnel.distinct,
        "under": len(low),
        "own": len(own),
        "per_100": round(100.0 * len(new) / max(1, relaxations), 1),
        "best": min(new, default=None),
    }


def print_table(arms: Sequence[str], results: dict[str, list[dict[str, Any]]], asked: int) -> None:
    """Print one line an arm."""
    done = sum(len(found) for found in results.values())
    print(
        f"\n{done} of {asked} searches done. Unique crystals under {METASTABLE} eV/atom per 100 relaxations:"
    )
    for arm in arms:
        found = results.get(arm, [])
        if not found:
            continue
        mean, low, high = interval([numbers["per_100"] for numbers in found])
        sums = {key: sum(numbers[key] for numbers in found) for key in ("relaxations", "under", "own")}
        print(
            f"{arm:<18} {mean:5.1f} ({low:5.1f} to {high:5.1f})  {len(found)} seeds, {sums['relaxations']} "
            f"relaxations, {sums['under']} under, {sums['own']} of them own roots"
        )


if __name__ == "__main__":
    main()
