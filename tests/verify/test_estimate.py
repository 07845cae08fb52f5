"""Intervals that hold the truth as often as they say, and rates that hide nobody."""

from itertools import product
from math import comb, prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsearch.core.dft import DftSettings
from matsearch.core.verification import Promoted, Stratum, VerificationPlan
from matsearch.core.verify_section import PromotionSection
from matsearch.verify import intervals
from matsearch.verify.estimate import (
    beside_published,
    dft_verified_rates,
    plain_rate,
    projected_rates,
    stratified_rate,
    survivor_counts,
)
from matsearch.verify.intervals import StratumCount, exact_interval, stratified_interval


def drawn(population: int, hits: int, sent: int, k: int) -> float:
    return comb(hits, k) * comb(population - hits, sent - k) / comb(population, sent)


def least_coverage(populations, sent, level=0.95) -> float:
    """The share of samples whose interval holds the truth, for the worst truth."""
    ends = {
        ks: stratified_interval(
            [StratumCount(*row) for row in zip(populations, sent, ks, strict=True)], level
        )
        for ks in product(*(range(n + 1) for n in sent))
    }
    covered = []
    for truth in product(*(range(population + 1) for population in populations)):
        share = sum(truth) / sum(populations)
        covered.append(
            sum(
                prod(drawn(*row) for row in zip(populations, truth, sent, ks, strict=True))
                for ks, (lower, upper) in ends.items()
                if lower - 1e-12 <= share <= upper + 1e-12
            )
        )
    return min(covered)


@pytest.mark.parametrize(
    ("populations", "sent"),
    [
        ((7,), (3,)),
        ((12,), (5,)),
        ((5, 4), (2, 2)),
        ((8, 3), (2, 3)),
        ((6, 3), (3, 0)),
        ((4, 4, 3), (2, 2, 1)),
        ((9, 2, 2), (3, 1, 2)),
    ],
)
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_no_population_is_missed_more_often_than_allowed(populations, sent, level):
    assert least_coverage(populations, sent, level) >= level - 1e-9


def test_blocks_of_a_large_population_miss_no_more(monkeypatch):
    fine = stratified_interval([StratumCount(12, 3, 1), StratumCount(9, 3, 2)])
    monkeypatch.setattr(intervals, "_CELLS", 25)
    coarse = stratified_interval([StratumCount(12, 3, 1), StratumCount(9, 3, 2)])
    assert coarse[0] <= fine[0] < fine[1] <= coarse[1]
    assert coarse != fine
    assert least_coverage((8, 7), (2, 3)) >= 0.95


def test_a_large_population_is_quick_and_near_the_binomial():
    lower, upper = stratified_interval(
        [StratumCount(4000, 20, 5), StratumCount(3000, 20, 5), StratumCount(9, 9, 0)]
    )
    binomial = exact_interval(10, 40)
    assert lower == pytest.approx(binomial[0], abs=0.02)
    assert upper == pytest.approx(binomial[1], abs=0.02)


def test_all_of_six_say_more_together_than_each_stratum_alone():
    lower, upper = stratified_interval([StratumCount(40, 2, 2)] * 3)
    # 0.025 ** (1 / 6) for a population without end
    assert 0.5 < lower < 0.6
    assert upper == 1.0


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_clopper_pearson_as_its_tails_define_it(counted):
    from scipy.stats import binom

    k, n = counted
    lower, upper = exact_interval(k, n)
    assert lower == 0.0 if k == 0 else binom.sf(k - 1, n, lower) == pytest.approx(0.025, abs=1e-6)
    assert upper == 1.0 if k == n else binom.cdf(k, n, upper) == pytest.approx(0.025, abs=1e-6)


@given(
    st.integers(1, 30).flatmap(
        lambda population: st.integers(0, population).flatmap(
            lambda n: st.tuples(st.integers(0, n), st.just(n), st.just(population))
        )
    )
)
@settings(deadline=None)
def test_a_finite_population_is_known_better(row):
    k, n, population = row
    lower, upper = stratified_interval([StratumCount(population, n, k)])
    assert k / population <= lower <= upper <= (population - n + k) / population
    assert (lower == upper) == (n == population)
    binomial = exact_interval(k, n)
    assert binomial[0] - 1 / population <= lower
    assert upper <= binomial[1] + 1 / population


def test_the_estimate_weighs_strata_by_their_population():
    rate = stratified_rate([StratumCount(10, 2, 2), StratumCount(30, 3, 1)])
    assert rate.estimate == pytest.approx(0.25 * 1.0 + 0.75 / 3)
    assert (rate.count, rate.of) == (3, 5)
    assert rate.lower < rate.estimate < rate.upper


def test_of_whom_nobody_was_sent_anything_may_be_true():
    rate = stratified_rate([StratumCount(5, 5, 4), StratumCount(5, 0, 0)])
    assert rate.estimate is None
    assert (rate.lower, rate.upper) == (0.4, 0.9)
    assert "5 of them" in rate.note
    assert stratified_rate([]).lower == 0.0
    assert stratified_rate([]).upper == 1.0


def test_rates_name_their_denominators_and_keep_the_failed_in():
    rates = dft_verified_rates(100, 80, 60, 6, 3)
    assert [rate.name for rate in rates] == [
        f"DFT-confirmed of {w}" for w in ("asked", "valid", "unique", "sent")
    ]
    assert [(rate.count, rate.of) for rate in rates] == [(3, 100), (3, 80), (3, 60), (3, 6)]
    assert rates[3].estimate == 0.5
    assert [round(end, 3) for end in (rates[3].lower, rates[3].upper)] == [0.118, 0.882]


def test_with_some_not_sent_a_rate_is_a_lower_bound_and_says_so():
    sure, bound = (
        dft_verified_rates(100, 80, 60, 6, 3)[0],
        dft_verified_rates(100, 80, 60, 6, 3, unsent=20)[0],
    )
    assert bound.name.startswith("at least")
    assert "20 more survivors were not sent" in bound.note
    assert bound.lower == sure.lower
    assert bound.upper == pytest.approx(exact_interval(23, 100)[1])


def test_nobody_asked_nothing_known():
    for rate in dft_verified_rates(0, 0, 0, 0, 0):
        assert (rate.estimate, rate.lower, rate.upper) == (None, 0.0, 1.0)


def test_an_estimate_of_survivors_becomes_one_of_all_asked():
    rate = stratified_rate([StratumCount(10, 5, 2), StratumCount(10, 5, 4)])
    asked, valid, unique = projected_rates(rate, 20, 100, 50, 40)
    assert asked.estimate == pytest.approx(0.6 * 0.2)
    assert valid.upper == pytest.approx(rate.upper * 0.4)
    assert unique.lower == pytest.approx(rate.lower * 0.5)
    assert "of this campaign" in asked.note


@pytest.mark.parametrize(("count", "where"), [(2, "inside"), (6, "outside"), (0, "inside")])
def test_the_published_rate_is_inside_the_interval_or_not(count, where):
    said = beside_published([plain_rate(count, 6, "DFT-confirmed under 0 eV/atom, of sent")])
    assert "31.7 percent of MatLLMSearch's generated crystals that DFT puts under 0 eV/atom" in said
    assert (
        f"of sent: {100 * count / 6:.1f} percent ({count} of 6; the published one is {where} the interval"
        in said
    )


def test_what_is_counted_is_said():
    hits = "DFT-confirmed under 0 eV/atom,"
    drawn = stratified_rate([StratumCount(10, 5, 2)], hits)
    every = [*dft_verified_rates(9, 8, 7, 6, 3, unsent=1, hits=hits), drawn]
    every += projected_rates(drawn, 10, 40, 30, 20, hits)
    assert all(hits in rate.name for rate in every)


def test_counts_of_a_plan():
    rule = PromotionSection(strata=(0.0,), survivors=3, controls=1)
    promoted = [
        Promoted(
            candidate_id=name,
            role=role,
            rank=rank,
            stratum=stratum,
            energy_above_hull=0.0,
            probability=0.5,
            core_hours=1.0,
        )
        for rank, (name, role, stratum) in enumerate(
            [("a", "survivor", 0), ("b", "survivor", 1), ("c", "survivor", 1), ("d", "control", 2)], start=1
        )
    ]
    sizes = [(4, 1), (9, 2), (7, 1)]
    plan = VerificationPlan(
        campaign_id="sample",
        round=0,
        generation=1,
        rule=rule.model_dump(mode="json"),
        settings=DftSettings(code="GPAW", functional="PBE", scheme_id="gpaw-pbe"),
        promoted=tuple(promoted),
        phases=(),
        strata=tuple(Stratum(lower=None, upper=None, population=n, sent=k) for n, k in sizes),
        left_out={},
        asked=50,
        valid=40,
        unique=30,
        hull={},
        predicted_core_hours=4.0,
        created_at="2026-01-01T00:00:00+00:00",
    )
    # d is a control
    assert survivor_counts(plan, {"a", "d"}) == [StratumCount(4, 1, 1), StratumCount(9, 2, 0)]
