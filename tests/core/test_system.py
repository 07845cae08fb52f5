"""What may be searched: elements by symbol, group or formula, limits, and their contradictions."""

import pytest
from pymatgen.core import Element

from matsearch.core.config import parse_config
from matsearch.core.element_groups import EMBEDDED_ELEMENTS, GROUPS, symbols_of
from matsearch.core.errors import ConfigError
from matsearch.core.schemes import get_scheme
from matsearch.crystal.known import embedded_set


def parsed(**system):
    return parse_config({"name": "x", "system": system})


def system_of(**system):
    return parsed(**system).system


def refusal(**system):
    with pytest.raises(ConfigError) as caught:
        parsed(**system)
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_any_is_every_element_of_the_embedded_reference_and_of_the_potential():
    embedded = set().union(*(phase.symbols for phase in embedded_set().phases))
    assert set(EMBEDDED_ELEMENTS) == embedded == get_scheme("chgnet-0.3.0").elements
    assert system_of(elements=["any"]).elements == EMBEDDED_ELEMENTS == tuple(sorted(EMBEDDED_ELEMENTS))


@pytest.mark.parametrize(
    ("group", "rule"),
    [
        ("f-block", lambda e: e.is_lanthanoid or e.is_actinoid),
        ("noble-gas", lambda e: e.is_noble_gas),
        ("precious", lambda e: e.symbol in {"Ag", "Au"} or (e.group in {8, 9, 10} and e.row in {5, 6})),
        ("radioactive", lambda e: e.symbol in {"Tc", "Pm"} or e.Z > 83),
    ],
)
def test_groups_are_what_the_periodic_table_says(group, rule):
    assert GROUPS[group] == {e.symbol for e in Element if rule(e)} - {"D", "T"}


def test_groups_and_symbols_are_excluded():
    elements = set(system_of(elements=["any"], exclude=["f-block", "toxic", "F"]).elements)
    assert elements == set(EMBEDDED_ELEMENTS) - GROUPS["f-block"] - GROUPS["toxic"] - {"F"}


def test_a_name_that_is_no_group_is_shown_what_is_near():
    assert symbols_of("Fe") == {"Fe"}
    with pytest.raises(ValueError, match="'f-blok' is neither an element nor a group: f-block"):
        symbols_of("f-blok")
    with pytest.raises(ValueError, match="precious"):
        symbols_of("T")


@pytest.mark.parametrize("said", [{}, {"elements": ["any"]}])
def test_formulas_say_their_elements(said):
    system = system_of(formulas=["LiFePO4", "Li2O"], **said)
    assert system.elements == ("Fe", "Li", "O", "P")


def test_elements_beside_formulas_stay():
    assert system_of(formulas=["Li2O"], elements=["Li", "O", "Fe"]).elements == ("Fe", "Li", "O")


def test_without_formulas_elements_are_required():
    assert refusal() == refusal(formulas=[])
    assert "system.elements" in refusal()


def test_writing_the_same_in_another_way_means_the_same():
    short = parsed(
        elements=["any"],
        exclude=["precious", "F"],
        anions=["S", "O"],
        spacegroups=["cubic", 1],
        oxidation_states={"Mn": [4, 2], "Fe": [2]},
    )
    long = parsed(
        elements=sorted(set(EMBEDDED_ELEMENTS) - GROUPS["precious"] - {"F"}),
        anions=["O", "S"],
        spacegroups=[*range(195, 231), 1],
        oxidation_states={"Fe": [2, 2], "Mn": [2, 4]},
    )
    assert short.physics_key() == long.physics_key()
    assert parse_config(short.model_dump(mode="json")) == short


@pytest.mark.parametrize(
    "limit",
    [
        {"n_elements": [1, 2]},
        {"anions": ["O"]},
        {"oxidation_states": {"Li": [1]}},
        {"spacegroups": [225]},
        {"max_cost": 50},
    ],
)
def test_every_limit_is_part_of_what_a_campaign_is(limit):
    assert parsed(elements=["Li", "O"], **limit).physics_key() != parsed(elements=["Li", "O"]).physics_key()


OXIDES = {"elements": ["Fe", "Li", "O"]}


@pytest.mark.parametrize(
    ("system", "parts"),
    [
        ({"elements": ["Li", "U", "O"], "exclude": ["f-block"]}, ["U is asked for", "f-block"]),
        ({**OXIDES, "exclude": ["Li"]}, ["system.elements", "Li is asked for"]),
        ({"formulas": ["CdO"], "exclude": ["toxic"]}, ["Cd is asked for", "toxic"]),
        ({"elements": ["any"], "exclude": EMBEDDED_ELEMENTS}, ["no element"]),
        ({"elements": ["any", "Li"]}, ["stands alone"]),
        ({**OXIDES, "exclude": ["lanthanides"]}, ["system.exclude", "'lanthanides'", "f-block"]),
        ({"formulas": ["Xx2"]}, ["'Xx2' is not a formula"]),
        ({**OXIDES, "n_elements": [3, 2]}, ["[3, 2]", "fewest"]),
        ({**OXIDES, "n_elements": [0, 2]}, ["[0, 2]", "at least 1"]),
        ({**OXIDES, "n_elements": [4, 6]}, ["[4, 6]", "3 elements"]),
        ({**OXIDES, "n_elements": [3, 3], "max_atoms": 2}, ["max_atoms 2"]),
        ({"formulas": ["LiFePO4"], "max_atoms": 6}, ["LiFePO4 has 7 atoms", "max_atoms 6"]),
        ({**OXIDES, "anions": ["O", "S"]}, ["anions", "S not among the elements"]),
        ({**OXIDES, "anions": ["Oxygen"]}, ["system.anions", "'Oxygen' is no element"]),
        ({**OXIDES, "oxidation_states": {"Mn": [2]}}, ["oxidation_states", "Mn not among the elements"]),
        (
            {**OXIDES, "formulas": ["Li2O"], "oxidation_states": {"Fe": [2]}},
            ["Fe not in the formulas"],
        ),
        ({**OXIDES, "oxidation_states": {"Fe": []}}, ["system.oxidation_states.Fe", "at least 1"]),
        ({**OXIDES, "oxidation_states": {"Fe": [12]}}, ["12"]),
        ({**OXIDES, "spacegroups": [231]}, ["system.spacegroups", "231", "1 to 230"]),
        ({**OXIDES, "spacegroups": ["cubical"]}, ["'cubical'", "cubic"]),
        ({**OXIDES, "max_cost": 0}, ["system.max_cost", "0"]),
    ],
)
def test_contradictions_are_refused_in_one_line(system, parts):
    text = refusal(**system)
    assert all(part in text for part in parts), text
