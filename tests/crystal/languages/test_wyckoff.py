import csv
import gzip
import json
import string
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.cif import Cif
from matsearch.crystal.languages.language import Unreadable
from matsearch.crystal.languages.wyckoff import WyckoffForm
from matsearch.crystal.wyckoff_letters import centring, lettered_positions, nearest_on
from matsearch.crystal.wyckoff_positions import first_setting, group_in_setting, orbit
from tests.readings import general_sites, read_in_time, refused

FORM = WyckoffForm()
CUBIC = [5.64, 5.64, 5.64, 90, 90, 90]
HEXAGONAL = [2.5, 2.5, 6.66, 90, 90, 120]
SALT = ["Na 4a 0 0 0", "Cl 4b 0.5 0.5 0.5"]


ALL_SALT = [
    "Na 0 0 0", "Na 0 .5 .5", "Na .5 0 .5", "Na .5 .5 0", "Cl .5 .5 .5", "Cl .5 0 0", "Cl 0 .5 0", "Cl 0 0 .5",
]  # fmt: skip


def form(group, lattice, sites):
    return json.dumps({"spacegroup": group, "lattice": lattice, "sites": sites})


def read(text):
    return read_in_time(FORM, text)


def refusal(text):
    return refused(read, text).kind


def number_of(structure, precision=0.01):
    return SpacegroupAnalyzer(structure, symprec=precision).get_space_group_number()


@pytest.mark.parametrize("first", range(1, 531, 53))
def test_letters_of_all_settings_are_those_of_the_tables(first):
    for setting in range(first, first + 53):
        positions = lettered_positions(setting)
        assert "".join(positions) == (string.ascii_lowercase + "A")[: len(positions)]
        place = np.array([0.1731, 0.2912, 0.4243])
        for position in positions.values():
            point = position.point(place)
            assert len(orbit(point, group_in_setting(setting))) == position.multiplicity
            assert position.point(point) == pytest.approx(point)


@pytest.mark.parametrize(
    ("setting", "name", "point"),
    [
        # International Tables, volume A
        (first_setting(225), "24d", (0, 0.25, 0.25)),
        (525, "8a", (0, 0, 0)),
        (525, "16d", (0.625, 0.625, 0.625)),
        (526, "8a", (0.125, 0.125, 0.125)),
        (526, "16d", (0.5, 0.5, 0.5)),
        (458, "9e", (0.5, 0, 0)),
        (458, "9d", (0.5, 0, 0.5)),
        (first_setting(62), "4b", (0, 0, 0.5)),
        (first_setting(62), "4c", (0.13, 0.25, 0.3)),
        (first_setting(194), "2c", (1 / 3, 2 / 3, 0.25)),
        (first_setting(47), "8A", (0.1, 0.2, 0.3)),
    ],
)
def test_letters_of_known_points(setting, name, point):
    group = group_in_setting(setting)
    position = lettered_positions(setting)[name[-1]]
    assert position.multiplicity * centring(group) == int(name[:-1])
    primitive = np.linalg.solve(group.basis.T, point)
    assert nearest_on(primitive, position, group, np.eye(3))[1] < 1e-9


def test_one_line(rock_salt):
    text = FORM.write(rock_salt)
    assert text == (
        '{"spacegroup":225,"lattice":[5.64,5.64,5.64,90,90,90],"sites":["Na 4a 0 0 0","Cl 4b 0 0 0.5"]}'
    )
    assert FORM.write(Structure.from_sites(rock_salt[::-1])) == text


def test_known_crystals_come_back(test_data):
    with gzip.open(test_data / "mp20_sample.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))[::40]
    for row in rows:
        structure = Cif().read(row["cif"]).structure
        reading = FORM.read(FORM.write(structure))
        assert reading.repairs == ()
        assert StructureMatcher().fit(structure, reading.structure), row["material_id"]
        assert number_of(reading.structure) == number_of(structure), row["material_id"]


@pytest.mark.parametrize("digits", [2, 3, 4])
def test_rounding_keeps_special_positions(digits):
    text = form(194, HEXAGONAL, ["B 2c 0.333333 0.666667 0.25", "N 2d 0.333333 0.666667 0.75"])
    again = FORM.read(FORM.write(read(text).structure, digits))
    assert number_of(again.structure, 1e-5) == 194
    assert bool(again.repairs) == (digits == 2)  # 0.33 is 0.014 angstrom from a third


@pytest.mark.parametrize(
    "text",
    [
        form("225", CUBIC, SALT),
        form("F m -3 m", CUBIC, ["Na a 0 0 0", "Cl b 0.5 0.5 0.5"]),
        form("Fm-3m", CUBIC, ["Na 0 0 0", "Cl+ 1/2 1/2 1/2"]),
        form(225.0, "5.64 5.64 5.64 90 90 90", ["Na 4a", "Cl 4b"]),
        form({"number": 225, "symbol": "Fm-3m"}, CUBIC, [["Na", "4a", 0, 0, 0], ["Cl", "4b", [0.5, 0.5, 0.5]]]),
        form(225, CUBIC, [{"element": "Na", "wyckoff": "4a", "coords": [0, 0, 0]}, "Cl 4b (0.5, 0.5, 0.5)"]),
        form(225, CUBIC, [{"species": "Na", "position": "4a", "x": 0, "y": 0, "z": 0}, "Cl @ 4b 0.5 0.5 0.5"]),
        json.dumps({
            "space_group": 225, "cell": dict(zip(["a", "b", "c", "alpha", "beta", "gamma"], CUBIC, strict=True)),
            "atoms": SALT, "formula": "NaCl",
        }),
    ],
)  # fmt: skip
def test_ways_to_say_it(text, rock_salt):
    reading = read(text)
    assert reading.repairs == ()
    assert len(reading.structure) == 2
    assert StructureMatcher(primitive_cell=False, scale=False).fit(reading.structure, rock_salt)


@pytest.mark.parametrize(
    ("text", "formula", "repair"),
    [
        (form(225, [5.64, 5.64, 5.66, 90, 90, 90], SALT), "Na1 Cl1", "off by 0.71 percent"),
        (form(225, CUBIC, ["Na 4a 0 0 0.012", SALT[1]]), "Na1 Cl1", "moved by 0.068 angstrom onto a"),
        (form(225, CUBIC, ["Na 8a 0 0 0", SALT[1]]), "Na1 Cl1", "has 4 atoms, not 8"),
        (form(225, CUBIC, [*SALT, "Na 4a 0.5 0.5 0"]), "Na1 Cl1", "images of others"),
        (form(225, CUBIC, ALL_SALT), "Na1 Cl1", "images of others"),
        (form(225, CUBIC, [*SALT, *SALT[:1] * 900]), "Na1 Cl1", "given 901 times"),
        (form(225, CUBIC, ["NA 4a 0 0 0", "CO 4b .5 .5 .5"]), "Na1 Co1", "'NA' as Na, 'CO' as Co"),
        (
            form(
                227,
                [8.08] * 3 + [90] * 3,
                ["Mg 8a .125 .125 .125", "Al 16d .5 .5 .5", "O 32e .263 .263 .263"],
            ),
            "Mg2 Al4 O8",
            "setting 2",
        ),
        (form(227, [5.43] * 3 + [90] * 3, ["Si 0.125 0.125 0.125"]), "Si2", "setting 2"),
        (form(227, [5.43] * 3 + [90] * 3, ["Si 0 0 0"]), "Si2", "setting 1"),
        (form(166, [4.746] * 3 + [57.2] * 3, ["Bi 2c .234 .234 .234"]), "Bi2", "setting R"),
    ],
)
def test_what_is_mended_is_told(text, formula, repair):
    reading = read(text)
    assert reading.structure.composition.formula == formula
    assert [repair in line for line in reading.repairs] == [True]


def test_one_origin_is_silent_where_letters_tell():
    assert read(form("Fd-3m", [5.43] * 3 + [90] * 3, ["Si 8a 0 0 0"])).repairs == ()


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (form(225, CUBIC, ["Na 4a 0.5 0.5 0.5"]), FailureKind.BAD_SYMMETRY),
        (form(225, CUBIC, ["Na 4a 0 0 0.03"]), FailureKind.BAD_SYMMETRY),
        (form(225, CUBIC, ["Na 192l 0 0 0"]), FailureKind.BAD_SYMMETRY),
        (form(225, CUBIC, ["Na 4z 0 0 0"]), FailureKind.BAD_SYMMETRY),
        (form(225, HEXAGONAL, SALT), FailureKind.BAD_SYMMETRY),
        (form("Fx-3m", CUBIC, SALT), FailureKind.BAD_SYMMETRY),
        (form(231, CUBIC, SALT), FailureKind.BAD_SYMMETRY),
        (form(None, CUBIC, SALT), FailureKind.BAD_SYMMETRY),
        (form(True, CUBIC, SALT), FailureKind.BAD_SYMMETRY),
        (form(225, CUBIC[:5], SALT), FailureKind.BAD_LATTICE),
        (form(225, [1e9] * 3 + [90] * 3, SALT), FailureKind.BAD_LATTICE),
        (form(225, [-5.0] * 3 + [90] * 3, SALT), FailureKind.BAD_LATTICE),
        (form(225, [float("nan")] * 6, SALT), FailureKind.BAD_NUMBERS),
        (form(225, CUBIC, ["Na 24e"]), FailureKind.BAD_NUMBERS),
        (form(225, CUBIC, ["Na 24e x 0 0"]), FailureKind.BAD_NUMBERS),
        (form(225, CUBIC, ["Na 4a __import__('os') 0 0"]), FailureKind.BAD_NUMBERS),
        (form(225, CUBIC, [[[["Na"]]]]), FailureKind.BAD_NUMBERS),
        (form(225, CUBIC, ["Xx 4a 0 0 0"]), FailureKind.UNKNOWN_ELEMENT),
        (form(225, CUBIC, [{}]), FailureKind.UNKNOWN_ELEMENT),
        (form(225, CUBIC, []), FailureKind.NO_CRYSTAL),
        (form(225, CUBIC, general_sites(59)), FailureKind.TOO_MANY_SITES),
        (form(225, CUBIC, general_sites(5000)), FailureKind.TOO_MANY_SITES),
        (form(47, [20, 21, 22, 90, 90, 90], general_sites(1000)), FailureKind.TOO_MANY_SITES),
        ("", FailureKind.BROKEN_JSON),
        ("[1]", FailureKind.WRONG_SCHEMA),
        ("[" * 100_000, FailureKind.BROKEN_JSON),
        ('{"spacegroup":' + "9" * 100_000 + "}", FailureKind.BROKEN_JSON),
        ("\0" * 1000, FailureKind.BROKEN_JSON),
        (" " * 300_000, FailureKind.REPLY_TOO_LARGE),
        (
            '{"spacegroup":225,"lattice":[5,5,5,90,90,90],"sites":["Na 4a"],"sites":["Cl 4a"]}',
            FailureKind.AMBIGUOUS,
        ),
        (form(225, CUBIC, [{"element": "Na", "position": "4a", "occupancy": 0.5}]), FailureKind.DISORDERED),
        (form(225, CUBIC, ["Na 4a" + " " * 300 + "0 0 0"]), FailureKind.BAD_NUMBERS),
        (form("Pnma", CUBIC, ALL_SALT), FailureKind.AMBIGUOUS),
        (form(225, CUBIC, [*ALL_SALT[:3], ALL_SALT[4]]), FailureKind.AMBIGUOUS),
    ],
)
def test_what_is_refused(text, kind):
    assert refusal(text) == kind


@given(number=st.integers(1, 230), seed=st.integers(0, 10**6))
def test_atoms_on_any_positions_come_back(number, seed):
    rng, group = np.random.default_rng(seed), group_in_setting(first_setting(number))
    positions = lettered_positions(first_setting(number))
    lattice = HEXAGONAL if 143 <= number <= 194 else [9.1, 9.1, 9.1, 90, 90, 90]
    letters = rng.choice(list(positions), 2)
    places = [group.basis.T @ positions[letter].point(rng.random(3)) for letter in letters]
    sites = [
        " ".join([symbol, letter, *(f"{x:.8f}" for x in place % 1.0)])
        for symbol, letter, place in zip(("Fe", "O"), letters, places, strict=True)
    ]
    try:
        structure = read(form(number, lattice, sites)).structure
    except Unreadable as refused:
        assume("more special" not in refused.detail)
        raise
    expected = [positions[letter].multiplicity for letter in letters]
    assert [structure.composition[symbol] for symbol in ("Fe", "O")] == expected
    images = group.rotations @ structure[0].frac_coords + group.translations
    apart = images[:, None] - structure.frac_coords[: expected[0]]
    assert np.abs(apart - np.round(apart)).max(axis=2).min(axis=1).max() < 1e-6


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=9),
        lambda inner: st.lists(inner, max_size=6),
    )
)
def test_any_json_is_read_or_refused(value):
    for text in (
        json.dumps(value),
        form(value, CUBIC, SALT),
        form(225, value, SALT),
        form(225, CUBIC, [value]),
    ):
        with suppress(Unreadable):
            assert len(FORM.read(text).structure) > 0


@pytest.mark.parametrize(
    "lattice",
    [
        {"matrix": [[5.64, 0, 0], [0, 5.64, 0], [0, 0, 5.64]]},
        [[0, 5.64, 0], [0, 0, 5.64], [5.64, 0, 0]],
        {"a": 5.64, "b": 5.64, "c": 5.64, "alpha": 90, "beta": 90, "gamma": 90},
    ],
)
def test_cells_in_other_shapes(lattice):
    structure, repairs = read(form(225, lattice, SALT))
    assert (structure.composition.formula, repairs) == ("Na1 Cl1", ())
    assert structure.volume == pytest.approx(5.64**3 / 4)
