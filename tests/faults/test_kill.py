"""kill -9 at any moment: the same command goes on, ends in the same answer and does nothing committed twice."""

import random
import signal
import sqlite3
import time
from contextlib import closing
from dataclasses import dataclass, field

import pytest

from matsearch.core.structures import decode_structure
from matsearch.crystal.canonical import structure_key
from matsearch.crystal.standard import standard_cell
from tests.commands import commands_in, run_toy, sets, stored, uri, wait_until, work_of, workers_in

TINY = {"population__proposals": 4, "budget__generations": 2}

BOUNDARIES = {
    "campaign-created": 0,
    "leased": 0,
    "proposed": 0,
    "proposed#2": 0,
    "relax-begun#3": 1,
    "relax-ended#2": 1,
    "relax-committed#3": 0,
    "screened": 0,
    "candidates-committed": 0,
    "candidates-committed#2": 0,
    "state-saved": 0,
    "state-saved#2": 0,
}
"""Where to kill, and how many relaxations are in flight there with one process."""


@dataclass(frozen=True)
class Answer:
    """All that a campaign says, the time it took apart."""

    table: dict
    states: list
    candidates: list
    seconds: float = field(compare=False)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The answer of the small search, never interrupted."""
    return uninterrupted(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The answer of the tiny search, never interrupted."""
    return uninterrupted(tmp_path_factory.mktemp("tiny"), **TINY)


def uninterrupted(folder, **changes):
    with commands_in(folder) as commands:
        store = folder / "store.sqlite"
        answer = finish(commands, store, run_toy(store, **changes))
    check_ledger(store, answer, lost=0)
    return answer


def finish(commands, store, arguments, **options):
    """Run to the end and return what was answered, by the run and by the store."""
    ended = commands.run(*arguments, **options)
    assert ended.code == 0, ended.err
    table = {k: v for k, v in ended.document.items() if k not in {"seconds", "store", "lost_in_flight"}}
    top = commands.run("top", "--store", uri(store), "--json", "-n", "1000")
    assert top.document["top"][: len(table["top"])] == table["top"]
    table["top"] = top.document["top"]
    work = work_of(store, table["campaign_id"])
    assert ended.document["lost_in_flight"] == work.lost
    return Answer(table, *stored(store), ended.seconds)


def ledger(store):
    """Return results and attempts as they are in the file, which must be sound; none where there is no file yet."""
    if not store.exists():
        return {}, {}
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        if not connection.execute("SELECT name FROM sqlite_master WHERE name='work'").fetchall():
            return {}, {}
        results = {row[0]: row[1:] for row in connection.execute("SELECT id, attempt, document FROM results")}
        work = {row[0]: row[1:] for row in connection.execute('SELECT id, key, begun, "end" FROM work')}
    return results, work


def in_flight(store):
    """Return the attempts without an end."""
    return {attempt for attempt, (_, _, end) in ledger(store)[1].items() if end is None}


def check_ledger(store, answer, lost):
    """Every distinct crystal was relaxed to a result once; what was lost was begun and never ended."""
    results, work = ledger(store)
    proposed = [decode_structure(c["structure"]) for c in answer.candidates if c["structure_key"]]
    distinct = {structure_key(standard_cell(structure)) for structure in proposed}
    finished = [key for key, begun, end in work.values() if end == "finished" and begun]
    assert sorted(finished) == sorted(results)
    assert all(work[attempt][0] == key for key, (attempt, _) in results.items())
    summary = work_of(store, answer.table["campaign_id"])
    assert summary.finished == len(results) == len(distinct)
    assert (summary.transient, summary.lost) == (0, lost)
    assert len(in_flight(store)) == lost


def check_untouched(before, store):
    """What was committed before a kill is as it was, and nobody began it again."""
    (old_results, old_work), (results, work) = before, ledger(store)
    assert {key: results[key] for key in old_results} == old_results
    for attempts in (old_work, work):
        done = {a: row for a, row in attempts.items() if row[0] in old_results}
        assert done == {a: row for a, row in old_work.items() if row[0] in old_results}


@pytest.mark.parametrize("where", BOUNDARIES)
def test_killed_at_a_boundary(where, commands, tmp_path, tiny):
    store = tmp_path / "store.sqlite"
    arguments = run_toy(store, **TINY)
    killed = commands.run(*arguments, env={"MATSEARCH_KILL_AT": where})
    assert killed.code == -signal.SIGKILL, killed.err
    before = ledger(store)
    assert len(in_flight(store)) == BOUNDARIES[where]
    answer = finish(commands, store, arguments)
    assert answer == tiny
    check_untouched(before, store)
    check_ledger(store, answer, lost=BOUNDARIES[where])


def test_killed_at_every_boundary_one_after_the_other(commands, tmp_path, tiny):
    store = tmp_path / "store.sqlite"
    arguments = run_toy(store, **TINY)
    for where in dict.fromkeys(name.partition("#")[0] for name in BOUNDARIES):
        killed = commands.run(*arguments, env={"MATSEARCH_KILL_AT": where})
        assert killed.code == -signal.SIGKILL, (where, killed.err)
    answer = finish(commands, store, arguments)
    assert answer == tiny
    check_ledger(store, answer, lost=2)


def kill_at_random(commands, folder, seed, kills, whole, **options):
    """Kill campaigns, each up to three times, and check each in the end; return how many relaxations were lost."""
    chance = random.Random(seed)
    killed = campaigns = lost_in_all = 0
    while killed < kills:
        campaigns += 1
        store = folder / f"{seed}-{campaigns}.sqlite"
        arguments = run_toy(store)
        before = ledger(store)
        for _ in range(min(chance.randint(1, 3), kills - killed)):
            running = commands.start(*arguments, **options)
            time.sleep(chance.uniform(0.0, 0.7 * whole.seconds))
            if running.kill().code == 0:
                break
            killed += 1
            before = ledger(store)
        lost = len(in_flight(store))
        answer = finish(commands, store, arguments, **options)
        assert answer == whole
        check_untouched(before, store)
        check_ledger(store, answer, lost)
        lost_in_all += lost
    print(f"seed {seed}: {killed} kills of {campaigns} campaigns, {lost_in_all} relaxations lost in flight")  # noqa: T201
    return lost_in_all


@pytest.mark.parametrize(("seed", "kills"), [(1, 2), (2, 3)])
def test_killed_at_random_moments(seed, kills, commands, tmp_path, small):
    assert kill_at_random(commands, tmp_path, seed, kills, small) <= kills


def test_killed_through_the_installed_program_with_worker_processes(commands, tmp_path, tiny):
    store = tmp_path / "store.sqlite"
    arguments = run_toy(store, **TINY, execution__workers=2)
    running = commands.start(*arguments, real=True)
    running.wait_for('"relaxed"')
    assert running.kill().code == -signal.SIGKILL
    wait_until(lambda: not workers_in(tmp_path), 60, lambda: "workers outlive a killed driver")
    before, lost = ledger(store), len(in_flight(store))
    assert lost <= 2
    answer = finish(commands, store, arguments)
    assert answer == tiny
    check_untouched(before, store)
    check_ledger(store, answer, lost)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 15))
def test_killed_at_twenty_random_moments(seed, commands, tmp_path, small):
    assert kill_at_random(commands, tmp_path, seed, 4, small) <= 4


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_with_chgnet_and_worker_processes(commands, tmp_path):
    settings = {
        "population.proposals": 8,
        "budget.generations": 2,
        "system.max_atoms": 8,
        "execution.workers": 2,
    }

    def arguments(store):
        return ["run", "quickstart", "--store", uri(store), "--json", *sets(settings)]

    limit = {"real": True, "limit_s": 600}
    whole = finish(commands, tmp_path / "whole.sqlite", arguments(tmp_path / "whole.sqlite"), **limit)
    store = tmp_path / "store.sqlite"
    chance = random.Random(3)
    for kill in range(3):
        running = commands.start(*arguments(store), real=True)
        # each run gets a little further than the one before, and none to the end
        running.wait_for('"relaxed"', times=chance.randint(1, 2), limit_s=600)
        time.sleep(chance.uniform(0.0, 0.5))
        assert running.kill().code == -signal.SIGKILL, kill
        wait_until(lambda: not workers_in(tmp_path), 60, lambda: "workers outlive a killed driver")
        before, lost = ledger(store), len(in_flight(store))
    answer = finish(commands, store, arguments(store), **limit)
    assert answer == whole
    check_untouched(before, store)
    check_ledger(store, answer, lost)
    assert lost <= 2 * 3
    print(f"CHGNet: 3 kills, {lost} relaxations lost in flight")  # noqa: T201
