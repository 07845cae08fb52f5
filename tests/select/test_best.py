import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.config import Objective, SelectionSection
from matsearch.core.records import PropertyValue
from matsearch.core.thresholds import NO_REWARD_FLAGS
from matsearch.select.schemes import get_selector
from matsearch.testing.maps import SelectorContract
from matsearch.testing.samples import sample_candidate, sample_structure

PAIRS = [("Na", "Cl"), ("K", "Cl"), ("Li", "F"), ("K", "Br"), ("Mg", "O"), ("Ti", "C")]


def best(objectives=None):
    return get_selector(objectives or [Objective()], SelectionSection())


def scored_batch(energies):
    return [
        sample_candidate(i, structure=sample_structure(*PAIRS[i % len(PAIRS)]), energy_above_hull=e)
        for i, e in enumerate(energies)
    ]


class TestBest(SelectorContract):
    @pytest.fixture
    def selector(self):
        return best()

    @pytest.fixture
    def scored(self):
        return scored_batch([0.2, 0.0, 0.1, -0.05, 0.3])


@given(st.lists(st.floats(-0.09, 1.0), min_size=1, max_size=6))
def test_the_lowest_come_first(energies):
    chosen = best().select(scored_batch(energies), 3)
    assert [c.placement.energy_above_hull for c in chosen] == sorted(energies)[:3]


def test_the_same_crystal_is_taken_once():
    twins = [sample_candidate(i, energy_above_hull=0.01 * i) for i in range(3)]
    assert best().select(twins, 3) == twins[:1]


def test_polymorphs_of_a_formula_are_kept_apart():
    rock_salt = sample_candidate(0, energy_above_hull=0.0)
    squashed = sample_structure()
    squashed.apply_strain([0.6, -0.3, 0.0])
    other = sample_candidate(1, structure=squashed, energy_above_hull=0.1)
    assert len(best().select([rock_salt, other], 2)) == 2


@pytest.mark.parametrize("flag", NO_REWARD_FLAGS)
def test_what_is_not_believed_earns_no_offspring(flag):
    good, wrong = scored_batch([0.0, -0.05])
    wrong = wrong.evolve(flags=("another", flag))
    assert best().select([good, wrong], 2) == [good]


def test_other_flags_cost_nothing():
    good, noted = scored_batch([0.0, -0.05])
    noted = noted.evolve(flags=("another",))
    assert best().select([good, noted], 2) == [noted, good]


def test_later_objectives_break_ties_and_directions_are_kept():
    first, second, third = (
        c.evolve(properties={"density": PropertyValue(value=v, unit="g/cm^3", source="test")})
        for c, v in zip(scored_batch([0.1, 0.1, 0.2]), (2.0, 5.0, 9.0), strict=True)
    )
    objectives = [Objective(), Objective(name="density", direction="maximize")]
    assert best(objectives).select([first, second, third], 3) == [second, first, third]
    assert best(objectives[::-1]).select([first, second, third], 3) == [third, second, first]
