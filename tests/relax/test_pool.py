"""A pool of processes with several crystals in each, and the engines side by side."""

import os
import signal
import threading
import time

import pytest

from matsearch.core.config import PotentialSection
from matsearch.core.errors import ConfigError, PotentialError
from matsearch.core.verdict import FailureKind
from matsearch.potentials import load_from
from matsearch.potentials.toy import ToyPotential
from matsearch.relax import pool
from matsearch.relax.engine import BatchedEngine, InProcessEngine
from matsearch.relax.pool import ProcessEngine
from matsearch.relax.process import Worker
from tests.relax.work import ROOT, cursed_task, good_tasks, section, small_crystals, task

CHGNET = PotentialSection(name="chgnet")


class Together(ToyPotential):
    """A potential whose crystals may share a pass."""

    company_invariant = True

    def evaluator(self, device="cpu"):
        raise NotImplementedError


def together(section):
    found = Together()
    found.info = load_from(section).info
    return found


@pytest.fixture
def make_pool(monkeypatch):
    """Pools of calculators of the tests, with several crystals in each process."""
    monkeypatch.setenv("PYTHONPATH", ROOT)
    monkeypatch.setattr(pool, "load_from", together)
    made = []

    def make(potential, workers=1, time_limit_s=60.0, **keys):
        made.append(ProcessEngine(potential, workers, time_limit_s, **keys))
        return made[-1]

    yield make
    for engine in made:
        engine.close()


def check_the_rest(ended):
    expected = dict(InProcessEngine(PotentialSection(name="toy")).run(good_tasks(5)))
    assert ended.keys() == expected.keys()
    for key, outcome in ended.items():
        assert outcome.relaxation.energy == pytest.approx(expected[key].relaxation.energy, abs=1e-9)


def test_a_crystal_that_kills_its_process_is_found_and_the_others_finish(make_pool):
    work = [*good_tasks(5)[:3], cursed_task(), *good_tasks(5)[3:]]
    ended = dict(make_pool(section("Cursed", element="Xe", how="exit")).run(work))
    culprit = ended.pop("cursed").verdict
    assert culprit.kind is FailureKind.WORKER_DIED
    assert "exit status 7" in culprit.detail
    check_the_rest(ended)


def test_a_crystal_that_hangs_is_found_and_the_others_finish(make_pool):
    work = [*good_tasks(5)[:3], cursed_task(), *good_tasks(5)[3:]]
    begun = time.monotonic()
    ended = dict(make_pool(section("Cursed", element="Xe", how="sleep"), time_limit_s=0.7).run(work))
    assert ended.pop("cursed").verdict.kind is FailureKind.TIME_OUT
    check_the_rest(ended)
    assert time.monotonic() - begun < 20


def test_a_process_killed_from_outside_costs_nobody_his_answer(make_pool):
    engine = make_pool(section("Slow"))
    worker = engine._workers[0]

    def kill_soon():
        while worker._process is None or len(worker._in_work) < 3:
            time.sleep(0.005)
        time.sleep(0.05)
        os.kill(worker._process.pid, signal.SIGKILL)

    killer = threading.Thread(target=kill_soon)
    killer.start()
    check_the_rest(dict(engine.run(good_tasks(5))))
    killer.join()


def test_a_pass_has_no_more_atoms_than_room(make_pool, monkeypatch):
    held, most = {}, []
    submit, settle = Worker.submit, pool._settle

    def submitted(worker, one):
        held[one.key] = len(one.structure)
        most.append(sum(held.values()) - len(one.structure))
        submit(worker, one)

    def settled(event, *rest):
        for key in [event.key]:
            held.pop(key)
        return settle(event, *rest)

    monkeypatch.setattr(Worker, "submit", submitted)
    monkeypatch.setattr(pool, "_settle", settled)
    dict(make_pool(section("Slow"), max_atoms=6).run(good_tasks(5)))
    assert max(most) == 4  # with the one that is taken: 6


def test_an_answer_that_crosses_with_the_kill_is_no_error(make_pool):
    """It was sent just before its time was up, and is read when nobody waits for it any more."""
    worker = make_pool(section("Slow"))._workers[0]
    worker._hear('{"key": "gone", "outcome": {"verdict": null, "relaxation": null}}\n')
    worker._hear('{"alive": 3}\n')
    assert worker._events.empty()


@pytest.fixture(scope="module")
def answers():
    """What each engine says of a dozen small crystals with CHGNet."""
    work = [task(name, structure, max_steps=60) for name, structure in small_crystals().items()]
    engines = {
        "in process": InProcessEngine(CHGNET),
        "batched": BatchedEngine(CHGNET, max_atoms=64),
        "pool": ProcessEngine(CHGNET, 2, 60.0),
    }
    found = {name: dict(engine.run(work)) for name, engine in engines.items()}
    for engine in engines.values():
        engine.close()
    return found


@pytest.mark.parametrize("name", ["batched", "pool"])
def test_engines_agree(answers, name):
    expected, found = answers["in process"], answers[name]
    assert found.keys() == expected.keys() == small_crystals().keys()
    for key, outcome in found.items():
        known = expected[key]
        assert (outcome.verdict and outcome.verdict.kind) == (known.verdict and known.verdict.kind), key
        if known.relaxation:
            assert outcome.relaxation.energy_per_atom == pytest.approx(
                known.relaxation.energy_per_atom, abs=2e-3
            )


def test_the_dozen_ends_in_several_ways(answers):
    kinds = {key: outcome.verdict and outcome.verdict.kind for key, outcome in answers["in process"].items()}
    assert kinds["alone"] is FailureKind.ISOLATED_ATOM
    assert kinds["crushed"] is not None
    assert sum(kind is None for kind in kinds.values()) >= 8


def test_weights_that_changed_are_refused(make_pool, monkeypatch):
    other = ToyPotential()
    other.info = other.info.evolve(sha256="0" * 64)
    monkeypatch.setattr(pool, "load_from", lambda _: other)
    engine = ProcessEngine(PotentialSection(name="toy"), 1, 60.0)
    try:
        with pytest.raises(PotentialError, match="have changed"):
            list(engine.run(good_tasks(1)))
    finally:
        engine.close()


def test_a_task_to_be_alone_is_alone(make_pool):
    work = good_tasks(5)
    work[2] = work[2].evolve(alone=True)
    ended = dict(make_pool(PotentialSection(name="toy")).run(work))
    check_the_rest(ended)


def test_a_potential_without_a_batched_form_is_no_use_on_a_gpu():
    with pytest.raises(ConfigError, match=r"toy 1 has no batched form for 'cuda'"):
        BatchedEngine(PotentialSection(name="toy"), "cuda")
