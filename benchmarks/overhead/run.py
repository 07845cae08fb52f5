"""How much of a search is not the potential's own time.

One CHGNet search with one worker process is timed from its call to its table. Then the very structures it relaxed
are relaxed again by a bare loop over :func:`matsearch.relax.single.relax_one` in this process: the potential's own
time. Both on one thread, in one run::

    python benchmarks/overhead/run.py --proposals 8 --generations 2
"""

import argparse
import json
import os
import tempfile
import time

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import matsearch
from matsearch.core.config import RelaxSection
from matsearch.core.records import Candidate
from matsearch.potentials import load_potential
from matsearch.relax.single import relax_one


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--proposals", type=int, default=8)
    parser.add_argument("--generations", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        result = matsearch.search(
            "quickstart",
            store=f"sqlite:///{folder}/overhead.sqlite",
            population={"proposals": options.proposals},
            budget={"generations": options.generations},
            execution={"workers": 1},
        )
        result.rows()
        whole = time.perf_counter() - began
    seconds, n, start = own_time(result.candidates)
    figures = {
        "search_s": round(whole, 1),
        "own_time_s": round(seconds, 1),
        "load_potential_s": round(start, 1),
        "relaxations": n,
        "overhead_percent": round(100 * (1 - seconds / whole), 1),
    }
    print(json.dumps(figures))


def own_time(candidates: tuple[Candidate, ...]) -> tuple[float, int, float]:
    """Return the seconds of the bare loop, the number of relaxations, and the seconds of loading the potential."""
    distinct = {c.structure_key: c.structure for c in candidates if c.structure_key}
    began = time.perf_counter()
    potential = load_potential("chgnet")
    calculator = potential.calculator()
    loaded = time.perf_counter()
    for structure in distinct.values():
        relax_one(structure, calculator, potential.info, RelaxSection(), "overhead")
    return time.perf_counter() - loaded, len(distinct), loaded - began


if __name__ == "__main__":
    main()
