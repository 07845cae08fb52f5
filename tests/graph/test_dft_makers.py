import importlib.util
import json
import stat
import sys

import pytest
from jobflow import Flow, JobStore, job, run_locally
from maggma.stores import MemoryStore
from pymatgen.core import Structure

from matsearch.core.errors import ConfigError, DftError, InputError
from matsearch.core.verdict import FailureKind
from matsearch.graph.dft_documents import GpawTaskDocument, document_to_outcome
from matsearch.graph.dft_makers import GpawRelaxMaker, GpawStaticMaker, gpaw_job
from matsearch.testing.samples import sample_structure
from matsearch.verify.gpaw import ready
from matsearch.verify.settings import dft_task, gpaw_settings

PRETENDED = """
import json, pathlib, sys
if sys.argv[1] == "-c":
    print(json.dumps({"version": "0.0", "mpi": True, "setups": ["Na", "Cl", "Fe", "O"]}))
    sys.exit(0)
folder = pathlib.Path(sys.argv[2])
task = json.loads((folder / "task.json").read_text())
n = len(task["symbols"])
cell = [[1.02 * x for x in row] for row in task["cell"]] if task["parameters"]["relax"] else task["cell"]
for k in range(3 if task["parameters"]["relax"] else 1):
    step = {"cell": cell, "frac_coords": task["frac_coords"], "energy": -3.0 * n - k, "forces": [[0, 0, 0.01]] * n,
            "stress": [[0, 0, 0]] * 3, "magmoms": task["magmoms"]}
    with (folder / "steps.jsonl").open("a") as file:
        file.write(json.dumps(step) + "\\n")
result = {"converged": FAILS, "symbols": task["symbols"], "versions": {"gpaw": "0.0"}, "n_electrons": 8, "n_kpoints": 4,
          "spin_polarized": task["magmoms"] is not None}
(folder / "result.json").write_text(json.dumps(result))
"""


@pytest.fixture
def run_section(tmp_path, monkeypatch):
    """A ``run`` section with an interpreter that pretends to have GPAW."""
    monkeypatch.setattr(ready, "_known", {})

    def make(fails=False, **more):
        script, program = tmp_path / f"pretended{fails}.py", tmp_path / f"python{fails}"
        script.write_text(PRETENDED.replace("FAILS", str(not fails)))
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{script}" "$@"\n')
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return {"cores": 1, "python": str(program), **more}

    return make


@pytest.fixture
def run(tmp_path):
    def go(flow, ensure_success=True):
        store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
        options = {"ensure_success": ensure_success, "raise_immediately": ensure_success, "log": False}
        responses = run_locally(flow, store=store, root_dir=tmp_path / "jobs", create_folders=True, **options)
        return responses, store

    (tmp_path / "jobs").mkdir()
    return go


def stored(store, made, load=True):
    return store.query_one({"uuid": made.uuid}, load=load)["output"]


def test_relax_and_static_work_in_a_strangers_flow(run, run_section):
    @job
    def strangers(structure, energies):
        return {"volume": structure.volume, "n": len(energies)}

    relax = GpawRelaxMaker(run=run_section()).make(sample_structure())
    static = GpawStaticMaker(run=run_section()).make(relax.output.structure, prev_dir=relax.output.dir_name)
    last = strangers(static.output.structure, relax.output.forces)
    assert (relax.name, static.name) == ("GPAW relax", "GPAW static")
    responses, store = run(Flow([relax, static, last]))
    found = responses[last.uuid][1].output
    assert found == {"volume": pytest.approx(sample_structure().volume * 1.02**3), "n": 2}
    document = stored(store, relax)
    assert (document["formula_pretty"], document["state"], document["run_type"]) == (
        "NaCl",
        "successful",
        "GGA",
    )
    assert document["energy"] == -8.0
    assert document["dir_name"].startswith(str(store and responses[relax.uuid][1].job_dir))


def test_ionic_steps_are_moved_to_the_data_store(run, run_section):
    made = GpawRelaxMaker(run=run_section()).make(sample_structure())
    _, store = run(made)
    kept = stored(store, made, load=False)
    assert set(kept["ionic_steps"]) >= {"@class", "blob_uuid"}
    assert "frac_coords" not in json.dumps(kept["ionic_steps"], default=str)
    assert len(stored(store, made)["ionic_steps"]) == 3


def test_a_document_survives_the_store_and_is_an_outcome_again(run, run_section):
    crystal = sample_structure("Fe", "O", 4.3).add_site_property("magmom", [3.52, 0.0])
    made = GpawRelaxMaker(run=run_section(), gpaw={"functional": "PBE+U"}).make(crystal)
    responses, store = run(made)
    direct = responses[made.uuid][1].output
    assert isinstance(direct, GpawTaskDocument)
    outcome = document_to_outcome(direct)
    assert document_to_outcome(stored(store, made)) == outcome
    assert document_to_outcome(made.output.resolve(store)) == outcome
    assert document_to_outcome(json.loads(direct.model_dump_json())) == outcome
    calculation = outcome.calculation
    assert (calculation.run_type, calculation.hubbards) == ("GGA+U", {"Fe": 5.3})
    assert calculation.magmoms == (3.5, 0.0)
    assert [frame.energy for frame in calculation.frames] == [-6.0, -7.0, -8.0]
    assert isinstance(calculation.structure, Structure)


def test_the_job_of_a_task_has_its_key_and_documents_a_failure(run, run_section):
    task = dft_task(sample_structure("Fe", "O", 4.3), gpaw_settings_of(), "FeO (x-1)", [3.5, 0.4])
    good, bad = gpaw_job(task, {}, run_section()), gpaw_job(task, {}, run_section(fails=True))
    assert good.name == "GPAW FeO (x-1)"
    bad_responses, store = run(bad)
    responses = {**run(good)[0], **bad_responses}
    outcome, failed = (document_to_outcome(responses[made.uuid][1].output) for made in (good, bad))
    assert outcome.key == failed.key == task.key
    assert outcome.calculation.initial_structure == task.structure
    assert failed.calculation is None
    assert failed.verdict.kind == FailureKind.NOT_CONVERGED
    assert failed.core_hours > 0
    assert document_to_outcome(stored(store, bad)) == failed
    assert failed.unfinished.frames == outcome.calculation.frames
    assert failed.unfinished.software == "GPAW 0.0"
    boxed = dft_task(sample_structure(), gpaw_settings_of(relax=False), "x", box=True)
    made = gpaw_job(boxed, {}, run_section())
    responses, _ = run(made)
    assert responses[made.uuid][1].output.task_key == boxed.key


def gpaw_settings_of(**options):
    from matsearch.core.verify_section import GpawSection

    return gpaw_settings(GpawSection(), **options)


def test_a_failed_calculation_stops_a_strangers_flow(run, run_section):
    made = GpawRelaxMaker(run=run_section(fails=True)).make(sample_structure())
    with pytest.raises(DftError, match=r"NaCl: not_converged: 3 ionic steps .*its files are in"):
        run(made)


def test_settings_of_a_built_flow_can_be_changed(run, run_section, tmp_path):
    made = GpawRelaxMaker(run=run_section()).make(sample_structure())
    flow = Flow([made])
    flow.update_maker_kwargs({"gpaw": {"cutoff": 800.0}}, class_filter=GpawRelaxMaker)
    flow.update_maker_kwargs({"_set": {"run->folder": str(tmp_path / "kept")}}, dict_mod=True)
    flow.append_name(" again")
    assert made.name == "GPAW relax again"
    responses, _ = run(flow)
    document = responses[made.uuid][1].output
    assert document.input["parameters"]["cutoff"] == 800.0
    assert document.dir_name.startswith(str(tmp_path / "kept"))
    maker = made.maker
    assert GpawRelaxMaker.from_dict(json.loads(json.dumps(maker.as_dict()))) == maker


def test_a_relaxation_goes_on_from_another_folder(run, run_section, tmp_path):
    crystal = sample_structure()
    kept = run_section(folder=str(tmp_path / "kept"))
    first = GpawRelaxMaker(run=kept).make(crystal)
    responses, _ = run(first)
    folder = responses[first.uuid][1].output.dir_name
    again = GpawRelaxMaker(run=kept).make(crystal, prev_dir=f"host:{folder}")
    responses, _ = run(again)
    document = responses[again.uuid][1].output
    assert document.initial_structure.volume == pytest.approx(crystal.volume * 1.02**3)
    for bad, words in ((tmp_path, "holds no GPAW task"), (folder, "holds other atoms")):
        other = GpawRelaxMaker(run=kept).make(sample_structure("Fe", "O", 4.3), prev_dir=bad)
        with pytest.raises(DftError, match=words):
            run(other)


def test_bad_settings_are_refused_when_the_maker_is_made():
    with pytest.raises(ConfigError, match=r"GpawRelaxMaker: cutof: .*verify.gpaw"):
        GpawRelaxMaker(gpaw={"cutof": 700})
    with pytest.raises(ConfigError, match="time_limit_h"):
        GpawStaticMaker(run={"time_limit_h": -1})


@pytest.mark.parametrize("document", [{}, {"state": "failed"}, {"@class": "x", "task_key": 1}])
def test_what_is_no_document_is_refused(document):
    with pytest.raises(InputError, match="no document of a GPAW calculation"):
        document_to_outcome(document)


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("gpaw") is None, reason="GPAW is not installed")
def test_a_real_one(run):
    coarse = {"cutoff": 250.0, "kpoint_density": 1.0}
    made = GpawStaticMaker(gpaw=coarse, run={"cores": 1}).make(sample_structure())
    responses, _ = run(made)
    document = responses[made.uuid][1].output
    assert document.energy_per_atom == pytest.approx(-3.3, abs=0.4)
    assert document.software.startswith("GPAW ")
