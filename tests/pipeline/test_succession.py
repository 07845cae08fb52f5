import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsearch.core.campaign import CampaignState
from matsearch.core.config import Objective, parse_config
from matsearch.core.records import PropertyValue
from matsearch.core.thresholds import TOO_GOOD_FLAG
from matsearch.pipeline.portfolio import slots_of
from matsearch.pipeline.stagnation import LEAST_GAIN, stagnates
from matsearch.pipeline.succession import next_state
from matsearch.pipeline.tools import build_tools
from matsearch.testing.samples import sample_candidate, sample_structure

LOWER, HIGHER = Objective(), Objective(name="density", direction="maximize")
NEAR = Objective(name="density", direction="target", target=5.0)


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
    first, denser, same = dense(0, 0.3, 4.0), dense(1, 0.2, 5.0), dense(2, 0.1, 5.0)
    state = next_state(CampaignState(campaign_id="c"), [first], [], tools)
    state = next_state(state, [denser], [first], tools)
    state = next_state(state, [same], [first, denser], tools)
    assert [s.restarted for s in state.history] == [False, False, True]
    assert [s.best_objective for s in state.history] == [4.0, 5.0, 5.0]


BOTH = [{}, {"name": "density", "direction": "maximize"}]


def dense(generation, energy, value, **fields):
    density = PropertyValue(value=value, unit="g/cm^3", source="test")
    return born(generation, energy, properties={"density": density}, **fields)


def histories(pairs, tools):
    """Return the summaries after generations with one crystal each: energy above hull and density."""
    state, earlier = CampaignState(campaign_id="c", parents=tools.beginning.seeds), []
    for generation, (energy, value) in enumerate(pairs):
        marked = [dense(generation, energy, value)]
        state = next_state(state, marked, earlier, tools)
        earlier = [*earlier, *marked]
    return state.history


def test_the_hypervolume_is_that_of_all_finds_and_only_of_several_objectives():
    assert run([0.2, 0.1], tools_for())[-1].history[-1].hypervolume is None
    tools = tools_for({"stagnation": 1}, objectives=BOTH)
    # axes: 0.5 to -0.1 eV/atom, 0 to 23 g/cm^3
    history = histories([(0.2, 11.5), (0.2, 11.5), (0.35, 23.0)], tools)
    assert [s.restarted for s in history] == [False, True, False]
    assert [s.hypervolume for s in history] == pytest.approx([0.25, 0.25, 0.375])


def test_a_front_that_grows_is_a_gain_with_pareto_alone():
    pairs = [(0.2, 5.0), (0.3, 6.0), (0.4, 7.0), (0.4, 7.0), (0.4, 7.0)]
    best, pareto = ({"scheme": scheme, "stagnation": 2} for scheme in ("best", "pareto"))
    assert [s.restarted for s in histories(pairs, tools_for(best, objectives=BOTH))][2]
    history = histories(pairs, tools_for(pareto, objectives=BOTH))
    assert [s.restarted for s in history] == [False, False, False, False, True]


def test_a_restart_with_pareto_has_its_own_front():
    tools = tools_for({"scheme": "pareto", "stagnation": 1}, objectives=BOTH)
    # worse than the first era's, but better and better; then no more
    pairs = [(0.1, 9.0), (0.1, 9.0), (0.4, 3.0), (0.4, 4.0), (0.4, 5.0), (0.4, 5.0)]
    assert [s.generation for s in histories(pairs, tools) if s.restarted] == [1, 5]


def test_what_breaks_a_hard_constraint_is_no_best():
    objectives = [{}, {"name": "density", "direction": "maximize", "at_least": 4.0}]
    history = histories([(0.1, 3.0), (0.3, 5.0), (0.2, 6.0)], tools_for(objectives=objectives))
    assert [s.best_objective for s in history] == [None, 0.3, 0.2]
    assert [s.best_energy_above_hull for s in history] == [0.1, 0.1, 0.1]


def test_the_best_is_the_nearest_to_a_target():
    objectives = [{"name": "density", "direction": "target", "target": [4.0, 5.0]}]
    tools = tools_for({"stagnation": 2}, objectives=objectives)
    history = histories([(0.1, 9.0), (0.1, 3.5), (0.1, 4.5), (0.1, 4.2), (0.1, 4.9)], tools)
    assert [s.best_objective for s in history][:3] == [9.0, 3.5, 4.5]
    assert [s.restarted for s in history] == [False, False, False, False, True]


def test_each_arm_is_counted_where_there_are_several():
    tools = tools_for(propose={"share": {"operators": 1, "random": 1}}, population={"proposals": 4})
    plans = slots_of(tools.config, (), 0)
    hits = [
        born(0, 0.05, length=4.0 + i / 3).evolve(slot=i) for i, p in enumerate(plans) if p.arm == "random"
    ]
    (summary,) = next_state(CampaignState(campaign_id="c"), hits, [], tools).history
    assert [(a.arm, a.asked, a.hits) for a in summary.arms] == [("operators", 2, 0), ("random", 2, 2)]
    assert run([0.2], tools_for())[0].history[0].arms == ()


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
        ([9.0, 9.0, 6.0], NEAR, False),
        ([6.0, 6.0, 4.2], NEAR, False),
        ([6.0, 6.0, 4.0], NEAR, True),
        ([4.0, 6.0, 6.0], NEAR, True),
        ([5.5, 5.2, 5.5], NEAR, True),
    ],
)
def test_stagnation_is_counted_in_generations_without_a_gain(bests, objective, expected):
    assert stagnates(bests, objective, 2) is expected
    assert not stagnates(bests, objective, None)
