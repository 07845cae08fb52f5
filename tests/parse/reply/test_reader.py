"""Replies read in a process of their own."""

import gc
import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from matsearch.core.errors import MatsearchError
from matsearch.core.verdict import FailureKind
from matsearch.parse.reply import reader as module
from matsearch.parse.reply.child import Child
from matsearch.parse.reply.reader import ReplyReader
from matsearch.parse.reply.reading import read_reply

POSCAR = "NaCl\n1.0\n0 2.8 2.8\n2.8 0 2.8\n2.8 2.8 0\nNa Cl\n1 1\ndirect\n0 0 0 Na\n0.5 0.5 0.5 Cl\n"
FOLDER = Path(__file__).parent
BROKEN = (sys.executable, str(FOLDER / "broken_worker.py"))
FAKE = (sys.executable, "-S", str(FOLDER / "fake_worker.py"))


def reply(*comments):
    return json.dumps([{"formula": "NaCl", "poscar": f"{comment} {POSCAR}"} for comment in comments])


def documents(found):
    return [item.document() for item in found]


def details(found):
    return [item.verdict.detail for item in found]


@pytest.fixture
def fake():
    """A reader whose process does as it is told."""
    with ReplyReader(time_limit_s=0.4, command=FAKE) as made:
        yield made


def test_it_reads_what_is_read_in_this_process():
    with ReplyReader() as reader:
        for text in (reply("a", "b"), "no crystal", "", reply("a")[:-3], "\ud800 {{ 7*7 }}\0"):
            for cut_off in (False, True):
                found = reader.read(text, cut_off=cut_off)
                assert documents(found) == documents(read_reply(text, cut_off=cut_off))


def test_a_crystal_that_keeps_the_process_or_its_memory_costs_itself_alone():
    with ReplyReader(time_limit_s=0.7, command=BROKEN) as reader:
        first, endless, huge, *rest = reader.read(reply("a", "spin", "memory", "b", "c"))
    assert (endless.verdict.kind, endless.verdict.stage) == (FailureKind.TIME_OUT, "parse")
    assert endless.verdict.detail == "draft 2 of 5 was not read within 0.7 s: killed"
    assert huge.verdict.kind is FailureKind.WORKER_DIED
    assert "MemoryError" in huge.verdict.detail
    assert documents([first, *rest]) == documents(read_reply(reply("a", "b", "c")))


@pytest.mark.parametrize(
    ("fate", "kind", "detail"),
    [
        ("hang", FailureKind.TIME_OUT, " was not read within 0.4 s: killed"),
        ("exit", FailureKind.WORKER_DIED, ": the process that read it died, exit status 7: last words"),
        ("kill", FailureKind.WORKER_DIED, ": the process that read it died, exit status -9"),
        ("nonsense", FailureKind.INTERNAL_ERROR, " came back as no record: ValidationError"),
    ],
)
def test_whatever_happens_to_the_process_costs_one_draft(fake, fate, kind, detail):
    found = fake.read(f"a {fate} b {fate}")
    assert details(found) == ["a", f"draft 2 of 4{detail}", "b", f"draft 4 of 4{detail}"]
    assert found[1].verdict.kind is kind
    assert details(fake.read("c d")) == ["c", "d"]


def test_last_words_cannot_steer_a_terminal(fake):
    (lost,) = fake.read("shout")
    assert lost.verdict.detail.endswith("exit status 7: [31m red")


def test_what_was_said_to_a_process_before_an_interrupt_is_no_part_of_the_next_reply(fake, monkeypatch):
    def interrupted(child, message, limit_s):
        child._process.stdin.write('{"text": "half a')
        child._process.stdin.flush()
        raise KeyboardInterrupt

    fake.read("a")
    with monkeypatch.context() as patched:
        patched.setattr(Child, "tell", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fake.read("b")
    assert details(fake.read("c")) == ["c"]


def test_a_reply_that_kills_every_process_ends(fake):
    found = fake.read("kill " * module.MAX_LOST + "a")
    assert [item.verdict.kind for item in found[:-1]] == [FailureKind.WORKER_DIED] * module.MAX_LOST
    assert found[-1].verdict.kind is FailureKind.TIME_OUT
    assert details(found)[-1] == "draft 6 of 6 was not read: 5 before it hung or killed the process"


@pytest.mark.parametrize("delay", [0.0, 0.03, 0.1])
def test_a_process_killed_from_outside_costs_nothing(fake, delay):
    fake.read("a")
    timer = threading.Timer(delay, os.kill, (fake._child._process.pid, signal.SIGKILL))
    timer.start()
    found = fake.read("slow " * 8)
    timer.join()
    assert details(found) == ["slow"] * 8
    assert details(fake.read("b")) == ["b"]


def test_no_process_outlives_its_reader():
    reader = ReplyReader(command=FAKE)
    reader.read("a")
    first = reader._child._process
    reader.close()
    assert first.poll() is not None
    reader.read("a")
    second = reader._child._process
    del reader
    gc.collect()
    assert second.poll() is not None


def test_a_process_that_does_not_start_is_one_clear_error():
    with pytest.raises(MatsearchError, match="no process that reads replies starts: exit status 3"):
        ReplyReader(command=(sys.executable, "-c", "raise SystemExit(3)")).read("")


def test_a_process_that_hangs_ends_with_its_parent():
    process = subprocess.Popen(BROKEN, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdin.write(json.dumps({"text": reply("spin"), "cut_off": False, "skip": 0}) + "\n")
    process.stdin.flush()
    assert [json.loads(process.stdout.readline()) for _ in range(2)] == [{"ready": True}, {"drafts": 1}]
    process.communicate(timeout=20)
    assert process.returncode == 0
