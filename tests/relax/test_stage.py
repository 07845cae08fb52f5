import pytest
from pymatgen.core import Structure

from matsearch.core.config import PotentialSection, RelaxSection
from matsearch.core.records import Candidate, Lineage, RelaxOutcome
from matsearch.core.verdict import MAX_TRANSIENT_RETRIES, FailureKind, Verdict
from matsearch.crystal.canonical import structure_key
from matsearch.potentials import load_potential
from matsearch.relax.engine import InProcessEngine
from matsearch.relax.stage import relax
from tests.relax.memory import DictCache

INFO = load_potential("toy").info
SETTINGS = RelaxSection()


def candidate(number, structure, **changes):
    return Candidate(
        candidate_id=f"{number:016x}",
        campaign_id="c",
        generation=0,
        proposer="test",
        slot=number,
        index=0,
        lineage=Lineage(operator="test"),
        structure=structure,
        structure_key=structure_key(structure),
        **changes,
    )


class ScriptedEngine:
    """Ends every task with a given verdict and counts them."""

    def __init__(self, kind):
        self.kind, self.keys = kind, []

    def run(self, tasks):
        for task in tasks:
            self.keys.append(task.key)
            yield task.key, RelaxOutcome(verdict=Verdict(kind=self.kind, stage="relax", detail="scripted"))

    def close(self):
        pass


@pytest.fixture
def batch(titanium_carbide, rock_salt):
    dead = candidate(2, rock_salt, verdict=Verdict(kind=FailureKind.BAD_VOLUME, stage="parse", detail="dead"))
    return [
        candidate(0, titanium_carbide),
        candidate(1, rock_salt),
        dead,
        candidate(3, titanium_carbide.copy()),
    ]


def test_is_total_and_relaxes_each_structure_once(batch):
    cache = DictCache()
    relaxed = relax(batch, INFO, SETTINGS, InProcessEngine(PotentialSection(name="toy")), cache, "c")
    assert [c.candidate_id for c in relaxed] == [c.candidate_id for c in batch]
    assert relaxed[2] == batch[2]
    assert relaxed[0].relaxation == relaxed[3].relaxation
    assert len(cache.results) == 2
    assert set(cache.begun.values()) == {1}


def test_what_is_known_is_not_computed_again(batch):
    cache = DictCache()
    first = relax(batch, INFO, SETTINGS, InProcessEngine(PotentialSection(name="toy")), cache, "c")
    engine = ScriptedEngine(FailureKind.TIME_OUT)
    assert relax(batch, INFO, SETTINGS, engine, cache, "c") == first
    assert engine.keys == []


def test_other_physics_is_other_work(batch):
    cache = DictCache()
    relax(batch, INFO, SETTINGS, InProcessEngine(PotentialSection(name="toy")), cache, "c")
    engine = ScriptedEngine(FailureKind.NOT_CONVERGED)
    relax(batch, INFO, RelaxSection(fmax=0.02), engine, cache, "c")
    assert len(engine.keys) == 2


def test_terminal_verdicts_are_kept(batch):
    cache = DictCache()
    relax(batch, INFO, SETTINGS, ScriptedEngine(FailureKind.NOT_CONVERGED), cache, "c")
    again = ScriptedEngine(FailureKind.NOT_CONVERGED)
    relaxed = relax(batch, INFO, SETTINGS, again, cache, "c")
    assert again.keys == []
    assert relaxed[0].verdict.kind is FailureKind.NOT_CONVERGED


def test_transient_verdicts_are_tried_again_twice_and_then_stand(batch):
    cache = DictCache()
    engine = ScriptedEngine(FailureKind.TIME_OUT)
    relaxed = relax(batch, INFO, SETTINGS, engine, cache, "c")
    assert relaxed[0].verdict.kind is FailureKind.TIME_OUT
    assert len(engine.keys) == 2 * (1 + MAX_TRANSIENT_RETRIES)
    again = ScriptedEngine(FailureKind.TIME_OUT)
    assert relax(batch, INFO, SETTINGS, again, cache, "c")[0].verdict.kind is FailureKind.GAVE_UP
    assert again.keys == []
    assert cache.results == {}


def test_a_bug_is_never_remembered_as_a_result(batch):
    cache = DictCache()
    for _ in range(5):
        engine = ScriptedEngine(FailureKind.INTERNAL_ERROR)
        relaxed = relax(batch, INFO, SETTINGS, engine, cache, "c")
        assert relaxed[0].verdict.kind is FailureKind.INTERNAL_ERROR
        assert len(engine.keys) == 2
    assert cache.results == {}


def test_the_order_of_the_sites_changes_nothing(titanium_carbide):
    cell = titanium_carbide * (2, 1, 1)
    cell.perturb(0.05)
    turned = Structure.from_sites(cell.sites[::-1])
    engine = InProcessEngine(PotentialSection(name="toy"))
    first, second = (
        relax([candidate(0, s)], INFO, SETTINGS, engine, DictCache(), "c")[0].relaxation
        for s in (cell, turned)
    )
    assert first == second
