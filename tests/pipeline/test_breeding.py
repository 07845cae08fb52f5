import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.campaign import CampaignState
from matsearch.core.config import parse_config
from matsearch.core.records import Parent
from matsearch.pipeline.breeding import island_of, island_shares, parents_of_slot
from matsearch.pipeline.parents import dealt_out, first_parents, next_parents
from matsearch.pipeline.succession import next_state
from tests.pipeline.evolution import CAMPAIGN, DOCUMENT, birth_id, born, crystal, ids, seed, tools_for

PLAIN = {"diversity": 0.0, "stagnation": None}


def island_tools(islands=2, parents=4, migration=2, selection=None):
    population = {"proposals": 4, "parents": parents, "islands": islands, "migration": migration}
    return tools_for(population=population, selection={**PLAIN, **(selection or {})})


def by_island(parents):
    found = {}
    for parent in parents:
        found.setdefault(parent.island, []).append(parent.parent_id)
    return found


# two of each island a generation: slots 0 and 2 are at home on the first one
G0 = [born("TiC", 0.3, 0, 0), born("TiAl", 0.1, 0, 1), born("Ti2C", 0.4, 0, 2), born("Ti2Al", 0.2, 0, 3)]
G1 = [born("TiC2", 0.5, 1, 0), born("TiAl2", 0.6, 1, 1), born("Ti3C", 0.6, 1, 2), born("Ti3Al", 0.7, 1, 3)]


@given(st.integers(1, 40), st.integers(1, 8))
def test_parents_are_shared_out_evenly(parents, islands):
    config = parse_config(
        {**DOCUMENT, "population": {"parents": max(parents, islands), "islands": islands, "proposals": 8}}
    )
    shares = island_shares(config)
    assert len(shares) == islands
    assert sum(shares) == config.population.parents
    assert max(shares) - min(shares) <= 1


def test_each_island_keeps_its_own_and_the_best_elsewhere_are_no_parents_of_it():
    tools = island_tools()
    assert {island_of(c, tools.config) for c in (G0[0], G0[2])} == {0}
    found = by_island(next_parents(G0, 0, tools))
    assert found == {0: [birth_id(0, 0), birth_id(0, 2)], 1: [birth_id(0, 1), birth_id(0, 3)]}


def test_every_second_generation_the_selected_visit_the_next_island():
    tools = island_tools()
    found = by_island(next_parents([*G0, *G1], 1, tools))
    # the first island's best are worse than what the second one has, and the other way round
    assert found == {0: [birth_id(0, 1), birth_id(0, 3)], 1: [birth_id(0, 1), birth_id(0, 3)]}
    assert by_island(next_parents([*G0, *G1], 2, tools))[0] == [birth_id(0, 0), birth_id(0, 2)]


def test_three_islands_are_a_ring():
    tools = island_tools(islands=3, parents=3, migration=1)
    best = [born("TiC", 0.1, 0, 0), born("TiAl", 0.2, 0, 1), born("AlC", 0.3, 0, 2)]
    found = by_island(next_parents(best, 0, tools))
    assert found == {0: [birth_id(0, 0)], 1: [birth_id(0, 0)], 2: [birth_id(0, 1)]}


def test_the_last_island_visits_the_first_one():
    tools = island_tools(islands=3, parents=3, migration=1)
    best = [born("TiC", 0.3, 0, 0), born("TiAl", 0.2, 0, 1), born("AlC", 0.1, 0, 2)]
    assert by_island(next_parents(best, 0, tools))[0] == [birth_id(0, 2)]


@pytest.mark.parametrize("number", range(3))
def test_order_does_not_matter(number):
    tools, everyone = island_tools(), [*G0, *G1]
    mixed = random.Random(number).sample(everyone, len(everyone))
    assert next_parents(mixed, 1, tools) == next_parents(everyone, 1, tools)


def test_an_island_without_finds_lives_on_its_seeds():
    tools = island_tools(selection={"polymorphs": 1})
    found = by_island(next_parents([G0[1], G0[3]], 0, tools))
    assert len(found[0]) == 2
    assert all(name.startswith("known:") for name in found[0])
    assert found[1] == [birth_id(0, 1), birth_id(0, 3)]


def test_caps_hold_on_each_island():
    tools = island_tools(selection={"element_caps": {"Al": 0.5}})
    found = by_island(next_parents(G0, 0, tools))
    assert found[1][0] == birth_id(0, 1)
    assert birth_id(0, 3) not in found[1]


def test_seeds_are_dealt_out_where_each_island_gets_its_share():
    names = [f"known:{n}" for n in range(5)]
    seeds = [Parent(parent_id=name, structure=crystal("TiC")) for name in names]
    enough = dealt_out(seeds, island_tools(islands=2, parents=4).config)
    assert [p.island for p in enough] == [0, 1, 0, 1, 0]
    short = dealt_out(seeds, island_tools(islands=2, parents=6).config)
    assert [p.island for p in short] == [None] * 5


def test_a_slot_is_given_its_islands_parents():
    tools = island_tools()
    state = next_state(CampaignState(campaign_id=CAMPAIGN), G0, [], tools)
    for slot in range(4):
        expected = [p.parent_id for p in state.parents if p.island == slot % 2]
        assert ids(parents_of_slot(state, slot, tools)) == expected
    everywhere = state.evolve(parents=tuple(p.evolve(island=None) for p in state.parents))
    assert parents_of_slot(everywhere, 3, tools) == everywhere.parents


def test_one_island_is_none():
    tools = island_tools(islands=1)
    state = CampaignState(campaign_id=CAMPAIGN, parents=first_parents(tools))
    assert state.parents == tools.beginning.seeds
    following = next_state(state, G0, [], tools)
    assert ids(following.parents) == [birth_id(0, slot) for slot in (1, 3, 0, 2)]
    assert {p.island for p in following.parents} == {None}
    assert parents_of_slot(following, 3, tools) == following.parents


def test_a_restart_deals_the_seeds_out_again():
    tools = island_tools(selection={"stagnation": 1})
    state = next_state(CampaignState(campaign_id=CAMPAIGN), G0, [], tools)
    state = next_state(state, G1, G0, tools)
    assert state.history[-1].restarted
    assert state.parents == first_parents(tools)
    assert {p.island for p in state.parents} == {0, 1}


def test_scored_seeds_fill_up_the_more_stable_first():
    pool = [seed("TiAl3", "TiAl3", 0.2), seed("TiC3", "TiC3", 0.0), seed("Al4", "Al4", 0.0)]
    tools = island_tools(islands=1)
    parents = next_parents([G0[0]], 0, tools, pool)
    assert ids(parents) == [birth_id(0, 0), "known:TiC3", "known:TiAl3", "known:Al4"]
    assert [p.energy_above_hull for p in parents] == [0.3, 0.0, 0.2, 0.0]


def test_a_model_that_is_shown_no_parents_takes_none_from_the_operators():
    propose = {"llm": {"model": "m", "parents": 0}, "share": {"llm": 1, "operators": 1}}
    tools = tools_for(selection={"scheme": "matllmsearch"}, propose=propose)
    state = CampaignState(campaign_id=CAMPAIGN, parents=tools.beginning.seeds)
    assert {len(parents_of_slot(state, slot, tools)) for slot in range(4)} == {2}
