"""Who is asked for how many crystals, and who is credited."""

from collections import Counter
from contextlib import nullcontext

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from matsearch.core.arms import (
    arms_of,
    fewest_slots,
    first_crystals,
    least_crystals,
    most_calls,
    prompt_of,
    share_out,
)
from matsearch.core.campaign import ArmCount, GenerationSummary
from matsearch.core.config import parse_config
from matsearch.core.errors import ConfigError
from matsearch.core.records import KnownMatch
from matsearch.core.thresholds import METASTABLE, TOO_GOOD_FLAG
from matsearch.pipeline.portfolio import SlotPlan, count_arms, slots_of
from matsearch.testing.samples import sample_candidate, sample_verdict

PRICES = {"calls": {"input_price": 1.0, "output_price": 1.0}}


def config_of(proposals=30, crystals=4, prompts=None, seed=0, system=None, **propose):
    if "llm" in propose.get("share", {}) or prompts:
        propose["llm"] = {"model": "m", "crystals": crystals, "prompts": prompts or {}}
    return parse_config(
        {
            "name": "x",
            "seed": seed,
            "system": {"elements": ["Ti", "C"], **(system or {})},
            "propose": propose,
            "population": {"proposals": proposals},
            "execution": PRICES,
        }
    )


def summary(generation, **counts):
    """Return a generation in which each arm was asked and earned: ``operators=(asked, hits)``, then its cost."""
    arms = tuple(ArmCount(arm=arm.replace("__", ":"), **_count(*count)) for arm, count in counts.items())
    return GenerationSummary(generation=generation, asked=1, proposed=1, relaxed=1, scored=1, arms=arms)


def _count(asked, hits, cost=None):
    return {"asked": asked, "hits": hits, "cost": cost}


def crystals(plans):
    found = Counter()
    for plan in plans:
        found[plan.arm] += plan.crystals
    return found


SHARES = st.dictionaries(
    st.sampled_from(["llm", "operators", "random"]), st.floats(0.5, 3.0), min_size=2, max_size=3
)
PROMPTS = st.dictionaries(st.sampled_from(["csg", "mutate", "cross"]), st.floats(0.5, 3.0), max_size=3)


@st.composite
def portfolios(draw):
    """Return a configuration of several arms with a bandit, and a history that it might have."""
    shares = draw(SHARES)
    config = config_of(
        proposals=draw(st.integers(30, 80)),
        crystals=draw(st.integers(1, 9)),
        prompts=draw(PROMPTS) if "llm" in shares else None,
        seed=draw(st.integers(0, 5)),
        share=shares,
        bandit={"floor": draw(st.floats(0.01, 0.2)), "memory": draw(st.floats(0.3, 1.0))},
    )
    return config, [draw(_summaries(config, generation)) for generation in range(draw(st.integers(0, 4)))]


def _summaries(config, generation):
    def earned(asked):
        return st.integers(0, asked).map(lambda hits: (asked, hits, 0.01 * asked))

    counts = st.fixed_dictionaries({arm: st.integers(0, 40).flatmap(earned) for arm in arms_of(config)})
    return counts.map(lambda of: summary(generation, **of))


@given(portfolios())
def test_all_crystals_are_dealt_out_and_nobody_is_left_without(given_):
    config, history = given_
    plans = slots_of(config, history, len(history))
    asked, size = crystals(plans), config.propose.llm.crystals if config.propose.llm else 1
    assert sum(asked.values()) == config.population.proposals
    assert set(asked) == set(arms_of(config))
    assert min(asked.values()) >= least_crystals(config) >= 1
    assert least_crystals(config) >= int(config.propose.bandit.floor * config.population.proposals)
    for arm in asked:
        sizes = sorted(plan.crystals for plan in plans if plan.arm == arm)
        whole = size if prompt_of(arm) else 1
        assert set(sizes[1:]) <= {whole}, "only one request of an arm is smaller than the others"
        assert 1 <= sizes[0] <= whole
    assert sum(plan.prompt is not None for plan in plans) <= most_calls(config)
    assert len(plans) >= fewest_slots(config)


@given(portfolios())
def test_slots_depend_on_what_is_known_before_and_on_no_order(given_):
    config, history = given_
    plans = slots_of(config, history, len(history))
    shares, prompts = config.propose.share, config.propose.llm and config.propose.llm.prompts
    document = config.model_dump(mode="json")
    document["propose"]["share"] = dict(reversed(shares.items()))
    if prompts:
        document["propose"]["llm"]["prompts"] = dict(reversed(prompts.items()))
    turned = parse_config(document)
    backwards = [s.evolve(arms=tuple(reversed(s.arms))) for s in history]
    later = summary(len(history), **dict.fromkeys(arms_of(config), (9, 9)))
    assert slots_of(turned, [*backwards, later], len(history)) == plans


@given(
    st.dictionaries(st.text(max_size=3), st.floats(0.01, 9.0), min_size=1),
    st.integers(0, 60),
    st.integers(0, 3),
)
def test_shares_come_out_as_whole_numbers(shares, more, least):
    n = more + least * len(shares)
    whole = share_out(n, shares, least)
    assert sum(whole.values()) == n
    assert min(whole.values()) >= least
    quotas = {name: n * share / sum(shares.values()) for name, share in shares.items()}
    if min(quotas.values()) >= least:
        assert all(abs(whole[name] - quotas[name]) < 1 + 1e-6 for name in shares)


@pytest.mark.parametrize(
    ("config", "plans"),
    [
        (config_of(3), [("operators", 1)] * 3),
        (config_of(7, 3, {"csg": 5}), [("llm:csg", 3), ("llm:csg", 3), ("llm:csg", 1)]),
        (config_of(2, 3, share={"llm": 1}), [("llm:csg", 2)]),
        (config_of(2, 3, share={"llm": 1}, system={"formulas": ["TiC"]}), [("llm:csp", 2)]),
        (config_of(2, share={"random": 1}), [("random", 1)] * 2),
    ],
)
def test_one_proposer_has_all_slots(config, plans):
    assert slots_of(config, [], 0) == slots_of(config, [], 3) == [SlotPlan(*plan) for plan in plans]


def test_fixed_shares_are_the_same_in_each_generation_whatever_was_earned():
    config = config_of(20, 5, {"csg": 2, "mutate": 1}, share={"llm": 3, "operators": 2, "random": 1})
    bad = [summary(0, **{"llm:csg": (7, 0), "llm:mutate": (3, 0), "operators": (7, 7), "random": (3, 0)})]
    for plans in (slots_of(config, [], 0), slots_of(config, bad, 1)):
        assert crystals(plans) == {"llm:csg": 7, "llm:mutate": 3, "operators": 7, "random": 3}


def test_no_arm_is_always_first():
    config = config_of(12, 4, share={"llm": 1, "operators": 1, "random": 1})
    firsts = {slots_of(config, [], generation)[0].arm for generation in range(40)}
    assert firsts == {"llm:csg", "operators", "random"}


def run(config, rates, generations, history=()):
    """Return the summaries of a search whose arms earn at these rates, costs per crystal with them."""
    history = list(history)
    for _ in range(generations):
        asked = crystals(slots_of(config, history, len(history)))
        counts = {
            arm: (n, round(n * rates[arm]), 0.02 * n if prompt_of(arm) else None) for arm, n in asked.items()
        }
        history.append(summary(len(history), **counts))
    return history


def shares_of(history, arm):
    return [next(c.asked for c in s.arms if c.arm == arm) / sum(c.asked for c in s.arms) for s in history]


BANDIT = {"share": {"llm": 1, "operators": 1, "random": 1}, "bandit": {"floor": 0.1, "memory": 0.8}}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("good", ["llm:csg", "operators", "random"])
def test_who_succeeds_is_asked_for_more_and_who_becomes_good_recovers(good, seed):
    config = config_of(40, 5, seed=seed, **BANDIT)
    history = run(config, {**dict.fromkeys(arms_of(config), 0.05), good: 0.4}, 8)
    shares = shares_of(history, good)
    assert shares[0] == pytest.approx(1 / 3, abs=0.05)
    assert min(shares[-3:]) > 0.6
    late = next(arm for arm in arms_of(config) if arm != good)
    assert shares_of(history, late)[-1] < 0.25
    after = run(config, {**dict.fromkeys(arms_of(config), 0.05), late: 0.4}, 12, history)
    assert min(shares_of(after, late)[-3:]) > 0.6


def test_memory_is_what_lets_a_late_arm_recover():
    def recovered(memory):
        config = config_of(40, 5, **{**BANDIT, "bandit": {"floor": 0.1, "memory": memory}})
        rates = dict.fromkeys(arms_of(config), 0.05)
        history = run(config, {**rates, "operators": 0.5}, 25)
        return sum(shares_of(run(config, {**rates, "random": 0.4}, 5, history), "random")[-5:])

    assert recovered(0.6) > 2 * recovered(1.0)


def test_what_a_crystal_costs_counts_where_it_is_asked_for():
    rates = {"llm:csg": 0.3, "operators": 0.25, "random": 0.0}
    by_count = run(config_of(60, 5, **BANDIT), rates, 12)
    by_money = run(
        config_of(60, 5, **{**BANDIT, "bandit": {**BANDIT["bandit"], "crystal_cost": 0.005}}), rates, 12
    )
    assert sum(shares_of(by_money, "operators")[4:]) > 1.5 * sum(shares_of(by_count, "operators")[4:])
    assert sum(shares_of(by_money, "llm:csg")[4:]) < sum(shares_of(by_count, "llm:csg")[4:])


@settings(max_examples=20)
@given(st.integers(1, 4), st.integers(0, 2), st.integers(4, 14), st.integers(1, 6))
def test_no_generation_has_more_calls_or_fewer_slots(prompts, others, proposals, size):
    names = dict.fromkeys(("csg", "mutate", "cross", "repair")[:prompts], 1)
    share = {"llm": 1, **dict.fromkeys(("operators", "random")[:others], 1)}
    assume(2 <= len(share) - 1 + prompts <= proposals)
    config = config_of(proposals, size, names, share=share, bandit={"floor": 0.01})
    free = proposals - (len(share) - 1)

    def most(left, arms):
        if arms == 1:
            return -(-left // size)
        return max(-(-n // size) + most(left - n, arms - 1) for n in range(1, left - arms + 2))

    def fewest(left, arms):
        if arms == 1:
            return -(-left // size)
        return min(-(-n // size) + fewest(left - n, arms - 1) for n in range(1, left - arms + 2))

    assert most_calls(config) == most(free, prompts)
    assert fewest_slots(config) == fewest(free, prompts) + len(share) - 1
    assert sum(prompt_of(arm) is not None for arm in first_crystals(config)) == prompts


PLANS = [SlotPlan("llm:csg", 3), SlotPlan("operators", 1), SlotPlan("llm:csg", 2), SlotPlan("operators", 1)]


def found(slot, energy=0.05, **fields):
    return sample_candidate(slot, energy_above_hull=energy, **fields)


@pytest.mark.parametrize(
    ("candidate", "is_one"),
    [
        (found(0), True),
        (found(0, -0.05), True),
        (found(0, METASTABLE), False),
        (found(0).evolve(duplicate_of="another"), False),
        (found(0).evolve(match=KnownMatch(kind="structure", known_id="k")), False),
        (found(0).evolve(match=KnownMatch(kind="composition_and_energy", known_id="k")), False),
        (found(0).evolve(flags=(TOO_GOOD_FLAG,)), False),
        (found(0).evolve(verdict=sample_verdict()), False),
        (found(0).evolve(placement=None), False),
    ],
)
def test_a_hit_is_stable_new_and_different(candidate, is_one):
    assert [c.hits for c in count_arms(PLANS, [candidate])] == [int(is_one), 0]


def test_arms_are_credited_with_their_slots_and_what_they_cost():
    born = [found(0), found(0), found(2), found(3, 0.3)]
    assert count_arms(PLANS, born, {0: 0.5, 2: 0.25}) == (
        ArmCount(arm="llm:csg", asked=5, hits=3, cost=0.75),
        ArmCount(arm="operators", asked=2, hits=0, cost=None),
    )
    assert count_arms([SlotPlan("operators", 1)] * 4, born) == ()


@pytest.mark.parametrize(
    ("islands", "propose", "fits"),
    [
        (2, {"share": {"llm": 1}}, True),
        (3, {"share": {"llm": 1}}, False),
        (6, {"share": {"llm": 1, "operators": 1}}, True),
        (7, {"share": {"llm": 1, "operators": 1}}, False),
        (3, {"share": {"llm": 1, "operators": 1}, "bandit": {"floor": 0.1}}, True),
        (4, {"share": {"llm": 1, "operators": 1}, "bandit": {"floor": 0.1}}, False),
        (10, {"share": {"operators": 1, "random": 1}, "bandit": {"floor": 0.1}}, True),
    ],
)
def test_every_island_breeds_in_every_generation(islands, propose, fits):
    document = config_of(10, 5, **propose).model_dump(mode="json")
    document["population"]["islands"] = islands
    with (
        nullcontext() if fits else pytest.raises(ConfigError, match=f"population.islands: {islands} of them")
    ):
        parse_config(document)
