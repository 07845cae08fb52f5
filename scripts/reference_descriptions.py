"""Descriptions of known crystals: read, turned into structures, checked.

A description gives formula, prototype, space group, the free lattice parameters, one representative of each occupied
Wyckoff position, and its source. Settings are the standard ones: unique axis b and cell choice 1, origin choice 2,
hexagonal axes.
"""

import re
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import spglib
import yaml
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from matsearch.crystal.limits import shortest_contact_ratio

SYMPREC = 0.01
MAX_ATOMS = 30
# a class of citation, and after a semicolon what else there is to say
SOURCE = re.compile(r"(textbook value|handbook value|refinement, [^;]+ \d{4})(; .+)?", re.DOTALL)
# short double bonds reach 0.9 of the sum of the covalent radii
MIN_CONTACT_RATIO = 0.6
SITE_TOLERANCE = 1e-4
# spglib's names of the standard settings: unique axis b, origin choice 2, hexagonal axes, or the only one
SETTINGS = frozenset({"", "2", "H", "b", "b1"})
# of a spacegroup's lattice parameters: crystal system -> those that a description gives
FREE_PARAMETERS = {
    "triclinic": ("a", "b", "c", "alpha", "beta", "gamma"),
    "monoclinic": ("a", "b", "c", "beta"),
    "orthorhombic": ("a", "b", "c"),
    "tetragonal": ("a", "c"),
    "trigonal": ("a", "c"),
    "hexagonal": ("a", "c"),
    "cubic": ("a",),
}


def load_entries(path: Path) -> list[dict[str, Any]]:
    """Return the descriptions of a file, or of all YAML files of a folder in the order of their names."""
    files = sorted(path.glob("*.yaml")) if path.is_dir() else [path]
    return [entry for file in files for entry in yaml.safe_load(file.read_text(encoding="utf-8"))]


def crystal_system(number: int) -> str:
    """Return the crystal system of a space group."""
    limits = {2: "triclinic", 15: "monoclinic", 74: "orthorhombic", 142: "tetragonal", 167: "trigonal"}
    limits |= {194: "hexagonal", 230: "cubic"}
    return next(system for limit, system in limits.items() if number <= limit)


def lattice_of(entry: dict[str, Any]) -> Lattice:
    """Return the conventional lattice from the free parameters of the crystal system."""
    system = crystal_system(entry["spacegroup"])
    given = entry["lattice"]
    expected = FREE_PARAMETERS[system]
    if set(given) != set(expected):
        raise ValueError(f"a {system} lattice has the parameters {', '.join(expected)}")
    a = given["a"]
    b = given.get("b", a)
    c = given.get("c", a)
    gamma = 120 if system in {"trigonal", "hexagonal"} else given.get("gamma", 90)
    return Lattice.from_parameters(a, b, c, given.get("alpha", 90), given.get("beta", 90), gamma)


@cache
def operations(number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rotations and translations of a space group in the setting of the descriptions."""
    for hall in range(1, 531):
        group = spglib.get_spacegroup_type(hall)
        if group.number == number and group.choice in SETTINGS:
            symmetry = spglib.get_symmetry_from_database(hall)
            return symmetry["rotations"], symmetry["translations"]
    raise ValueError(f"no space group {number}")


def centring(number: int) -> int:
    """Return how many primitive cells the conventional cell holds."""
    rotations, _ = operations(number)
    return int((rotations == np.eye(3)).all(axis=(1, 2)).sum())


def orbit(number: int, xyz: list[float]) -> np.ndarray:
    """Return the fractional coordinates of all atoms of a site, which is first put exactly on its position."""
    rotations, translations = operations(number)
    shifts = rotations @ np.array(xyz, dtype=float) + translations - xyz
    shifts -= np.round(shifts)
    exact = xyz + shifts[np.abs(shifts).max(axis=1) < SITE_TOLERANCE].mean(axis=0)
    images = np.mod(np.round(rotations @ exact + translations, 12), 1)
    apart = images[:, None] - images
    same = np.abs(apart - np.round(apart)).max(axis=2) < SITE_TOLERANCE
    return images[~np.tril(same, -1).any(axis=1)]


def build_conventional(entry: dict[str, Any]) -> Structure:
    """Return the conventional cell of a description."""
    return _fill(entry, [orbit(entry["spacegroup"], site["xyz"]) for site in entry["sites"]])


def build(entry: dict[str, Any]) -> Structure:
    """Return the primitive standard cell of a description."""
    return SpacegroupAnalyzer(build_conventional(entry), symprec=SYMPREC).get_primitive_standard_structure()


def check(entry: dict[str, Any]) -> list[str]:
    """Return what is wrong with a description; nothing if it holds."""
    try:
        orbits = [orbit(entry["spacegroup"], site["xyz"]) for site in entry["sites"]]
        problems = [*_name_problems(entry), *_orbit_problems(entry, orbits)]
        conventional = _fill(entry, orbits)
    except (ValueError, KeyError) as error:
        return [str(error)]
    atoms = len(conventional) // centring(entry["spacegroup"])
    if atoms > MAX_ATOMS:
        problems.append(f"{atoms} atoms in the primitive cell, at most {MAX_ATOMS} are allowed")
    if conventional.composition.reduced_composition != Composition(entry["formula"]).reduced_composition:
        problems.append(f"composition {conventional.composition.formula} is not {entry['formula']}")
    ratio = shortest_contact_ratio(conventional)
    if ratio < MIN_CONTACT_RATIO:
        return [*problems, f"two atoms at {ratio:.2f} of the sum of their radii"]
    found = SpacegroupAnalyzer(conventional, symprec=SYMPREC).get_space_group_number()
    if found != entry["spacegroup"]:
        problems.append(f"space group {found} found, {entry['spacegroup']} declared")
    return problems


def check_all(entries: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the problems by id, for the entries that have any; among them a crystal given twice."""
    problems: defaultdict[str, list[str]] = defaultdict(list)
    firsts: dict[tuple[str, int, str], str] = {}
    for entry in entries:
        found = check(entry)
        if not found and (identity := _identity(entry)) in firsts:
            found = [f"given before as {firsts[identity]}"]
        elif not found:
            firsts[identity] = entry["id"]
        problems[entry["id"]] += found
    return {identifier: found for identifier, found in problems.items() if found}


def _identity(entry: dict[str, Any]) -> tuple[str, int, str]:
    # formulas may be spelt in two ways: FeTiO3 is TiFeO3
    formula, number = entry["formula"], entry["spacegroup"]
    return Composition(formula).reduced_formula, number, entry["id"].removeprefix(f"{formula}-{number}")


def _name_problems(entry: dict[str, Any]) -> list[str]:
    problems = []
    if not re.fullmatch(rf"{re.escape(entry['formula'])}-{entry['spacegroup']}(-[b-z])?", entry["id"]):
        problems.append(f"the id must be {entry['formula']}-{entry['spacegroup']}, or that with -b, -c, ...")
    if not SOURCE.fullmatch(entry["source"].strip()):
        problems.append(f"the source {entry['source']!r} begins with no class of citation")
    problems.extend(f"{key} is empty" for key in ("name", "prototype") if not entry[key])
    return problems


def _orbit_problems(entry: dict[str, Any], orbits: list[np.ndarray]) -> list[str]:
    return [
        f"{site['element']} at {site['xyz']}: {len(coords)} atoms, not {site['wyckoff']}"
        for site, coords in zip(entry["sites"], orbits, strict=True)
        if len(coords) != int(site["wyckoff"][:-1])
    ]


def _fill(entry: dict[str, Any], orbits: list[np.ndarray]) -> Structure:
    species = [site["element"] for site, coords in zip(entry["sites"], orbits, strict=True) for _ in coords]
    return Structure(lattice_of(entry), species, np.concatenate(orbits))
