import io
import warnings

import ase.io
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure
from pymatgen.io.cif import CifWriter

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.cif import Cif
from matsearch.crystal.languages.language import MAX_READ_SITES, Reading, Unreadable
from matsearch.testing.samples import sample_structure
from tests.readings import general_sites, read_in_time, refused

CIF = Cif()
CELL = ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
CUBIC = (5.64, 5.64, 5.64, 90, 90, 90)
COLUMNS = ("label", "fract_x", "fract_y", "fract_z")
CLAIM = "_symmetry_space_group_name_H-M 'F m -3 m'\n"
UNIT = ("Na 0 0 0", "Cl .5 .5 .5")
CONVENTIONAL = (
    "Na 0 0 0", "Na 0 .5 .5", "Na .5 0 .5", "Na .5 .5 0", "Cl .5 .5 .5", "Cl .5 0 0", "Cl 0 .5 0", "Cl 0 0 .5",
)  # fmt: skip
DISTORTED = (*CONVENTIONAL[:-1], "Cl 0.05 0 .5")


def cif(rows, cell=CUBIC, head="", columns=COLUMNS):
    lines = ["data_test", *(f"_cell_{name} {value}" for name, value in zip(CELL, cell, strict=True)), head]
    lines += ["loop_", *(f"_atom_site_{column}" for column in columns), *rows]
    return "\n".join(lines) + "\n"


def operations(*texts):
    return "\n".join(["loop_", "_symmetry_equiv_pos_as_xyz", *texts])


def formula(text, units=None):
    return f"_chemical_formula_sum '{text}'\n" + (f"_cell_formula_units_Z {units}\n" if units else "")


def read(text):
    return read_in_time(CIF, text)


def refusal(text):
    return refused(read, text).kind


def test_what_is_written_is_read_by_others(rock_salt):
    text = CIF.write(rock_salt, digits=6)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        others = Structure.from_str(text, fmt="cif"), ase.io.read(io.StringIO(text), format="cif")
    assert StructureMatcher(primitive_cell=False).fit(others[0], rock_salt)
    assert others[1].get_chemical_formula() == "ClNa"
    assert others[1].get_volume() == pytest.approx(rock_salt.volume, rel=1e-4)


def test_nothing_is_repaired_in_a_plain_file():
    reading = read(cif(CONVENTIONAL, head="_symmetry_space_group_name_H-M 'P 1'\n" + operations("'x, y, z'")))
    assert reading.structure.composition.formula == "Na4 Cl4"
    assert reading.repairs == ()


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        (COLUMNS, "Fe1 0.25(3) 1/4 .25"),
        (("type_symbol", *COLUMNS), "Fe3+ Xy1 0.25 0.25 0.25"),
        (("type_symbol", *COLUMNS), "? Fe1 0.25 0.25 0.25"),
        ((*COLUMNS, "occupancy"), "Fe1 0.25 0.25 0.25 1.0(0)"),
        ((*COLUMNS, "occupancy"), "Fe1 0.25 0.25 0.25 ."),
        (("label", "Cartn_x", "Cartn_y", "Cartn_z"), "Fe 1.41 1.41 1.41"),
    ],
)
def test_columns(columns, row):
    reading = read(cif([row], cell=("5.64(2)", *CUBIC[1:]), columns=columns))
    assert reading.structure[0].specie.symbol == "Fe"
    assert reading.structure[0].frac_coords == pytest.approx([0.25] * 3)


def test_cartesian_axes_of_a_skew_cell():
    cell = (3, 4, 5, 80, 95, 110)
    places = Lattice.from_parameters(*cell, vesta=True).get_cartesian_coords([0.1, 0.2, 0.3])
    row = " ".join(["Fe", *(f"{x:.6f}" for x in places)])
    reading = read(cif([row], cell=cell, columns=("label", "Cartn_x", "Cartn_y", "Cartn_z")))
    assert reading.structure[0].frac_coords == pytest.approx([0.1, 0.2, 0.3], abs=1e-5)
    assert "Cartesian" in reading.repairs[0]


@pytest.mark.parametrize(
    "claim",
    [
        "_symmetry_space_group_name_H-M 'F m -3 m'",
        "_symmetry_space_group_name_H-M F m -3 m",
        "_space_group_name_H-M_alt \u2018Fm-3m\u2019",
        "_space_group.name_H-M_alt Fm\u22123m",
        "_symmetry_space_group_name_H-M Fm3m",
        "_symmetry_Int_Tables_number 225",
        "_space_group_IT_number\n225",
    ],
)
def test_a_group_by_name_or_number(claim):
    reading = read(cif(UNIT, head=claim))
    assert reading.structure.composition.formula == "Na4 Cl4"
    assert reading.repairs == ()


@pytest.mark.parametrize(
    ("rows", "head", "expected", "repair"),
    [
        (UNIT, formula("Na Cl", 4), "Na4 Cl4", None),
        (UNIT, formula("Na4 Cl4", 4), "Na4 Cl4", None),
        (UNIT, formula("Na Cl", 1), "Na1 Cl1", "not applied: the listed atoms alone give Na1 Cl1"),
        (CONVENTIONAL, "", "Na4 Cl4", "6 listed atoms are images"),
        (CONVENTIONAL, formula("Na Cl", 4), "Na4 Cl4", "6 listed atoms are images"),
        (DISTORTED, formula("Na Cl", 4), "Na4 Cl4", "not applied: the listed atoms alone give Na4 Cl4"),
        (UNIT, operations("x,y,z"), "Na1 Cl1", "only the identity is listed"),
        (UNIT, operations("x,y,z") + "\n" + formula("Na Cl", 4), "Na4 Cl4", None),
        (UNIT, "_symmetry_Int_Tables_number 221\n", "Na1 Cl1", "name and number differ"),
    ],
)
def test_the_formula_is_witness_to_a_claim(rows, head, expected, repair):
    reading = read(cif(rows, head=CLAIM + head))
    assert reading.structure.composition.formula == expected
    assert [repair in line for line in reading.repairs] == ([True] if repair else [])


@pytest.mark.parametrize(
    ("rows", "head"),
    [
        (DISTORTED, CLAIM),
        (UNIT, CLAIM + formula("Na2 Cl", 4)),
        (UNIT, "_symmetry_space_group_name_H-M 'F x -3 m'\n" + formula("Na Cl", 4)),
    ],
)
def test_a_contradiction_is_refused(rows, head):
    assert refusal(cif(rows, head=head)) == FailureKind.BAD_SYMMETRY


def test_a_claim_that_the_cell_does_not_have():
    primitive = (3.99, 3.99, 3.99, 60, 60, 60)
    reading = read(cif(UNIT, cell=primitive, head=CLAIM))
    assert reading.structure.composition.formula == "Na1 Cl1"
    assert "the cell does not have it" in reading.repairs[0]
    contradicted = cif(UNIT, cell=primitive, head=CLAIM + formula("Na Cl", 4))
    assert refusal(contradicted) == FailureKind.BAD_SYMMETRY


def test_atoms_are_believed_over_the_formula_where_no_symmetry_is_claimed():
    reading = read(cif(UNIT, head=formula("Na2 Cl", 1)))
    assert reading.structure.composition.formula == "Na1 Cl1"
    assert "Na2 Cl" in reading.repairs[0]


def test_the_setting_of_a_name_is_taken_over_that_of_the_number():
    head = "_symmetry_space_group_name_H-M P21/n\n_symmetry_Int_Tables_number 14\n"
    reading = read(cif(["Fe .1 .2 .3"], cell=(5, 6, 7, 90, 95, 90), head=head))
    assert reading.repairs == ()
    glided = [0.6, 0.3, 0.8]  # 1/2 + x, 1/2 - y, 1/2 + z
    assert np.abs(reading.structure.frac_coords - glided).max(axis=1).min() < 1e-6


@pytest.mark.parametrize(("x", "origin"), [("0", "origin 1"), ("0.125", "origin 2")])
def test_diamond_on_either_origin(x, origin):
    reading = read(cif([f"C {x} {x} {x}"], head="_space_group_IT_number 227\n"))
    assert len(reading.structure) == 8
    assert origin in reading.repairs[0]


@pytest.mark.parametrize("cell", [(4.54, 4.54, 11.86, 90, 90, 120), (4.746, 4.746, 4.746, 57.2, 57.2, 57.2)])
def test_axes_of_rhombohedral_groups_by_the_cell(cell):
    row = "Bi 0 0 .234" if cell[5] == 120 else "Bi .234 .234 .234"
    reading = read(cif([row], cell=cell, head="_symmetry_space_group_name_H-M 'R -3 m'\n"))
    assert len(reading.structure) == (6 if cell[5] == 120 else 2)
    assert reading.structure.get_space_group_info()[1] == 166


def test_rounded_coordinates_of_special_positions():
    text = cif(
        ["B .33 .67 .25", "N .33 .67 .75"],
        cell=(2.5, 2.5, 6.66, 90, 90, 120),
        head="_space_group_IT_number 194\n",
    )
    assert read(text).structure.composition.formula == "B2 N2"
    assert read(text).structure.get_space_group_info(symprec=1e-3)[1] == 194


@pytest.mark.parametrize("listed", [True, False])
def test_symmetric_files_of_another_program(listed, titanium_carbide):
    spinel = Structure.from_spacegroup(
        227, Lattice.cubic(8.08), ["Mg", "Al", "O"], [[0.0] * 3, [0.625] * 3, [0.388] * 3]
    )
    for structure in (spinel, titanium_carbide):
        text = str(CifWriter(structure, symprec=0.01))
        if not listed:
            text = text.replace("_symmetry_equiv_pos_as_xyz", "_nobody_knows")
        reading = read(text)
        assert StructureMatcher(primitive_cell=True).fit(reading.structure, structure)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", FailureKind.NO_CRYSTAL),
        ("a" * 300_000, FailureKind.REPLY_TOO_LARGE),
        (cif(UNIT) * 2, FailureKind.AMBIGUOUS),
        (cif(CONVENTIONAL[:2] + CONVENTIONAL[4:6], head=CLAIM), FailureKind.AMBIGUOUS),
        (cif([UNIT[0], "_note none", UNIT[1]]), FailureKind.WRONG_COUNTS),
        (cif([UNIT[0], "_atom_site_label", UNIT[1]]), FailureKind.WRONG_COUNTS),
        (cif([UNIT[0], "data_again", UNIT[1]]), FailureKind.WRONG_COUNTS),
        (cif(UNIT, head="_cell_length_a 5"), FailureKind.AMBIGUOUS),
        (cif(UNIT).replace("_cell_length_a", "_cell"), FailureKind.BAD_LATTICE),
        (cif(UNIT, cell=(-5, *CUBIC[1:])), FailureKind.BAD_LATTICE),
        (cif(UNIT, cell=(1e9, *CUBIC[1:])), FailureKind.BAD_LATTICE),
        (cif(UNIT, cell=(5, 5, 5, 10, 10, 170)), FailureKind.BAD_LATTICE),
        (cif(UNIT, cell=("a", *CUBIC[1:])), FailureKind.BAD_NUMBERS),
        (cif(["Na 0 0 ?"]), FailureKind.BAD_NUMBERS),
        (cif(["Na 0 0 nan"]), FailureKind.BAD_NUMBERS),
        (cif(["Na 0 0 4.1"]), FailureKind.BAD_NUMBERS),
        (cif(["Na 0 0 0", "Cl 0.5 0."]), FailureKind.CUT_OFF),
        (cif(["Na 0 0", "Cl 0.5 0.5", "Cl 0.5 0.7"]), FailureKind.WRONG_COUNTS),
        (cif(["Na 0 0 0 .5"], columns=(*COLUMNS, "occupancy")), FailureKind.DISORDERED),
        (cif(["Xx1 0 0 0"]), FailureKind.UNKNOWN_ELEMENT),
        (cif(["D1 0 0 0"]), FailureKind.UNKNOWN_ELEMENT),
        (cif(["Na\0 0 0 0"]), FailureKind.UNKNOWN_ELEMENT),
        (cif(general_sites(59), head=CLAIM), FailureKind.TOO_MANY_SITES),
        (cif(general_sites(MAX_READ_SITES), head=CLAIM), FailureKind.TOO_MANY_SITES),
        (cif(general_sites(5000)), FailureKind.TOO_MANY_SITES),
        (cif(UNIT, head=operations("\"__import__('os').system('id')\"")), FailureKind.BAD_SYMMETRY),
        (cif(UNIT, head=operations(*(f"x+{i}/99,y,z" for i in range(12_000)))), FailureKind.BAD_SYMMETRY),
    ],
)
def test_what_is_refused(text, kind):
    assert refusal(text) == kind


@pytest.mark.parametrize(
    "piece", ["'a ", "'a' ", '"', ";\n", "; a\n", "loop_\n_a\n", "data_\n", "\0", "_a 'b\n", "\u201c"]
)
def test_much_of_one_thing_ends_in_time(piece):
    for text in (piece * (190_000 // len(piece)), cif(UNIT) + piece * 20_000):
        try:
            read(text)
        except Unreadable:
            continue


def test_claims_over_many_listed_atoms_end_in_time():
    head = CLAIM + formula("Fe250", 1)
    assert len(read(cif(general_sites(250), cell=(40, 40, 40, 90, 90, 90), head=head)).structure) == 250


@given(st.data())
def test_any_edit_of_a_file_is_read_or_refused(data):
    text = cif(CONVENTIONAL, head=CLAIM + formula("Na Cl", 4) + operations("'x, y, z'", "'-x, -y, -z'"))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 30)))
        text = (
            text[:start]
            + data.draw(st.text(max_size=8) | st.sampled_from(["_", "loop_\n", "'", "9e9", ";\n"]))
            + text[end:]
        )
    try:
        reading = CIF.read(text)
    except Unreadable:
        return
    assert isinstance(reading, Reading)
    assert len(reading.structure) <= MAX_READ_SITES
    assert np.isfinite(reading.structure.frac_coords).all()


def test_the_same_crystal_is_the_same_text():
    assert CIF.write(sample_structure()) == CIF.write(sample_structure().copy())
    shifted = sample_structure()
    shifted.translate_sites([0, 1], [0, 0, 1], to_unit_cell=False)
    assert CIF.write(shifted) == CIF.write(sample_structure())


@pytest.mark.parametrize(
    "prose", ["It is a salt.", "Hope it helps!\nIt has 2 atoms and is a salt.", "as in the mineral"]
)
def test_prose_after_the_atoms_is_no_atom(prose):
    reading = read(cif([*UNIT, prose]))
    assert (reading.structure.composition.formula, reading.repairs) == ("Na1 Cl1", ())


@pytest.mark.parametrize(
    ("row", "formula", "repair"),
    [
        ("Co Co1", "Na1 Co1", ()),
        ("? Co1", "Na1 Co1", ()),
        ("Fe3+ Fe1", "Na1 Fe1", ()),
        ("O OW1", "Na1 O1", ()),
        ("? CO1", "Na1 Co1", ("read the label 'CO' as Co",)),
        ("HF ?", "Na1 Hf1", ("read the label 'HF' as Hf",)),
        ("Na Cl1", "Na2", ("read the label 'Cl' as Na",)),
    ],
)
def test_labels_that_could_say_something_else_are_said(row, formula, repair):
    rows = ["Na Na1 0 0 0", f"{row} 0.5 0.5 0.5"]
    reading = read(cif(rows, columns=("type_symbol", *COLUMNS)))
    assert (reading.structure.composition.formula, reading.repairs) == (formula, repair)
