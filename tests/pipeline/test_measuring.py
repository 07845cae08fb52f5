"""Properties that need more of the potential: what they add to screened crystals, and what they never take away."""

import pytest

import matsearch
from matsearch.core.config import parse_config
from matsearch.core.errors import ConfigError
from matsearch.core.records import RelaxOutcome
from matsearch.core.thresholds import earns_no_reward
from matsearch.core.verdict import MAX_TRANSIENT_RETRIES, FailureKind, Verdict
from matsearch.pipeline import engines, measuring
from matsearch.pipeline.measuring import NO_BULK_MODULUS_FLAG, measure
from matsearch.pipeline.steps import screen
from matsearch.pipeline.tools import build_tools
from matsearch.properties.bulk_modulus import VOLUME_RATIOS
from matsearch.relax.engine import InProcessEngine, close_engines
from matsearch.testing.samples import sample_candidate, sample_structure, sample_verdict
from tests.relax.memory import DictCache

N = len(VOLUME_RATIOS)
BASE = {
    "name": "measuring",
    "system": {"elements": ["Ti", "Al", "C"], "max_atoms": 4},
    "potential": {"name": "toy"},
    "relax": {"fmax": 0.05},
    "reference": {"source": "toy"},
    "objectives": [{"name": "energy_above_hull"}, {"name": "bulk_modulus", "direction": "maximize"}],
    "execution": {"workers": 0},
}
CRYSTALS = [sample_structure("Ti", "C", 4.4), sample_structure("Ti", "Al", 5.0)]


def tools_of(**changes):
    return build_tools(parse_config({**BASE, **changes}))


def batch_of(structures=CRYSTALS):
    return [sample_candidate(i, structure=structure) for i, structure in enumerate(structures)]


class Failing(InProcessEngine):
    """Fails at one of the volumes of titanium carbide until it is mended; counts what it was asked."""

    def __init__(self, kind):
        super().__init__(parse_config(BASE).potential)
        self.kind, self.tasks = kind, []

    def run(self, tasks):
        for task in tasks:
            self.tasks.append(task)
            if self.kind and self._is_the_one(task):
                yield (
                    task.key,
                    RelaxOutcome(verdict=Verdict(kind=self.kind, stage="relax", detail="scripted")),
                )
            else:
                yield from super().run([task])

    def _is_the_one(self, task):
        elements = task.structure.composition.chemical_system
        volumes = [t.structure.volume for t in self.tasks if t.fixed_cell]
        return task.fixed_cell and elements == "C-Ti" and task.structure.volume == min(volumes)


@pytest.fixture
def relaxed():
    """The batch, screened for stability alone."""
    tools = tools_of(objectives=[{"name": "energy_above_hull"}])
    return screen(batch_of(), tools, DictCache(), "c")


@pytest.fixture
def use(monkeypatch):
    def use(kind):
        engine = Failing(kind)
        monkeypatch.setattr(engines, "get_engine", lambda *arguments: engine)
        return engine

    return use


@pytest.fixture(autouse=True, scope="module")
def _no_engines_left():
    yield
    close_engines()


def test_screened_crystals_have_their_bulk_moduli():
    cache = DictCache()
    screened = screen(batch_of(), tools_of(), cache, "c")
    assert [c.candidate_id for c in screened] == [c.candidate_id for c in batch_of()]
    values = [c.properties["bulk_modulus"] for c in screened]
    assert all(value.value > 1.0 and value.unit == "GPa" for value in values)
    assert values[0].value != values[1].value
    assert screened[0].objective("bulk_modulus") == values[0].value
    assert screen(batch_of(), tools_of(), cache, "c") == screened
    assert set(cache.begun.values()) == {1}, "to resume computes nothing again"


def test_without_the_objective_nothing_is_strained(relaxed, use):
    engine = use(None)
    tools = tools_of(objectives=[{"name": "energy_above_hull"}, {"name": "density"}])
    measured = measure(relaxed, tools, DictCache(), "c")
    assert engine.tasks == []
    assert all(set(c.properties) == {"density"} for c in measured)


def test_the_others_stay_beside_it():
    tools = tools_of(objectives=[{"name": "bulk_modulus"}, {"name": "density"}])
    (candidate,) = screen(batch_of(CRYSTALS[:1]), tools, DictCache(), "c")
    assert set(candidate.properties) == {"bulk_modulus", "density"}


def test_duplicates_are_strained_once(use):
    twins = screen(
        batch_of([CRYSTALS[0], CRYSTALS[0].copy()]),
        tools_of(objectives=[{"name": "energy_above_hull"}]),
        DictCache(),
        "c",
    )
    engine = use(None)
    first, second = measure(twins, tools_of(), DictCache(), "c")
    assert len(engine.tasks) == N
    assert first.properties == second.properties != {}


def test_only_living_placed_crystals_are_asked(relaxed, use):
    engine = use(None)
    dead = relaxed[0].evolve(verdict=sample_verdict())
    batch = [dead, relaxed[1].evolve(placement=None), sample_candidate(7)]
    assert measure(batch, tools_of(), DictCache(), "c") == batch
    assert engine.tasks == []
    assert measure([], tools_of(), DictCache(), "c") == []


@pytest.mark.parametrize("kind", [FailureKind.NOT_CONVERGED, FailureKind.EXPLODED, FailureKind.TIME_OUT])
def test_one_that_fails_keeps_its_place_and_costs_no_other(relaxed, use, kind):
    use(kind)
    failed, other = measure(relaxed, tools_of(), DictCache(), "c")
    assert failed.alive
    assert failed.placement == relaxed[0].placement
    assert failed.properties == {}
    assert failed.flags == (*relaxed[0].flags, NO_BULK_MODULUS_FLAG)
    assert not earns_no_reward([NO_BULK_MODULUS_FLAG])
    assert other.properties["bulk_modulus"].value > 1.0
    assert NO_BULK_MODULUS_FLAG not in other.flags


def test_the_reason_is_said(relaxed, use, monkeypatch):
    said = []
    monkeypatch.setattr(measuring, "report", lambda event, **fields: said.append((event, fields)))
    use(FailureKind.NOT_CONVERGED)
    measure(relaxed, tools_of(), DictCache(), "c")
    assert said[0] == ("measuring", {"property": "bulk_modulus", "n": 2})
    ((event, fields),) = said[1:]
    assert event == "unmeasured"
    assert fields["candidate_id"] == relaxed[0].candidate_id
    assert "0.9 times the volume: not_converged: scripted" in fields["reason"]


def test_what_may_end_otherwise_is_tried_again_and_the_rest_is_kept(relaxed, use):
    cache = DictCache()
    engine = use(FailureKind.TIME_OUT)
    measure(relaxed, tools_of(), cache, "c")
    assert len(engine.tasks) == 2 * N + MAX_TRANSIENT_RETRIES
    cache.transient.clear()
    mended = use(None)
    again = measure(relaxed, tools_of(), cache, "c")
    assert len(mended.tasks) == 1
    assert all("bulk_modulus" in c.properties and c.flags == () for c in again)


def test_a_bug_ends_its_candidate_so_that_it_is_counted(relaxed, use):
    use(FailureKind.INTERNAL_ERROR)
    failed, other = measure(relaxed, tools_of(), DictCache(), "c")
    assert failed.verdict.kind is FailureKind.INTERNAL_ERROR
    assert other.alive


def test_the_python_api_measures_it_too():
    sections = {key: value for key, value in BASE.items() if key not in ("name", "system")}
    (candidate,) = matsearch.screen(CRYSTALS[:1], **sections)
    assert candidate.properties["bulk_modulus"].unit == "GPa"


def test_an_objective_nobody_computes_is_refused_before_any_work():
    with pytest.raises(ConfigError, match="nobody computes 'shear_modulus'") as refused:
        tools_of(objectives=[{"name": "shear_modulus"}])
    assert "bulk_modulus" in refused.value.remedy
