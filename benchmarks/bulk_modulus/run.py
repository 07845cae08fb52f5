"""How far bulk moduli of a potential are from DFT's, and what relaxing the ions buys: binaries with DFT elasticity.

Each crystal is relaxed as a search relaxes it, then strained to the volumes of ``matsearch.properties.bulk_modulus``,
with its ions relaxed at each (``relaxed``) and, as the baseline on the same cells, as they are (``held``). Both are
compared with DFT's K_VRH, the mean of Voigt's and Reuss's averages; ours is Voigt's alone, and so a little higher where
a crystal is anisotropic. Intervals are 95 percent, by bootstrap over crystals. One thread a process::

    python benchmarks/bulk_modulus/run.py DATA --n 100 --out DIR

``DATA`` holds ``mp_binary_pbe_elasticity.json.gz`` (de Jong et al., Sci. Data 2, 150009 (2015), and later entries of the
Materials Project, by way of matcalc). Potentials that were trained on the Materials Project, CHGNet among them, may have
seen these crystals: the figures are of the **training set**, and say how well a potential learned it, not how it does on
new ones. Every crystal is kept in ``DIR/crystals.jsonl``: the same command goes on where it ended.
"""

import argparse
import gzip
import json
import os
import random
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
from pymatgen.core import Structure
from scipy.stats import spearmanr

from matsearch.core.config import RelaxSection
from matsearch.core.errors import InputError, MatsearchError
from matsearch.core.protocols import Evaluator, PotentialInfo
from matsearch.core.records import PropertyValue, Relaxation
from matsearch.core.verdict import Verdict
from matsearch.potentials import load_potential
from matsearch.potentials.evaluators import evaluator_of
from matsearch.properties.bulk_modulus import PROTOCOL, bulk_modulus, settings_of_ions, strained
from matsearch.relax.single import carry_out
from matsearch.relax.stage import ions_task, relaxation_task

FILE = "mp_binary_pbe_elasticity.json.gz"
ARMS = ("relaxed", "held")
DRAWS = 2000
FIGURES = (
    "mean absolute error, GPa",
    "mean signed error, GPa",
    "mean relative error",
    "Spearman correlation",
)

Line = dict[str, Any]


def main() -> None:
    """Measure what is missing, print the table and write the figures."""
    options = parsed()
    warnings.simplefilter("ignore")
    try:
        run(options)
    except MatsearchError as error:
        sys.exit(str(error))


def run(options: argparse.Namespace) -> None:
    """Measure within the budget, then print and write."""
    compounds = chosen(read_compounds(options.data / FILE, options.max_sites), options.n, options.seed)
    _, info = loaded(options.potential)
    header = {"protocol": PROTOCOL, "potential": info.sha256, "data": FILE}
    options.out.mkdir(parents=True, exist_ok=True)
    lines = opened(options.out / "crystals.jsonl", header)
    wanted = [compound for compound in compounds if compound["mp_id"] not in lines]
    with (options.out / "crystals.jsonl").open("a", encoding="utf-8") as journal:
        for line in computed(wanted, options):
            lines[line["mp_id"]] = line
            journal.write(json.dumps(line, allow_nan=False) + "\n")
            journal.flush()
            os.fsync(journal.fileno())
    found = figures([lines[c["mp_id"]] for c in compounds if c["mp_id"] in lines])
    (options.out / "figures.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(
        f"{info.name} {info.version}, training set, {found['n']} of {options.n} crystals, seed {options.seed}"
    )
    print_table(found)


def parsed() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path, help=f"folder with {FILE}")
    parser.add_argument("--out", type=Path, required=True, help="folder of the journal and the figures")
    parser.add_argument("--n", type=int, default=100, help="crystals, spread over chemistry")
    parser.add_argument("--seed", type=int, default=0, help="of the choice of crystals")
    parser.add_argument("--max-sites", type=int, default=20, help="in the cell given")
    parser.add_argument("--potential", default="chgnet", help="by name")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--budget-minutes", type=float, default=20.0, help="no crystal is begun after them")
    return parser.parse_args()


def read_compounds(path: Path, max_sites: int) -> list[Line]:
    """Return the compounds that have a positive bulk modulus and fit the size, by id.

    Raises
    ------
    InputError
        If the file is not there.
    """
    if not path.is_file():
        raise InputError(f"no file {path}", "give the folder that holds it")
    found = json.loads(gzip.decompress(path.read_bytes()))
    fit = [c for c in found if c["bulk_modulus_vrh"] > 0 and len(c["structure"]["sites"]) <= max_sites]
    return sorted(fit, key=lambda compound: str(compound["mp_id"]))


def chosen(compounds: Sequence[Line], n: int, seed: int) -> list[Line]:
    """Return a random sample, spread over chemistry: in turns by the most electronegative element."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for compound in random.Random(seed).sample(list(compounds), len(compounds)):  # noqa: S311
        elements = Structure.from_dict(compound["structure"]).composition.elements
        groups[max(elements, key=lambda element: (element.X, element.symbol)).symbol].append(compound)
    turns = [(turn, symbol, c) for symbol, group in groups.items() for turn, c in enumerate(group)]
    return [compound for _, _, compound in sorted(turns, key=lambda item: item[:2])[:n]]


def opened(path: Path, header: Line) -> dict[str, Line]:
    """Return the lines of a journal by crystal, begun if it is not there; a line cut off by a crash is dropped.

    Raises
    ------
    InputError
        If it belongs to another measurement.
    """
    whole = path.read_bytes() if path.exists() else b""
    whole = whole[: whole.rfind(b"\n") + 1]
    lines = [json.loads(line) for line in whole.splitlines()]
    if lines and lines[0] != header:
        raise InputError(f"{path} was measured with another protocol or potential", "give another --out")
    if not lines:
        path.write_text(json.dumps(header) + "\n", encoding="utf-8")
    elif len(whole) < path.stat().st_size:
        os.truncate(path, len(whole))
    return {line["mp_id"]: line for line in lines[1:]}


def computed(compounds: Sequence[Line], options: argparse.Namespace) -> Iterator[Line]:
    """Yield a line for each compound as it ends; none is begun after the budget is spent."""
    deadline = time.monotonic() + 60.0 * options.budget_minutes
    waiting, running = list(compounds), set()
    with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
        while waiting or running:
            while waiting and len(running) < options.jobs and time.monotonic() < deadline:
                running.add(pool.submit(measured, waiting.pop(0), options.potential))
            if not running:
                return
            ended, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in ended)


def measured(compound: Line, potential: str) -> Line:
    """Return a crystal's bulk moduli (GPa) with seconds, or why it has none."""
    warnings.simplefilter("ignore")
    evaluator, info = loaded(potential)
    line = {key: compound[key] for key in ("mp_id", "formula")} | {"dft": compound["bulk_modulus_vrh"]}
    begun = time.monotonic()
    task = relaxation_task(Structure.from_dict(compound["structure"]), info, RelaxSection())
    end = carry_out(task, evaluator, info)
    line["relaxation_s"] = time.monotonic() - begun
    for arm in ARMS:
        begun = time.monotonic()
        answer = end.verdict if end.relaxation is None else modulus(end.relaxation, arm, evaluator, info)
        line[arm] = said(answer) | {"seconds": time.monotonic() - begun}
    return line


@lru_cache(maxsize=1)
def loaded(name: str) -> tuple[Evaluator, PotentialInfo]:
    """Return what a process works with."""
    found = load_potential(name)
    return evaluator_of(found), found.info


def modulus(
    relaxation: Relaxation, arm: str, evaluator: Evaluator, info: PotentialInfo
) -> PropertyValue | Verdict:
    """Return the bulk modulus with ions relaxed or held."""
    settings, points = settings_of_ions(RelaxSection()), {}
    for ratio, cell in strained(relaxation.structure).items():
        task = ions_task(cell, info, settings).evolve(static=arm == "held")
        points[ratio] = carry_out(task, evaluator, info)
    return bulk_modulus(points)


def said(answer: PropertyValue | Verdict | None) -> Line:
    """Return an answer in JSON types."""
    if isinstance(answer, PropertyValue):
        return {"value": answer.value, "uncertainty": answer.uncertainty}
    return {"value": None, "why": answer.detail if answer else ""}


def figures(lines: Sequence[Line]) -> Line:
    """Return the figures of both arms, and of their difference, on the crystals that both have."""
    both = [line for line in lines if all(line[arm]["value"] is not None for arm in ARMS)]
    found: Line = {
        "n": len(lines),
        "compared": len(both),
        "failed": {arm: sum(line[arm]["value"] is None for line in lines) for arm in ARMS},
        "seconds": {
            arm: float(np.mean([line[arm]["seconds"] for line in lines])) if lines else None for arm in ARMS
        },
    }
    if len(both) < 3:
        return found
    dft = np.array([line["dft"] for line in both])
    values = {arm: np.array([line[arm]["value"] for line in both]) for arm in ARMS}
    draws = np.random.default_rng(0).integers(0, len(both), (DRAWS, len(both)))
    whole = {arm: statistics(values[arm], dft) for arm in ARMS}
    drawn = {arm: np.array([statistics(values[arm][i], dft[i]) for i in draws]) for arm in ARMS}
    first, second = ARMS
    whole["difference"] = whole[first] - whole[second]
    drawn["difference"] = drawn[first] - drawn[second]
    found["figures"] = {
        name: {
            arm: [float(whole[arm][k]), *np.nanquantile(drawn[arm][:, k], [0.025, 0.975]).tolist()]
            for arm in whole
        }
        for k, name in enumerate(FIGURES)
    }
    return found


def statistics(values: np.ndarray, dft: np.ndarray) -> np.ndarray:
    """Return the figures in their order."""
    error = values - dft
    correlation = spearmanr(values, dft).statistic
    return np.array([np.abs(error).mean(), error.mean(), (np.abs(error) / dft).mean(), correlation])


def print_table(found: Line) -> None:
    """Print the figures as a table."""
    print(f"{found['compared']} compared; no value: {found['failed']}; seconds a crystal: {found['seconds']}")
    for name, by_arm in found.get("figures", {}).items():
        cells = [f"{arm} {value:.3g} ({low:.3g} to {high:.3g})" for arm, (value, low, high) in by_arm.items()]
        print(f"{name:28}" + "   ".join(f"{cell:34}" for cell in cells).rstrip())


if __name__ == "__main__":
    main()
