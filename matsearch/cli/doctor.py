"""``matsearch doctor``."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from matsearch.cli.console import print_json, print_line
from matsearch.core.errors import MatsearchError
from matsearch.core.model import Record
from matsearch.core.resources import available
from matsearch.core.settings import Settings
from matsearch.pipeline.campaign import installed_version

PACKAGES = ("jobflow", "atomate2", "pymatgen", "openai", "torch", "fireworks", "mp-api", "chgnet", "ase")
OPTIONAL = {
    "jobflow-remote": "remote",
    "gpaw": "gpaw",
    "mace-torch": "mace",
    "sevenn": "sevennet",
    "matcalc": "matcalc",
    "torch-sim-atomistic": "torchsim",
}
LOW_DISK_GB = 2.0


class Check(Record):
    """One thing looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def run_doctor(store: str | None, *, as_json: bool) -> None:
    """Look at everything, print it, and exit with 1 if something is wrong."""
    uri = store or Settings().store
    checks = [
        _python(),
        *map(_package, PACKAGES),
        _weights(),
        _store(uri),
        _disk(),
        _jobstore(),
        _share(),
        _language_model(),
        _extras(),
        *_verification(),
    ]
    healthy = all(check.ok for check in checks)
    if as_json:
        print_json({"ok": healthy, "checks": [check.document() for check in checks]})
    else:
        for check in checks:
            mark = "ok " if check.ok else "BAD"
            print_line(
                f"{mark} {check.name}: {check.detail}" + (f" -> {check.remedy}" if check.remedy else "")
            )
    if not healthy:
        raise SystemExit(1)


def _python() -> Check:
    fits = (3, 11) <= sys.version_info[:2] <= (3, 13)
    remedy = "" if fits else "use Python 3.11 to 3.13"
    return Check(name="python", ok=fits, detail=sys.version.split()[0], remedy=remedy)


def _package(name: str) -> Check:
    found = installed_version(name)
    if found is None:
        return Check(name=name, ok=False, detail="not installed", remedy=f"pip install {name}")
    return Check(name=name, ok=True, detail=found)


def _weights() -> Check:
    from matsearch.potentials import load_potential

    return _tried("CHGNet weights", lambda: f"sha256 {load_potential('chgnet').info.sha256[:12]}")


def _store(uri: str) -> Check:
    from matsearch.store import absolute_uri, open_repository, shown_uri

    shown = shown_uri(uri)

    def look() -> str:
        repository = open_repository(uri, create=False)
        try:
            return f"{shown}, {len(repository.list_campaigns())} campaigns"
        finally:
            repository.close()

    if uri.startswith("sqlite:///") and not Path(absolute_uri(uri).removeprefix("sqlite:///")).exists():
        return Check(name="store", ok=True, detail=f"{shown} does not exist yet; the first run makes it")
    return _tried("store", look)


def _disk() -> Check:
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    remedy = "" if free > LOW_DISK_GB else "free some space: a long campaign needs a few GB"
    return Check(name="disk", ok=free > LOW_DISK_GB, detail=f"{free:.1f} GB free here", remedy=remedy)


def _jobstore() -> Check:
    from matsearch.graph.local import jobflow_config

    file = jobflow_config()
    detail = (
        f"jobflow's, from {file}" if file else "in memory (transport only; the store above is the record)"
    )
    return Check(name="job store", ok=True, detail=detail)


def _share() -> Check:
    names = available("configs")
    return Check(name="configs", ok=bool(names), detail=", ".join(names) or "none found", remedy="")


def _language_model() -> Check:
    has_key = "set" if os.environ.get("OPENAI_API_KEY") else "not set"
    address = "set" if os.environ.get("OPENAI_BASE_URL") else "not set, so OpenAI's own"
    detail = f"OPENAI_API_KEY {has_key}; OPENAI_BASE_URL {address}; `matsearch config check FILE` asks it"
    return Check(name="language model", ok=True, detail=detail)


def _extras() -> Check:
    found = [name for name in OPTIONAL if installed_version(name) is not None]
    missing = [f"matsearch[{OPTIONAL[name]}]" for name in OPTIONAL if name not in found]
    return Check(
        name="extras", ok=True, detail=f"have {', '.join(found) or 'none'}; can add {', '.join(missing)}"
    )


def _verification() -> list[Check]:
    """Say which DFT codes are set up here; nobody needs them to search."""
    from matsearch.core.verify_section import RunSection, VaspSection
    from matsearch.graph.vasp import require_vasp
    from matsearch.verify.gpaw.ready import require_gpaw

    def gpaw() -> str:
        found = require_gpaw(RunSection(cores=1))
        return f"{found.version}, {'with' if found.mpi else 'without'} MPI, {len(found.setups)} elements"

    def vasp() -> str:
        require_vasp(VaspSection(), RunSection())
        return "ready, with its POTCARs"

    return [_optional("gpaw", gpaw), _mpirun(), _optional("vasp", vasp)]


def _mpirun() -> Check:
    place = shutil.which("mpirun")
    remedy = "" if place else "apt-get install openmpi-bin; without it calculations have one core"
    return Check(name="mpirun", ok=True, detail=place or "not set up", remedy=remedy)


def _optional(name: str, look: Callable[[], str]) -> Check:
    found = _tried(name, look)
    return found if found.ok else found.evolve(ok=True, detail=f"not set up: {found.detail}")


def _tried(name: str, look: Callable[[], str]) -> Check:
    try:
        return Check(name=name, ok=True, detail=look())
    except MatsearchError as error:
        return Check(name=name, ok=False, detail=error.message, remedy=error.remedy)
