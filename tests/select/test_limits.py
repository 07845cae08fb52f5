"""Limits by formula and element, and what is taken for being unlike the others."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Element

from matsearch.core.config import Objective, SelectionSection
from matsearch.select.orders import best_order
from matsearch.select.quota import Quota
from matsearch.select.schemes import get_selector
from matsearch.select.unlikeness import Unlikeness
from matsearch.testing.samples import sample_candidate, sample_structure
from tests.select.pools import stretched

SYMBOLS = ("Li", "Na", "K", "Ti", "O", "Cl", "Pt")


crystals = st.builds(
    stretched, st.sampled_from(SYMBOLS), st.sampled_from(SYMBOLS), st.sampled_from((1.0, 1.6, 2.4, 3.4))
)
scored = st.lists(st.tuples(crystals, st.floats(-0.09, 0.5).map(lambda e: round(e, 2))), max_size=14).map(
    lambda pairs: [sample_candidate(i, structure=s, energy_above_hull=e) for i, (s, e) in enumerate(pairs)]
)
sections = st.builds(
    SelectionSection,
    polymorphs=st.integers(1, 3),
    element_caps=st.dictionaries(st.sampled_from(SYMBOLS), st.sampled_from((0.1, 0.3, 0.5, 1.0)), max_size=3),
    diversity=st.sampled_from((0.0, 0.3, 0.5, 1.0)),
)


def select(candidates, n, **rules):
    return get_selector([Objective()], SelectionSection(**rules)).select(candidates, n)


@given(scored, sections, st.integers(0, 8), st.randoms(use_true_random=False))
def test_limits_hold_and_order_does_not_matter(candidates, rules, n, random):
    selector = get_selector([Objective()], rules)
    chosen = selector.select(candidates, n)
    assert len(chosen) <= n
    assert max(Counter(c.formula for c in chosen).values(), default=0) <= rules.polymorphs
    for symbol, share in rules.element_caps.items():
        assert sum(symbol in c.structure.composition for c in chosen) <= share * n + 1e-9
    assert chosen == best_order(chosen, [Objective()])
    shuffled = random.sample(candidates, len(candidates))
    assert [c.candidate_id for c in selector.select(shuffled, n)] == [c.candidate_id for c in chosen]


@given(scored, st.integers(1, 8))
def test_without_limits_and_diversity_it_is_the_best(candidates, n):
    chosen = select(candidates, n, polymorphs=100, diversity=0.0)
    energies = [c.placement.energy_above_hull for c in candidates]
    assert [c.placement.energy_above_hull for c in chosen[:1]] == sorted(energies)[:1]
    left_out = [c for c in candidates if c not in chosen and not twin_of_any(c, chosen)]
    assert len(chosen) == n or not left_out
    assert all(c.placement.energy_above_hull >= chosen[-1].placement.energy_above_hull for c in left_out)


def twin_of_any(candidate, chosen):
    quota = Quota(SelectionSection(polymorphs=100), 100)
    for other in chosen:
        quota.take(other.structure)
    return not quota.take(candidate.structure)


def test_several_polymorphs_of_a_formula_and_no_more():
    batch = [
        sample_candidate(i, structure=stretched("Na", "Cl", ratio), energy_above_hull=0.01 * i)
        for i, ratio in enumerate((1.0, 1.6, 2.4, 3.4))
    ]
    other = sample_candidate(9, structure=stretched("Ti", "O", 1.0), energy_above_hull=0.4)
    assert select([*batch, other], 5, polymorphs=2, diversity=0.0) == [*batch[:2], other]
    assert select(batch, 4, polymorphs=4, diversity=0.0) == batch


def test_an_element_is_held_by_its_share_of_the_parents_asked_for():
    batch = [
        sample_candidate(i, structure=stretched("Pt", symbol, 1.0), energy_above_hull=0.01 * i)
        for i, symbol in enumerate(SYMBOLS[:6])
    ]
    assert select(batch, 10, element_caps={"Pt": 0.29}) == batch[:2]
    assert select(batch, 10, element_caps={"Pt": 0.05}) == []
    assert len(select(batch, 100, element_caps={"Pt": 0.05})) == 5


def test_a_share_is_rounded_down_only_where_it_is_no_whole_number():
    """As a float, 0.29 times 100 is a little under 29."""
    quota = Quota(SelectionSection(element_caps={"Pt": 0.29}), 100)
    others = [e.symbol for e in Element if e.symbol != "Pt" and not e.is_noble_gas][:40]
    assert sum(quota.take(sample_structure("Pt", other)) for other in others) == 29


def test_some_are_taken_for_being_unlike_the_best():
    """Chlorides of like metals lead; the oxide is further from them than the next chlorides."""
    pairs = [("Na", "Cl"), ("K", "Cl"), ("Rb", "Cl"), ("Cs", "Cl"), ("Ti", "O"), ("Li", "Cl")]
    pairs += [("Pt", "O"), ("Pt", "Li"), ("Pt", "Na"), ("Pt", "K"), ("Pt", "Cl"), ("Pt", "Ti")]
    batch = [
        sample_candidate(i, structure=sample_structure(*pair), energy_above_hull=0.01 * i)
        for i, pair in enumerate(pairs)
    ]
    formulas = [c.formula for c in select(batch, 4, diversity=0.25)]
    assert formulas == ["NaCl", "KCl", "RbCl", "TiO"]
    assert [c.formula for c in select(batch, 4, diversity=0.0)] == ["NaCl", "KCl", "RbCl", "CsCl"]


def test_the_unlike_stand_by_their_rank_too():
    """The alloy is chosen before the oxide and still comes after it."""
    pairs = [("Na", "Cl"), ("Ti", "O"), ("Pt", "Ti"), ("K", "Cl"), ("Rb", "Cl"), ("Cs", "Cl")]
    batch = [
        sample_candidate(i, structure=sample_structure(*pair), energy_above_hull=0.01 * i)
        for i, pair in enumerate(pairs)
    ]
    assert select(batch, 3, diversity=0.7) == batch[:3]
    assert select(batch, 2, diversity=0.5) == [batch[0], batch[2]]


def test_the_worse_half_is_not_taken_for_being_unlike():
    batch = [
        sample_candidate(i, structure=sample_structure(*pair), energy_above_hull=0.01 * i)
        for i, pair in enumerate([("Na", "Cl"), ("K", "Cl"), ("Rb", "Cl"), ("Ti", "Pt"), ("Ti", "O")])
    ]
    assert select(batch, 2, diversity=0.5) == [batch[0], batch[2]]


def test_a_better_half_that_is_too_small_is_filled_up_with_the_next_best():
    batch = [
        sample_candidate(i, structure=sample_structure(symbol, "Cl"), energy_above_hull=0.01 * i)
        for i, symbol in enumerate(("Na", "K", "Rb", "Cs"))
    ]
    assert select(batch, 4, diversity=1.0) == batch


@pytest.mark.parametrize("other", [("Na", "Cl"), ("K", "Br"), ("Ti", "O")])
def test_unlikeness_of_the_same_arrangement_is_that_of_its_chemistry(other):
    crystals = [sample_structure(), sample_structure(*other), stretched("Na", "Cl", 1.6)]
    found = Unlikeness(crystals).from_one(0)
    assert found[0] == 0.0
    assert (found[1] == 0.0) == (other == ("Na", "Cl"))
    assert found[2] > 0.2


def test_like_elements_are_nearer_than_unlike_ones():
    pairs = [("Na", "Cl"), ("K", "Cl"), ("K", "Br"), ("Na", "Ti")]
    near = Unlikeness([sample_structure(*pair) for pair in pairs]).from_one(0)
    assert list(near) == sorted(near)
    assert Unlikeness([sample_structure(*pair) for pair in pairs]).from_one(3)[0] == pytest.approx(near[3])
