"""Oxidation states of the Materials Project sample: how often they are decided, and who agrees.

No textbook labels here, and the crystals are CHGNet's training data; statics only. Reads ``mp20_sample.csv.gz`` from the
folder that ``MATSEARCH_TEST_DATA`` names and prints counts as JSON::

    OMP_NUM_THREADS=1 python benchmarks/oxidation/known.py
"""

import csv
import gzip
import json
import os
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
sys.path.insert(0, str(Path(__file__).parent))

from compounds import Compound
from moments import Measured, measure
from pymatgen.core import Structure
from scoring import by_bond_valence, by_neutrality_alone

from matsearch.crystal.ions import ion_summary
from matsearch.crystal.oxidation import infer_oxidation_states, moment_windows
from matsearch.potentials import load_potential


def main() -> None:
    """Count and print."""
    warnings.simplefilter("ignore")
    calculator = load_potential("chgnet").calculator()
    counts: Counter[str] = Counter()
    differing = []
    with gzip.open(Path(os.environ["MATSEARCH_TEST_DATA"]) / "mp20_sample.csv.gz", "rt") as stream:
        rows = list(csv.DictReader(stream))
    for row in rows:
        crystal = Structure.from_str(row["cif"], fmt="cif")
        try:
            one = measure(
                Compound(row["pretty_formula"], "Materials Project", crystal, ()), calculator, relaxed=False
            )
        except ValueError:
            counts["isolated atoms"] += 1
            continue
        found = look(one)
        counts.update(found["counts"])
        differing += found["differing"]
    print(json.dumps({"counts": dict(sorted(counts.items())), "differing": differing}, indent=1))


def look(one: Measured) -> dict[str, Any]:
    """Return what to count of one crystal, and its line where moments and bond lengths differ."""
    states = infer_oxidation_states(one.crystal, one.moments)
    how = states.method or ("no anion" if states.reason.startswith("no anion") else "undecided")
    counts, differing = [f"all: {how}"], []
    symbols = [site.specie.symbol for site in one.crystal]
    if how != "no anion" and not moment_windows().keys().isdisjoint(symbols):
        counts.append(f"with magnetic elements: {how}")
        for name, answer in {
            "neutrality": tuple(by_neutrality_alone(one, moment_windows())),
            "bond lengths": tuple(by_bond_valence(one)),
        }.items():
            word = "silent" if None in answer else "agrees" if answer == states.states else "differs"
            counts.append(f"moments {'decide' if states.decided else 'do not'}, {name} alone: {word}")
            if states.decided and word == "differs":
                ours, theirs = ion_summary(symbols, states.states), ion_summary(symbols, answer)
                differing.append(f"{one.compound.formula}: {ours}, by {name} {theirs}")
    return {"counts": counts, "differing": differing}


if __name__ == "__main__":
    main()
