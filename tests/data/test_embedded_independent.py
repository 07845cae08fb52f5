"""The embedded crystals against density functional theory: lattices of the descriptions, formation energies."""

import csv
import gzip
import io
import json
import logging
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Composition, Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from tests.data.embedded import (
    LIMIT,
    complaints,
    exceptions,
    formation_energy,
    is_compound,
    phases,
    structure,
    symmetry,
)

LOG = logging.getLogger(__name__)
MP20 = "mp20_sample.csv.gz"
BINARIES = "mp_binary_pbe_elasticity.json.gz"
ELEMENTS = ("MP-PBE_element_refs.json.gz", "MatPES-PBE_element_refs.json.gz")
# eV/atom
LARGEST_MEAN_ERROR = 0.1


@cache
def ids_by_formula():
    found = {}
    for name, phase in phases().items():
        found.setdefault(Composition(phase["formula"]).reduced_formula, []).append(name)
    return found


class Twin(NamedTuple):
    """An independent crystal of the formula, space group and type of an embedded one."""

    name: str
    lengths: np.ndarray
    formation_energy: float | None


def read(path):
    return gzip.decompress(path.read_bytes()).decode()


def plain(document):
    """Return the structure of a pymatgen document from its numbers alone."""
    species = [site["species"][0]["element"] for site in document["sites"]]
    return Structure(document["lattice"]["matrix"], species, [site["abc"] for site in document["sites"]])


def independent_crystals(folder):
    """Yield structure and, from the Materials Project, formation energy in eV/atom, of embedded formulas."""
    for row in csv.DictReader(io.StringIO(read(folder / MP20))):
        if Composition(row["pretty_formula"]).reduced_formula in ids_by_formula():
            yield Structure.from_str(row["cif"], fmt="cif"), float(row["formation_energy_per_atom"])
    for row in json.loads(read(folder / BINARIES)):
        if Composition(row["formula"]).reduced_formula in ids_by_formula():
            yield plain(row["structure"]), None
    for name in ELEMENTS:
        for reference in json.loads(read(folder / name)).values():
            document = reference["structure"]
            yield plain(document[0] if isinstance(document, list) else document), None


def twins_of(other, energy):
    names = ids_by_formula().get(other.composition.reduced_formula, ())
    analyzer = SpacegroupAnalyzer(other, symprec=0.05)
    number = analyzer.get_space_group_number()
    matcher = StructureMatcher(primitive_cell=True, scale=True, attempt_supercell=False)
    lengths = np.linalg.norm(analyzer.get_symmetry_dataset().std_lattice, axis=1)
    for name in names:
        if number == phases()[name]["spacegroup"] and matcher.fit(structure(name, "literature"), other):
            yield Twin(name, lengths, energy)


@pytest.fixture(scope="module")
def twins(test_data):
    """All independent crystals that are also embedded."""
    return [twin for other, energy in independent_crystals(test_data) for twin in twins_of(other, energy)]


def nearest(figures):
    """Return the figure of the smallest size by id."""
    found = {}
    for name, figure in figures:
        found[name] = min(figure, found.get(name, np.inf), key=abs)
    return found


def largest_difference(twin):
    """Return the largest relative difference of a, b and c from the description."""
    relative = twin.lengths / np.linalg.norm(symmetry(twin.name, "literature").std_lattice, axis=1) - 1
    return relative[np.abs(relative).argmax()]


def test_lattices_agree_with_independent_structures(twins):
    """Density functional theory finds the described crystals with nearly the described lattices."""
    differences = nearest((twin.name, largest_difference(twin)) for twin in twins)
    compounds = sum(is_compound(name) for name in differences)
    LOG.info("%d compounds and %d elements compared", compounds, len(differences) - compounds)
    assert compounds >= 400
    far = {name: figure for name, figure in differences.items() if abs(figure) > LIMIT}
    assert complaints(far, exceptions("independent")) == ""


def test_formation_energies_agree_with_the_materials_project(twins):
    """CHGNet's formation energies from the set's own elements, against those of the same crystals."""
    errors = nearest(
        (twin.name, formation_energy(twin.name) - twin.formation_energy)
        for twin in twins
        if twin.formation_energy is not None and is_compound(twin.name)
    )
    mean = np.mean(np.abs(list(errors.values())))
    worst = sorted(errors.items(), key=lambda item: -abs(item[1]))[:5]
    LOG.info("%d compounds, mean absolute error %.3f eV/atom, largest %s", len(errors), mean, worst)
    assert len(errors) >= 20
    assert mean < LARGEST_MEAN_ERROR
