import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsearch.core.campaign import CampaignState
from matsearch.core.config import Objective, parse_config
from matsearch.core.records import PropertyValue
from matsearch.core.thresholds import TOO_GOOD_FLAG
from matsearch.pipeline.succession import LEAST_GAIN, next_state, stagnates
from matsearch.pipeline.tools import build_tools
from matsearch.testing.samples import sample_candidate, sample_structure

LOWER, HIGHER = Objective(), Objective(name="density", direction="maximize")


DOCUMENT = {
    "name": "succession",
    "system": {"elements": ["Ti", "Al", "C"], "max_atoms": 4},
    "potential": {"name": "toy"},
    "reference": {"source": "toy"},
    "population": {"proposals": 1, "parents": 3},
    "budget": {"generations": 50},
}


def tools_for(selection=None, **changes):
    config = parse_config({**DOCUMENT, "selection": selection or {}, **changes})
    return build_tools(config)


def born(generation, energy, length=4.33, **fields):
    crystal = sample_structure("Ti", "C", length)
    return sample_candidate(0, generation, structure=crystal, energy_above_hull=energy, **fields)


def run(energies, tools, resumed=False):
    """Return the states after generations with one candidate each; None is one that was not scored."""
    state, earlier, states = CampaignState(campaign_id="c", parents=tools.beginning.seeds), [], []
    for generation, energy in enumerate(energies):
        marked = [born(generation, energy)]
        again = CampaignState.model_validate_json(state.model_dump_json()) if resumed else state
        state = next_state(again, marked, list(reversed(earlier)) if resumed else earlier, tools)
        earlier = [*earlier, *marked]
        states.append(state)
    return states


def restarts(states):
    return [summary.generation for summary in states[-1].history if summary.restarted]


def test_parents_are_the_selected_then_seeds():
    tools = tools_for()
    (state,) = run([0.2], tools)
    seeds = [s.parent_id for s in tools.beginning.seeds if not s.structure.composition.is_element]
    assert state.parents[0].parent_id == born(0, 0.2).candidate_id
    assert [p.parent_id for p in state.parents[1:]] == [s for s in seeds if "TiC" not in s][:2]
    assert len(state.parents) == 3


def test_seeds_that_fill_up_keep_to_the_limits():
    tools = tools_for({"element_caps": {"Al": 0.34}, "polymorphs": 1}, population={"parents": 6})
    formulas = [p.structure.composition for p in run([0.2], tools)[0].parents]
    assert len({f.reduced_formula for f in formulas}) == len(formulas) > 1
    assert sum("Al" in f for f in formulas) == 2


def test_duplicates_have_no_offspring():
    tools = tools_for()
    first = born(0, 0.1)
    twin = born(1, 0.1, duplicate_of=first.candidate_id)
    state = next_state(CampaignState(campaign_id="c", generation=1), [twin], [first], tools)
    ids = {p.parent_id for p in state.parents}
    assert first.candidate_id in ids
    assert twin.candidate_id not in ids


def test_after_a_restart_what_an_older_era_found_may_be_found_again():
    tools = tools_for({"stagnation": 2})
    old = [born(g, 0.2, length=4.0 + g / 5) for g in range(3)]
    state = CampaignState(campaign_id="c")
    for g, candidate in enumerate(old):
        state = next_state(state, [candidate], old[:g], tools)
    assert state.history[-1].restarted
    again = born(3, 0.2, duplicate_of=old[0].candidate_id)
    state = next_state(state, [again], old, tools)
    assert again.candidate_id in {p.parent_id for p in state.parents}
    later = next_state(state, [born(4, 0.3)], [*old, again], tools)
    assert again.candidate_id in {p.parent_id for p in later.parents}


def test_after_a_restart_that_finds_nothing_the_next_one_comes():
    assert restarts(run([0.2, 0.2, 0.2, *[None] * 6], tools_for({"stagnation": 2}))) == [2, 5, 8]


def test_compounds_fill_up_before_elements_and_asked_formulas_before_all():
    tools = tools_for(
        population={"parents": 4, "proposals": 1}, system={"elements": ["Ti", "Al", "C"], "max_atoms": 8}
    )
    state = next_state(CampaignState(campaign_id="c"), [], [], tools)
    assert not any(p.structure.composition.is_element for p in state.parents)
    asked = tools_for(system={"elements": ["Ti", "Al", "C"], "max_atoms": 8, "formulas": ["TiC"]})
    state = next_state(CampaignState(campaign_id="c"), [], [], asked)
    assert state.parents[0].structure.composition.reduced_formula == "TiC"


def test_no_better_best_begins_again_from_the_seeds():
    tools = tools_for({"stagnation": 2})
    states = run([0.3, 0.2, 0.2, 0.1999, 0.4, 0.25], tools)
    assert restarts(states) == [3]
    assert states[3].parents == tools.beginning.seeds
    after = states[4]
    assert after.parents[0].parent_id == born(4, 0.4).candidate_id
    assert after.history[-1].best_objective == 0.4
    assert after.history[-1].best_energy_above_hull == 0.1999
    older = {born(g, None).candidate_id for g in range(4)}
    assert older.isdisjoint(p.parent_id for state in states[3:] for p in state.parents)


def test_a_restart_has_its_own_patience():
    assert restarts(run([0.2] * 10, tools_for({"stagnation": 2}))) == [2, 5, 8]
    assert restarts(run([0.2, 0.2, 0.2, 0.5, 0.4, 0.3, 0.3, 0.3], tools_for({"stagnation": 2}))) == [2, 7]


def test_a_search_that_gets_better_or_found_nothing_goes_on():
    tools = tools_for({"stagnation": 2})
    assert restarts(run([0.3, 0.31, 0.28, 0.28, 0.2, 0.3, 0.1], tools)) == []
    assert restarts(run([None] * 8, tools)) == []
    assert restarts(run([0.2] * 12, tools_for({"stagnation": None}))) == []


def test_short_searches_never_restart_unless_asked():
    assert restarts(run([0.2] * 5, tools_for())) == []
    assert restarts(run([0.2] * 6, tools_for())) == [5]


def test_what_is_not_believed_is_no_gain():
    tools = tools_for({"stagnation": 1})
    state, first = CampaignState(campaign_id="c"), born(0, 0.2)
    state = next_state(state, [first], [], tools)
    wrong = born(1, -0.5, length=9.0, flags=(TOO_GOOD_FLAG,))
    assert next_state(state, [wrong], [first], tools).history[-1].restarted


def test_the_first_objective_decides():
    tools = tools_for({"stagnation": 1}, objectives=[{"name": "density", "direction": "maximize"}, {}])

    def dense(generation, value):
        density = PropertyValue(value=value, unit="g/cm^3", source="test")
        return born(generation, 0.3 - 0.1 * generation, properties={"density": density})

    first, denser, same = dense(0, 4.0), dense(1, 5.0), dense(2, 5.0)
    state = next_state(CampaignState(campaign_id="c"), [first], [], tools)
    state = next_state(state, [denser], [first], tools)
    state = next_state(state, [same], [first, denser], tools)
    assert [s.restarted for s in state.history] == [False, False, True]
    assert [s.best_objective for s in state.history] == [4.0, 5.0, 5.0]


@settings(max_examples=25)
@given(
    st.lists(st.sampled_from((None, 0.05, 0.1, 0.2, 0.2005, 0.3)), min_size=1, max_size=9), st.integers(1, 3)
)
def test_a_resumed_search_goes_the_same_way(energies, patience):
    tools = tools_for({"stagnation": patience})
    assert run(energies, tools, resumed=True) == run(energies, tools)


@pytest.mark.parametrize(
    ("bests", "objective", "expected"),
    [
        ([0.2, 0.2], LOWER, False),
        ([0.2, 0.2, 0.2], LOWER, True),
        ([0.2, 0.2, 0.2 - 2 * LEAST_GAIN], LOWER, False),
        ([0.2, 0.2, 0.2 - 0.5 * LEAST_GAIN], LOWER, True),
        ([None, 0.2, 0.2], LOWER, False),
        ([5.0, 5.0, 5.0, 5.004], HIGHER, True),
        ([5.0, 5.0, 5.0, 5.006], HIGHER, False),
        ([300.0, 300.0, 300.0, 301.0], HIGHER, False),
        ([], LOWER, False),
    ],
)
def test_stagnation_is_counted_in_generations_without_a_gain(bests, objective, expected):
    assert stagnates(bests, objective, 2) is expected
    assert not stagnates(bests, objective, None)
