import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.protocols import Limits
from matsearch.propose.operator_proposer import OperatorProposer
from matsearch.propose.operators import OPERATORS, permutation, strain, substitution
from matsearch.testing.proposer import ProposerContract
from tests.strategies import structures

LIMITS = Limits(elements=("Cl", "K", "Na", "O"), max_atoms=12)


class TestAllOperators(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return OperatorProposer({"substitution": 1, "strain": 1, "permutation": 1})


@pytest.mark.parametrize("name", sorted(OPERATORS))
class TestEachOperator(ProposerContract):
    @pytest.fixture
    def proposer(self, name):
        return OperatorProposer({name: 1.0})

    def test_it_alone_is_used(self, proposer, name):
        made = {c.lineage.operator for i in range(10) for c in proposer.propose(self.slot_of(i))}
        assert made <= {name, "none"}
        assert name in made


@given(parent=structures(), seed=st.integers(0, 10**6), name=st.sampled_from(sorted(OPERATORS)))
def test_operators_keep_the_limits_and_never_touch_the_parent(parent, seed, name):
    before = parent.copy()
    elements = tuple(sorted({e.symbol for e in parent.composition.elements} | {"O", "Na"}))
    change = OPERATORS[name](parent, Limits(elements=elements, max_atoms=8), np.random.default_rng(seed))
    assert parent == before
    if change is not None:
        assert len(change.structure) <= 8
        assert {e.symbol for e in change.structure.composition.elements} <= set(elements)
        assert np.isfinite(change.structure.lattice.matrix).all()
        assert change.structure.volume > 0


def test_substitution_borrows_the_pattern_and_scales_the_cell(rock_salt):
    rng = np.random.default_rng(0)
    children = [substitution(rock_salt, Limits(elements=("K", "O"), max_atoms=4), rng) for _ in range(10)]
    for child in children:
        assert sorted(e.symbol for e in child.structure.composition.elements) == ["K", "O"]
        assert child.structure.composition.num_atoms == 2
    # potassium oxide's rock salt is larger than a bond of 2.2 angstrom would make it
    assert 4.4 < children[0].structure.lattice.a * np.sqrt(2) < 6.6


def test_substitution_needs_enough_elements(rock_salt):
    assert substitution(rock_salt, Limits(elements=("K",), max_atoms=4), np.random.default_rng(0)) is None


def test_permutation_keeps_the_composition(rock_salt):
    cell = rock_salt * (2, 2, 1)
    child = permutation(cell, LIMITS, np.random.default_rng(1)).structure
    assert child.composition == cell.composition
    assert [s.specie for s in child] != [s.specie for s in cell]


def test_permutation_has_nothing_to_do_in_an_element(rock_salt):
    rock_salt.replace_species({"Cl": "Na"})
    assert permutation(rock_salt, LIMITS, np.random.default_rng(1)) is None


def test_strain_stays_within_its_amplitudes(rock_salt):
    for seed in range(20):
        change = strain(rock_salt, LIMITS, np.random.default_rng(seed))
        per_atom = change.structure.volume / len(change.structure) / (rock_salt.volume / 2)
        assert 0.6 < per_atom < 1.5
        assert change.details["rattle"] <= 0.4
