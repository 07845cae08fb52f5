"""Limits of a search: what keeps to them, what does not and why, and which nothing could keep to."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure

from matsearch.core.element_groups import EMBEDDED_ELEMENTS, GROUPS
from matsearch.core.errors import ConfigError
from matsearch.core.sections import SanitySection
from matsearch.core.slots import Limits
from matsearch.core.verdict import FailureKind
from matsearch.crystal.costs import cost_per_kg, element_cost
from matsearch.crystal.scope import (
    allows,
    asks_for,
    composition_fault,
    limits_lines,
    spacegroup_fault,
)
from matsearch.crystal.scope_check import check_limits
from matsearch.crystal.symmetry import spacegroup_number
from matsearch.testing.samples import sample_structure

OPEN = Limits(
    elements=tuple(sorted(("Ag", "C", "Cl", "F", "Fe", "Li", "Na", "O", "P", "Pm", "S"))), max_atoms=20
)
IRON = (("Fe", (2, 3)),)


def fault(formula, **limits):
    return composition_fault(Composition(formula), OPEN.evolve(**limits))


@pytest.mark.parametrize(
    ("formula", "limits", "kind", "detail"),
    [
        ("Li20O", {}, "too_many_sites", "21 sites, over 20"),
        ("KCl", {}, "element_not_allowed", "K not in the search's elements"),
        ("NaF", {"formulas": ("Li2O", "NaCl")}, "formula_not_asked", "NaF, not Li2O or NaCl"),
        ("NaCl", {"n_elements": (3, 4)}, "outside_limits", "2 elements, not 3 to 4 elements"),
        ("LiFeO2", {"n_elements": (2, 2)}, "outside_limits", "3 elements, not 2 elements"),
        (
            "NaCl",
            {"anions": ("O", "S")},
            "outside_limits",
            "Cl is the most electronegative element, not O or S",
        ),
        ("LiOF", {"anions": ("O",)}, "outside_limits", "F is the most electronegative element, not O"),
        ("Ag2O", {"max_cost": 100.0}, "outside_limits", "elements of 727 USD per kg, over 100"),
        ("PmO", {"max_cost": 100.0}, "outside_limits", "PmO has an element without a known price"),
        (
            "FeO2",
            {"oxidation_states": IRON},
            "charge_unbalanced",
            "charges do not sum to zero with Fe2+ or Fe3+",
        ),
        ("Fe3C", {"oxidation_states": (("Fe", (3,)),)}, "charge_unbalanced", "with Fe3+"),
        ("Fe", {"oxidation_states": IRON}, "charge_unbalanced", "Fe: charges"),
    ],
)
def test_each_limit_has_its_fault(formula, limits, kind, detail):
    found = fault(formula, **limits)
    assert found.kind is FailureKind(kind)
    assert detail in found.detail
    assert "\n" not in found.detail


@pytest.mark.parametrize(
    ("formula", "limits"),
    [
        ("LiFeO2", {"n_elements": (3, 4)}),
        ("LiOF", {"anions": ("F",)}),
        ("Na2SO4", {"anions": ("O", "S")}),
        ("Na2S", {"anions": ("O", "S")}),
        ("Fe2O3", {"max_cost": 1.0}),
        ("Fe3O4", {"oxidation_states": IRON}),
        ("LiFePO4", {"oxidation_states": IRON}),
        ("NaO7", {"oxidation_states": IRON}),
        ("PdH", {"elements": ("H", "Pd"), "anions": ("H",)}),
        ("AgCl", {"spacegroups": (1,)}),
    ],
)
def test_what_keeps_to_a_limit_has_none(formula, limits):
    assert fault(formula, **limits) is None


@pytest.mark.parametrize("formula", ["NaCl", "Na2Cl2", "Cl10Na10", "NaCl0.5Na0Cl0.5"])
def test_a_formula_means_itself_in_any_cell(formula):
    assert fault(formula, formulas=("NaCl",)) is None


@pytest.mark.parametrize("formula", ["Li6O2", "Na6Cl2", "Ag2O6", "Ag6O4", "Ag4O"])
def test_another_formula_of_the_same_pattern_is_not_asked_for(formula):
    assert fault(formula, formulas=("Ag3O",)).kind is FailureKind.FORMULA_NOT_ASKED


formulas = st.dictionaries(st.sampled_from(OPEN.elements), st.integers(1, 6), min_size=1, max_size=4)
limited = st.fixed_dictionaries(
    {
        "n_elements": st.sampled_from([None, (2, 3)]),
        "anions": st.sampled_from([(), ("O", "F")]),
        "oxidation_states": st.sampled_from([(), IRON]),
        "max_cost": st.sampled_from([None, 200.0]),
    }
)


@given(amounts=formulas, limits=limited, units=st.integers(2, 4))
def test_limits_only_narrow_and_the_size_of_the_cell_changes_nothing(amounts, limits, units):
    composition, narrow = Composition(amounts), OPEN.evolve(max_atoms=100, **limits)
    allowed = allows(narrow, composition)
    assert allowed == allows(narrow, composition * units)
    assert allowed == (composition_fault(composition, narrow) is None)
    assert allowed <= allows(OPEN.evolve(max_atoms=100), composition)
    assert asks_for(narrow, composition) <= allowed


@pytest.mark.parametrize(
    ("limits", "asked"),
    [
        ({}, False),
        ({"formulas": ("Fe",)}, True),
        ({"n_elements": (1, 1)}, True),
        ({"n_elements": (1, 2)}, False),
    ],
)
def test_a_pure_element_is_asked_for_only_where_nothing_else_is(limits, asked):
    assert asks_for(OPEN.evolve(**limits), Composition("Fe2")) is asked
    assert asks_for(Limits(elements=("Fe",), max_atoms=4), Composition("Fe2"))


def test_cost_is_the_mean_by_mass():
    sodium, chlorine = element_cost("Na"), element_cost("Cl")
    mean = (22.98977 * sodium + 35.453 * chlorine) / (22.98977 + 35.453)
    assert cost_per_kg(Composition("Na3Cl3")) == pytest.approx(mean, rel=1e-4)
    assert sodium == pytest.approx(250)
    assert cost_per_kg(Composition("NaPm")) is None


def test_space_groups_are_those_within_a_tenth_of_an_angstrom():
    salt = sample_structure()
    assert spacegroup_number(salt) == 225
    assert spacegroup_fault(salt, OPEN) is None
    assert spacegroup_fault(salt, OPEN.evolve(spacegroups=(221, 225))) is None
    found = spacegroup_fault(salt, OPEN.evolve(spacegroups=(1, *range(75, 143))))
    assert found == (FailureKind.OUTSIDE_LIMITS, "space group 225, not 1 or 75 to 142 (tetragonal)")
    nearly = Structure(salt.lattice, salt.species, [[0.005, 0, 0], [0.5, 0.5, 0.5]])
    assert spacegroup_number(nearly) == 225


def test_without_symmetry_it_is_the_first_group():
    twice = Structure(Lattice.cubic(4), ["Na", "Na"], [[0, 0, 0], [0, 0, 0]])
    assert spacegroup_number(twice) == 1


RULES = SanitySection()
REQUIRED = SanitySection(charge_balance="require")
METALS = Limits(elements=("Ag", "Fe", "Li"), max_atoms=8)


@pytest.mark.parametrize(
    ("limits", "rules", "parts"),
    [
        (OPEN.evolve(formulas=("NaCl",), anions=("O",)), RULES, ["formulas: NaCl", "Cl is the most electro"]),
        (OPEN.evolve(formulas=("NaCl",), n_elements=(3, 4)), RULES, ["formulas: NaCl", "2 elements, not 3"]),
        (OPEN.evolve(formulas=("FeO2",), oxidation_states=IRON), RULES, ["FeO2", "Fe2+ or Fe3+"]),
        (OPEN.evolve(formulas=("Ag2O",), max_cost=9.0), RULES, ["Ag2O", "over 9"]),
        (OPEN.evolve(formulas=("NaCl2",)), REQUIRED, ["sanity.charge_balance", "NaCl2"]),
        (METALS.evolve(max_cost=0.01), RULES, ["max_cost 0.01", "even ", "USD per kg"]),
        (METALS.evolve(max_cost=1.0, max_atoms=1), RULES, []),
        (METALS.evolve(max_cost=100.0, n_elements=(3, 3)), RULES, ["max_cost 100", "even LiFe6Ag"]),
        (METALS.evolve(max_cost=100.0, n_elements=(3, 3), max_atoms=40), RULES, []),
        (Limits(elements=("Pm",), max_atoms=8, max_cost=9.0), RULES, ["no price is known for Pm"]),
        (METALS.evolve(anions=("Li",)), RULES, ["anions: Li", "2 of the elements"]),
        (METALS.evolve(oxidation_states=IRON), RULES, ["Fe with +2, +3", "no other element"]),
        (OPEN.evolve(oxidation_states=(("Ag", (-1,)), ("F", (1,)))), RULES, []),
        (METALS.evolve(spacegroups=(230,), max_atoms=7), RULES, ["spacegroups", "at least 8 atoms"]),
        (METALS.evolve(spacegroups=(225, 230), max_atoms=7), RULES, []),
    ],
)
def test_limits_that_nothing_keeps_are_refused(limits, rules, parts):
    if not parts:
        check_limits(limits, rules)
        return
    with pytest.raises(ConfigError) as caught:
        check_limits(limits, rules)
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert "\n" not in str(caught.value)


def test_limits_that_something_keeps_are_not():
    tight = OPEN.evolve(
        n_elements=(2, 3), anions=("O", "S"), oxidation_states=IRON, spacegroups=(225,), max_cost=100.0
    )
    check_limits(tight, REQUIRED)
    check_limits(OPEN.evolve(formulas=("NaCl2", "FeO")), RULES)
    check_limits(METALS.evolve(anions=("Fe", "Li")), RULES)


def test_limits_are_said_in_plain_lines():
    assert limits_lines(Limits(elements=("Fe", "Li", "O", "P"), max_atoms=20)) == (
        "Elements: Li, Fe, P, O.",
        "At most 20 atoms in the cell.",
    )
    everything = Limits(
        elements=("Fe", "O"),
        max_atoms=20,
        formulas=("Fe2O3", "FeO"),
        n_elements=(2, 2),
        anions=("O",),
        oxidation_states=IRON,
        spacegroups=(*range(195, 231),),
        max_cost=50.0,
    )
    assert limits_lines(everything) == (
        "Only Fe2O3 or FeO, with any number of formula units in the cell.",
        "At most 20 atoms in the cell.",
        "2 elements.",
        "The most electronegative element is O.",
        "Charges sum to zero with Fe2+ or Fe3+.",
        "The space group is 195 to 230 (cubic).",
        "The elements cost at most 50 USD per kg.",
    )


def test_many_elements_are_said_by_what_is_missing():
    first = limits_lines(Limits(elements=EMBEDDED_ELEMENTS, max_atoms=20))[0]
    assert first == "Any element up to Pu but At, Fr, Po, Ra, Rn."
    every = tuple(sorted({*EMBEDDED_ELEMENTS, "At", "Fr", "Po", "Ra", "Rn"}))
    assert limits_lines(Limits(elements=every, max_atoms=20))[0] == "Any element up to Pu."
    light = tuple(sorted(set(EMBEDDED_ELEMENTS) - GROUPS["f-block"] - GROUPS["precious"]))
    line = limits_lines(Limits(elements=light, max_atoms=20, n_elements=(2, 4)))
    assert "Ag" in line[0]
    assert "Fe" not in line[0]
    assert line[2] == "2 to 4 elements."
