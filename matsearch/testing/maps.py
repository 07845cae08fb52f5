"""The contracts of maps over candidates: property evaluators, verifiers and selectors."""

import math
import random
from collections.abc import Sequence

import pytest

from matsearch.core.protocols import PropertyEvaluator, Selector, Verifier
from matsearch.core.records import Candidate
from matsearch.core.verdict import FailureKind, Verdict


def failed(candidate: Candidate) -> Candidate:
    """Return the candidate with a verdict, and nothing that comes after it."""
    verdict = Verdict(kind=FailureKind.NOT_CONVERGED, stage="relax", detail="for the contract")
    return candidate.evolve(verdict=verdict, relaxation=None, placement=None, properties={})


class PropertyEvaluatorContract:
    """What every property evaluator must keep. Give the fixtures ``evaluator`` and ``batch`` (relaxed candidates)."""

    @pytest.fixture
    def evaluator(self) -> PropertyEvaluator:
        """Return the evaluator under test."""
        raise NotImplementedError

    @pytest.fixture
    def batch(self) -> list[Candidate]:
        """Return relaxed candidates."""
        raise NotImplementedError

    def test_is_total(self, evaluator: PropertyEvaluator, batch: list[Candidate]) -> None:
        """Same length, order and ids; the dead stay as they are."""
        mixed = [failed(batch[0]), *batch]
        evaluated = evaluator.evaluate(mixed)
        assert [c.candidate_id for c in evaluated] == [c.candidate_id for c in mixed]
        assert evaluated[0] == mixed[0]

    def test_values_have_units(self, evaluator: PropertyEvaluator, batch: list[Candidate]) -> None:
        """Each living candidate gets a finite value with the unit, or a verdict."""
        for candidate in evaluator.evaluate(batch):
            if candidate.alive:
                assert math.isfinite(candidate.properties[evaluator.name].value)
                assert candidate.properties[evaluator.name].unit == evaluator.unit

    def test_is_repeatable(self, evaluator: PropertyEvaluator, batch: list[Candidate]) -> None:
        """The same batch gives the same values, in any order."""
        forth = {c.candidate_id: c for c in evaluator.evaluate(batch)}
        back = {c.candidate_id: c for c in evaluator.evaluate(batch[::-1])}
        assert forth == back


class SelectorContract:
    """What every selector must keep. Give the fixtures ``selector`` and ``scored`` (at least four candidates)."""

    @pytest.fixture
    def selector(self) -> Selector:
        """Return the selector under test."""
        raise NotImplementedError

    @pytest.fixture
    def scored(self) -> list[Candidate]:
        """Return scored candidates."""
        raise NotImplementedError

    def test_takes_at_most_n_of_those_given(self, selector: Selector, scored: list[Candidate]) -> None:
        """At most ``n``, each one of those given, none twice."""
        for n in (0, 1, 3, 1000):
            ids = [c.candidate_id for c in selector.select(scored, n)]
            assert len(ids) <= n
            assert len(set(ids)) == len(ids)
            assert set(ids) <= {c.candidate_id for c in scored}

    def test_order_does_not_matter(self, selector: Selector, scored: list[Candidate]) -> None:
        """Any order of the same candidates gives the same answer."""
        expected = selector.select(scored, 3)
        for seed in range(5):
            shuffled = random.Random(seed).sample(scored, len(scored))  # noqa: S311
            assert selector.select(shuffled, 3) == expected

    def test_the_dead_are_never_taken(self, selector: Selector, scored: list[Candidate]) -> None:
        """A candidate with a verdict or without its values is left out."""
        dead = [failed(c) for c in scored]
        unscored = [c.evolve(placement=None, properties={}) for c in scored]
        assert selector.select(dead, 3) == []
        assert selector.select(unscored, 3) == []
        assert selector.select([], 3) == []


class VerifierContract:
    """What every verifier must keep. Give the fixtures ``verifier`` and ``batch``."""

    @pytest.fixture
    def verifier(self) -> Verifier:
        """Return the verifier under test."""
        raise NotImplementedError

    @pytest.fixture
    def batch(self) -> Sequence[Candidate]:
        """Return relaxed candidates."""
        raise NotImplementedError

    def test_is_total(self, verifier: Verifier, batch: Sequence[Candidate]) -> None:
        """One verification a candidate, in order, a frame or a verdict and never both."""
        hopeless = batch[0].evolve(structure=None, relaxation=None)
        verifications = verifier.verify([*batch, hopeless])
        assert [v.candidate_id for v in verifications] == [c.candidate_id for c in (*batch, hopeless)]
        assert all((v.frame is None) != (v.verdict is None) for v in verifications)
        assert verifications[-1].verdict is not None

    def test_frames_are_of_the_survivor(self, verifier: Verifier, batch: Sequence[Candidate]) -> None:
        """A frame has the survivor's composition and says which scheme its energy follows."""
        for candidate, verification in zip(batch, verifier.verify(batch), strict=True):
            if verification.frame and candidate.best_structure is not None:
                assert verification.frame.structure.composition == candidate.best_structure.composition
                assert verification.frame.scheme_id
