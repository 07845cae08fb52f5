import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from matsearch.core.progress import LOGGER_NAME
from matsearch.core.verdict import MAX_TRANSIENT_RETRIES, FailureKind
from matsearch.store import open_repository
from matsearch.verify.stage import carry_out, checked, commit, known_outcomes
from tests.verify.tasks import ScriptedBackend, task_of, toy_backend

TRIES = MAX_TRANSIENT_RETRIES + 1


@pytest.fixture
def cache(tmp_path):
    with_results = open_repository(f"sqlite:///{tmp_path}/results.sqlite")
    yield with_results
    with_results.close()


@pytest.fixture
def task(rock_salt):
    return task_of(rock_salt, toy_backend().settings)


@pytest.fixture
def other(titanium_carbide):
    return task_of(titanium_carbide, toy_backend().settings)


def test_each_distinct_key_is_computed_once_and_kept(cache, task, other):
    backend = ScriptedBackend()
    outcomes = carry_out({"one": task, "two": other, "again": task}, backend, cache, "c")
    assert list(outcomes) == ["one", "two", "again"]
    assert backend.keys == [task.key, other.key]
    assert outcomes["one"] == outcomes["again"]
    later = ScriptedBackend()
    kept = carry_out({"x": other, "y": task}, later, cache, "another campaign")
    assert later.keys == []
    assert kept["y"].document() == outcomes["one"].document()
    assert cache.work_summary("c").finished == 2


def test_nothing_asked_is_nothing_done(cache):
    assert carry_out({}, ScriptedBackend(), cache, "c") == {}


@pytest.mark.parametrize("kind", ["time_out", "out_of_memory", "worker_died"])
def test_transient_ends_are_tried_again(cache, task, kind):
    backend = ScriptedBackend(kind, kind)
    outcome = carry_out({"one": task}, backend, cache, "c")["one"]
    assert len(backend.keys) == 3
    assert outcome.calculation is not None


def test_it_gives_up_after_the_retries_and_says_so_ever_after(cache, task, other):
    backend = ScriptedBackend(*["worker_died"] * TRIES)
    outcomes = carry_out({"one": task, "two": other}, backend, cache, "c")
    assert outcomes["one"].verdict.kind is FailureKind.GAVE_UP
    assert "scripted" in outcomes["one"].verdict.detail
    assert outcomes["two"].calculation is not None
    assert backend.keys == [task.key] * TRIES + [other.key]
    assert known_outcomes([task], cache)[task.key] == outcomes["one"]
    assert outcomes["one"].core_hours == 0.5
    later = ScriptedBackend()
    assert carry_out({"one": task}, later, cache, "c")["one"].verdict.kind is FailureKind.GAVE_UP
    assert later.keys == []
    assert known_outcomes([task], cache)[task.key].verdict.kind is FailureKind.GAVE_UP


def limited(task, **limits):
    return task.evolve(settings=task.settings.evolve(limits=task.settings.limits | limits))


@pytest.mark.parametrize("kind", ["not_converged", "scf_not_converged"])
def test_other_limits_try_again_what_failed_and_nothing_else(cache, task, other, kind):
    carry_out({"one": task, "two": other}, ScriptedBackend(kind), cache, "c")
    more = {"one": limited(task, max_steps=900), "two": limited(other, max_steps=900)}
    assert list(known_outcomes(more.values(), cache)) == [other.key]
    failing = ScriptedBackend(kind)
    assert carry_out(more, failing, cache, "c")["one"].verdict.kind == kind
    assert failing.keys == [task.key]
    most, backend = {"one": limited(task, max_steps=901), "two": other}, ScriptedBackend()
    assert carry_out(most, backend, cache, "c")["one"].calculation is not None
    assert backend.keys == [task.key]
    # a calculation is the answer under any limits
    assert known_outcomes([task], cache)[task.key].calculation is not None
    work = cache.work_summary("c")
    assert (work.finished, work.lost) == (work.started, 0) == (4, 0)


def test_lower_limits_find_what_was_kept_under_them(cache, task):
    higher = limited(task, max_steps=900)
    carry_out({"one": task}, ScriptedBackend("not_converged"), cache, "c")
    carry_out({"one": higher}, ScriptedBackend("scf_not_converged"), cache, "c")
    kinds = [known_outcomes([t], cache)[task.key].verdict.kind for t in (task, higher)]
    assert kinds == ["not_converged", "scf_not_converged"]
    assert known_outcomes([higher, task], cache)[task.key].verdict.kind == "not_converged"


def test_more_tries_go_on_counting(cache, task):
    carry_out({"one": task}, ScriptedBackend(*["time_out"] * TRIES), cache, "c")
    # steps have nothing to do with it
    assert known_outcomes([limited(task, max_steps=900)], cache)[task.key].verdict.kind == "gave_up"
    more, backend = limited(task, tries=TRIES + 2), ScriptedBackend(*["time_out"] * 9)
    outcome = carry_out({"one": more}, backend, cache, "c")["one"]
    assert len(backend.keys) == 2
    assert outcome.verdict.kind is FailureKind.GAVE_UP
    assert f"ended {TRIES + 2} times" in outcome.verdict.detail
    assert known_outcomes([more], cache)[task.key] == outcome
    assert f"ended {TRIES} times" in known_outcomes([task], cache)[task.key].verdict.detail
    last = limited(task, tries=TRIES + 3)
    assert carry_out({"one": last}, ScriptedBackend(), cache, "c")["one"].calculation is not None
    work = cache.work_summary("c")
    assert (work.started, work.lost) == (TRIES + 3, 0)


def test_steps_that_ran_out_go_on_with_more(cache, rock_salt):
    rock_salt.perturb(0.1, seed=1)
    task, backend = limited(task_of(rock_salt, toy_backend().settings), max_steps=1), toy_backend()
    assert carry_out({"one": task}, backend, cache, "c")["one"].verdict.kind is FailureKind.NOT_CONVERGED
    more = limited(task, max_steps=500)
    made = carry_out({"one": more}, backend, cache, "c")["one"].calculation
    assert made.settings.limits["max_steps"] == 500


def test_earlier_runs_count(cache, task):
    once = ScriptedBackend("time_out")
    commit(once.run(task), cache, "c", task)
    assert known_outcomes([task], cache) == {}
    backend = ScriptedBackend(*["time_out"] * TRIES)
    carry_out({"one": task}, backend, cache, "c")
    assert len(backend.keys) == MAX_TRANSIENT_RETRIES


@pytest.mark.parametrize("kind", ["not_converged", "scf_not_converged", "calculation_failed", "dft_refused"])
def test_terminal_ends_are_kept(cache, task, kind):
    backend = ScriptedBackend(kind)
    assert carry_out({"one": task}, backend, cache, "c")["one"].verdict.kind == kind
    again = carry_out({"one": task}, backend, cache, "c")["one"]
    assert again.verdict.kind == kind
    assert again.core_hours == 0.5
    assert len(backend.keys) == 1


def test_a_bug_is_not_remembered_and_stops_nothing(cache, task, other, monkeypatch):
    class Broken(ScriptedBackend):
        def run(self, asked):
            if asked.key == task.key:
                raise ZeroDivisionError("a bug")
            return super().run(asked)

    monkeypatch.delenv("MATSEARCH_RERAISE")
    outcomes = carry_out({"one": task, "two": other}, Broken(), cache, "c")
    assert outcomes["one"].verdict.kind is FailureKind.INTERNAL_ERROR
    assert "a bug" in outcomes["one"].verdict.traceback
    assert outcomes["two"].calculation is not None
    assert known_outcomes([task], cache) == {}
    assert carry_out({"one": task}, ScriptedBackend(), cache, "c")["one"].calculation is not None


def test_another_crystals_answer_is_refused(cache, task, other):
    answer = toy_backend().run(other)
    wrong = {
        "returned for task": answer,
        "Ti1 C1 was returned for Na1 Cl1": answer.evolve(key=task.key),
        "both or neither": answer.evolve(key=task.key, calculation=None),
        "other settings": toy_backend()
        .run(task)
        .evolve(calculation=_with_other_settings(toy_backend().run(task).calculation)),
    }
    for why, outcome in wrong.items():
        refused = checked(outcome, task)
        assert (refused.key, refused.calculation) == (task.key, None)
        assert refused.verdict.kind is FailureKind.WRONG_DOCUMENT
        assert why in refused.verdict.detail
    assert checked(answer, other) is answer
    assert commit(answer.evolve(key=task.key), cache, "c", task).calculation is None
    assert known_outcomes([task], cache)[task.key].verdict.kind is FailureKind.WRONG_DOCUMENT


def _with_other_settings(calculation):
    return calculation.evolve(settings=calculation.settings.evolve(functional="another"))


def test_steps_of_another_crystal_are_refused(task, other):
    steps = toy_backend().run(other).calculation.steps
    failed = ScriptedBackend("not_converged").run(task)
    refused = checked(failed.evolve(unfinished=steps), task)
    assert refused.verdict.kind is FailureKind.WRONG_DOCUMENT
    assert refused.unfinished is None
    mine = failed.evolve(unfinished=toy_backend().run(task).calculation.steps)
    assert checked(mine, task) is mine


def test_an_outcome_stored_before_steps_were_kept_opens(cache, task):
    document = ScriptedBackend("not_converged").run(task).document()
    del document["unfinished"]
    cache.put_result(task.key, document, "c")
    assert known_outcomes([task], cache)[task.key].unfinished is None


def test_the_first_answer_stays(cache, task):
    outcome = toy_backend().run(task)
    commit(outcome, cache, "c", task)
    late = commit(outcome.evolve(core_hours=99.0), cache, "other", task)
    assert late.core_hours == outcome.core_hours


def test_progress_is_told(cache, task, other, caplog):
    caplog.set_level(logging.INFO, logger=LOGGER_NAME)
    carry_out({"one": task, "two": other}, ScriptedBackend("calculation_failed"), cache, "c")
    ended = [r.fields for r in caplog.records if r.event == "verification-calculated"]
    assert [e["label"] for e in ended] == ["NaCl", "TiC"]
    assert [e["end"] for e in ended] == ["calculation_failed", "done"]
    assert [(e["done"], e["of"]) for e in ended] == [(1, 2), (2, 2)]
    assert ended[1]["core_hours_so_far"] > 0.5
    assert sum(r.event == "verification-begun" for r in caplog.records) == 2


KILLED = """
import sys
from matsearch.store import open_repository
from matsearch.testing.samples import sample_structure
from matsearch.verify.stage import carry_out
from tests.verify.tasks import task_of, toy_backend

backend = toy_backend()
crystals = {"one": sample_structure(), "two": sample_structure("Ti", "C", 4.33)}
tasks = {name: task_of(crystal, backend.settings) for name, crystal in crystals.items()}
carry_out(tasks, backend, open_repository(sys.argv[1]), "c")
"""


def test_a_kill_loses_the_calculation_in_flight_alone(tmp_path, task, other):
    store = f"sqlite:///{tmp_path}/killed.sqlite"
    ended = subprocess.run(
        [sys.executable, "-c", KILLED, store],
        env={**os.environ, "MATSEARCH_KILL_AT": "dft-ended#2"},
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL
    backend, repository = ScriptedBackend(), open_repository(store)
    outcomes = carry_out({"one": task, "two": other}, backend, repository, "c")
    repository.close()
    assert backend.keys == [other.key]
    assert all(outcome.calculation is not None for outcome in outcomes.values())
