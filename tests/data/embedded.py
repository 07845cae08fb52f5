"""The embedded set as its tests see it: the descriptions, the file that was built from them, the known exceptions."""

import gzip
import hashlib
import importlib
import importlib.util
import json
from collections import Counter
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from matsearch.core.structures import decode_structure

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "matsearch" / "crystal" / "data" / "embedded.json.gz"
EXCEPTIONS = yaml.safe_load(Path(__file__).with_name("embedded_exceptions.yaml").read_text(encoding="utf-8"))
LIMIT = 0.03
SYMPREC = 0.01


def load_script():
    spec = importlib.util.spec_from_file_location("build_reference", ROOT / "scripts" / "build_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


SCRIPT = load_script()
# the script made its neighbours importable
DESCRIPTIONS = importlib.import_module("reference_descriptions")
ENTRIES = {entry["id"]: entry for entry in DESCRIPTIONS.load_entries(SCRIPT.DATA / "compounds")}


@cache
def embedded():
    return json.loads(gzip.decompress(FILE.read_bytes()))


@cache
def phases():
    return {phase["id"]: phase for phase in embedded()["phases"]}


@cache
def structure(identifier, which):
    return decode_structure(phases()[identifier][which])


@cache
def sample(count=150):
    """Return ids chosen by hash, for what costs too much to verify on all of them."""
    return tuple(sorted(phases(), key=lambda name: hashlib.sha256(name.encode()).hexdigest())[:count])


def compounds(*, altered=None):
    """Return the ids of the compounds, of all or of those that are or are not altered."""
    return [
        name for name, phase in phases().items() if is_compound(name) and altered in (None, phase["altered"])
    ]


def is_compound(identifier):
    return len(set(phases()[identifier]["relaxed"]["species"])) > 1


@cache
def symmetry(identifier, which):
    return SpacegroupAnalyzer(structure(identifier, which), symprec=SYMPREC).get_symmetry_dataset()


def conventional_parameters(identifier, which):
    """Return a, b, c and the angles of the conventional cell, before or after relaxing.

    Both in one basis, that of the relaxed crystal: a relaxation may make another cell the standard one.
    """
    to_conventional = np.linalg.inv(symmetry(identifier, "relaxed").transformation_matrix).T
    vectors = to_conventional @ structure(identifier, which).lattice.matrix
    lengths = np.linalg.norm(vectors, axis=1)
    cosines = [vectors[i] @ vectors[j] / (lengths[i] * lengths[j]) for i, j in ((1, 2), (0, 2), (0, 1))]
    return np.concatenate([lengths, np.degrees(np.arccos(np.clip(cosines, -1, 1)))])


@cache
def changes(identifier):
    """Return the relative changes of the six lattice parameters on relaxing."""
    return (
        conventional_parameters(identifier, "relaxed") / conventional_parameters(identifier, "literature") - 1
    )


def largest_change(identifier):
    """Return the largest relative change of a lattice parameter, with its sign."""
    return max(changes(identifier), key=abs)


def ratios(species):
    """Return what a formula says, however it is spelt: each element's share of the atoms."""
    return frozenset((symbol, Fraction(count, len(species))) for symbol, count in Counter(species).items())


def exceptions(comparison):
    """Return group and reason by id."""
    groups = EXCEPTIONS[comparison]
    listed = [(name, group, reason) for group, entries in groups.items() for name, reason in entries.items()]
    assert len({name for name, _, _ in listed}) == len(listed), "an exception is listed in two groups"
    return {name: (group, reason) for name, group, reason in listed}


def complaints(found, listed):
    """Return one line for each figure that is not listed, and for each exception that is listed in vain."""
    unlisted = [
        f"{name}: {100 * figure:+.1f} percent, not listed"
        for name, figure in found.items()
        if name not in listed
    ]
    return "\n".join(unlisted + [f"{name}: listed in vain" for name in sorted(set(listed) - set(found))])


@cache
def reference_energies():
    """Return the lowest energy in eV/atom of each element."""
    lowest = {}
    for identifier, phase in phases().items():
        if not is_compound(identifier):
            symbol = phase["relaxed"]["species"][0]
            lowest[symbol] = min(phase["energy_per_atom"], lowest.get(symbol, np.inf))
    return lowest


def formation_energy(identifier):
    """Return the formation energy in eV/atom from the set's own elements."""
    phase, lowest = phases()[identifier], reference_energies()
    species = phase["relaxed"]["species"]
    return phase["energy_per_atom"] - sum(lowest[symbol] for symbol in species) / len(species)
