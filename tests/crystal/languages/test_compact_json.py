import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.compact_json import CompactJson
from matsearch.crystal.languages.language import MAX_TEXT_BYTES, Unreadable

CELL = [4, 5, 6, 90, 90, 90]
MATRIX = [[4, 0, 0], [0, 5, 0], [0, 0, 6]]
NAMED = dict(zip(("a", "b", "c", "alpha", "beta", "gamma"), CELL, strict=True))
SITES = ["Li 0 0 0", "Li 0.5 0.5 0.5", "O 0.25 0.5 0.75"]
SYMBOLS = ["Li", "Li", "O"]
COORDS = [[0, 0, 0], [0.5, 0.5, 0.5], [0.25, 0.5, 0.75]]
CRYSTAL = Structure(Lattice.from_parameters(*CELL), SYMBOLS, COORDS)


def read(document):
    return CompactJson().read(document if isinstance(document, str) else json.dumps(document))


def with_sites(sites, **more):
    return {"lattice": CELL, "sites": sites, **more}


def objects(label, *coords):
    return [
        {label: symbol, **(dict(zip(coords, row, strict=True)) if len(coords) == 3 else {coords[0]: row})}
        for symbol, row in zip(SYMBOLS, COORDS, strict=True)
    ]


def test_written_text():
    assert CompactJson().write(CRYSTAL) == (
        '{"lattice":[4,5,6,90,90,90],"sites":["Li 0 0 0","Li 0.5 0.5 0.5","O 0.25 0.5 0.75"]}'
    )


SHAPES = {
    "strings": with_sites(SITES),
    "label last": with_sites(["0 0 0 Li", "0.5, 0.5, 0.5, Li", "1/4 1/2 3/4 O"]),
    "lists": with_sites([[s, *row] for s, row in zip(SYMBOLS, COORDS, strict=True)]),
    "nested lists": with_sites([[s, row] for s, row in zip(SYMBOLS, COORDS, strict=True)]),
    "strings of numbers": with_sites([[s, *map(str, row)] for s, row in zip(SYMBOLS, COORDS, strict=True)]),
    **{f"objects by {label}": with_sites(objects(label, "xyz")) for label in ("element", "species", "label", "specie")},
    **{f"objects at {key}": with_sites(objects("element", key)) for key in ("coords", "frac_coords", "abc", "position")},
    "objects with axes": with_sites(objects("element", "x", "y", "z")),
    "named lattice": {"lattice": NAMED, "sites": SITES},
    "matrix": {"lattice": MATRIX, "sites": SITES},
    "parallel lists": {"lattice": MATRIX, "species": SYMBOLS, "coords": COORDS},
    "parallel fractional": {"lattice": CELL, "species": SYMBOLS, "frac_coords": COORDS},
    "cartesian": {
        "lattice": MATRIX,
        "species": SYMBOLS,
        "coords": [[0, 0, 0], [2, 2.5, 3], [1, 2.5, 4.5]],
        "coords_are_cartesian": True,
    },
    "pymatgen": CRYSTAL.as_dict(),
    "extra keys": with_sites(SITES, formula="NaCl", comment="{{ x }}", counts=[7]),
}  # fmt: skip


@pytest.mark.parametrize("document", SHAPES.values(), ids=SHAPES.keys())
def test_shapes(document):
    structure, repairs = read(document)
    assert [site.specie.symbol for site in structure] == SYMBOLS
    assert structure.lattice.parameters == pytest.approx(CELL)
    assert structure.frac_coords.ravel() == pytest.approx([x for row in COORDS for x in row])
    assert repairs == ()


def test_decorated_labels_are_said():
    reading = read(with_sites(["li1 0 0 0", "Li+ 0.5 0.5 0.5", "O 0.25 0.5 0.75"]))
    assert reading.structure.composition.formula == "Li2 O1"
    assert reading.repairs == ("read the label 'li1' as Li, 'Li+' as Li",)


@pytest.mark.parametrize(
    "said", [{"coords_are_cartesian": "True"}, {"Cartesian": True}, {"coordinate_mode": "cartesian"}]
)
def test_coordinates_that_are_called_cartesian_are_angstrom(said):
    reading = read({"lattice": [4, 4, 4, 90, 90, 90], "sites": ["Li 1 1 2"], **said})
    assert reading.structure.frac_coords[0] == pytest.approx([0.25, 0.25, 0.5])


def test_a_comment_that_speaks_of_cartesian_coordinates_changes_none():
    reading = read(
        {
            "lattice": CELL,
            "sites": SITES,
            "comment": "Cartesian coordinates would be longer",
            "cartesian": False,
        }
    )
    assert reading.structure.frac_coords.ravel() == pytest.approx([x for row in COORDS for x in row])


def test_names_of_code_are_only_text():
    document = {**CRYSTAL.as_dict(), "@module": "os", "@class": "system", "@version": "echo"}
    assert read(document).structure == CRYSTAL


def site(**fields):
    return with_sites([{"element": "Li", "xyz": [0, 0, 0], **fields}])


REFUSED = {
    "text": ("no", FailureKind.BROKEN_JSON, "no JSON"),
    "cut": ('{"lattice":[4,5', FailureKind.BROKEN_JSON, "no JSON"),
    "deep": ("[" * 100_000, FailureKind.BROKEN_JSON, "nested"),
    "list": ([1], FailureKind.WRONG_SCHEMA, "not list"),
    "long": (" " * (MAX_TEXT_BYTES + 1), FailureKind.REPLY_TOO_LARGE, "more than"),
    "key twice": ('{"lattice":[4,4,4,90,90,90],"sites":["Li 0 0 0"],"sites":[]}', FailureKind.AMBIGUOUS, "'sites'"),
    "inner key twice": ('{"sites":[{"element":"Li","element":"Na"}]}', FailureKind.AMBIGUOUS, "'element'"),
    "no sites": ({"lattice": CELL}, FailureKind.WRONG_SCHEMA, "no list of sites"),
    "empty sites": (with_sites([]), FailureKind.NO_CRYSTAL, "no sites"),
    "many sites": (with_sites(["Li 0 0 0"] * 1001), FailureKind.TOO_MANY_SITES, "1001"),
    "no lattice": ({"sites": SITES}, FailureKind.BAD_LATTICE, "no lattice"),
    "five numbers": ({"lattice": CELL[:5], "sites": SITES}, FailureKind.BAD_LATTICE, "no lattice"),
    "no angles": ({"lattice": {"a": 4, "b": 4, "c": 4}, "sites": SITES}, FailureKind.BAD_LATTICE, "no alpha, beta, gamma"),
    "impossible": ({"lattice": [4, 4, 4, 120, 120, 121], "sites": SITES}, FailureKind.BAD_LATTICE, "no cell"),
    "negative": ({"lattice": [-4, 4, 4, 90, 90, 90], "sites": SITES}, FailureKind.BAD_LATTICE, "out of range"),
    "two lattices": ({"lattice": {**NAMED, "matrix": [[9, 0, 0], [0, 5, 0], [0, 0, 6]]}, "sites": SITES}, FailureKind.AMBIGUOUS, "differ"),
    "species and coords": ({"lattice": CELL, "species": ["Li"], "coords": COORDS}, FailureKind.WRONG_COUNTS, "1 species but 3"),
    "three words": (with_sites(["Li 0 0"]), FailureKind.BAD_NUMBERS, "site 1: 'Li 0 0'"),
    "no coordinates": (with_sites([{"element": "Li"}]), FailureKind.BAD_NUMBERS, "site 1: 'None'"),
    "truth": (with_sites([["Li", True, 0, 0]]), FailureKind.BAD_NUMBERS, "'True'"),
    "not a number": ('{"lattice":[4,4,4,90,90,90],"sites":[["Li",0,0,NaN]]}', FailureKind.BAD_NUMBERS, "'nan'"),
    "angstrom": (with_sites(["Li 0 0 0", "O 0 0 3.1"]), FailureKind.BAD_NUMBERS, "3.1: written in angstrom?"),
    "no label": (with_sites([{"xyz": [0, 0, 0]}]), FailureKind.UNKNOWN_ELEMENT, "site 1"),
    "dummy": (with_sites(["X 0 0 0"]), FailureKind.UNKNOWN_ELEMENT, "'X'"),
    "odd site": (with_sites([7]), FailureKind.WRONG_SCHEMA, "site 1 is '7'"),
    "mixed": (with_sites(["Li0.5Na0.5 0 0 0"]), FailureKind.DISORDERED, "Li0.5Na0.5"),
    "two species": (site(species=[{"element": "Li", "occu": 0.5}, {"element": "Na", "occu": 0.5}]), FailureKind.DISORDERED, "0.5"),
    "two whole species": (site(species={"Li": 1, "Na": 1}), FailureKind.DISORDERED, "site 1"),
    "half a site": (site(occupancy=0.5), FailureKind.DISORDERED, "site 1"),
    "half a species": (site(species={"Li": 0.5}), FailureKind.DISORDERED, "site 1"),
}  # fmt: skip


@pytest.mark.parametrize(("document", "kind", "detail"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_and_why(document, kind, detail):
    with pytest.raises(Unreadable) as caught:
        read(document)
    assert (caught.value.kind, detail in caught.value.detail) == (kind, True), caught.value.detail


WORDS = st.sampled_from(
    ["lattice", "sites", "element", "species", "abc", "matrix", "a", "Li", "Li 0 0 0", "@class"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.just(CELL),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


@given(
    st.fixed_dictionaries({"lattice": VALUES | st.just(CELL), "sites": VALUES | st.lists(VALUES, max_size=3)})
)
def test_any_object_is_a_crystal_or_refused_in_one_line(document):
    said = ""
    try:
        assert len(read(document).structure) == len(document["sites"])
    except Unreadable as refused:
        said = refused.detail
    assert "\n" not in said
