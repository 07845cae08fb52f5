"""What a worker wrote is data: hostile, cut off or garbage, it can only be less than a calculation."""

import importlib.util
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.verdict import FailureKind
from matsearch.verify.gpaw import results, worker
from matsearch.verify.gpaw.results import Failure, Result, Step, calculation_of, read_result, read_steps

from .conftest import aluminium, result_document, step_document, task_of

BAD_STEPS = {
    "garbage": "\x00\xff{",
    "no step": "[]",
    "a number": "17",
    "null": "null",
    "no forces": json.dumps({k: v for k, v in step_document().items() if k != "forces"}),
    "two atoms": json.dumps(step_document(2)),
    "not a number": json.dumps(step_document(energy=float("nan"))),
    "infinite": json.dumps(step_document(forces=[[float("inf"), 0, 0]])),
    "shape": json.dumps(step_document(cell=[[1, 2], [3, 4]])),
    "text": json.dumps(step_document(energy="low")),
    "huge": '{"energy": 1' + "0" * 400 + "}",
    "deep": "[" * 100_000,
    "cut off": json.dumps(step_document())[:-20],
}


@pytest.mark.parametrize("bad", BAD_STEPS.values(), ids=BAD_STEPS)
def test_reading_ends_at_a_bad_line_here_and_in_the_worker(tmp_path, bad):
    good = json.dumps(step_document())
    path = tmp_path / "steps.jsonl"
    path.write_text(f"{good}\n{good}\n{bad}\n{good}\n", encoding="utf-8")
    assert len(read_steps(path, 1)) == 2
    assert len(worker.read_steps(path, 1)) == 2


def test_a_flat_cell_or_unknown_fields_are_no_step(tmp_path):
    path = tmp_path / "steps.jsonl"
    for changes in ({"cell": [[1, 0, 0], [0, 1, 0], [1, 1, 0]]}, {"@module": "os"}, {"magmoms": [1.0, 2.0]}):
        path.write_text(json.dumps(step_document(**changes)) + "\n")
        assert read_steps(path, 1) == []


@given(st.binary(max_size=200))
def test_no_bytes_break_the_readers(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("bytes") / "x"
    path.write_bytes(content)
    assert read_steps(path, 1) == []
    assert worker.read_steps(path, 1) == []
    assert read_result(path) is None


def test_missing_files_are_nothing(tmp_path):
    assert read_steps(tmp_path / "none", 1) == []
    assert read_result(tmp_path / "none") is None


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (result_document(), Result),
        ({"error": {"kind": "scf_not_converged", "detail": "x", "traceback": "y"}}, Failure),
        ({"error": "text"}, type(None)),
        (result_document(n_electrons="many"), type(None)),
        (result_document(extra=1), type(None)),
        ([], type(None)),
    ],
)
def test_results(tmp_path, document, kind):
    path = tmp_path / "result.json"
    path.write_text(json.dumps(document))
    assert type(read_result(path)) is kind


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("scf_not_converged", FailureKind.SCF_NOT_CONVERGED),
        ("dft_refused", FailureKind.DFT_REFUSED),
        ("out_of_memory", FailureKind.OUT_OF_MEMORY),
        ("calculation_failed", FailureKind.CALCULATION_FAILED),
        ("exploded", FailureKind.CALCULATION_FAILED),
        ("__import__('os')", FailureKind.CALCULATION_FAILED),
    ],
)
def test_a_worker_can_only_say_a_few_kinds(said, kind):
    assert Failure(kind=said, detail="x").verdict().kind == kind


def made(task, steps=None, **changes):
    steps = steps if steps is not None else [Step(**step_document(len(task.structure)))]
    changes = {"symbols": [s.specie.symbol for s in task.structure], **changes}
    result = Result.model_validate(result_document(**changes))
    return calculation_of(task, steps, result, cores=2, core_hours=0.5, folder=Path("/x"))


def test_a_calculation_holds_every_step():
    task = task_of(aluminium())
    steps = [Step(**step_document(energy=e)) for e in (-3.0, -3.5)]
    calculation = made(task, steps)
    assert [frame.energy for frame in calculation.frames] == [-3.0, -3.5]
    assert (calculation.energy, calculation.energy_per_atom, calculation.n_steps) == (-3.5, -3.5, 2)
    assert calculation.initial_structure == task.structure
    assert calculation.structure.volume == pytest.approx(16.0)
    assert calculation.stress[0][0] == 1.0
    frame = calculation.frames[0]
    assert (frame.scheme_id, frame.source) == ("gpaw-pbe", "GPAW 26.7.0 PBE")
    assert (calculation.run_type, calculation.hubbards, calculation.software) == ("GGA", {}, "GPAW 26.7.0")
    assert calculation == type(calculation).model_validate(calculation.document())


def test_a_document_of_another_crystal_is_refused():
    task = task_of(aluminium())
    assert made(task).energy == -3.5
    assert made(task, symbols=["Cu"]).kind == FailureKind.WRONG_DOCUMENT
    assert made(task, symbols=["Al", "Al"]).kind == FailureKind.WRONG_DOCUMENT


def test_ionic_steps_that_ran_out():
    verdict = made(task_of(aluminium()), converged=False)
    assert verdict.kind == FailureKind.NOT_CONVERGED
    assert "forces up to 0.500 eV/A, stress up to 1.00 GPa" in verdict.detail


def test_the_worker_needs_no_matsearch():
    text = Path(worker.__file__).read_text()
    assert "import matsearch" not in text
    assert "from matsearch" not in text
    # and matsearch no GPAW
    others = [p for p in Path(results.__file__).parent.glob("*.py") if p.name != "worker.py"]
    assert not [p for p in others if any(line.startswith(("import gpaw", "from gpaw")) for line in p.open())]


@pytest.mark.skipif(importlib.util.find_spec("gpaw") is None, reason="GPAW is not installed")
def test_errors_of_gpaw_have_their_kinds():
    from gpaw import KohnShamConvergenceError

    assert worker.explained(KohnShamConvergenceError("x"))["kind"] == "scf_not_converged"
    assert worker.explained(MemoryError())["kind"] == "out_of_memory"
    assert worker.explained(ValueError("x"))["kind"] == "calculation_failed"
