"""kill -9 while survivors are verified: the same command goes on, and nothing committed is done twice."""

import shutil
import signal
import sqlite3
from contextlib import closing
from types import SimpleNamespace

import pytest

from tests.commands import commands_in, stored
from tests.verifying import verify_arguments

BOUNDARIES = {
    "verification-planned": 0,
    "verification-sent": 0,
    "dft-begun#2": 1,
    "dft-ended#2": 1,
    "dft-committed#2": 0,
    "verification-judged": 0,
    "concluded": 0,
}
"""Where to kill, and how many calculations are in flight there."""
USUAL = ("dft-ended#2", "verification-judged")
"""Something is computed and not kept; everything is computed and nothing of it is learned."""


@pytest.fixture(scope="module")
def searched(toy_search, tmp_path_factory):
    """A finished search, and what its verification says when nothing disturbs it."""
    folder = tmp_path_factory.mktemp("calm")
    with commands_in(folder) as commands:
        calm = shutil.copy(toy_search.store, folder / "calm.sqlite")
        said = commands.run(*verify_arguments(calm))
        assert said.code == 0, said.err
        yield SimpleNamespace(
            commands=commands, store=toy_search.store, answer=timeless(calm), said=said.document
        )


def timeless(store):
    """Return states and candidates without how long calculations took."""
    states, candidates = stored(store)
    for candidate in candidates:
        if candidate["verification"]:
            del candidate["verification"]["core_hours"]
    return states, candidates


def work(store):
    """Return the ends of the attempts at calculations, and how often each key has one."""
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        found = connection.execute(
            """SELECT key, "end" FROM work WHERE owner LIKE 'verification %'"""
        ).fetchall()
    finished = [key for key, end in found if end == "finished"]
    assert len(finished) == len(set(finished)), "a calculation was committed twice"
    return len(finished), sum(end is None for _, end in found)


@pytest.mark.parametrize(
    "where", [pytest.param(at, marks=() if at in USUAL else pytest.mark.slow) for at in BOUNDARIES]
)
def test_after_a_kill_the_same_command_goes_on(searched, tmp_path, where):
    store = shutil.copy(searched.store, tmp_path / "store.sqlite")
    words = verify_arguments(store)
    killed = searched.commands.run(*words, env={"MATSEARCH_KILL_AT": where})
    assert killed.code == -signal.SIGKILL, killed
    committed, _ = work(store)
    ended = searched.commands.run(*words)
    assert ended.code == 0, ended.err
    assert timeless(store) == searched.answer
    assert ended.document["funnel"] == searched.said["funnel"]
    calculated = sum(event["event"] == "verification-calculated" for event in ended.events)
    assert work(store) == (committed + calculated, BOUNDARIES[where])
    assert committed + calculated == 5
