import pytest

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.language import Unreadable
from matsearch.crystal.languages.operations import parse_operations
from matsearch.crystal.languages.space_groups import settings_of


def test_operations():
    found = parse_operations(["x+1/2,-y,z", "X + 0.3333, -Y , z", "-y,x-y,z+2/3", "1/2-x,.5+y,-z"])
    assert found.rotations[2].tolist() == [[0, -1, 0], [1, -1, 0], [0, 0, 1]]
    assert found.translations.tolist() == [[0.5, 0, 0], [1 / 3, 0, 0], [0, 0, 2 / 3], [0.5, 0.5, 0]]


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('id')",
        "x,y",
        "x,y,z,x",
        "x,x,z",
        "2*x,y,z",
        "x+1/0,y,z",
        "x,y,",
        "x**9,y,z",
        "x",
    ],
)
def test_what_is_no_operation(text):
    with pytest.raises(Unreadable, match="no symmetry operation") as caught:
        parse_operations([text])
    assert caught.value.kind == FailureKind.BAD_SYMMETRY


@pytest.mark.parametrize(
    ("name", "number", "choice"),
    [
        ("P 1 21/n 1", 14, "b2"),
        ("P21/n", 14, "b2"),
        ("P2_1/c", 14, "b1"),
        ("Pbnm", 62, "cab"),
        ("Cmca", 64, ""),
        ("Fd-3m:1", 227, "1"),
        ("F d -3 m S", 227, "1"),
        ("R-3mR", 166, "R"),
        ("R3m", 160, "H"),
        ("Pa3", 205, ""),
    ],
)
def test_names_of_settings(name, number, choice):
    assert (settings_of(name)[0].number, settings_of(name)[0].choice) == (number, choice)


def test_every_symbol_of_the_tables_names_its_own_group():
    for number in range(1, 231):
        symbol = settings_of(str(number))[0].symbol
        assert {setting.number for setting in settings_of(symbol)} == {number}
