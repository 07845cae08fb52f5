"""Who is sent to DFT, and that everybody else is accounted for."""

import math
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsearch.core.records import KnownMatch
from matsearch.core.thresholds import FAR_GEOMETRY_FLAG, REFUTED_FLAG
from matsearch.core.verified import Standing, Verified
from matsearch.core.verify_section import PromotionSection
from matsearch.testing.samples import sample_candidate, sample_placement, sample_structure, sample_verdict
from matsearch.verify.promotion import promote
from matsearch.verify.strata import CONTROL_SPAN, affordable_places, allocate

SENT = Verified(
    standing=Standing.PENDING,
    role="survivor",
    predicted_energy_above_hull=0.0,
    threshold=0.1,
    settings_key="s",
    calculation_key="c",
)
KNOWN = KnownMatch(kind="structure", known_id="sample-1")


def crystal(slot: int, energy: float | None, length: float = 5.64, **fields):
    return sample_candidate(
        slot, energy_above_hull=energy, structure=sample_structure(length=length), **fields
    )


def apart(one, other) -> float:
    return abs(one.volume ** (1 / 3) - other.volume ** (1 / 3))


def hours(structure) -> float:
    return structure.volume / 100.0


def chosen(candidates, rule, **more):
    return promote(candidates, rule, more.pop("cost", hours), more.pop("seed", 7), distance=apart, **more)


def ids(promotion) -> list[str]:
    return [p.candidate_id for p in promotion.promoted]


_spoilt = st.sampled_from(
    [
        {},
        {},
        {},
        {"duplicate_of": "other"},
        {"match": KNOWN},
        {"flags": (FAR_GEOMETRY_FLAG,)},
        {"verification": SENT},
        {"verdict": sample_verdict()},
        {"placement": None},
    ]
)
_candidates = st.lists(
    st.tuples(st.floats(-0.3, 0.5), st.floats(4.0, 7.0), _spoilt), min_size=0, max_size=25
).map(lambda rows: [crystal(i, e, length, **more) for i, (e, length, more) in enumerate(rows)])
_rules = st.builds(
    PromotionSection,
    survivors=st.integers(1, 8),
    controls=st.integers(0, 4),
    sample=st.sampled_from(["best", "stratified"]),
    flagged=st.booleans(),
    diversity=st.sampled_from([0.0, 0.3, 1.0]),
    core_hours=st.sampled_from([None, 0.3, 2.0]),
)


@given(_candidates, _rules, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_everybody_is_accounted_for_in_whatever_order(candidates, rule, random):
    promotion = chosen(candidates, rule)
    assert len(promotion.promoted) + sum(promotion.left_out.values()) == len(candidates)
    assert min(promotion.left_out.values(), default=1) > 0
    roles = Counter(p.role for p in promotion.promoted)
    assert roles["survivor"] <= rule.survivors
    assert roles["control"] <= rule.controls
    assert [p.rank for p in promotion.promoted] == list(range(1, len(promotion.promoted) + 1))
    assert Counter(p.stratum for p in promotion.promoted) == Counter(
        {h: s.sent for h, s in enumerate(promotion.strata) if s.sent}
    )
    for p in promotion.promoted:
        stratum = promotion.strata[p.stratum]
        lower = -math.inf if stratum.lower is None else stratum.lower
        assert lower <= p.energy_above_hull < stratum.upper
        assert stratum.sent <= stratum.population
    shuffled = list(candidates)
    random.shuffle(shuffled)
    assert chosen(shuffled, rule) == promotion


@given(_candidates, st.sampled_from([0.3, 1.0, 3.0]))
@settings(max_examples=40, deadline=None)
def test_the_best_keep_the_budget(candidates, budget):
    rule = PromotionSection(survivors=8, controls=3, flagged=True, core_hours=budget)
    assert sum(p.core_hours for p in chosen(candidates, rule).promoted) <= budget + 1e-9


@pytest.mark.parametrize(
    ("reason", "fields"),
    [
        ("not scored", {"verdict": sample_verdict()}),
        ("not scored", {"placement": None}),
        ("duplicate", {"duplicate_of": "other"}),
        ("sent before", {"verification": SENT}),
        ("sent before", {"verification": SENT, "flags": (REFUTED_FLAG,)}),
        ("known phase", {"match": KNOWN}),
        ("flagged", {"flags": (FAR_GEOMETRY_FLAG,)}),
    ],
)
def test_why_somebody_is_left_out(reason, fields):
    promotion = chosen([crystal(0, 0.0, **fields)], PromotionSection())
    assert promotion.promoted == ()
    assert promotion.left_out == {reason: 1}


def test_the_probable_are_first_and_the_uncertain_behind_them():
    sure, unsure, near = crystal(0, 0.0), crystal(1, 0.0), crystal(2, 0.09)
    unsure = unsure.evolve(placement=sample_placement(0.0).evolve(energy_above_hull_uncertainty=0.2))
    promotion = chosen([near, unsure, sure], PromotionSection(diversity=0.0))
    assert ids(promotion) == [c.candidate_id for c in (sure, unsure, near)]
    probabilities = [p.probability for p in promotion.promoted]
    # the normal distribution's: 2, 0.5 and 0.2 standard deviations under the threshold
    assert probabilities == pytest.approx([0.97725, 0.69146, 0.57926], abs=1e-5)


def test_diversity_prefers_what_is_unlike():
    alike = [crystal(i, -0.05 + 0.001 * i, 5.6 + 0.001 * i) for i in range(4)]
    unlike = crystal(9, 0.05, 7.0)
    two = PromotionSection(survivors=2, diversity=0.0)
    assert unlike.candidate_id not in ids(chosen([*alike, unlike], two))
    two = PromotionSection(survivors=2, diversity=0.5)
    assert ids(chosen([*alike, unlike], two)) == [alike[0].candidate_id, unlike.candidate_id]


def test_the_first_front_is_first():
    candidates = [crystal(i, 0.01 * i) for i in range(4)]
    fronts = {candidates[3].candidate_id: 1, candidates[1].candidate_id: 2}
    order = ids(chosen(candidates, PromotionSection(), fronts=fronts))
    assert order == [candidates[i].candidate_id for i in (3, 1, 0, 2)]


def test_a_dear_one_is_passed_over_and_a_cheaper_one_follows():
    large, small = crystal(0, -0.05, 7.0), crystal(1, 0.05, 4.0)
    budget = hours(large.best_structure) + 0.5 * hours(small.best_structure)
    costly = crystal(2, 0.0, 7.0)
    promotion = chosen([large, small, costly], PromotionSection(core_hours=budget, diversity=0.0))
    assert ids(promotion) == [large.candidate_id]
    assert promotion.left_out == {"over budget": 2}
    budget = hours(large.best_structure) + hours(small.best_structure)
    promotion = chosen([large, small, costly], PromotionSection(core_hours=budget, diversity=0.0))
    assert ids(promotion) == [large.candidate_id, small.candidate_id]
    assert promotion.left_out == {"over budget": 1}


@pytest.mark.parametrize("sample", ["best", "stratified"])
def test_who_alone_costs_more_than_the_budget_could_not_be_sent(sample):
    large, small = crystal(0, -0.05, 7.0), crystal(1, 0.05, 4.0)
    rule = PromotionSection(core_hours=0.9 * hours(large.best_structure), sample=sample)
    promotion = chosen([large, small], rule)
    assert ids(promotion) == [small.candidate_id]
    assert promotion.left_out == {"dearer than the whole budget": 1}
    assert [s.population for s in promotion.strata] == [0, 0, 1, 0]


@pytest.mark.parametrize("sample", ["best", "stratified"])
def test_flagged_ones_come_after_all_others(sample):
    flagged = [crystal(i, -0.2, flags=(FAR_GEOMETRY_FLAG,)) for i in range(3)]
    believed = [crystal(i, 0.02 * i) for i in range(3, 5)]
    rule = PromotionSection(survivors=3, flagged=True, sample=sample)
    promotion = chosen([*flagged, *believed], rule)
    assert set(ids(promotion)[:2]) == {c.candidate_id for c in believed}
    assert promotion.promoted[2].stratum == len(promotion.strata) - 1
    assert promotion.strata[-1].population == 3


def test_controls_are_even_over_their_range():
    candidates = [crystal(i, 0.1 + 0.01 * i) for i in range(30)]
    promotion = chosen(candidates, PromotionSection(survivors=0, controls=4))
    energies = [p.energy_above_hull for p in promotion.promoted]
    assert energies == pytest.approx([0.12, 0.17, 0.22, 0.27], abs=0.011)
    assert promotion.left_out == {"control not chosen": 16, "far above the hull": 10}
    assert promotion.strata[-1].upper == pytest.approx(0.1 + CONTROL_SPAN)


def test_controls_are_not_starved_by_survivors():
    candidates = [crystal(i, 0.01 * i) for i in range(20)]
    each = hours(candidates[0].best_structure)
    promotion = chosen(candidates, PromotionSection(survivors=6, controls=2, core_hours=4.5 * each))
    assert Counter(p.role for p in promotion.promoted) == {"survivor": 3, "control": 1}


def test_everybody_of_a_stratum_is_drawn_as_often():
    candidates = [crystal(i, 0.05) for i in range(5)]
    rule = PromotionSection(survivors=2, sample="stratified")
    drawn = Counter(i for seed in range(500) for i in ids(chosen(candidates, rule, seed=seed)))
    assert sorted(drawn) == sorted(c.candidate_id for c in candidates)
    # 200 expected, standard deviation 11
    assert all(145 <= n <= 255 for n in drawn.values())


def test_a_budget_makes_the_sample_smaller_and_not_cheaper():
    cheap, dear = [crystal(i, 0.05, 4.0) for i in range(10)], [crystal(i, 0.05, 7.0) for i in range(10, 20)]
    costs = [hours(c.best_structure) for c in (cheap[0], dear[0])]
    rule = PromotionSection(survivors=10, sample="stratified", core_hours=2.5 * sum(costs))
    of_dear = 0
    for seed in range(40):
        promotion = chosen([*cheap, *dear], rule, seed=seed)
        assert len(promotion.promoted) == 5
        assert promotion.left_out == {"over budget": 5, "survivor not chosen": 10}
        of_dear += sum(p.core_hours == pytest.approx(costs[1]) for p in promotion.promoted)
    assert 70 <= of_dear <= 130


def test_whoever_stops_early_has_every_stratum():
    candidates = [crystal(i, -0.09 + 0.01 * i) for i in range(18)]
    promotion = chosen(candidates, PromotionSection(survivors=6, sample="stratified"))
    assert [p.stratum for p in promotion.promoted] == [0, 1, 2, 0, 1, 2]
    assert [s.population for s in promotion.strata] == [9, 3, 6, 0]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(0, 60))
def test_places_fill_strata_evenly(populations, n):
    places = allocate(populations, n)
    assert sum(places) == min(n, sum(populations))
    assert all(0 <= k <= population for k, population in zip(places, populations, strict=True))
    assert all(
        k >= min(n // len(places), population) for k, population in zip(places, populations, strict=True)
    )


@given(st.lists(st.tuples(st.integers(0, 9), st.floats(0.01, 5.0)), min_size=1, max_size=4), st.floats(0, 50))
def test_places_taken_back_are_as_many_as_the_budget_needs(rows, budget):
    places, means = [list(part) for part in zip(*rows, strict=True)]
    kept = affordable_places(places, means, budget)
    spent = sum(k * mean for k, mean in zip(kept, means, strict=True))
    assert spent <= budget
    assert all(k <= n for k, n in zip(kept, places, strict=True))
    if kept != places:
        assert spent + max(means) > budget


def test_many_candidates_ask_for_few_distances():
    asked = []

    def counted(one, other) -> float:
        asked.append(1)
        return apart(one, other)

    candidates = [crystal(i, 0.0001 * i, 5.0 + 0.001 * i) for i in range(600)]
    promote(candidates, PromotionSection(survivors=4), hours, 7, distance=counted)
    assert len(asked) <= 3 * 203


def everybody():
    """Return one of each kind: plain, known, flagged, a control, far above, and three that nobody may send."""
    return [
        crystal(0, 0.02),
        crystal(1, 0.0, match=KNOWN),
        crystal(2, -0.3, flags=(FAR_GEOMETRY_FLAG,)),
        crystal(3, 0.2),
        crystal(4, 2.0, flags=(FAR_GEOMETRY_FLAG,)),
        crystal(5, 0.02, duplicate_of="other"),
        crystal(6, 0.02, verification=SENT),
        crystal(7, None),
    ]


ALL = PromotionSection(survivors=1, controls=0, sample="all")


@pytest.mark.parametrize("flagged", [False, True])
def test_all_sends_everybody_that_has_a_place(flagged):
    promotion = chosen(everybody(), ALL.model_copy(update={"flagged": flagged}))
    assert [(p.role, p.energy_above_hull) for p in promotion.promoted] == [
        ("survivor", -0.3),
        ("survivor", 0.0),
        ("survivor", 0.02),
        ("control", 0.2),
        ("control", 2.0),
    ]
    assert promotion.left_out == {"duplicate": 1, "sent before": 1, "not scored": 1}
    limits = [(s.lower, s.upper, s.population, s.sent) for s in promotion.strata[:4]]
    assert limits == [(None, 0.0, 1, 1), (0.0, 0.03, 2, 2), (0.03, 0.1, 0, 0), (0.1, None, 2, 2)]


@given(st.permutations(range(8)), st.floats(0.5, 12.0))
def test_all_keeps_the_budget_and_counts_everybody(order, budget):
    candidates = everybody()
    rule = ALL.model_copy(update={"core_hours": budget})
    promotion = chosen([candidates[i] for i in order], rule)
    assert promotion == chosen(candidates, rule)
    assert sum(p.core_hours for p in promotion.promoted) <= budget + 1e-9
    assert len(promotion.promoted) + sum(promotion.left_out.values()) == 8
