"""GPAW itself, on crystals and settings so small that it takes seconds."""

import importlib.util
import json
import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from matsearch.core.dft import DftTask
from matsearch.core.verdict import FailureKind
from matsearch.core.verify_section import GpawSection, RunSection
from matsearch.testing.samples import sample_structure
from matsearch.verify.gpaw.backend import GpawBackend
from matsearch.verify.gpaw.ready import installation, interpreter

from .conftest import aluminium, task_of

pytestmark = pytest.mark.skipif(importlib.util.find_spec("gpaw") is None, reason="GPAW is not installed")
needs_mpirun = pytest.mark.skipif(shutil.which("mpirun") is None, reason="there is no mpirun")


def test_the_probe_finds_setups_and_what_they_lack():
    found = installation(interpreter(RunSection()))
    assert {"Al", "O", "La", "Lu"} <= found.setups
    assert "Tc" not in found.setups
    assert found.version.count(".") >= 1


def test_a_stretched_metal_is_under_tension(backend):
    calculation = backend().run(task_of(aluminium(4.3))).calculation
    assert calculation.stress[0][0] > 3
    assert calculation.stress[0][1] == pytest.approx(0, abs=1e-6)
    assert (calculation.n_steps, calculation.n_electrons, calculation.spin_polarized) == (1, 3, False)
    assert calculation.magmoms is None
    assert calculation.structure == calculation.initial_structure
    assert calculation.energy == pytest.approx(-3.0, abs=0.2)


@pytest.mark.slow
def test_a_density_that_cannot_converge_in_two_iterations(backend):
    outcome = backend().run(task_of(aluminium(), max_scf_iterations=2))
    assert outcome.verdict.kind == FailureKind.SCF_NOT_CONVERGED
    assert outcome.core_hours > 0


def relaxation(max_steps=20, **parameters):
    return task_of(sample_structure("Na", "Cl", 6.0), relax=True, max_steps=max_steps, **parameters)


@pytest.mark.slow
def test_ionic_steps_that_run_out(backend):
    outcome = backend().run(relaxation(max_steps=1))
    assert outcome.verdict.kind == FailureKind.NOT_CONVERGED
    assert outcome.verdict.detail.startswith("2 ionic steps")


@pytest.mark.slow
def test_more_ionic_steps_go_on_from_the_last(backend):
    strained = aluminium()
    strained.apply_strain(0.03)

    def run(max_steps):
        return backend().run(task_of(strained, relax=True, max_steps=max_steps, kpoint_density=1.5))

    short = run(1)
    assert short.verdict.kind == FailureKind.NOT_CONVERGED
    assert len(short.unfinished.frames) == 2
    made = run(20).calculation
    assert made.frames[:2] == short.unfinished.frames
    assert made.n_steps > 2
    assert made.energy < short.unfinished.frames[-1].energy
    assert made.core_hours > short.core_hours
    assert run(1).calculation.frames == made.frames


@pytest.mark.slow
def test_a_killed_relaxation_goes_on_to_the_same_answer(tmp_path):
    task = relaxation()

    def run(name):
        return GpawBackend(GpawSection(), RunSection(cores=1), tmp_path / name).run(task)

    whole = run("whole").calculation
    assert whole.n_steps > 3
    folder = tmp_path / "cut" / task.key[:16]

    def kill():
        while (
            not (folder / "steps.jsonl").exists()
            or len((folder / "steps.jsonl").read_bytes().splitlines()) < 2
        ):
            time.sleep(0.02)
        os.kill(worker_of(folder), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    cut = run("cut")
    killer.join()
    assert cut.verdict.kind == FailureKind.WORKER_DIED
    with (folder / "steps.jsonl").open("a") as file:
        file.write('{"cell": [[garbage')
    resumed = run("cut")
    kept = [frame.energy for frame in resumed.calculation.frames]
    assert kept[:2] == pytest.approx([frame.energy for frame in whole.frames[:2]], abs=1e-4)
    assert len(kept) == len(set(kept))
    assert resumed.calculation.energy == pytest.approx(whole.energy, abs=2e-3)
    assert resumed.calculation.structure.volume == pytest.approx(whole.structure.volume, rel=0.02)
    assert resumed.calculation.core_hours > cut.core_hours


def worker_of(folder):
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in path.read_bytes():
                return int(path.parent.name)
        except OSError:
            continue
    raise AssertionError("no worker")


@pytest.mark.slow
@needs_mpirun
def test_two_processes_agree_with_one_and_a_time_limit_ends_both(tmp_path, backend):
    task = task_of(sample_structure("Na", "Cl", 6.0), kpoint_density=1.0)
    one = backend(cores=1).run(task).calculation
    other = GpawBackend(GpawSection(), RunSection(cores=2), tmp_path / "two").run(task).calculation
    assert other.cores == 2
    assert other.energy == pytest.approx(one.energy, abs=1e-3)
    limit = RunSection(cores=2, time_limit_h=3.0 / 3600)
    dear = relaxation(cutoff=900.0, kpoint_density=6.0)
    outcome = GpawBackend(GpawSection(), limit, tmp_path / "two").run(dear)
    assert outcome.verdict.kind == FailureKind.TIME_OUT
    with pytest.raises(AssertionError, match="no worker"):
        worker_of(tmp_path / "two" / dear.key[:16])


@pytest.mark.slow
@needs_mpirun
def test_an_error_of_gpaw_ends_all_processes(tmp_path):
    outcome = GpawBackend(GpawSection(), RunSection(cores=2), tmp_path).run(
        task_of(aluminium(), max_scf_iterations=2)
    )
    assert outcome.verdict.kind == FailureKind.SCF_NOT_CONVERGED
    assert outcome.core_hours < 60 / 3600


@pytest.mark.slow
def test_a_molecule_in_a_box_keeps_its_box_and_oxygen_is_a_triplet(backend):
    from pymatgen.core import Lattice, Structure

    box = Structure(Lattice.cubic(6.0), ["O", "O"], [[0, 0, 0], [0, 0, 1.3 / 6.0]])
    task: DftTask = task_of(box, relax=True, box=True, cutoff=300.0, max_steps=4)
    outcome = backend().run(task)
    steps = (backend().folder_of(task) / "steps.jsonl").read_text().splitlines()
    cells = {json.dumps(json.loads(line)["cell"]) for line in steps}
    moments = json.loads(steps[0])["magmoms"]
    assert len(cells) == 1
    assert sum(moments) == pytest.approx(1.4, abs=0.6)
    assert outcome.core_hours > 0
