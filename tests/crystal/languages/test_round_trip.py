"""What is written is read back as the same crystal, in every language."""

import csv
import gzip
import io
import warnings
from itertools import chain

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from matsearch.core.errors import InputError
from matsearch.crystal.canonical import rounding_margin, structure_key
from matsearch.crystal.languages import LANGUAGES
from matsearch.crystal.languages.language import LOSSLESS_DIGITS, Language
from tests.strategies import structures

WRITTEN_CELLS = ("poscar", "json", "cif")
"""Languages that keep the cell as it is; the symmetry form writes the standard one."""

SAFE_MARGIN = 1e-4
"""Of a rounding step: LOSSLESS_DIGITS moves numbers by less, also in a skew cell."""

STRIDE = 14

each_language = pytest.mark.parametrize("language", LANGUAGES.values(), ids=LANGUAGES.keys())


def assert_round_trip(language: Language, structure: Structure) -> None:
    text = language.write(structure, digits=LOSSLESS_DIGITS)
    assert language.write(structure.copy(), digits=LOSSLESS_DIGITS) == text
    reading = language.read(text)
    assert reading.repairs == ()
    if language.name in WRITTEN_CELLS:
        assert reading.structure.composition == structure.composition
        if rounding_margin(structure) > SAFE_MARGIN:
            assert structure_key(reading.structure) == structure_key(structure)
    else:
        assert reading.structure.composition.reduced_formula == structure.composition.reduced_formula
        assert StructureMatcher(primitive_cell=True).fit(structure, reading.structure)


@each_language
@given(structure=structures())
@settings(max_examples=40)
def test_drawn_crystals(language, structure):
    if language.name not in WRITTEN_CELLS:
        # atoms on top of each other have no symmetry that can be told
        assume(
            len(structure) == 1 or structure.distance_matrix[np.triu_indices(len(structure), 1)].min() > 0.5
        )
    assert_round_trip(language, structure)


@pytest.mark.parametrize("name", WRITTEN_CELLS)
@given(structure=structures(), digits=st.integers(3, 6))
@settings(max_examples=20)
def test_what_was_read_is_written_as_it_was(name, structure, digits):
    language = LANGUAGES[name]
    text = language.write(structure, digits=digits)
    assert language.write(language.read(text).structure, digits=digits) == text


@given(structures())
def test_a_poscar_is_as_near_as_its_digits(structure):
    read = LANGUAGES["poscar"].read(LANGUAGES["poscar"].write(structure, digits=4)).structure
    symbols = [site.specie.symbol for site in structure]
    order = list(
        chain.from_iterable(
            [i for i, s in enumerate(symbols) if s == kind] for kind in dict.fromkeys(symbols)
        )
    )
    assert [site.specie.symbol for site in read] == [symbols[i] for i in order]
    assert np.abs(read.lattice.matrix - structure.lattice.matrix).max() < 0.5e-4 + 1e-9
    shift = read.frac_coords - structure.frac_coords[order]
    assert np.abs(shift - np.round(shift)).max() < 0.5e-4 + 1e-9


@each_language
def test_disordered_crystals_are_refused(language):
    mixed = Structure(np.eye(3) * 4, [{"Li": 0.5, "Na": 0.5}], [[0, 0, 0]])
    with pytest.raises(InputError):
        language.write(mixed)


def known_crystals(folder, stride):
    rows = csv.DictReader(io.StringIO(gzip.decompress((folder / "mp20_sample.csv.gz").read_bytes()).decode()))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [Structure.from_str(row["cif"], fmt="cif") for row in list(rows)[::stride]]


@pytest.fixture(scope="module")
def some_known_crystals(test_data):
    return known_crystals(test_data, STRIDE)


@each_language
def test_known_crystals(language, some_known_crystals):
    for structure in some_known_crystals:
        assert_round_trip(language, structure)


@pytest.mark.slow
@each_language
def test_all_known_crystals(language, test_data):
    crystals = known_crystals(test_data, 1)
    assert len(crystals) == 1355
    for structure in crystals:
        assert_round_trip(language, structure)
