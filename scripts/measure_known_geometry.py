"""Measure what known crystals look like, and test the limits of ``core/thresholds.py`` on them.

The usual volumes of ``crystal/limits.py`` and the limits are fixed on one half of the known crystals, split by the
hash of their formula; the other half says how many known crystals are flagged, and how many broken ones are not.
Reads the folder named by ``MATSEARCH_TEST_DATA``.
"""

import csv
import gzip
import hashlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import typer
from pymatgen.core import Lattice, Structure
from scipy.optimize import least_squares
from scipy.stats import binomtest

from matsearch.core.thresholds import LEAST_CONTACT, LEAST_ROOM
from matsearch.crystal.known import embedded_set
from matsearch.crystal.limits import atomic_volume, covalent_radius, volume_ratio
from matsearch.crystal.plausibility import Geometry, is_far_from_known, is_unlike_known, measure_geometry

JSON_SETS = ("mp_binary_pbe_elasticity", "wbm_equilibrium_half", "alexandria_binary_pbe_phonon")
QUANTILES = (0.0, 0.1, 0.5, 5.0, 50.0, 95.0, 99.5, 99.9, 100.0)
VACUUM = 12.0

Named = tuple[str, Structure]


def main() -> None:
    """Print usual volumes, quantiles, flagged known crystals and caught broken ones."""
    folder = os.environ.get("MATSEARCH_TEST_DATA")
    if not folder:
        sys.exit("MATSEARCH_TEST_DATA names no folder of reference crystals: set it")
    warnings.simplefilter("ignore")
    known = load_known(Path(folder))
    fixing = [s for crystals in known.values() for _, s in crystals if in_fixing_half(s)]
    print_volumes(fixing)
    print_quantiles(fixing)
    held_out = {name: [c for c in crystals if not in_fixing_half(c[1])] for name, crystals in known.items()}
    others = [s for crystals in held_out.values() for _, s in crystals]
    print_spread(others)
    print_rates(held_out)
    elements = read_elements(Path(folder) / "MatPES-PBE_element_refs.json.gz")
    print_rate("MatPES elements", [is_far_from_known(s) for _, s in elements])
    print_flagged([c for crystals in [*known.values(), elements] for c in crystals])
    print_caught(others)
    print_proposals(read_proposals(Path(folder) / "gpt5mini_generations.csv.gz"))
    print_speed(fixing)


def load_known(folder: Path) -> dict[str, list[Named]]:
    """Return the known crystals by data set."""
    known = {name: read_json(folder / f"{name}.json.gz") for name in JSON_SETS}
    known["mp20_sample"] = [
        (row["material_id"], Structure.from_str(row["cif"], fmt="cif"))
        for row in read_table(folder / "mp20_sample.csv.gz")
    ]
    phases = embedded_set().phases
    known["embedded, literature"] = [(p.phase_id, p.literature) for p in phases]
    known["embedded, relaxed"] = [(p.phase_id, p.relaxed) for p in phases]
    return known


def read_json(path: Path) -> list[Named]:
    """Return the structures of a list of documents."""
    documents = json.loads(gzip.decompress(path.read_bytes()))
    return [(d.get("mp_id") or d["material_id"], as_structure(d["structure"])) for d in documents]


def read_elements(path: Path) -> list[Named]:
    """Return a reference crystal for each element."""
    documents = json.loads(gzip.decompress(path.read_bytes()))
    return [(f"element {symbol}", as_structure(d["structure"])) for symbol, d in documents.items()]


def read_proposals(path: Path) -> list[Named]:
    """Return the crystals that a language model wrote."""
    return [(row["Composition"], as_structure(json.loads(row["Structure"]))) for row in read_table(path)]


def read_table(path: Path) -> list[dict[str, str]]:
    """Return the rows of a table."""
    with gzip.open(path, "rt", newline="") as stream:
        return list(csv.DictReader(stream))


def as_structure(document: dict[str, Any]) -> Structure:
    """Return an ordered structure from the numbers of a document."""
    sites = document["sites"]
    symbols = [site["species"][0]["element"] for site in sites]
    return Structure(Lattice(document["lattice"]["matrix"]), symbols, [site["abc"] for site in sites])


def in_fixing_half(structure: Structure) -> bool:
    """Return whether the limits were fixed on it: by formula, so that polymorphs and twins are not torn apart."""
    formula = structure.composition.reduced_formula
    return hashlib.sha256(formula.encode()).digest()[0] % 2 == 0


def fit_volumes(structures: Sequence[Structure]) -> dict[str, float]:
    """Return the volume of each element (cubic angstrom) whose sums fit the cells best.

    A robust fit of the logarithm (soft L1 beyond 10 percent), so that a few airy crystals do not spoil it.
    """
    symbols = sorted({site.specie.symbol for s in structures for site in s})
    counts = np.array([[s.composition[symbol] for symbol in symbols] for s in structures])
    volumes = np.array([s.volume for s in structures])

    def misfit(logs: np.ndarray) -> np.ndarray:
        return np.log(counts @ np.exp(logs) / volumes)

    def slope(logs: np.ndarray) -> np.ndarray:
        parts = counts * np.exp(logs)
        return parts / parts.sum(axis=1, keepdims=True)

    start = np.full(len(symbols), 3.0)
    fitted = least_squares(misfit, start, jac=slope, loss="soft_l1", f_scale=0.1)
    return dict(zip(symbols, np.exp(fitted.x).tolist(), strict=True))


def print_volumes(structures: Sequence[Structure]) -> None:
    """Print the fitted volumes, and how far those of ``crystal/limits.py`` are from them."""
    volumes = fit_volumes(structures)
    print(f"Usual volumes (cubic angstrom), fitted to {len(structures)} crystals:")
    print(" ".join(f"{symbol} {volume:.1f}" for symbol, volume in volumes.items()))
    furthest = max(abs(volume - atomic_volume(symbol)) for symbol, volume in volumes.items())
    print(f"furthest from crystal/limits.py: {furthest:.2f}\n")


def print_quantiles(structures: Sequence[Structure]) -> None:
    """Print the quantiles of each number over the fixing half."""
    geometries = [measure_geometry(s) for s in structures]
    print("quantile (%)".ljust(14), *(f"{q:>7}" for q in QUANTILES))
    for name in ("shortest", "loneliest", "room"):
        values = np.percentile([getattr(g, name) for g in geometries], QUANTILES, method="nearest")
        print(name.ljust(14), *(f"{value:7.2f}" for value in values))


def print_spread(structures: Sequence[Structure]) -> None:
    """Print how far cells are from the volumes that their atoms usually take, and from their covalent spheres."""
    usual = [volume_ratio(s) for s in structures]
    spheres = [s.volume / sum(covalent_radius(site.specie.symbol) ** 3 for site in s) for s in structures]
    print("\nHeld-out cells over what their atoms add up to, standard deviation of the logarithm:")
    print(f"  usual volumes {np.std(np.log(usual)):.2f}, covalent spheres {np.std(np.log(spheres)):.2f}")


def print_rates(held_out: dict[str, list[Named]]) -> None:
    """Print how many held-out known crystals are flagged."""
    print("\nHeld-out known crystals that are flagged (95 percent interval of Clopper and Pearson):")
    groups = {name: [s for _, s in crystals] for name, crystals in held_out.items()}
    for name, structures in {**groups, "all": [s for group in groups.values() for s in group]}.items():
        print_rate(name, [is_far_from_known(s) for s in structures])


def print_rate(name: str, answers: Sequence[bool]) -> None:
    """Print a rate with its interval."""
    interval = binomtest(sum(answers), len(answers)).proportion_ci(method="exact")
    share = 100 * sum(answers) / len(answers)
    low, high = 100 * interval.low, 100 * interval.high
    print(f"  {name:<30} {sum(answers):5} of {len(answers):5}: {share:5.1f} %  ({low:.1f} to {high:.1f})")


def print_flagged(crystals: Sequence[Named]) -> None:
    """Print the known crystals that are flagged, of both halves."""
    print("\nKnown crystals that are flagged, both halves:")
    for name, structure in crystals:
        geometry = measure_geometry(structure)
        if is_unlike_known(geometry):
            print(f"  {name:<14} {structure.composition.reduced_formula:<12} {in_words(geometry)}")


def in_words(geometry: Geometry) -> str:
    """Return a geometry's three numbers."""
    return f"shortest {geometry.shortest:.2f}, loneliest {geometry.loneliest:.2f}, room {geometry.room:.2f}"


def print_caught(structures: Sequence[Structure]) -> None:
    """Print how many broken crystals are flagged."""
    print("\nBroken crystals, made of the held-out ones, that are flagged:")
    stream = np.random.default_rng(0)
    for name, breaking in BREAKINGS.items():
        broken = [breaking(s, stream) for s in structures if len(s) > 1]
        print_rate(name, [is_far_from_known(s) for s in broken])


def scaled(factor: float) -> Callable[[Structure, np.random.Generator], Structure]:
    """Return what scales all lengths."""
    return lambda structure, _: structure.copy().scale_lattice(structure.volume * factor**3)


def overlapped(structure: Structure, stream: np.random.Generator) -> Structure:
    """Put the last atom half an angstrom beside the first."""
    step = stream.normal(size=3)
    return moved(structure, structure[0].coords + 0.5 * step / np.linalg.norm(step))


def moved(structure: Structure, position: np.ndarray) -> Structure:
    """Put the last atom elsewhere (Cartesian, angstrom)."""
    coords = structure.cart_coords.copy()
    coords[-1] = position
    return Structure(structure.lattice, structure.species, coords, coords_are_cartesian=True)


def with_vacuum(structure: Structure, _: np.random.Generator) -> Structure:
    """Cut a slab of one cell along c, with vacuum above it."""
    normal = np.cross(*structure.lattice.matrix[:2])
    matrix = structure.lattice.matrix.copy()
    matrix[2] += VACUUM * normal / np.linalg.norm(normal) * np.sign(matrix[2] @ normal)
    whole = structure.lattice.get_cartesian_coords(structure.frac_coords % 1.0)
    return Structure(Lattice(matrix), structure.species, whole, coords_are_cartesian=True)


def evaporated(structure: Structure, stream: np.random.Generator) -> Structure:
    """Cut a slab and take its last atom to the middle of the vacuum."""
    slab = with_vacuum(structure, stream)
    height = slab.volume / np.linalg.norm(np.cross(*slab.lattice.matrix[:2]))
    top = 1.0 - VACUUM / height
    return moved(slab, slab.lattice.get_cartesian_coords([0.0, 0.0, (top + 1.0) / 2.0]))


def shaken(length: float) -> Callable[[Structure, np.random.Generator], Structure]:
    """Return what moves every atom by a normal deviate a direction (angstrom)."""

    def shake(structure: Structure, stream: np.random.Generator) -> Structure:
        coords = structure.cart_coords + stream.normal(scale=length, size=(len(structure), 3))
        return Structure(structure.lattice, structure.species, coords, coords_are_cartesian=True)

    return shake


def scattered(structure: Structure, stream: np.random.Generator) -> Structure:
    """Put every atom anywhere in its cell."""
    return Structure(structure.lattice, structure.species, stream.random((len(structure), 3)))


BREAKINGS = {
    **{f"lengths x {factor}": scaled(factor) for factor in (0.75, 0.8, 0.85, 0.9, 1.1, 1.2, 1.25, 1.35, 1.5)},
    "one atom on another (0.5 A)": overlapped,
    "slab of a cell, 12 A vacuum": with_vacuum,
    "one atom in that vacuum": evaporated,
    "shaken by 0.3 A": shaken(0.3),
    "shaken by 0.6 A": shaken(0.6),
    "scattered in its cell": scattered,
}


def print_proposals(crystals: Sequence[Named]) -> None:
    """Print how many of a language model's crystals are flagged, and for what."""
    geometries = [measure_geometry(s) for _, s in crystals]
    print("\nCrystals of a published search by a language model:")
    print_rate("flagged", [is_unlike_known(g) for g in geometries])
    print_rate("two atoms overlapping", [g.shortest < LEAST_CONTACT for g in geometries])
    print_rate("crushed", [g.room < LEAST_ROOM for g in geometries])


def print_speed(structures: Sequence[Structure]) -> None:
    """Print what a look costs."""
    large = [s for s in structures if 16 <= len(s) <= 24]
    begin = time.perf_counter()
    for structure in large:
        is_far_from_known(structure)
    spent = 1000 * (time.perf_counter() - begin) / len(large)
    print(f"\n{spent:.2f} ms a crystal of 16 to 24 atoms ({len(large)} crystals).")


if __name__ == "__main__":
    typer.run(main)
