import io

import pytest
from ase.io.vasp import read_vasp
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Structure

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.language import MAX_TEXT_BYTES, Reading, Unreadable
from matsearch.crystal.languages.poscar import Poscar
from tests.readings import refused

LATTICE = "4 0 0\n0 5 0\n0 0 6\n"
SITES = "0 0 0\n0.5 0.5 0.5\n0.25 0.5 0.75\n"
PLAIN = f"Li2 O1\n1.0\n{LATTICE}Li O\n2 1\ndirect\n{SITES}"
LABELLED = PLAIN.replace("0 0 0\n0.5 0.5 0.5\n0.25 0.5 0.75", "0 0 0 Li\n0.5 0.5 0.5 Li\n0.25 0.5 0.75 O")

read = Poscar().read


def refusal(text: str) -> Unreadable:
    return refused(read, text)


def attempt(text: str) -> tuple[Reading | None, str]:
    try:
        return read(text), ""
    except Unreadable as refused:
        return None, refused.detail


def assert_is_the_crystal(structure: Structure) -> None:
    assert [site.specie.symbol for site in structure] == ["Li", "Li", "O"]
    assert structure.lattice.abc == pytest.approx((4, 5, 6))
    assert structure.frac_coords.ravel() == pytest.approx([0, 0, 0, 0.5, 0.5, 0.5, 0.25, 0.5, 0.75])


def test_written_text():
    structure = Structure(
        [[4, 0, 0], [0, 5, 0], [0, 0, 6.25]], ["O", "Li", "O"], [[0, 0, -1e-9], [0.5] * 3, [1 / 3] * 3]
    )
    assert Poscar().write(structure) == (
        "O2 Li\n1.0\n4 0 0\n0 5 0\n0 0 6.25\nO Li\n2 1\ndirect\n"
        "0 0 0 O\n0.3333 0.3333 0.3333 O\n0.5 0.5 0.5 Li\n"
    )


CLEAN = {
    "plain": PLAIN,
    "labelled": LABELLED,
    "blank comment": PLAIN.replace("Li2 O1", "", 1),
    "blank lines": PLAIN.replace("Li O\n", "\nLi O\n").replace("0.5 0.5 0.5\n", "0.5 0.5 0.5\n\n") + "\n\n",
    "scale": PLAIN.replace("1.0\n4 0 0\n0 5 0\n0 0 6", "2\n2 0 0\n0 2.5 0\n0 0 3"),
    "volume": PLAIN.replace("1.0\n4 0 0\n0 5 0\n0 0 6", "-120\n8 0 0\n0 10 0\n0 0 12"),
    "three scales": PLAIN.replace("1.0\n4 0 0\n0 5 0\n0 0 6", "4 5 6\n1 0 0\n0 1 0\n0 0 1"),
    "text after vectors": PLAIN.replace("4 0 0", "4 0 0 ! a").replace("0 5 0", "0 5 0 angstrom"),
    "VASP 4": LABELLED.replace("Li O\n", ""),
    "split counts": PLAIN.replace("2 1\n", "2\n1\n"),
    "interleaved": PLAIN.replace("Li O\n2 1", "Li Li O\n1 1 1"),
    "selective": PLAIN.replace("direct\n0 0 0", "Selective dynamics\nDirect\n0 0 0 T T F"),
    "flags and labels": LABELLED.replace("direct\n0 0 0 Li", "selective\nd\n0 0 0 T T F Li"),
    "cartesian": PLAIN.replace("direct", "Cartesian")
    .replace("0.5 0.5 0.5", "2 2.5 3")
    .replace("0.25 0.5 0.75", "1 2.5 4.5"),
    "scaled cartesian": PLAIN.replace("1.0\n4 0 0\n0 5 0\n0 0 6", "2\n2 0 0\n0 2.5 0\n0 0 3")
    .replace("direct", "c")
    .replace("0.5 0.5 0.5", "1 1.25 1.5")
    .replace("0.25 0.5 0.75", "0.5 1.25 2.25"),
    "fractions": PLAIN.replace("0.5 0.5 0.5", "1/2 1/2 1/2").replace("0.25 0.5 0.75", "1/4, 1/2, 3/4"),
    "prose": PLAIN + "\nThis is a layered crystal with 3 atoms, a = 4.0 and good chances.\n",
    "tabs": PLAIN.replace(" ", "\t"),
    "windows": PLAIN.replace("\n", "\r\n"),
    "labels in comments": PLAIN.replace("0.5 0.5 0.5", "0.5 0.5 0.5 # Li")
    .replace("0 0 0\n0.5", "0 0 0 # Li\n0.5")
    .replace("0.75", "0.75 ! O"),
    "site comments": PLAIN.replace("0 0 0\n0.5", "0 0 0 # B site, 4a\n0.5"),
    "fence": f"```\n{PLAIN}```\n",
    "words after labels": LABELLED.replace("0.75 O", "0.75 O at edge"),
    "labels first": LABELLED.replace("0.5 0.5 0.5 Li", "Li 0.5 0.5 0.5"),
}


@pytest.mark.parametrize("text", CLEAN.values(), ids=CLEAN.keys())
def test_what_needs_no_repair(text):
    reading = read(text)
    assert_is_the_crystal(reading.structure)
    # a text without counts has nothing to believe but its labels, and says so
    assert all("no elements" in repair for repair in reading.repairs)


STANDARD = ("plain", "labelled", "scale", "volume", "interleaved", "cartesian", "scaled cartesian", "windows")


@pytest.mark.parametrize("name", STANDARD)
def test_standard_forms_are_read_as_pymatgen_reads_them(name):
    theirs, ours = Structure.from_str(CLEAN[name], fmt="poscar"), read(CLEAN[name]).structure
    assert ours.species == theirs.species
    assert ours.lattice.matrix == pytest.approx(theirs.lattice.matrix)
    assert ours.frac_coords == pytest.approx(theirs.frac_coords)


def test_three_scales_are_of_x_y_and_z_as_in_ase():
    text = "c\n2 3 4\n1 0.5 0\n0 1 0.2\n0.3 0 1\nLi O\n1 1\nCartesian\n0 0 0\n0.5 0.25 0.5\n"
    theirs, ours = read_vasp(io.StringIO(text)), read(text).structure
    assert ours.lattice.matrix == pytest.approx(theirs.cell[:])
    assert ours.cart_coords == pytest.approx(theirs.positions)


REPAIRED = {
    "no comment": (PLAIN.removeprefix("Li2 O1\n"), "no comment line"),
    "prose before": ("Here it is:\nas asked\n" + PLAIN, "ignored the lines before"),
    "no scale": (PLAIN.replace("1.0\n", ""), "no scale"),
    "no mode": (PLAIN.replace("direct\n", ""), "read as direct"),
    "odd mode": (PLAIN.replace("direct", "indirect"), "'indirect' read as direct"),
    "wrong counts": (LABELLED.replace("2 1", "1 2"), "counts 1 2 say Li O; the labelled sites are Li2 O1"),
    "too many counts": (LABELLED.replace("2 1", "12 4 12"), "the labelled sites are Li2 O1"),
    "no counts": (LABELLED.replace("2 1\n", ""), "no line has counts; the labelled sites are Li2 O1"),
    "dummy species": (LABELLED.replace("Li O\n", "X Y Z\n"), "the labelled sites are Li2 O1"),
    "numbered labels": (LABELLED.replace(" Li\n0.5", " Li1\n0.5"), "read the label 'Li1' as Li"),
    "case": (PLAIN.replace("Li O", "LI o"), "read the label 'LI' as Li, 'o' as O"),
    "some labels": (LABELLED.replace("0.5 Li", "0.5"), "2 of 3 sites are labelled"),
    "escaped": (PLAIN.replace("\n", "\\n"), "line breaks were written as"),
    "backslashes": (PLAIN.replace("\n", "\\\n").replace("0.25 0.5", "0.25\u00a00.5"), "typographic"),
    "velocities": (PLAIN + "\n" + "0.01 0.02 0.03\n" * 3, "ignored the velocities from line 13"),
    "velocities after labels": (LABELLED + "\n" + "0.01 0.02 0.03\n" * 3, "ignored the velocities"),
}


@pytest.mark.parametrize(("text", "repair"), REPAIRED.values(), ids=REPAIRED.keys())
def test_what_is_mended_and_said(text, repair):
    reading = read(text)
    assert_is_the_crystal(reading.structure)
    assert repair in "; ".join(reading.repairs)


def test_a_blank_line_between_sites_begins_no_velocities():
    text = PLAIN.replace("2 1\n", "2 2\n").replace("0.25 0.5", "\n0.25 0.5") + "0.75 0.5 0.75\n"
    reading = read(text)
    assert (reading.structure.composition.formula, reading.repairs) == ("Li2 O2", ())


def test_unicode_minus():
    reading = read(PLAIN.replace("0.5 0.5 0.5", "\u22120.5 0.5 0.5"))
    assert reading.structure.frac_coords[1] == pytest.approx([-0.5, 0.5, 0.5])
    assert reading.repairs == ("typographic signs read as plain ones",)


def test_labels_are_believed_over_counts_of_many_species():
    text = LABELLED.replace("Li O\n2 1", "Ag O Ag\n12 4 12").replace("Li\n", "Ag\n")
    reading = read(text)
    assert reading.structure.composition.formula == "Ag2 O1"
    assert reading.repairs == ("counts 12 4 12 say Ag O Ag; the labelled sites are Ag2 O1",)


def test_a_flag_is_no_fluorine():
    assert read(PLAIN.replace("0 0 0\n0.5", "0 0 0 F F F\n0.5")).structure.composition.formula == "Li2 O1"
    fluoride = read(LABELLED.replace("0.75 O", "0.75 F")).structure
    assert fluoride.composition.formula == "Li2 F1"


def test_a_left_handed_lattice_is_kept():
    lattice = read(PLAIN.replace("0 0 6", "0 0 -6")).structure.lattice
    assert lattice.matrix[2] == pytest.approx([0, 0, -6])


REFUSED = {
    "empty": ("", FailureKind.NO_CRYSTAL, "no numbers"),
    "prose": ("I cannot help with that.", FailureKind.NO_CRYSTAL, "no numbers"),
    "other element by label": (LABELLED.replace("0.5 Li", "0.5").replace("0.75 O", "0.75 S"), FailureKind.WRONG_COUNTS, "labelled S"),
    "fewer sites": (PLAIN.replace("0.25 0.5 0.75\n", ""), FailureKind.CUT_OFF, "3 sites, but 2 follow; the text ends"),
    "fewer sites, then prose": (PLAIN.replace("0.25 0.5 0.75", "and so on"), FailureKind.WRONG_COUNTS, "but 2 follow"),
    "more sites": (PLAIN + "0.1 0.1 0.1\n", FailureKind.WRONG_COUNTS, "3 sites, but 4 follow"),
    "species and counts": (PLAIN.replace("Li O\n", "Li O S\n"), FailureKind.WRONG_COUNTS, "counts 2 1 say Li O S"),
    "some labels and no fit": (LABELLED.replace("0.5 Li", "0.5").replace("2 1", "1 1"), FailureKind.WRONG_COUNTS, "2 sites, but 3"),
    "no elements": (PLAIN.replace("Li O\n", ""), FailureKind.WRONG_COUNTS, "no elements"),
    "no sites": (PLAIN.removesuffix(SITES), FailureKind.CUT_OFF, "the text ends there"),
    "half a lattice": ("Li2 O1\n1.0\n4 0 0\n0 5 0", FailureKind.CUT_OFF, "line 4 '0 5 0'"),
    "half a site": (LABELLED.removesuffix(" 0.75 O\n"), FailureKind.CUT_OFF, "line 11 '0.25 0.5'"),
    "a digit of a site": (PLAIN.removesuffix(".25 0.5 0.75\n"), FailureKind.CUT_OFF, "line 11 '0'"),
    "text between sites": (LABELLED.replace("0.25", "oxygen:\n0.25"), FailureKind.WRONG_COUNTS, "after 2 sites comes line 11 'oxygen:', and then numbers again") ,
    "two numbers": (PLAIN.replace("0.5 0.5 0.5", "0.5 0.5"), FailureKind.BAD_NUMBERS, "line 10 '0.5 0.5' has 2 numbers"),
    "four numbers": (PLAIN.replace("0.5 0.5 0.5", "0.5 0.5 0.5 1.0"), FailureKind.BAD_NUMBERS, "has 4 numbers"),
    "two points": (PLAIN.replace("0.5 0.5 0.5", "0.5 0..5 0.5"), FailureKind.BAD_NUMBERS, "line 10: '0..5'"),
    "decimal commas": (PLAIN.replace("0.5 0.5 0.5", "0,5 0,5 0,5"), FailureKind.BAD_NUMBERS, "'0,5'"),
    "not a number": (PLAIN.replace("0.5 0.5 0.5", "nan 0.5 0.5"), FailureKind.BAD_NUMBERS, "'nan'"),
    "angstrom": (PLAIN.replace("0.25", "7.1258"), FailureKind.BAD_NUMBERS, "coordinate 7.1258: written in angstrom?"),
    "far away": (PLAIN.replace("direct", "cart").replace("0.25", "5000"), FailureKind.BAD_NUMBERS, "beyond 1000"),
    "dummy": (PLAIN.replace("Li O", "Xx O"), FailureKind.UNKNOWN_ELEMENT, "'Xx'"),
    "dummy label": (LABELLED.replace("0.75 O", "0.75 Vac"), FailureKind.UNKNOWN_ELEMENT, "line 11: 'Vac'"),
    "mixed": (LABELLED.replace("0.75 O", "0.75 O0.5F0.5"), FailureKind.DISORDERED, "O0.5F0.5"),
    "two labels": (LABELLED.replace("0.75 O", "0.75 O F"), FailureKind.DISORDERED, "'O F'"),
    "occupancy": (LABELLED.replace("0.75 O", "0.75 O 0.5"), FailureKind.DISORDERED, "'O 0.5'"),
    "half atoms": (PLAIN.replace("2 1\n", "1.5 1.5\n"), FailureKind.DISORDERED, "counts parts"),
    "broken vector": (PLAIN.replace("0 5 0", "0 five 0"), FailureKind.BAD_LATTICE, "line 4 '0 five 0'"),
    "fourth vector": (PLAIN.replace("0 0 6\n", "0 0 6\n0.5 0.5 0.5\n"), FailureKind.BAD_LATTICE, "line 6 '0.5 0.5 0.5' is a fourth"),
    "flat": (PLAIN.replace("0 0 6", "0 5 0"), FailureKind.BAD_LATTICE, "flat cell"),
    "thin": (PLAIN.replace("0 0 6", "0 0 0.1"), FailureKind.BAD_LATTICE, "less than 0.3 angstrom apart"),
    "huge": (PLAIN.replace("0 0 6", "0 0 1e9"), FailureKind.BAD_LATTICE, "1e+09 angstrom"),
    "zero scale": (PLAIN.replace("1.0", "0"), FailureKind.BAD_LATTICE, "scale 0"),
    "many counts": (PLAIN.replace("2 1\n", "5000 1\n"), FailureKind.TOO_MANY_SITES, "5001 sites"),
    "many sites": (PLAIN + "0 0 0\n" * 5000, FailureKind.TOO_MANY_SITES, "more than 1000"),
    "long": (PLAIN + " " * MAX_TEXT_BYTES, FailureKind.REPLY_TOO_LARGE, "more than 200000"),
    "two crystals": (PLAIN + "or this:\n" + PLAIN, FailureKind.AMBIGUOUS, "more than one crystal"),
}  # fmt: skip


@pytest.mark.parametrize(("text", "kind", "detail"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_refused_and_why(text, kind, detail):
    refused = refusal(text)
    assert (refused.kind, detail in refused.detail) == (kind, True), refused.detail


LINES = st.sampled_from(
    [
        *PLAIN.splitlines(),
        *LABELLED.splitlines(),
        "",
        "nan 0 0 Li",
        "{{ x }}",
        "<script>",
        "X 0 0 0",
        "1e300 0 0",
        "-1",
    ]
)


@given(st.one_of(st.text(), st.lists(LINES, max_size=20).map("\n".join)))
def test_any_text_is_a_crystal_or_refused_in_one_line(text):
    reading, said = attempt(text)
    assert "\n" not in said
    if reading is not None:
        assert 0 < len(reading.structure) <= len(text.splitlines())
        assert reading.structure.volume > 0


@given(st.integers(0, len(LABELLED)))
def test_a_cut_text_never_changes_composition_silently(end):
    """Cut anywhere, it is refused, or it is whole, or the sites that are left are said."""
    reading, _ = attempt(LABELLED[:end])
    if reading is not None:
        assert reading.structure.composition.formula == "Li2 O1" or reading.repairs


@pytest.mark.parametrize("mode", ["Cartesian", "cart", "K", "coordinates: Cartesian"])
def test_words_for_cartesian(mode):
    reading = read(PLAIN.replace("direct", mode))
    assert reading.structure.cart_coords[1] == pytest.approx([0.5, 0.5, 0.5])
