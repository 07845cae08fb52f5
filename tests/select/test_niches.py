"""Niches of chemistry and structure, and what they do against collapse."""

import pytest
from pymatgen.core import Element

from matsearch.core.config import Objective, SelectionSection
from matsearch.core.system_rules import CRYSTAL_SYSTEMS
from matsearch.select.niches import crystal_system, neglected_elites, niche_of
from matsearch.select.schemes import get_selector
from matsearch.testing.samples import sample_structure
from tests.select.pools import scored, slots, stretched

OBJECTIVES = [Objective()]


def select(candidates, n, **rules):
    section = SelectionSection(**{"diversity": 0.0, **rules})
    return get_selector(OBJECTIVES, section).select(candidates, n)


@pytest.mark.parametrize(
    ("pair", "spacegroup", "niche"),
    [
        (("Na", "Cl"), "Fm-3m", ("alkali + halogen", "cubic")),
        (("Cl", "K"), "P4/nmm", ("alkali + halogen", "tetragonal")),
        (("Pt", "Li"), "P-6m2", ("precious + alkali", "hexagonal")),
        (("Ti", "C"), "R-3m", ("early transition + light", "trigonal")),
        (("Fe", "O"), "P2_1/c", ("late transition + oxygen", "monoclinic")),
        (("La", "Sb"), "Pnma", ("f-block + post-transition", "orthorhombic")),
        (("Zn", "Zn"), "P-1", ("late transition", "triclinic")),
    ],
)
def test_a_niche_is_chemistry_and_structure(pair, spacegroup, niche):
    assert niche_of(scored(0, pair=pair, spacegroup=spacegroup)) == niche


def test_without_a_space_group_it_is_found():
    assert niche_of(scored(0, spacegroup=None))[1] == "cubic"
    assert niche_of(scored(0, spacegroup=None).evolve(structure=stretched("K", "Cl", 1.6)))[1] == "tetragonal"


def test_every_element_is_in_one_family():
    for element in Element:
        chemistry, _ = niche_of(scored(0).evolve(structure=sample_structure(element.symbol, element.symbol)))
        assert chemistry
        assert " + " not in chemistry


def test_every_space_group_has_its_system():
    import spglib

    types = [spglib.get_spacegroup_type(hall) for hall in range(1, 531)]
    assert all(t.number in CRYSTAL_SYSTEMS[crystal_system(t.international_short)] for t in types)


@pytest.mark.parametrize(
    ("name", "system"),
    [("R-3m:H", "trigonal"), ("P 1 21/c 1", "monoclinic"), ("166", "trigonal"), ("Q4", ""), ("?", "")],
)
def test_odd_names_of_space_groups_are_read_or_left(name, system):
    assert crystal_system(name) == system


def test_where_the_name_of_its_space_group_says_nothing_a_crystal_is_looked_at():
    assert niche_of(scored(0, spacegroup="B-1"))[1] == "cubic"


def test_elites_are_the_best_of_their_niches():
    ranked = [scored(1, 0.1, ("K", "Br")), scored(2, 0.2, ("Ti", "O")), scored(0, 0.3, ("Na", "Cl"))]
    assert slots(neglected_elites(ranked, ranked)) == [1, 2]
    child = scored(3, 0.4, ("Na", "Cl"), parents=ranked[:1])
    assert slots(neglected_elites(ranked, [*ranked, child])) == [2, 1]


METALS = ["Li", "Na", "K", "Rb", "Cs", "Mg", "Ca", "Sr", "Ti", "Zr"]
OTHERS = [("Na", "Cl"), ("Ti", "O"), ("Mg", "S"), ("La", "N")]


def collapsing():
    """Return platinum alloys that are all better than four compounds."""
    alloys = [scored(i, 0.001 * i, ("Pt", metal)) for i, metal in enumerate(METALS)]
    return alloys + [scored(20 + i, 0.3 + 0.1 * i, pair) for i, pair in enumerate(OTHERS)]


def test_collapse_is_resisted():
    pool = collapsing()
    assert all("precious" in chemistry for chemistry, _ in map(niche_of, select(pool, 8)))
    chosen = select(pool, 8, niches=0.5)
    assert slots(chosen) == [0, 1, 2, 3, 5, 8, 20, 21]
    assert len({niche_of(c) for c in chosen}) == 5


@pytest.mark.parametrize(
    ("n", "share", "expected"),
    [
        (4, 0.50, [0, 1, 5, 8]),
        (6, 0.67, [0, 1, 5, 8, 22, 23]),
        (8, 0.75, [0, 1, 5, 8, 21, 22, 23, 30]),
        (9, 0.78, [0, 1, 5, 8, 20, 21, 22, 23, 30]),
    ],
)
def test_the_fewest_children_come_first(n, share, expected):
    """The chloride (20) has two children, the oxide (21) one, no other niche has any; two places are the best's."""
    pool = collapsing()
    families = [[pool[10]], [pool[11]], [pool[10], scored(99)]]
    children = [scored(30 + i, 0.9, ("Pt", "Pt"), parents=parents) for i, parents in enumerate(families)]
    chosen = slots(select([*pool, *children], n, niches=share))
    assert [
        min(slot, 30) for slot in chosen
    ] == expected  # the children are one crystal: any of them stands for it


def test_the_dead_count_as_children_too():
    pool = collapsing()[9:]  # one alloy and the four compounds
    dead = scored(40, parents=[pool[1]]).evolve(structure=None, placement=None)
    assert slots(select(pool, 2, niches=0.5)) == [9, 20]
    assert slots(select([*pool, dead], 2, niches=0.5)) == [9, 21]


def test_two_parents_of_one_niche_have_one_child():
    pool = [scored(0, 0.0, ("Pt", "Li")), scored(1, 0.1, ("Na", "Cl")), scored(2, 0.15, ("K", "Cl"))]
    pool += [scored(3, 0.2, ("Ti", "O"))]
    twins = scored(4, 0.8, ("Pt", "Li"), parents=[pool[1], pool[2]])
    one = scored(5, 0.8, ("Pt", "Li"), parents=[pool[3]])
    assert slots(select([*pool, twins, one], 2, niches=0.5)) == [0, 1]


def test_a_niche_that_is_there_already_needs_no_elite():
    pool = [scored(0, 0.0, ("Na", "Cl")), scored(1, 0.1, ("K", "Br")), scored(2, 0.2, ("Ti", "O"))]
    assert slots(select(pool, 2, niches=0.5)) == [0, 2]


def test_where_niches_are_few_the_next_best_follow():
    """And not the most unlike ones: this is one niche."""
    pairs = [(metal, halogen) for halogen in ("Cl", "F", "I") for metal in ("Na", "K", "Rb", "Li")]
    pool = [scored(i, 0.01 * i, pair) for i, pair in enumerate(pairs)]
    assert slots(select(pool, 4, niches=0.5)) == [0, 1, 2, 3]
    assert slots(select(pool, 4, diversity=0.5)) != [0, 1, 2, 3]


def test_the_best_stays_however_many_children_it_has():
    pool = [scored(0, 0.0, ("Na", "Cl")), scored(1, 0.1, ("Ti", "O"))]
    child = scored(2, 0.2, ("Mg", "S"), parents=pool[:1])
    assert slots(select([*pool, child], 1, niches=1.0)) == [0]
    assert slots(select([*pool, child], 2, niches=1.0)) == [0, 1]


def test_limits_hold_for_elites_too():
    pool = [scored(0, 0.0, ("Na", "Cl")), scored(1, 0.1, ("Ti", "Cl")), scored(2, 0.2, ("Ti", "O"))]
    assert slots(select(pool, 2, niches=0.5)) == [0, 1]
    assert slots(select(pool, 2, niches=0.5, element_caps={"Cl": 0.5})) == [0, 2]


def test_a_cap_on_a_group_holds_for_any_of_it():
    pairs = [("Pt", "Li"), ("Au", "Na"), ("Ir", "Rh"), ("Ti", "O"), ("Na", "Cl")]
    pool = [scored(i, 0.01 * i, pair) for i, pair in enumerate(pairs)]
    assert slots(select(pool, 4, element_caps={"precious": 0.5})) == [0, 1, 3, 4]
    assert slots(select(pool, 4, element_caps={"precious": 0.5, "Pt": 0.1})) == [1, 2, 3, 4]


def test_niches_and_unlike_ones_share_the_places():
    chosen = select(collapsing(), 8, niches=0.75, diversity=0.75)
    assert len(chosen) == 8
    assert chosen[0].slot == 0
    assert len({niche_of(c) for c in chosen}) >= 6
