"""Time how duplicates are found among many crystals, against StructureMatcher alone in the same run.

The crystals are those of the Materials Project, Alexandria and WBM in the folder given, up to 30 atoms, with copies of them in
other cells, strained and shaken, drawn until there are as many as asked; with ``--one-system`` their elements are
replaced by those of one chemical system, so that many crystals have one formula as in a search. The reference compares each crystal with the
distinct ones before it that have its formula (``StructureMatcher.fit``), which is what the fingerprints spare. Usage::

    python benchmarks/duplicates/run.py FOLDER --crystals 10000
    python benchmarks/duplicates/run.py FOLDER --crystals 2000 --one-system
"""

import argparse
import csv
import gzip
import io
import json
import os
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from pymatgen.core import Lattice, Structure

from matsearch.crystal.limits import electronegativity
from matsearch.crystal.matching import mark_duplicates, same_crystal

SETS = ("mp_binary_pbe_elasticity", "alexandria_binary_pbe_phonon", "wbm_equilibrium_half")
MAX_ATOMS = 30
"""Of a crystal: a search proposes no larger cells."""

SYSTEM = ("Li", "Ti", "P", "O")
"""From the least to the most electronegative."""

Marks = list[int | None]


def main() -> None:
    """Draw the crystals, find the duplicates both ways, print times and agreement."""
    options = arguments()
    warnings.simplefilter("ignore")
    known = [crystal for crystal in read(options.folder) if len(crystal) <= MAX_ATOMS]
    if not options.one_system:
        compare("of any elements", draw(known, options.crystals, options.seed))
        return
    recoloured = [in_one_system(crystal) for crystal in known if len(crystal.composition) <= len(SYSTEM)]
    compare("as if of one chemical system", draw(recoloured, options.crystals, options.seed))


def compare(name: str, crystals: Sequence[Structure]) -> None:
    """Find the duplicates both ways and print times and agreement."""
    formulas = {crystal.composition.reduced_formula for crystal in crystals}
    print(f"{len(crystals)} crystals {name}, {len(formulas)} formulas, one thread")
    spent, marks = timed(mark_duplicates, crystals)
    print(f"  fingerprints and matcher: {spent:7.1f} s, {duplicates(marks)} duplicates")
    spent, by_matcher = timed(mark_by_matcher, crystals)
    print(f"  matcher alone:            {spent:7.1f} s, {duplicates(by_matcher)} duplicates")
    differ = sum((a is None) != (b is None) for a, b in zip(marks, by_matcher, strict=True))
    print(f"  a duplicate by one way and not by the other: {differ}")


def arguments() -> argparse.Namespace:
    """Return the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="folder of reference data")
    parser.add_argument("--crystals", type=int, default=10_000)
    parser.add_argument("--one-system", action="store_true", help="elements replaced by those of one system")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read(folder: Path) -> Iterator[Structure]:
    """Return the known crystals of the folder."""
    for name in SETS:
        for document in json.loads(gzip.decompress((folder / f"{name}.json.gz").read_bytes())):
            yield Structure.from_dict(document["structure"])
    table = gzip.decompress((folder / "mp20_sample.csv.gz").read_bytes()).decode()
    for row in csv.DictReader(io.StringIO(table)):
        yield Structure.from_str(row["cif"], fmt="cif")


def draw(known: Sequence[Structure], n: int, seed: int) -> list[Structure]:
    """Return n crystals in random order: the known ones, then copies of random ones of them."""
    stream = np.random.default_rng(seed)
    copies = (disguised(known[int(stream.integers(len(known)))], stream) for _ in range(n - len(known)))
    crystals = [*known, *copies]
    return [crystals[i] for i in stream.permutation(len(crystals))[:n]]


def in_one_system(structure: Structure) -> Structure:
    """Return the arrangement with its elements replaced by those of one system, in order of electronegativity."""
    old = sorted(structure.composition.elements, key=lambda element: electronegativity(element.symbol))
    return structure.copy().replace_species(dict(zip(old, SYSTEM, strict=False)))


def disguised(structure: Structure, stream: np.random.Generator) -> Structure:
    """Return a crystal as another relaxation might have left it: strained, shaken, maybe in a doubled cell."""
    tensor = stream.uniform(-0.02, 0.02, (3, 3))
    deformation = np.eye(3) + (tensor + tensor.T) / 2
    coords = structure.cart_coords @ deformation + stream.normal(0, 0.03, (len(structure), 3))
    lattice = Lattice(structure.lattice.matrix @ deformation)
    copy = Structure(lattice, structure.species, coords, coords_are_cartesian=True)
    return copy * (1, 1, 2) if stream.random() < 0.2 and len(copy) <= 12 else copy


def mark_by_matcher(structures: Sequence[Structure]) -> Marks:
    """Return the first distinct one of the same formula that the matcher finds, as before there were fingerprints."""
    firsts: dict[str, list[int]] = defaultdict(list)
    marks: Marks = []
    for position, structure in enumerate(structures):
        earlier = firsts[structure.composition.reduced_formula]
        twin = next((i for i in earlier if same_crystal(structures[i], structure)), None)
        marks.append(twin)
        if twin is None:
            earlier.append(position)
    return marks


def timed(find: Callable[[Sequence[Structure]], Marks], crystals: Sequence[Structure]) -> tuple[float, Marks]:
    """Return the seconds a search takes, and what it finds; on copies, so that neither finds the other's caches."""
    fresh = [crystal.copy() for crystal in crystals]
    begin = time.perf_counter()
    marks = find(fresh)
    return time.perf_counter() - begin, marks


def duplicates(marks: Marks) -> int:
    """Return how many are duplicates."""
    return sum(mark is not None for mark in marks)


if __name__ == "__main__":
    main()
