"""The processes of one calculation: started in a session of their own, watched, and ended to the last."""

import contextlib
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Callable
from math import ceil, prod
from pathlib import Path
from typing import IO

from matsearch.core.children import one_thread_environment
from matsearch.core.dft import DftTask
from matsearch.core.verify_section import RunSection

POLL_S = 0.25
_PATIENCE_S = 3.0
_VOLUME_A_PROCESS = 50.0
"""Cubic angstroms: a cell this large has enough plane waves to be shared out further."""

# Two calculations at once would be bound to the same cores, and more processes than slots be refused.
_MPI_DEFAULTS = {
    "OMPI_MCA_hwloc_base_binding_policy": "none",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
_AS_ROOT = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}


def useful_processes(task: DftTask, cores: int) -> int:
    """Return how many processes to start: no more than there is work to share out.

    GPAW shares k-points first, then the plane waves of each. A process counts as useful for each of the grid's k-points
    that time reversal leaves, and for each 50 cubic angstroms of the cell.
    """
    n_kpoints = 1
    if not task.box:
        density = task.settings.parameters["kpoint_density"]
        lengths = task.structure.lattice.reciprocal_lattice.abc
        n_kpoints = ceil(prod(ceil(length * density) for length in lengths) / 2)
    return max(1, min(cores, max(n_kpoints, int(task.structure.volume / _VOLUME_A_PROCESS))))


def command(run: RunSection, python: str, folder: Path, n_processes: int) -> list[str]:
    """Return the command that computes a folder's task."""
    work = [str(Path(__file__).with_name("worker.py")), str(folder), "attended"]
    if n_processes == 1:
        return [python, *work]
    return [*shlex.split(run.mpirun), "-n", str(n_processes), python, "-m", "gpaw", "python", *work]


def environment() -> dict[str, str]:
    """Return the environment of a calculation: one thread a process; what the user set of MPI stays."""
    as_root = _AS_ROOT if hasattr(os, "geteuid") and os.geteuid() == 0 else {}
    return {**_MPI_DEFAULTS, **as_root, **one_thread_environment(), "PYTHONSAFEPATH": "1"}


def start(arguments: list[str], folder: Path, log: IO[bytes]) -> "subprocess.Popen[bytes]":
    """Start the processes of a calculation; they end when their standard input is closed.

    Raises
    ------
    OSError
        If they cannot be started.
    """
    return subprocess.Popen(
        arguments,
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        cwd=folder,
        env=environment(),
        start_new_session=True,
    )


def watched(process: "subprocess.Popen[bytes]", until: float, look: Callable[[], None]) -> bool:
    """Wait for the end and look in between; return False if the time (``time.monotonic``) came first."""
    while time.monotonic() < until:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.01, min(POLL_S, until - time.monotonic())))
            return True
        look()
    return process.poll() is not None


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a calculation and whatever it started that still lives."""
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_PATIENCE_S)
    for member in _session_members(process.pid):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(member, signal.SIGKILL)
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def was_killed(code: int | None) -> bool:
    """Return whether an exit status, of the process or told by mpirun, says SIGKILL."""
    return code in {-signal.SIGKILL, 128 + signal.SIGKILL}


def out_of_memory_kills() -> int:
    """Return how many processes the kernel has killed for memory since it started; 0 where it does not say."""
    try:
        lines = Path("/proc/vmstat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _session_members(session: int) -> list[int]:
    """Return the processes of a session: mpirun puts each of its own into another process group."""
    members = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            # the second field is a name that may hold anything, in parentheses
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
            if int(fields[3]) == session:
                members.append(int(path.parent.name))
    return members
