"""The contracts of maps over candidates: property evaluators and selectors; and that of a DFT backend."""

import math
import random
from collections.abc import Sequence

import pytest

from matsearch.core.dft import DftOutcome, DftTask
from matsearch.core.protocols import DftBackend, PropertyEvaluator, Selector
from matsearch.core.records import Candidate
from matsearch.core.schemes import get_scheme
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


class DftBackendContract:
    """What every DFT backend must keep. Give the fixtures ``backend``, ``tasks`` (at least two) and ``hopeless``."""

    energy_tolerance = 1e-6
    """eV/atom, between two runs of one task."""

    @pytest.fixture
    def backend(self) -> DftBackend:
        """Return the backend under test."""
        raise NotImplementedError

    @pytest.fixture
    def tasks(self, backend: DftBackend) -> Sequence[DftTask]:
        """Return tasks that end well."""
        raise NotImplementedError

    @pytest.fixture
    def hopeless(self, backend: DftBackend) -> DftTask:
        """Return a task that cannot end well, such as one with all atoms in one place."""
        raise NotImplementedError

    def test_says_who_it_is(self, backend: DftBackend) -> None:
        """It has the protocol's shape, a name, a known scheme, and can be run here."""
        assert isinstance(backend, DftBackend)
        assert backend.name
        assert get_scheme(backend.settings.scheme_id).scheme_id == backend.settings.scheme_id
        backend.require_ready()

    def test_tasks_end_in_calculations_of_them(self, backend: DftBackend, tasks: Sequence[DftTask]) -> None:
        """Key, composition and settings are the task's; the labels are finite, in shape, and survive storing."""
        for task in tasks:
            outcome = backend.run(task)
            calculation = outcome.calculation
            assert outcome.key == task.key
            assert outcome.verdict is None, outcome.verdict
            assert calculation is not None
            assert calculation.settings == backend.settings
            assert calculation.structure.composition == task.structure.composition
            assert calculation.initial_structure == task.structure
            assert math.isfinite(calculation.energy)
            assert calculation.energy_per_atom == pytest.approx(calculation.energy / len(task.structure))
            assert len(calculation.forces) == len(task.structure)
            assert outcome.core_hours > 0
            assert calculation.core_hours > 0
            again = DftOutcome.model_validate(outcome.document())
            assert again.document() == outcome.document()

    def test_every_step_is_a_frame(self, backend: DftBackend, tasks: Sequence[DftTask]) -> None:
        """The first is at the geometry given, the last is the final one, and all follow the settings' scheme."""
        for task in tasks:
            calculation = backend.run(task).calculation
            assert calculation is not None
            first, last = calculation.frames[0], calculation.frames[-1]
            assert first.structure.matches(task.structure)
            assert last.structure == calculation.structure
            assert last.energy == calculation.energy
            assert last.forces == calculation.forces
            assert last.stress == calculation.stress
            for frame in calculation.frames:
                assert frame.scheme_id == backend.settings.scheme_id
                assert frame.structure.species == task.structure.species
                assert math.isfinite(frame.energy)

    def test_a_hopeless_task_is_an_outcome_too(self, backend: DftBackend, hopeless: DftTask) -> None:
        """It ends in a verdict with one line of detail."""
        outcome = backend.run(hopeless)
        assert outcome.key == hopeless.key
        assert outcome.calculation is None
        assert outcome.verdict is not None
        assert outcome.verdict.kind is not FailureKind.INTERNAL_ERROR
        assert outcome.verdict.detail
        assert "\n" not in outcome.verdict.detail

    def test_order_changes_nothing(self, backend: DftBackend, tasks: Sequence[DftTask]) -> None:
        """Turning the tasks round leaves each one's energy."""
        forth = {task.key: _energy_per_atom(backend, task) for task in tasks}
        back = {task.key: _energy_per_atom(backend, task) for task in reversed(tasks)}
        assert back == pytest.approx(forth, abs=self.energy_tolerance)


def _energy_per_atom(backend: DftBackend, task: DftTask) -> float:
    calculation = backend.run(task).calculation
    assert calculation is not None
    return calculation.energy_per_atom
