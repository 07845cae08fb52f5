"""The selection of MatLLMSearch (arXiv:2502.20933) on a case worked by hand.

Three groups of two parents, two offspring each: 6 parents, 6 proposals a generation. Energies are E_d in eV/atom.

The pool R, by E_d::

    TiC       0.000  Ti1 C1
    TiAl      0.010  Ti1 Al1
    TiC-high  0.050  Ti1 C1     the formula of TiC: left out
    TiC-two   0.060  Ti2 C2     another cell, another full formula: stays
    AlC       0.080  Al1 C1
    Ti3Al     0.100  Ti3 Al1
    TiC3      0.120  Ti1 C3
    TiAl2     0.200  Ti1 Al2    the seventh
    TiC2         -   Ti1 C2     failed

P0 is the first six formulas of R. Its children C0 (slot.index)::

    0.0  Ti1 Al1  -0.020        0.1  Ti1 Al1   0.005
    1.0  Al2 C1      NaN        1.1  Al1 C2    failed
    2.0  Ti2 Al1   0.030        2.1  Al1 C3    0.110

P0, C0 and R by E_d: *0.0* -0.020, *TiC* 0.000, (0.1 0.005, TiAl 0.010: the formula of 0.0), *2.0* 0.030, (TiC-high), *TiC-two*
0.060, *AlC* 0.080, *Ti3Al* 0.100, and then 2.1 0.110, TiC3 0.120, TiAl2 0.200 are too many. Their children C1::

    0.0  Ti1 C1   -0.010        0.1  Ti3 Al1   0.020
    1.0  Ti1 Al3   0.015        1.1  Al2 C2    -0.500 flagged: breeds in this scheme alone
    2.0  Al2 C2    0.070        2.1  no crystal

By E_d: *1.1* -0.500, *g0 0.0* -0.020, *0.0* -0.010, (TiC), *1.0* 0.015, *0.1* 0.020, *g0 2.0* 0.030, (TiC-high), and then TiC-two
0.060, (2.0 0.070), AlC 0.080, (Ti3Al) are too many.
"""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsearch.core.campaign import CampaignState
from matsearch.core.random import stream
from matsearch.core.thresholds import TOO_GOOD_FLAG
from matsearch.core.verdict import FailureKind
from matsearch.pipeline.breeding import parents_of_slot
from matsearch.pipeline.parents import first_parents
from matsearch.pipeline.portfolio import slots_of
from matsearch.pipeline.succession import next_state
from matsearch.testing.samples import sample_placement, sample_verdict
from tests.pipeline.evolution import CAMPAIGN, birth_id, born, ids, seed, tools_for

FAILED = sample_verdict(FailureKind.NOT_CONVERGED)

POOL = [
    seed("TiAl2", "TiAl2", 0.200),
    seed("TiC-two", "Ti2C2", 0.060),
    seed("TiC-high", "TiC", 0.050),
    seed("AlC", "AlC", 0.080),
    seed("TiC", "TiC", 0.000),
    seed("TiC2", "TiC2", None, verdict=FAILED),
    seed("TiC3", "TiC3", 0.120),
    seed("Ti3Al", "Ti3Al", 0.100),
    seed("TiAl", "TiAl", 0.010),
]
P0 = ["known:TiC", "known:TiAl", "known:TiC-two", "known:AlC", "known:Ti3Al", "known:TiC3"]

C0 = [
    born("TiAl", -0.020, 0, 0, 0),
    born("TiAl", 0.005, 0, 0, 1, duplicate_of=birth_id(0, 0, 0)),
    born("Al2C", None, 0, 1, 0, placement=sample_placement(0.0).evolve(energy_above_hull=math.nan)),
    born("AlC2", None, 0, 1, 1, verdict=FAILED),
    born("Ti2Al", 0.030, 0, 2, 0),
    born("AlC3", 0.110, 0, 2, 1),
]
P1 = [birth_id(0, 0), "known:TiC", birth_id(0, 2), "known:TiC-two", "known:AlC", "known:Ti3Al"]

C1 = [
    born("TiC", -0.010, 1, 0, 0),
    born("Ti3Al", 0.020, 1, 0, 1),
    born("TiAl3", 0.015, 1, 1, 0),
    born("Al2C2", -0.500, 1, 1, 1, flags=(TOO_GOOD_FLAG,)),
    born("Al2C2", 0.070, 1, 2, 0),
    born("AlC", None, 1, 2, 1, verdict=FAILED).evolve(structure=None),
]
P2 = [
    birth_id(1, 1, 1),
    birth_id(0, 0),
    birth_id(1, 0),
    birth_id(1, 1),
    birth_id(1, 0, 1),
    birth_id(0, 2),
]


def paper_tools(stagnation=None, **sections):
    changes = {
        "population": {"proposals": 6, "parents": 6},
        "propose": {"llm": {"model": "any", "crystals": 2, "parents": 2}},
        "selection": {"scheme": "matllmsearch", "stagnation": stagnation},
    }
    return tools_for(**{**changes, **sections})


@pytest.fixture(scope="module")
def tools():
    return paper_tools()


def living(candidates):
    return [c for c in candidates if c.alive]


def begun(tools, pool=POOL):
    return CampaignState(campaign_id=CAMPAIGN, parents=first_parents(tools, pool))


def two_generations(tools, rng=None):
    """Return the states of the case, each thing given in another order where there is a generator."""

    def mixed(items):
        return rng.sample(items, len(items)) if rng else items

    states = [begun(tools, mixed(POOL))]
    states.append(next_state(states[0], mixed(C0), [], tools, mixed(POOL)))
    states.append(next_state(states[1], mixed(C1), mixed(living(C0)), tools, mixed(POOL)))
    return states


def test_three_generations_of_parents_are_those_worked_by_hand(tools):
    assert [ids(state.parents) for state in two_generations(tools)] == [P0, P1, P2]


@pytest.mark.parametrize("number", range(3))
def test_the_order_in_which_things_are_given_does_not_matter(tools, number):
    assert two_generations(tools, random.Random(number)) == two_generations(tools)


def test_the_counts(tools):
    first, second = two_generations(tools)[-1].history
    assert (first.asked, first.proposed, first.scored) == (6, 6, 5)
    assert (second.asked, second.proposed, second.scored) == (6, 5, 5)
    assert (first.best_energy_above_hull, second.best_energy_above_hull) == (-0.020, -0.020)
    assert [first.restarted, second.restarted] == [False, False]


def test_what_parents_are_told_of_comes_along(tools):
    parents = {parent.parent_id: parent for parent in two_generations(tools)[1].parents}
    assert parents["known:TiC-two"].energy_above_hull == 0.060
    assert parents["known:TiC-two"].roots == ("TiC-two",)
    assert parents["known:TiC-two"].decomposition == {"NaCl (sample-1)": 1.0}
    assert parents[birth_id(0, 0)].energy_above_hull == -0.020


def test_each_parent_is_in_one_of_three_groups_drawn_anew_for_each_generation(tools):
    dealt = []
    for state in two_generations(tools):
        slots = slots_of(tools.config, state.history, state.generation)
        assert [slot.crystals for slot in slots] == [2, 2, 2]
        groups = [ids(parents_of_slot(state, slot, tools)) for slot in range(len(slots))]
        order = stream(tools.config.seed, state.generation, 0, "groups").permutation(6)
        shuffled = [state.parents[i].parent_id for i in order]
        assert groups == [shuffled[:2], shuffled[2:4], shuffled[4:]]
        dealt.append(order.tolist())
    assert len({tuple(order) for order in dealt}) == 3


def test_a_restart_takes_the_first_of_the_pool_again():
    tools = paper_tools(stagnation=1)
    state = next_state(begun(tools), C0, [], tools, POOL)
    assert ids(state.parents) == P1  # without TiAl
    worse = [born("Al2C", 0.3, 1)]
    state = next_state(state, worse, living(C0), tools, POOL)
    assert state.history[-1].restarted
    assert ids(state.parents) == P0
    # what an older era found is forgotten
    later = next_state(state, [born("Ti2C", 0.02, 2)], [*living(C0), *worse], tools, POOL)
    assert ids(later.parents) == [P0[0], P0[1], birth_id(2, 0), *P0[2:5]]


def test_fewer_parents_than_groups_are_shared_in_turn(tools):
    state = CampaignState(campaign_id=CAMPAIGN, parents=begun(tools).parents[:5])
    groups = [ids(parents_of_slot(state, slot, tools)) for slot in range(3)]
    assert groups[2] == groups[0]
    assert not set(groups[0]) & set(groups[1])
    assert parents_of_slot(state.evolve(parents=()), 0, tools) == ()


def test_operators_get_groups_of_two_as_well():
    tools = paper_tools(propose={})
    groups = [ids(parents_of_slot(begun(tools), slot, tools)) for slot in range(6)]
    assert groups[:3] == groups[3:]
    assert sorted(name for group in groups[:3] for name in group) == sorted(P0)


FORMULAS = ("TiC", "Ti2C2", "TiAl", "Ti2Al", "AlC", "TiAl2", "TiC2", "Al2C2")
ENERGIES = st.sampled_from((-0.05, 0.0, 0.01, 0.02, 0.1, 0.3, math.nan))


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.sampled_from(FORMULAS), ENERGIES), min_size=1, max_size=6),
    st.lists(st.tuples(st.sampled_from(FORMULAS), ENERGIES), max_size=12),
)
def test_no_formula_twice_sorted_and_never_worse(known, children):
    tools = paper_tools()
    pool = [with_energy(seed(str(i), f, 0.0), e) for i, (f, e) in enumerate(known)]
    state, earlier = begun(tools, pool), []
    for generation in range(2):
        before = [parent.energy_above_hull for parent in state.parents]
        half = children[generation::2]
        marked = [with_energy(born(f, 0.0, generation, i), e) for i, (f, e) in enumerate(half)]
        state = next_state(state, marked, earlier, tools, pool)
        earlier += marked
        energies = [parent.energy_above_hull for parent in state.parents]
        formulas = [parent.structure.composition.formula for parent in state.parents]
        finite = {c.structure.composition.formula for c in (*pool, *earlier) if above_hull(c) < math.inf}
        assert energies == sorted(energies)
        assert len(set(formulas)) == len(formulas) == min(6, len(finite))
        assert all(now <= then for now, then in zip(energies, before, strict=False))


def with_energy(candidate, energy):
    return candidate.evolve(placement=sample_placement(0.0).evolve(energy_above_hull=energy))


def above_hull(candidate):
    return candidate.placement.energy_above_hull


def test_a_pool_beyond_the_limits_breeds_nothing():
    tools = paper_tools(system={"elements": ["Ti", "Al", "C"], "n_elements": [2, 2], "anions": ["C"]})
    assert ids(begun(tools).parents) == ["known:TiC", "known:TiC-two", "known:AlC", "known:TiC3"]
