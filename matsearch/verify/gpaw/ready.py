"""Whether GPAW can be run: asked of a child process, since matsearch never imports it."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from matsearch.core.children import one_thread_environment
from matsearch.core.errors import DftError
from matsearch.core.text import one_line
from matsearch.core.verify_section import RunSection

PROBE_LIMIT_S = 120.0
_INSTALL = (
    'pip install "matsearch[gpaw]"; to build it: '
    "apt-get install libxc-dev libopenblas-dev libopenmpi-dev openmpi-bin"
)
_PROBE = """
import json, os, re
try:
    import ase.constraints, gpaw, spglib
    import gpaw.cgpaw as kernel
    files = [name for path in gpaw.setup_paths if os.path.isdir(path) for name in os.listdir(path)]
    found = (re.fullmatch(r"([A-Z][a-z]?)\\.PBE(\\.gz|\\.bz2)?", name) for name in files)
    said = {"version": gpaw.__version__, "mpi": bool(kernel.have_mpi), "setups": sorted({m[1] for m in found if m})}
except Exception as error:
    said = {"error": f"{type(error).__name__}: {error}"}
print(json.dumps(said))
"""


@dataclass(frozen=True)
class Installation:
    """A GPAW that an interpreter can import.

    Attributes
    ----------
    mpi : bool
        Whether it was built with MPI.
    setups : frozenset of str
        Elements with a PBE dataset.
    """

    python: str
    version: str
    mpi: bool
    setups: frozenset[str]


_known: dict[tuple[str, str], Installation] = {}


def interpreter(run: RunSection) -> str:
    """Return the interpreter that runs GPAW."""
    return os.path.expanduser(run.python) if run.python else sys.executable  # noqa: PTH111 - may be a bare name


def available_cores(run: RunSection) -> int:
    """Return the cores that a calculation may use: those asked for, else all that this process may use."""
    if run.cores is not None:
        return run.cores
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def require_gpaw(run: RunSection) -> Installation:
    """Return the GPAW that calculations are run with; what was found once is not asked again.

    Raises
    ------
    DftError
        If something is missing: interpreter, GPAW, its datasets, or what more than one core needs.
    """
    found = installation(interpreter(run))
    if not found.setups:
        raise DftError(
            f"GPAW {found.version} finds no PAW datasets",
            "pip install gpaw-data, or set GPAW_SETUP_PATH to their folder",
        )
    if available_cores(run) > 1:
        _require_mpi(found, run)
    return found


def installation(python: str) -> Installation:
    """Return the GPAW of an interpreter.

    Raises
    ------
    DftError
        If there is no such interpreter, or GPAW cannot be imported by it.
    """
    place = shutil.which(python)
    if place is None:
        raise DftError(
            f"verify.run.python: no interpreter {python}", "give the path of a Python that has GPAW, or null"
        )
    key = (place, os.environ.get("GPAW_SETUP_PATH", ""))
    if key not in _known:
        said = _asked(place)
        _known[key] = Installation(
            python=place, version=said["version"], mpi=said["mpi"], setups=frozenset(said["setups"])
        )
    return _known[key]


def _require_mpi(found: Installation, run: RunSection) -> None:
    if not found.mpi:
        raise DftError(
            f"GPAW {found.version} was built without MPI and {available_cores(run)} cores are asked of it",
            "apt-get install libopenmpi-dev and pip install --no-binary gpaw --force-reinstall gpaw, or set "
            "verify.run.cores: 1",
        )
    starter = shlex.split(run.mpirun)
    if not starter or shutil.which(starter[0]) is None:
        raise DftError(
            f"verify.run.mpirun: no command {run.mpirun!r}",
            "apt-get install openmpi-bin, or set verify.run.cores: 1",
        )


def _asked(python: str) -> dict[str, Any]:
    """Return what an interpreter says of its GPAW."""
    try:
        child = subprocess.run(
            [python, "-c", _PROBE],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PROBE_LIMIT_S,
            check=False,
            env={**one_thread_environment(), "PYTHONSAFEPATH": "1"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DftError(
            f"{python} cannot be asked for GPAW: {one_line(str(error))}",
            "set verify.run.python to a Python that has GPAW",
        ) from error
    try:
        said = dict(json.loads(child.stdout.strip().splitlines()[-1]))
    except (ValueError, TypeError, IndexError):
        # a library that does not fit can end the interpreter itself
        words = one_line(" ".join(child.stderr.split()[-30:]))
        said = {"error": f"exit status {child.returncode} {words}".strip()}
    if "error" in said:
        raise DftError(f"GPAW cannot be used with {python}: {one_line(said['error'])}", _INSTALL)
    return said
