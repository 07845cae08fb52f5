"""Fronts, crowding and hypervolume."""

import math
from itertools import chain, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.config import Objective
from matsearch.core.thresholds import NO_REWARD_FLAGS
from matsearch.select.pareto import crowding_distances, fronts, hypervolume, pareto_order
from tests.readings import within_cpu
from tests.select.pools import scored, slots, stiff

HULL = Objective()
BULK = Objective(name="bulk_modulus", direction="maximize")
STIFF = [HULL, BULK]
HARD = [Objective(at_most=0.2), Objective(name="bulk_modulus", direction="maximize", at_least=50.0)]
DENSE = Objective(name="density", direction="target", target=(3.0, 5.0))

# few values, so that equal ones and equal vectors are common
energies = st.sampled_from([-0.05, 0.0, 0.1, 0.15, 0.25, 0.7])
moduli = st.sampled_from([-10.0, 20.0, 60.0, 100.0, 200.0, 500.0, math.nan, math.inf])
densities = st.sampled_from([1.0, 3.0, 4.0, 9.0])
flags = st.sampled_from([(), (), (), ("another",), (NO_REWARD_FLAGS[0],)])
pools = st.lists(st.tuples(energies, moduli, densities, flags), max_size=14).map(
    lambda rows: [
        scored(slot, energy, bulk_modulus=modulus, density=density).evolve(flags=its_flags)
        for slot, (energy, modulus, density, its_flags) in enumerate(rows)
    ]
)
wanted = st.sampled_from([STIFF, HARD, [*STIFF, DENSE], [*HARD, DENSE], [HULL]])


def keeps(candidate, objectives):
    values = [(o, candidate.objective(o.name)) for o in objectives]
    return all(
        (o.at_least is None or v >= o.at_least) and (o.at_most is None or v <= o.at_most) for o, v in values
    )


def worth(candidate, objectives):
    """Return the values, less is better, written apart from the library's."""
    found = {
        "energy_above_hull": candidate.placement.energy_above_hull,
        "bulk_modulus": -candidate.properties["bulk_modulus"].value,
        "density": {1.0: 2.0, 3.0: 0.0, 4.0: 0.0, 9.0: 4.0}[candidate.properties["density"].value],
    }
    return [found[o.name] for o in objectives]


def dominates(one, other, objectives):
    first, second = worth(one, objectives), worth(other, objectives)
    return first != second and all(a <= b for a, b in zip(first, second, strict=True))


def compared(pool, objectives):
    return [
        c
        for c in pool
        if all(math.isfinite(v) for v in worth(c, objectives)) and NO_REWARD_FLAGS[0] not in c.flags
    ]


@given(pools, wanted)
def test_fronts_are_those_of_brute_force(pool, objectives):
    left = compared(pool, objectives)
    feasible = [c for c in left if keeps(c, objectives)]
    expected = []
    while feasible:
        front = [c for c in feasible if not any(dominates(d, c, objectives) for d in feasible)]
        expected.append(set(slots(front)))
        feasible = [c for c in feasible if c not in front]
    found = [set(slots(front)) for front in fronts(pool, objectives)]
    assert found[: len(expected)] == expected
    assert sorted(slot for front in found for slot in front) == sorted(slots(left))


@given(pools, wanted)
def test_what_breaks_a_constraint_comes_after_all_that_keep_it(pool, objectives):
    for ordered in (pareto_order(pool, objectives), list(chain(*fronts(pool, objectives)))):
        kept = [keeps(c, objectives) for c in ordered]
        assert kept == sorted(kept, reverse=True)


@given(pools, wanted, st.randoms(use_true_random=False))
def test_the_order_given_does_not_matter(pool, objectives, random):
    shuffled = random.sample(pool, len(pool))
    assert slots(pareto_order(shuffled, objectives)) == slots(pareto_order(pool, objectives))
    assert [slots(f) for f in fronts(shuffled, objectives)] == [slots(f) for f in fronts(pool, objectives)]
    assert hypervolume(shuffled, objectives) == pytest.approx(hypervolume(pool, objectives))


@given(pools, wanted)
def test_the_order_is_that_of_the_fronts(pool, objectives):
    rank = {c.slot: number for number, front in enumerate(fronts(pool, objectives)) for c in front}
    ordered = [rank[c.slot] for c in pareto_order(pool, objectives)]
    assert ordered == sorted(ordered)
    assert len(ordered) == len(rank)


@given(pools, wanted)
def test_hypervolume_grows_with_what_is_found(pool, objectives):
    volumes = [hypervolume(pool[:n], objectives) for n in range(len(pool) + 1)]
    assert all(0.0 <= volume <= 1.0 for volume in volumes)
    assert all(later >= before - 1e-12 for before, later in pairwise(volumes))


@given(pools, wanted)
def test_hypervolume_is_that_of_the_first_front(pool, objectives):
    first = [c for c in (fronts(pool, objectives) or [[]])[0] if keeps(c, objectives)]
    assert hypervolume(pool, objectives) == pytest.approx(hypervolume(first, objectives))


def test_hypervolume_by_hand():
    """The axes are 0.6 eV/atom and 400 GPa long: two rectangles, 1/2 x 1/4 and 1/4 x 1/2, overlap in 1/4 x 1/4."""
    pool = stiff([(0.2, 100.0), (0.35, 200.0), (0.4, 90.0)])
    assert hypervolume(pool, STIFF) == pytest.approx(0.5 * 0.25 + 0.25 * 0.5 - 0.25 * 0.25)
    assert hypervolume(pool[:1], [HULL]) == pytest.approx(0.5)
    assert hypervolume([], STIFF) == 0.0


def test_hypervolume_ends_where_its_axes_end():
    assert hypervolume(stiff([(-0.2, 900.0)]), STIFF) == 1.0
    assert hypervolume(stiff([(0.6, 900.0), (0.0, -5.0)]), STIFF) == 0.0
    scaled = [HULL.model_copy(update={"scale": (1.0, 0.0)}), BULK]
    assert hypervolume(stiff([(0.5, 400.0)]), scaled) == pytest.approx(0.5)


def test_hypervolume_of_three_objectives_is_a_box():
    """Half of 0.6 eV/atom, a quarter of 400 GPa, and 9 of the 18 g/cm^3 from the target's edge to the worst end."""
    pool = [scored(0, 0.2, bulk_modulus=100.0, density=14.0)]
    assert hypervolume(pool, [*STIFF, DENSE]) == pytest.approx(0.5 * 0.25 * 0.5)


def test_what_breaks_a_constraint_or_is_flagged_has_no_volume():
    pool = stiff([(0.0, 49.0), (0.21, 300.0)])
    assert hypervolume(pool, HARD) == 0.0
    assert hypervolume(pool, STIFF) > 0.0
    assert hypervolume([c.evolve(flags=NO_REWARD_FLAGS[:1]) for c in pool], STIFF) == 0.0


def test_infeasible_ones_follow_by_how_much_they_break():
    """By 10 GPa of 400, by 0.03 of 0.6 eV/atom, by 30 GPa: the stability of the last one is no help."""
    pool = stiff([(0.23, 90.0), (0.0, 40.0), (-0.08, 20.0), (0.1, 60.0), (0.19, 55.0)])
    assert [slots(front) for front in fronts(pool, HARD)] == [[3], [4], [1], [0], [2]]


@pytest.mark.parametrize("objective", [HULL, Objective(at_most=0.0)])
def test_thousands_of_fronts_do_not_take_the_square_of_their_number(objective):
    """Each of one crystal: by stability, or by how much stability is missing."""
    sample, n = scored(0), 4000
    pool = [
        sample.evolve(
            candidate_id=f"c-{i:04}", placement=sample.placement.evolve(energy_above_hull=(n - i) / n)
        )
        for i in range(n)
    ]
    with within_cpu(0.4):
        found = fronts(pool, [objective])
    assert [front[0].candidate_id for front in found] == [f"c-{i:04}" for i in reversed(range(n))]


def test_nothing_that_is_not_a_number_leads():
    pool = stiff([(0.0, math.nan), (0.1, math.inf), (0.2, 10.0), (math.nan, 400.0)])
    assert [slots(front) for front in fronts(pool, STIFF)] == [[2]]


def test_a_front_reads_along_the_first_objective():
    pool = stiff([(0.3, 300.0), (0.0, 10.0), (0.1, 200.0)])
    assert [slots(front) for front in fronts(pool, STIFF)] == [[1, 2, 0]]


def test_crowding_by_hand():
    """Ends are infinitely alone; inside, the gaps between the neighbours, of both objectives together."""
    points = np.array([[0.0, 1.0], [0.1, 0.8], [0.5, 0.3], [1.0, 0.0]])
    assert crowding_distances(points).tolist() == [
        math.inf,
        pytest.approx(0.5 + 0.7),
        pytest.approx(0.9 + 0.8),
        math.inf,
    ]


def test_crowding_of_equal_points_is_that_of_one():
    points = np.array([[0.0, 1.0], [0.5, 0.5], [0.5, 0.5], [0.0, 1.0], [1.0, 0.0]])
    assert crowding_distances(points).tolist() == [math.inf, 2.0, 0.0, 0.0, math.inf]
    assert crowding_distances(np.zeros((3, 2))).tolist() == [math.inf, 0.0, 0.0]
    assert crowding_distances(np.zeros((0, 2))).tolist() == []


def test_an_objective_with_one_value_makes_no_new_ends():
    points = np.array([[0.0, 1.0, 0.3], [0.2, 0.6, 0.3], [0.4, 0.5, 0.3], [1.0, 0.0, 0.3]])
    assert np.isinf(crowding_distances(points)).tolist() == [True, False, False, True]


def test_of_a_front_the_least_crowded_come_first():
    """Slot 2 is crowded between its neighbours, slot 3 has the widest gap."""
    pool = stiff([(0.0, 10.0), (0.02, 30.0), (0.03, 40.0), (0.2, 200.0), (0.5, 400.0)])
    ordered = slots(pareto_order(pool, STIFF))
    assert set(ordered[:2]) == {0, 4}
    assert ordered[2:] == [3, 2, 1]


def test_copies_of_a_crystal_do_not_crowd_out_its_front():
    copies = [scored(slot, 0.0, bulk_modulus=10.0) for slot in range(5)]
    others = [scored(5, 0.1, bulk_modulus=100.0), scored(6, 0.2, bulk_modulus=200.0)]
    first_three = pareto_order([*copies, *others], STIFF)[:3]
    assert {c.placement.energy_above_hull for c in first_three} == {0.0, 0.1, 0.2}
