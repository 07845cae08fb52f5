"""The command line in processes of its own: through the installed program, or forked from one that has imported it.

A forked command is as real as any other (its own process, files, signals and end), but it starts in a tenth of a
second instead of seconds.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from matsearch.core.campaign import CandidateQuery
from matsearch.store import open_repository

LIMIT_S = 120.0
POLL_S = 0.01
SMALL = {
    "population.proposals": 6,
    "population.parents": 3,
    "system.max_atoms": 5,
    "relax.max_steps": 20,
    "budget.generations": 3,
}
"""Changes of the packaged toy search: about a second of work."""


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def document(self):
        return json.loads(self.out)

    @property
    def events(self):
        """Progress events: every line must be one."""
        return [json.loads(line) for line in self.err.splitlines()]

    def one_line(self):
        """Return the only line of standard error of a command that failed, progress events aside."""
        lines = [line for line in self.err.splitlines() if not line.startswith('{"time"')]
        assert self.code not in {0, None}, self
        assert "Traceback" not in self.err, self.err
        assert len(lines) == 1, self.err
        return lines[0]


class Running:
    """A command that is under way."""

    def __init__(self, pid, poll, folder, name):
        self.pid, self._poll = pid, poll
        self._out, self._err = folder / f"{name}.out", folder / f"{name}.err"
        self.began = time.monotonic()
        self.code = None

    def poll(self):
        if self.code is None:
            self.code = self._poll(self.pid)
        return self.code

    def err(self):
        return self._err.read_text() if self._err.exists() else ""

    def wait(self, limit_s=LIMIT_S):
        wait_until(lambda: self.poll() is not None, limit_s, lambda: f"still running: {self.err()[-2000:]}")
        return Ended(self.code, self._out.read_text(), self.err(), time.monotonic() - self.began)

    def wait_for(self, text, times=1, limit_s=LIMIT_S):
        """Wait until standard error holds a text so many times, or the command ended."""
        wait_until(lambda: self.err().count(text) >= times or self.poll() is not None, limit_s, self.err)

    def send(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self):
        self.send(signal.SIGKILL)
        return self.wait()


class Commands:
    """Starts commands.

    Parameters
    ----------
    folder : Path
        Home and current folder of the commands; their output goes there too.
    """

    def __init__(self, folder):
        self.folder = folder
        self._started = []

    def start(self, *arguments, env=None, real=False, **limits):
        """Start a command; ``real`` is through the installed program."""
        name = f"{len(self._started):03d}"
        settings = {"HOME": str(self.folder), "MATSEARCH_STORE": uri(self.folder / "default.sqlite")}
        environment = {**os.environ, **settings, **(env or {})}
        # in a user's shell a bug is a verdict, not an exception
        environment.pop("MATSEARCH_RERAISE", None)
        arguments = [str(argument) for argument in arguments]
        if real:
            assert not limits
            running = self._start_real(arguments, environment, name)
        else:
            request = {"argv": arguments, "env": environment, "cwd": str(self.folder), "name": name}
            pid = _ask(request | limits)
            running = Running(pid, lambda pid: _ask({"poll": pid}), self.folder, name)
        self._started.append(running)
        return running

    def run(self, *arguments, limit_s=LIMIT_S, **options):
        return self.start(*arguments, **options).wait(limit_s)

    def close(self):
        for running in self._started:
            running.kill()

    def _start_real(self, arguments, environment, name):
        command = [sys.executable, "-m", "matsearch.cli.app", *arguments]
        with (self.folder / f"{name}.out").open("w") as out, (self.folder / f"{name}.err").open("w") as err:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, env=environment, cwd=self.folder
            )
        return Running(process.pid, lambda _: process.poll(), self.folder, name)


@cache
def _server():
    server = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("forking.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def _ask(request):
    server = _server()
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    return json.loads(server.stdout.readline())


@contextmanager
def commands_in(folder):
    """Give commands and end all of them."""
    commands = Commands(folder)
    try:
        yield commands
    finally:
        commands.close()


def wait_until(condition, limit_s, explain):
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, explain()
        time.sleep(POLL_S)


def sets(settings):
    """Return ``--set`` options."""
    return [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


def run_toy(store, **changes):
    """Return the arguments of a small run with the toy potential."""
    settings = {**SMALL, **{key.replace("__", "."): value for key, value in changes.items()}}
    return ["run", "toy", "--store", uri(store), "--json", *sets(settings)]


def uri(store):
    return f"sqlite:///{store}" if isinstance(store, Path) else store


def stored(store, campaign_id=None):
    """Return every campaign's state and every candidate as documents."""
    repository = open_repository(uri(store), create=False)
    try:
        states = [
            record.state.document()
            for record in repository.list_campaigns()
            if campaign_id in {None, record.campaign_id}
        ]
        found = repository.query_candidates(CandidateQuery(campaign_id=campaign_id))
        return states, [candidate.document() for candidate in found]
    finally:
        repository.close()


def work_of(store, campaign_id):
    repository = open_repository(uri(store), create=False)
    try:
        return repository.work_summary(campaign_id)
    finally:
        repository.close()


def lives(pid):
    """Whether a process runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def workers_in(folder):
    """Return the ids of the living relaxation processes of commands in a folder; they inherit its name as HOME.

    On Linux; elsewhere none is found.
    """
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if b"matsearch.relax.worker" in command and f"HOME={folder}\0".encode() in environment:
            found.append(int(process.name))
    return [pid for pid in found if lives(pid)]
