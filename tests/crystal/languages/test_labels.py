import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.cells import cell_of
from matsearch.crystal.languages.labels import element_of
from matsearch.crystal.languages.language import Unreadable
from matsearch.crystal.languages.numerals import format_number, is_number, number_of


@pytest.mark.parametrize(
    ("label", "symbol"),
    [
        ("Fe", "Fe"),
        ("fe", "Fe"),
        ("FE1", "Fe"),
        ("Fe3+", "Fe"),
        ("Fe2.5+", "Fe"),
        ("Fe(III)", "Fe"),
        ("Fe_pv", "Fe"),
        ("O2-", "O"),
        ("O²⁻", "O"),
        ("O-2", "O"),
        ("O1A", "O"),
        ("O(2)", "O"),
        ("“Cl1”", "Cl"),
    ],
)
def test_labels_name_elements(label, symbol):
    assert element_of(label) == symbol


@pytest.mark.parametrize(
    "label",
    ["X", "Xx0+", "Vac", "D", "T", "M", "A", "", "Fe2O3", "Fe2O", "Si4C", "7", "Fe" * 30, "direct", "\ud800"],
)
def test_dummies_and_nonsense_are_named(label):
    with pytest.raises(Unreadable, match="names no element") as refusal:
        element_of(label)
    assert refusal.value.kind is FailureKind.UNKNOWN_ELEMENT
    assert len(refusal.value.detail) < 120


@pytest.mark.parametrize("label", ["Li0.5Na0.5", "Li/Na", "(Li,Na)", "Fe0.5", "Li:0.5", "Li0.5 Na0.5"])
def test_shared_and_partly_empty_sites_are_disordered(label):
    with pytest.raises(Unreadable) as refusal:
        element_of(label)
    assert refusal.value.kind is FailureKind.DISORDERED


@pytest.mark.parametrize(
    ("token", "number"),
    [
        ("0.25", 0.25),
        (".5", 0.5),
        ("5.", 5.0),
        ("1/3", 1 / 3),
        ("-1/2", -0.5),
        ("1\u20442", 0.5),
        ("\u22120.5", -0.5),
        ("0.3333(2)", 0.3333),
        ("1e-3", 1e-3),
        ("1.0D+00", 1.0),
    ],
)
def test_numbers(token, number):
    assert number_of(token) == pytest.approx(number)


@pytest.mark.parametrize(
    "token",
    [
        "nan",
        "inf",
        "-inf",
        "1e400",
        "1e10",
        "1/0",
        "0,25",
        "",
        "?",
        ".",
        "10²",
        "\u0661",
        "0x1",
        "1_0",
        "1" * 41,
        "1//2",
    ],
)
def test_what_is_no_number_is_named(token):
    with pytest.raises(Unreadable) as refusal:
        number_of(token)
    assert refusal.value.kind is FailureKind.BAD_NUMBERS


@given(
    st.one_of(st.text(max_size=50), st.from_regex(r"[-+]?[0-9.]{1,8}([eE/][-+]?[0-9]{1,4})?", fullmatch=True))
)
def test_what_is_taken_for_a_number_is_finite(token):
    if is_number(token):
        assert math.isfinite(number_of(token))


@given(st.floats(-100, 100), st.integers(0, 10))
def test_formatted_numbers_are_short_and_near(value, digits):
    text = format_number(value, digits)
    assert abs(float(text) - value) <= 0.5 * 10.0**-digits * (1 + 1e-6) + 1e-13
    assert text != "-0"
    assert "." not in text or not text.endswith(("0", "."))


@pytest.mark.parametrize(
    "parameters",
    [
        (0, 1, 1, 90, 90, 90),
        (-3, 3, 3, 90, 90, 90),
        (3, 3, 3, 120, 120, 121),
        (3, 3, 3, 180, 90, 90),
        (3, 3, 3),
    ],
)
def test_impossible_cells(parameters):
    with pytest.raises(Unreadable) as refusal:
        cell_of(parameters)
    assert refusal.value.kind is FailureKind.BAD_LATTICE
