import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from matsearch.core.config import ExecutionSection, PotentialSection, RelaxSection
from matsearch.core.errors import PotentialError
from matsearch.core.verdict import FailureKind
from matsearch.relax.engine import InProcessEngine, ProcessEngine, RelaxTask, close_engines, get_engine

TOY = PotentialSection(name="toy")


def tasks(structure, n):
    made = []
    for number in range(n):
        moved = structure.copy()
        moved.translate_sites([0], [0.01 * number, 0, 0])
        made.append(RelaxTask(key=f"k{number}", structure=moved, settings=RelaxSection()))
    return made


@pytest.fixture
def pool():
    engine = ProcessEngine(TOY, workers=2, time_limit_s=60)
    yield engine
    engine.close()


def children():
    """Pids of this process's relaxation workers."""
    mine = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
            command = (folder / "cmdline").read_text()
        except OSError:
            continue
        if parent == str(os.getpid()) and "relax.worker" in command:
            mine.append(int(folder.name))
    return mine


def test_the_pool_gives_the_answers_of_one_process(pool, titanium_carbide):
    work = tasks(titanium_carbide, 6)
    assert dict(pool.run(work)) == dict(InProcessEngine(TOY).run(work))


def test_nothing_to_do(pool):
    assert list(pool.run([])) == []


def test_the_wall_clock_kills_and_the_rest_goes_on(titanium_carbide):
    slow = titanium_carbide * (4, 4, 4)
    slow.perturb(0.3)
    hopeless = RelaxTask(key="slow", structure=slow, settings=RelaxSection(fmax=1e-6, max_steps=10000))
    engine = ProcessEngine(TOY, workers=2, time_limit_s=1.0)
    try:
        outcomes = dict(engine.run([hopeless, *tasks(titanium_carbide, 3)]))
    finally:
        engine.close()
    assert outcomes["slow"].verdict.kind is FailureKind.TIME_OUT
    assert all(outcomes[f"k{i}"].relaxation for i in range(3))


def test_a_killed_worker_is_replaced(pool, titanium_carbide):
    list(pool.run(tasks(titanium_carbide, 2)))
    work = titanium_carbide * (4, 4, 4)
    work.perturb(0.3)
    long = RelaxTask(key="long", structure=work, settings=RelaxSection(fmax=1e-6, max_steps=10000))
    before = set(children())

    def kill_soon():
        time.sleep(0.5)
        for pid in before:
            os.kill(pid, signal.SIGKILL)

    threading.Thread(target=kill_soon).start()
    assert dict(pool.run([long]))["long"].verdict.kind is FailureKind.WORKER_DIED
    outcomes = dict(pool.run(tasks(titanium_carbide, 4)))
    assert sum(o.relaxation is not None for o in outcomes.values()) >= 3
    assert not before & set(children())


def test_workers_end_with_their_parent(tmp_path):
    program = """
from matsearch.relax.engine import *
from matsearch.core.config import *
from pymatgen.core import Structure, Lattice
import os, signal
s = Structure(Lattice.cubic(3), ["Ti"], [[0, 0, 0]])
engine = ProcessEngine(PotentialSection(name="toy"), 1, 60)
list(engine.run([RelaxTask(key="k", structure=s, settings=RelaxSection())]))
print(engine._workers[0]._process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True)
    worker = int(done.stdout)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and Path(f"/proc/{worker}").exists():
        time.sleep(0.05)
    assert not Path(f"/proc/{worker}").exists()


def test_engines_are_kept_until_closed():
    execution = ExecutionSection(workers=0)
    first = get_engine(TOY, execution)
    assert get_engine(TOY, execution) is first
    close_engines()
    assert get_engine(TOY, execution) is not first
    close_engines()


def test_an_unknown_potential_fails_before_any_process_starts():
    with pytest.raises(PotentialError):
        ProcessEngine(PotentialSection(name="nobody"), 1, 1)


def test_a_search_left_in_the_middle_leaves_no_answers_behind(pool, titanium_carbide):
    running = pool.run(tasks(titanium_carbide, 6))
    next(running)
    running.close()
    moved = RelaxTask(key="other", structure=titanium_carbide, settings=RelaxSection())
    assert [key for key, _ in pool.run([moved])] == ["other"]


def test_a_process_that_cannot_start_is_an_error_and_not_a_verdict(monkeypatch, titanium_carbide):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    engine = ProcessEngine(TOY, workers=2, time_limit_s=60)
    try:
        with pytest.raises(PotentialError, match="no relaxation process starts"):
            list(engine.run(tasks(titanium_carbide, 3)))
        monkeypatch.setattr(sys, "executable", "/nowhere/python")
        with pytest.raises(PotentialError, match="FileNotFoundError"):
            list(engine.run(tasks(titanium_carbide, 3)))
    finally:
        engine.close()
