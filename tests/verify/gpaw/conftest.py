import json
import os
import stat
import sys

import pytest
from pymatgen.core import Lattice, Structure

from matsearch.core.dft import DftTask
from matsearch.core.keys import content_key
from matsearch.core.verify_section import GpawSection, RunSection
from matsearch.crystal.canonical import structure_key
from matsearch.verify.gpaw import ready
from matsearch.verify.gpaw.backend import GpawBackend
from matsearch.verify.gpaw.folder import TaskFolder
from matsearch.verify.settings import gpaw_settings


def aluminium(length=4.05):
    half = length / 2
    return Structure(Lattice([[0, half, half], [half, 0, half], [half, half, 0]]), ["Al"], [[0, 0, 0]])


def task_of(structure, relax=False, key=None, magmoms=None, box=False, **parameters):
    """A task with any settings, also with those that are too coarse for a right answer."""
    settings = gpaw_settings(GpawSection(), relax=relax)
    limits = settings.limits | {name: parameters.pop(name) for name in settings.limits if name in parameters}
    coarse = {"cutoff": 200.0, "kpoint_density": 1.0, **parameters}
    settings = settings.evolve(parameters=settings.parameters | coarse, limits=limits)
    key = key or content_key("test", [settings.key, structure_key(structure), magmoms, box])
    return DftTask(
        key=key,
        label=structure.formula,
        structure=structure,
        settings=settings,
        magmoms=magmoms,
        box=box,
    )


def step_document(n=1, **changes):
    return {
        "cell": [[0.0, 2.0, 2.0], [2.0, 0.0, 2.0], [2.0, 2.0, 0.0]],
        "frac_coords": [[0.1 * i, 0.0, 0.0] for i in range(n)],
        "energy": -3.5 * n,
        "forces": [[0.0, 0.3, 0.4]] * n,
        "stress": [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]],
        "magmoms": None,
        **changes,
    }


def result_document(symbols=("Al",), **changes):
    return {
        "converged": True,
        "symbols": list(symbols),
        "versions": {"gpaw": "26.7.0", "ase": "3.29.0"},
        "n_electrons": 3,
        "n_kpoints": 1,
        "spin_polarized": False,
        **changes,
    }


@pytest.fixture
def fake_gpaw(tmp_path, monkeypatch):
    """An interpreter that says it has GPAW, and carries out a script in its place: ``folder`` is the task's."""
    program = tmp_path / "python-with-gpaw"
    script = tmp_path / "script.py"

    def install(body, elements=("Al", "Na", "Cl", "O")):
        known = json.dumps({"version": "0.0", "mpi": True, "setups": list(elements)})
        script.write_text(
            f"import json, os, sys, time, pathlib\n"
            f"if sys.argv[1] == '-c':\n    print({known!r})\n    sys.exit(0)\n"
            f"folder = pathlib.Path(sys.argv[2])\n{body}\n"
        )
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(ready, "_known", {})
        return str(program)

    return install


@pytest.fixture
def backend(tmp_path):
    def make(python=None, cores=1, **run):
        section = RunSection(cores=cores, python=python, **run)
        return GpawBackend(GpawSection(), section, tmp_path / "dft")

    return make


@pytest.fixture
def folder(tmp_path):
    def make(task):
        made = TaskFolder(tmp_path / "dft", task)
        made.open()
        return made

    return make


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch):
    for name in [n for n in os.environ if n.startswith(("OMPI_", "PMIX_"))]:
        monkeypatch.delenv(name)
