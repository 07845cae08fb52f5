import os
import signal
import sqlite3
import time

import pytest

from matsearch.core.campaign import CandidateQuery
from matsearch.core.errors import CampaignBusyError
from matsearch.store import open_repository
from matsearch.store.journal import JournalCache
from matsearch.store.lease import owner
from matsearch.testing.samples import sample_candidate


@pytest.fixture(params=["sqlite", pytest.param("mongo", marks=pytest.mark.mongo)])
def uri(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.sqlite"
    return request.getfixturevalue("mongo_uri")


def test_four_writers_lose_nothing(uri, children):
    def work(pipe, number):
        repository = open_repository(uri)  # all four create the store at the same time
        for i in range(50):
            repository.begin(f"{number} {i}", "campaign")
            repository.put_result(f"{number} {i}", {"text": "x" * 200}, "campaign")
            repository.put_result("shared", {"by": number}, "campaign")
        repository.put_candidates([sample_candidate(i, generation=number) for i in range(10)])
        pipe.send("done")

    pipes = [children(work, number)[1] for number in range(4)]
    assert [pipe.recv() for pipe in pipes] == ["done"] * 4
    repository = open_repository(uri)
    keys = [f"{number} {i}" for number in range(4) for i in range(50)]
    assert list(repository.get_results(keys)) == keys
    summary = repository.work_summary("campaign")
    assert (summary.started, summary.finished, summary.lost) == (200, 200, 0)
    assert repository.count_candidates(CandidateQuery()) == 40
    changes = repository.changes_since(sample_candidate().campaign_id, 0)
    assert len(set(changes.candidate_ids)) == changes.cursor == 40
    repository.close()


def test_of_two_that_race_for_a_lease_one_wins(uri, children):
    rounds = 20

    def work(pipe):
        repository = open_repository(uri)
        pipe.send("ready")
        for number in range(rounds):
            pipe.recv()
            try:
                repository.acquire(f"campaign {number}", owner())
                pipe.send(True)
            except CampaignBusyError:
                pipe.send(False)
        pipe.recv()

    repository = open_repository(uri)
    for number in range(0, rounds, 2):  # every other one is held by a process that is gone
        repository.acquire(f"campaign {number}", f"{owner().rpartition(':')[0]}:1")
    pipes = [children(work)[1] for _ in range(2)]
    assert [pipe.recv() for pipe in pipes] == ["ready", "ready"]
    for _ in range(rounds):
        for pipe in pipes:
            pipe.send("go")
        assert sorted(pipe.recv() for pipe in pipes) == [False, True]
    repository.close()


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_what_was_acknowledged_survives_kill_9(kind, tmp_path, children):
    def opened():
        if kind == "journal":
            return JournalCache(tmp_path / "journal")
        return open_repository(f"sqlite:///{tmp_path}/store.sqlite")

    def work(pipe):
        cache = opened()
        for number in range(100_000):
            cache.begin(f"key {number}", "campaign")
            cache.put_result(f"key {number}", {"text": "x" * 5_000}, "campaign")
            pipe.send(number)

    for attempt in range(3):
        process, pipe = children(work)
        while pipe.recv() < 10 * (attempt + 1):
            pass
        time.sleep(0.003 * attempt)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        acknowledged = -1
        while True:
            try:
                acknowledged = pipe.recv()
            except EOFError:
                break
        keys = [f"key {number}" for number in range(acknowledged + 1)]
        cache = opened()
        assert list(cache.get_results(keys)) == keys
        cache.close()
    if kind == "sqlite":
        repository = opened()
        assert 0 <= repository.work_summary("campaign").lost <= 3
        repository.close()
        connection = sqlite3.connect(tmp_path / "store.sqlite")
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
