import pytest
from pymatgen.core import Composition

from matsearch.crystal.hubbard import hubbard_u


@pytest.mark.parametrize(
    ("formula", "u_values"),
    [
        ("Fe2O3", {"Fe": 5.3}),
        ("LiMnFeF4", {"Mn": 3.9, "Fe": 5.3}),
        ("NiWO4", {"Ni": 6.2, "W": 6.2}),
        ("FeOF", {"Fe": 5.3}),
        ("FeS2", {}),
        ("FeNCl", {}),
        ("ZnO", {}),
        ("Mn", {}),
        ("O2", {}),
        ("Ar", {}),
    ],
)
def test_u_is_where_oxygen_or_fluorine_rules_and_a_metal_of_the_table_is_there(formula, u_values):
    assert hubbard_u(Composition(formula)) == u_values


def test_u_does_not_depend_on_the_size_of_the_cell():
    assert hubbard_u(Composition("Fe4O6")) == hubbard_u(Composition("Fe2O3"))
