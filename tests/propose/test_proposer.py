"""The proposer around the operators: every operator keeps the contract, alone and among others."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsearch.core.propose_section import ProposeSection
from matsearch.core.records import Parent
from matsearch.core.slots import Limits, Slot
from matsearch.core.verdict import FailureKind
from matsearch.crystal.matching import nearly_same
from matsearch.crystal.scope import allows
from matsearch.propose.change import Change
from matsearch.propose.operator_proposer import ATTEMPTS, OperatorProposer
from matsearch.propose.operators import OPERATORS, WITHOUT_PARENTS
from matsearch.testing.proposer import ProposerContract
from matsearch.testing.samples import sample_structure

DEFAULT_SHARES = ProposeSection().operators


def known(name, structure):
    return Parent(parent_id=name, structure=structure, roots=(name,))


def slot_of(number=0, parents=(), templates=(), formulas=(), elements=("Cl", "K", "Na")):
    limits = Limits(elements=elements, max_atoms=8, formulas=formulas)
    return Slot(
        campaign_id="c",
        generation=0,
        slot=number,
        seed=1,
        parents=parents,
        templates=templates,
        limits=limits,
    )


def unable(slot, rng):
    return None


class TestAllOperators(ProposerContract):
    @pytest.fixture
    def proposer(self):
        return OperatorProposer(dict(DEFAULT_SHARES))


@pytest.mark.parametrize("name", sorted(OPERATORS))
class TestEachOperator(ProposerContract):
    @pytest.fixture
    def proposer(self, name):
        return OperatorProposer({name: 1.0})

    def test_it_alone_is_used(self, proposer, name):
        made = {c.lineage.operator for i in range(10) for c in proposer.propose(self.slot_of(i))}
        assert made <= {name, "none"}
        assert name in made

    def test_limits_are_kept_and_parents_not_repeated(self, proposer, name):
        slots = [self.slot_of(i) for i in range(10)]
        parents = {parent.parent_id: parent.structure for parent in slots[0].parents}
        for slot in slots:
            (made,) = proposer.propose(slot)
            if made.structure is not None:
                assert allows(slot.limits, made.structure.composition)
                assert np.isfinite(made.structure.lattice.matrix).all()
                assert not any(nearly_same(made.structure, parents[i]) for i in made.lineage.parent_ids)

    def test_formulas_are_kept(self, proposer, name):
        parents = (known("NaCl", sample_structure()), known("KCl", sample_structure("K", "Cl", 6.29)))
        formulas = ("KNaCl2", "NaCl")
        made = [
            candidate.structure.composition.reduced_formula
            for i in range(5)
            for candidate in proposer.propose(slot_of(i, parents=parents, formulas=formulas))
            if candidate.structure is not None
        ]
        assert made
        assert set(made) <= set(formulas)


def test_the_default_leaves_out_only_what_falls_back_to_its_parents():
    assert set(DEFAULT_SHARES) == set(OPERATORS) - {"strain", "rattle"}


def test_without_parents_only_those_that_need_none_are_asked():
    templates = (known("TiC", sample_structure("Ti", "C", 4.33)),)
    shares = dict.fromkeys(OPERATORS, 1.0)
    made = [OperatorProposer(shares).propose(slot_of(i, templates=templates))[0] for i in range(12)]
    assert {candidate.lineage.operator for candidate in made} <= WITHOUT_PARENTS


def test_substitution_stands_in_where_no_named_operator_can():
    templates = (known("TiC", sample_structure("Ti", "C", 4.33)),)
    (made,) = OperatorProposer({"strain": 1.0}).propose(slot_of(templates=templates))
    assert made.lineage.operator == "substitution"
    assert made.lineage.parent_ids == ("TiC",)


def test_another_operator_is_asked_where_the_first_finds_nothing(monkeypatch):
    parents = (known("NaCl", sample_structure()),)
    monkeypatch.setitem(OPERATORS, "permutation", unable)
    proposer = OperatorProposer({"permutation": 1.0, "strain": 1e-9})
    (made,) = proposer.propose(slot_of(parents=parents))
    assert made.lineage.operator == "strain"


def test_all_operators_are_asked_before_a_slot_is_lost(monkeypatch):
    unlucky = ("heredity", "permutation", "rattle", "supercell")
    for name in unlucky:
        monkeypatch.setitem(OPERATORS, name, unable)
    proposer = OperatorProposer({**dict.fromkeys(unlucky, 1.0), "strain": 1e-9})
    (made,) = proposer.propose(slot_of(parents=(known("NaCl", sample_structure()),)))
    assert made.lineage.operator == "strain"


def test_where_all_fail_the_verdict_names_those_asked(monkeypatch):
    calls = []

    def failing(slot, rng):
        calls.append(1)

    for name in ("permutation", "strain"):
        monkeypatch.setitem(OPERATORS, name, failing)
    proposer = OperatorProposer({"permutation": 1.0, "strain": 1.0})
    (made,) = proposer.propose(slot_of(parents=(known("NaCl", sample_structure()),)))
    assert made.verdict.kind is FailureKind.NO_PROPOSAL
    assert "permutation" in made.verdict.detail
    assert "strain" in made.verdict.detail
    assert len(calls) == 2 * ATTEMPTS


@pytest.mark.parametrize("flaw", ["its parent", "another element", "not finite"])
def test_what_an_operator_may_not_hand_back_is_refused(monkeypatch, flaw):
    parent = known("NaCl", sample_structure())
    structure = sample_structure("Na", "Br") if flaw == "another element" else sample_structure()
    if flaw == "not finite":
        structure.translate_sites([0], [float("nan")] * 3, to_unit_cell=False)
    monkeypatch.setitem(OPERATORS, "strain", lambda slot, rng: Change(structure, {}, (parent,)))
    (made,) = OperatorProposer({"strain": 1.0}).propose(slot_of(parents=(parent,)))
    assert made.verdict.kind is FailureKind.NO_PROPOSAL


def test_lineage_keeps_the_order_of_parents_and_joins_their_roots(monkeypatch):
    first = Parent(parent_id="b", structure=sample_structure(), roots=("z", "m"))
    second = Parent(parent_id="a", structure=sample_structure(), roots=("m", "c"))
    child = Change(sample_structure("K", "Cl", 6.29), {"cut": 0.5}, (first, second))
    monkeypatch.setitem(OPERATORS, "heredity", lambda slot, rng: child)
    (made,) = OperatorProposer({"heredity": 1.0}).propose(slot_of(parents=(first, second)))
    assert made.lineage.operator == "heredity"
    assert made.lineage.parent_ids == ("b", "a")
    assert made.lineage.roots == ("c", "m", "z")
    assert made.lineage.details == {"cut": 0.5}


def test_an_exception_in_an_operator_is_contained(monkeypatch):
    def broken(slot, rng):
        raise RuntimeError("no such orbit")

    monkeypatch.delenv("MATSEARCH_RERAISE")
    monkeypatch.setitem(OPERATORS, "strain", broken)
    (made,) = OperatorProposer({"strain": 1.0}).propose(slot_of(parents=(known("a", sample_structure()),)))
    assert made.verdict.kind is FailureKind.INTERNAL_ERROR
    assert "no such orbit" in made.verdict.detail


def test_shares_decide_how_often_an_operator_is_asked(monkeypatch):
    for name in ("strain", "rattle"):
        child = Change(sample_structure("K", "Cl", 6.29), {}, ())
        monkeypatch.setitem(OPERATORS, name, lambda slot, rng, child=child: child)
    proposer = OperatorProposer({"strain": 0.8, "rattle": 0.2, "permutation": 0.0})
    parents = (known("NaCl", sample_structure()),)
    made = [proposer.propose(slot_of(i, parents=parents))[0].lineage.operator for i in range(200)]
    assert made.count("permutation") == 0
    assert 140 <= made.count("strain") <= 180


@pytest.mark.parametrize(("formulas", "pure"), [((), False), (("Ti",), True)])
def test_pure_elements_are_proposed_only_where_they_are_asked_for(formulas, pure):
    titanium = Structure(
        Lattice.hexagonal(2.95, 4.68), ["Ti", "Ti"], [[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]
    )
    slot = Slot(
        campaign_id="c",
        generation=0,
        slot=0,
        seed=0,
        parents=(Parent(parent_id="ti", structure=titanium),),
        limits=Limits(elements=("C", "Ti"), max_atoms=4, formulas=formulas),
    )
    [made] = OperatorProposer({"strain": 1.0}).propose(slot)
    assert (made.structure is not None) == pure
