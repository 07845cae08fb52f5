import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.campaign import ArmCount, CampaignState, GenerationSummary
from matsearch.core.records import KnownMatch, Lineage
from matsearch.core.thresholds import METASTABLE, TOO_GOOD_FLAG
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.pipeline.history import (
    MOST_ANCESTORS,
    count_generations,
    count_operators,
    count_verdicts,
    element_shares,
    line_of,
)
from matsearch.testing.samples import sample_campaign, sample_candidate, sample_structure, sample_verdict


def born(slot, generation, energy, operator="strain", parents=(), **fields):
    lineage = Lineage(operator=operator, parent_ids=parents, roots=("root",))
    fields = {"structure_key": f"key-{generation}-{slot}", **fields}
    return sample_candidate(slot, generation, energy_above_hull=energy, lineage=lineage, **fields)


def campaign(*restarted):
    counts = {"asked": 4, "proposed": 4, "relaxed": 4, "scored": 4}
    history = tuple(GenerationSummary(generation=g, restarted=r, **counts) for g, r in enumerate(restarted))
    return sample_campaign(state=CampaignState(campaign_id="sample-00000000", history=history))


def test_generations_count_what_is_distinct_and_believed():
    candidates = [
        born(0, 0, 0.3),
        born(1, 0, 0.05),
        born(2, 0, 0.1),
        born(3, 0, -0.4, flags=(TOO_GOOD_FLAG,)),
        born(0, 1, 0.01, duplicate_of="another"),
        born(1, 1, 0.2),
        born(2, 1, 0.0, verdict=sample_verdict()),
        born(0, 2, None),
        born(1, 2, 0.02),
        born(2, 2, 0.04),
    ]
    first, second, third = count_generations(campaign(False, True), candidates)
    assert (first.proposed, first.distinct, first.best, first.median) == (4, 3, 0.05, 0.1)
    assert (first.metastable, first.metastable_so_far) == (1, 1), "0.1 itself is not under 0.1"
    assert (second.distinct, second.best_so_far, second.median) == (1, 0.05, 0.2)
    assert (third.best, third.best_so_far, third.median) == (0.02, 0.02, pytest.approx(0.03))
    assert third.metastable_so_far == 3
    assert [g.restarted for g in (first, second, third)] == [False, True, False]


def test_a_generation_without_a_scored_crystal_keeps_the_best_so_far():
    first, second = count_generations(campaign(), [born(0, 0, 0.2), born(0, 1, None)])
    assert (second.best, second.median, second.best_so_far) == (None, None, 0.2)
    assert first.distinct == 1
    assert count_generations(campaign(), []) == []


def test_generations_have_the_hypervolume_and_the_arms_of_their_summaries():
    arms = (ArmCount(arm="operators", asked=3, hits=1), ArmCount(arm="random", asked=1, hits=0))
    record = campaign(False, False)
    first, second = record.state.history
    history = (first.evolve(hypervolume=0.0), second.evolve(hypervolume=0.25, arms=arms))
    record = record.evolve(state=record.state.evolve(history=history))
    running = born(0, 2, 0.1)
    assert [g.hypervolume for g in count_generations(record, [running])] == [0.0, 0.25, None]
    assert [g.arms for g in count_generations(record, [running])] == [(), arms, ()]


@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-0.09, 2.0)), max_size=25))
def test_generations_add_up(pairs):
    candidates = [born(slot, generation, energy) for slot, (generation, energy) in enumerate(pairs)]
    numbers = count_generations(campaign(), candidates)
    assert sum(g.distinct for g in numbers) == len(pairs)
    best = [g.best_so_far for g in numbers]
    assert best == sorted(best, reverse=True)
    if numbers:
        assert best[-1] == min(energy for _, energy in pairs)
        assert numbers[-1].metastable_so_far == sum(g.metastable for g in numbers)
        assert numbers[-1].metastable_so_far == sum(energy < METASTABLE for _, energy in pairs)


def test_operators_count_relaxations_of_distinct_cells():
    ended = Verdict(kind=FailureKind.NOT_CONVERGED, stage="relax", detail="300 steps")
    insane = Verdict(kind=FailureKind.BAD_VOLUME, stage="parse", detail="too small")
    candidates = [
        born(0, 0, 0.05),
        born(1, 0, 0.05, duplicate_of="another", structure_key="key-0-0"),
        born(2, 0, None, verdict=ended),
        born(3, 0, None, verdict=insane, structure_key=None),
        born(4, 0, -0.5, flags=(TOO_GOOD_FLAG,)),
        born(0, 1, None, operator="rattle", verdict=insane, structure_key=None),
    ]
    rattle, strain = count_operators(candidates)
    assert (rattle.operator, rattle.proposed, rattle.valid, rattle.relaxations) == ("rattle", 1, 0, 0)
    assert (rattle.per_100, rattle.per_100_low, rattle.per_100_high, rattle.best) == (None,) * 4
    assert (strain.proposed, strain.valid, strain.relaxations) == (5, 4, 3)
    assert (strain.distinct, strain.metastable, strain.best) == (2, 1, 0.05)
    assert strain.per_100 == pytest.approx(100 / 3)


def test_a_known_phase_that_comes_back_from_itself_is_no_success():
    kept = KnownMatch(kind="structure", known_id="root", own_root=True)
    found = KnownMatch(kind="structure", known_id="other")
    candidates = [born(0, 0, 0.0, match=kept), born(1, 0, 0.05, match=found), born(2, 0, 0.3)]
    (numbers,) = count_operators(candidates)
    assert (numbers.relaxations, numbers.distinct) == (3, 3)
    assert (numbers.metastable, numbers.best) == (1, 0.05)
    (numbers,) = count_operators(candidates[:1])
    assert (numbers.metastable, numbers.per_100, numbers.best) == (0, 0.0, None)


def test_the_interval_is_wilsons():
    # Wilson (1927) with z = 1.959964 for 10 of 40, worked out by hand
    candidates = [born(slot, 0, 0.05 if slot < 10 else 0.5) for slot in range(40)]
    (numbers,) = count_operators(candidates)
    assert (numbers.metastable, numbers.relaxations) == (10, 40)
    z, p, n = 1.959964, 0.25, 40
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    assert numbers.per_100_low == pytest.approx(100 * (middle - half), abs=1e-3)
    assert numbers.per_100_high == pytest.approx(100 * (middle + half), abs=1e-3)


def test_element_shares_of_proposals_and_of_their_parents():
    salt = born(0, 0, 0.1)
    potash = born(1, 0, 0.1, structure=sample_structure("K", "Cl"))
    parents = (salt.candidate_id, "known:outside")
    child = born(0, 1, 0.1, parents=parents, structure=sample_structure("Na", "Br"))
    twin = born(1, 1, 0.1, parents=parents, structure=None)
    first, second = element_shares([salt, potash, child, twin])
    assert first.proposed == pytest.approx({"Cl": 0.5, "K": 0.25, "Na": 0.25})
    assert first.parents == {}
    assert second.proposed == pytest.approx({"Br": 0.5, "Na": 0.5})
    assert second.parents == pytest.approx({"Cl": 0.5, "Na": 0.5}), "named twice, counted once"


def test_verdicts_by_stage_and_kind_with_the_first_detail():
    kinds = [("relax", "first"), ("parse", "small"), ("relax", "second")]
    candidates = [
        born(i, 0, None, verdict=Verdict(kind=FailureKind.EXPLODED, stage=stage, detail=detail))
        for i, (stage, detail) in enumerate(kinds)
    ]
    counts = count_verdicts([*candidates, born(9, 0, 0.1)])
    assert [(c.stage, c.kind, c.count, c.example) for c in counts] == [
        ("relax", "exploded", 2, "first"),
        ("parse", "exploded", 1, "small"),
    ]


def test_a_line_goes_back_to_the_first_generation_once():
    first = born(0, 0, 0.5, parents=("known:root",))
    second = born(0, 1, 0.4, operator="heredity", parents=(first.candidate_id, first.candidate_id))
    third = born(0, 2, 0.3, parents=(second.candidate_id, first.candidate_id))
    line = line_of(third, {c.candidate_id: c for c in (first, second, third)})
    assert [a.candidate_id for a in line.ancestors] == [second.candidate_id, first.candidate_id]
    assert line.ancestors[0].operator == "heredity"
    assert line.ancestors[1].energy_above_hull == 0.5
    assert (line.left_out, line.roots) == (0, ("root",))


def test_a_long_line_is_cut_and_a_circle_ends():
    chain = [born(0, 0, 0.1)]
    for generation in range(1, MOST_ANCESTORS + 6):
        chain.append(born(0, generation, 0.1, parents=(chain[-1].candidate_id,)))
    line = line_of(chain[-1], {c.candidate_id: c for c in chain})
    assert len(line.ancestors) == MOST_ANCESTORS
    assert line.left_out == 5
    assert line.ancestors[0].generation == MOST_ANCESTORS + 4
    one = born(0, 0, 0.1)
    other = born(1, 0, 0.1, parents=(one.candidate_id,))
    one = one.evolve(lineage=Lineage(operator="strain", parent_ids=(other.candidate_id,)))
    line = line_of(one, {c.candidate_id: c for c in (one, other)})
    assert [a.candidate_id for a in line.ancestors] == [other.candidate_id]
