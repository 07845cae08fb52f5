"""How calculations end, with a stand-in for GPAW: a script in the worker's place."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from matsearch.core.dft import DftOutcome
from matsearch.core.errors import DftError
from matsearch.core.progress import LOGGER_NAME
from matsearch.core.protocols import DftBackend
from matsearch.core.verdict import FailureKind
from matsearch.core.verify_section import RunSection
from matsearch.testing.samples import sample_structure
from matsearch.verify.gpaw import process, ready
from matsearch.verify.gpaw.ready import available_cores, installation, require_gpaw
from matsearch.verify.gpaw.results import task_document

from .conftest import aluminium, result_document, step_document, task_of

STEP = f"(folder / 'steps.jsonl').open('a').write({json.dumps(step_document())!r} + '\\n')\n"
RESULT = f"(folder / 'result.json').write_text({json.dumps(result_document())!r})\n"
COUNT = "(folder / 'runs').open('a').write('x')\n"


def error(kind):
    return f"(folder / 'result.json').write_text(json.dumps({{'error': {{'kind': '{kind}', 'detail': 'why'}}}}))\n"


def test_it_is_a_backend(backend):
    assert isinstance(backend(), DftBackend)
    assert backend().name == "GPAW PBE"


def test_a_finished_task_is_not_computed_again(fake_gpaw, backend, folder):
    python = fake_gpaw(COUNT + STEP + RESULT)
    task = task_of(aluminium())
    first, second = backend(python).run(task), backend(python).run(task)
    assert first.calculation == second.calculation
    assert first.calculation.cores == 1
    assert 0 < first.core_hours == first.calculation.core_hours == second.core_hours < 0.01
    assert (folder(task).path / "runs").read_text() == "x"
    assert first.calculation.directory == str(backend().folder_of(task))


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ("print('no such thing', file=sys.stderr); sys.exit(3)", "worker_died", "status 3: no such thing"),
        ("os.kill(os.getpid(), 9)", "worker_died", "status -9"),
        ("print('MemoryError'); sys.exit(1)", "out_of_memory", "MemoryError"),
        (STEP + "(folder / 'result.json').write_text('{')", "calculation_failed", "unreadable result"),
        (RESULT, "calculation_failed", "unreadable result"),
        (STEP + RESULT.replace("true", "false"), "not_converged", "1 ionic steps were not enough"),
        (STEP + RESULT.replace('"Al"', '"Cu"'), "wrong_document", "Cu in place of Al"),
        (
            STEP + error("scf_not_converged"),
            "scf_not_converged",
            "did not converge in 333 iterations, after 1 ionic step",
        ),
        (error("out_of_memory"), "out_of_memory", "why"),
    ],
)
def test_every_end_is_a_verdict(fake_gpaw, backend, body, kind, words):
    outcome = backend(fake_gpaw(body)).run(task_of(aluminium()))
    assert outcome.calculation is None
    assert outcome.verdict.kind == kind
    assert outcome.verdict.stage == "verify"
    assert words in outcome.verdict.detail
    assert outcome.core_hours > 0


@pytest.mark.parametrize(
    ("end", "n_kept"),
    [
        (RESULT.replace("true", "false"), 2),
        (error("scf_not_converged"), 2),
        ("os.kill(os.getpid(), 9)", 2),
        (error("calculation_failed"), None),
        (RESULT.replace('"Al"', '"Cu"'), None),
    ],
)
def test_steps_before_a_verdict_are_kept_where_they_are_good(fake_gpaw, backend, end, n_kept):
    outcome = backend(fake_gpaw(STEP + STEP + end)).run(task_of(aluminium()))
    assert outcome.calculation is None
    if n_kept is None:
        assert outcome.unfinished is None
        return
    assert [frame.energy for frame in outcome.unfinished.frames] == [-3.5] * n_kept
    assert outcome.unfinished.software == "GPAW 0.0"
    assert outcome.unfinished.settings == task_of(aluminium()).settings
    assert DftOutcome.model_validate(outcome.document()) == outcome


def test_an_end_before_the_first_step_keeps_none(fake_gpaw, backend):
    assert backend(fake_gpaw(error("scf_not_converged"))).run(task_of(aluminium())).unfinished is None


def test_a_kill_while_the_kernel_ran_out_of_memory(fake_gpaw, backend, monkeypatch):
    counts = iter([3, 4])
    monkeypatch.setattr(process, "out_of_memory_kills", lambda: next(counts))
    outcome = backend(fake_gpaw("os.kill(os.getpid(), 9)")).run(task_of(aluminium()))
    assert outcome.verdict.kind == FailureKind.OUT_OF_MEMORY
    assert outcome.verdict.transient


def test_the_next_attempt_has_the_steps_but_not_the_error_and_its_time_is_added(fake_gpaw, backend, folder):
    task = task_of(aluminium())
    first = backend(fake_gpaw(STEP + error("out_of_memory"))).run(task)
    again = f"assert not (folder / 'result.json').exists()\n{STEP}{RESULT}"
    second = backend(fake_gpaw(again)).run(task)
    assert second.calculation.n_steps == 2
    assert second.core_hours > first.core_hours > 0
    assert len(folder(task).attempts()) == 2


def test_steps_that_ran_out_are_the_end_until_more_are_allowed(fake_gpaw, backend, folder):
    ran_out = RESULT.replace("true", "false")
    few, more = (task_of(aluminium(), relax=True, max_steps=n) for n in (1, 20))
    assert folder(few).path == folder(more).path
    first = backend(fake_gpaw(COUNT + STEP + ran_out)).run(few)
    assert first.verdict.kind == FailureKind.NOT_CONVERGED
    python = fake_gpaw(
        COUNT + "assert json.loads((folder / 'task.json').read_text())['parameters']['max_steps'] == 20\n"
        "assert not (folder / 'result.json').exists()\n" + STEP + RESULT
    )
    assert backend(python).run(few).verdict == first.verdict
    assert (folder(few).path / "runs").read_text() == "x"
    gone_on = backend(python).run(more)
    assert gone_on.calculation.n_steps == 2
    assert gone_on.core_hours > first.core_hours
    # what converged is the answer under any limits
    assert backend(python).run(few).calculation is not None
    assert (folder(few).path / "runs").read_text() == "xx"


def test_a_task_file_that_does_not_say_its_steps_is_gone_on_with(fake_gpaw, backend, folder):
    task = task_of(aluminium(), relax=True)
    python = fake_gpaw(COUNT + STEP + RESULT.replace("true", "false"))
    backend(python).run(task)
    (folder(task).path / "task.json").write_text(json.dumps({"key": task.key}))
    backend(python).run(task)
    assert (folder(task).path / "runs").read_text() == "xx"


def test_a_hanging_calculation_is_ended_with_all_its_children(fake_gpaw, backend, tmp_path):
    mark = tmp_path / "child"
    hang = (
        f"import subprocess\nchild = subprocess.Popen(['sleep', '60'], process_group=0)\n"
        f"pathlib.Path({str(mark)!r}).write_text(str(child.pid))\n{STEP}"
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_DFL)\ntime.sleep(60)"
    )
    begun = time.monotonic()
    outcome = backend(fake_gpaw(hang), time_limit_h=2.0 / 3600).run(task_of(aluminium()))
    took = time.monotonic() - begun
    assert took < 30
    assert outcome.verdict.kind == FailureKind.TIME_OUT
    assert "1 ionic step done, forces up to 0.500 eV/A, stress up to 1.00 GPa" in outcome.verdict.detail
    assert 1.5 <= 3600 * outcome.core_hours <= took
    with pytest.raises(ProcessLookupError):
        _gone(int(mark.read_text()))


def _gone(pid, patience=10.0):
    """Raise ProcessLookupError as soon as a process has ended; a zombie has ended."""
    until = time.monotonic() + patience
    while time.monotonic() < until:
        os.kill(pid, 0)
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError as error:
            raise ProcessLookupError from error
        if state == "Z":
            raise ProcessLookupError
        time.sleep(0.05)


def test_an_interrupt_ends_the_calculation(fake_gpaw, backend, folder, monkeypatch):
    task = task_of(aluminium())
    python = fake_gpaw("(folder / 'pid').write_text(str(os.getpid()))\ntime.sleep(60)")

    def interrupted(*_):
        pid = folder(task).path / "pid"
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.05)
        raise KeyboardInterrupt

    monkeypatch.setattr(process, "watched", interrupted)
    with pytest.raises(KeyboardInterrupt):
        backend(python).run(task)
    with pytest.raises(ProcessLookupError):
        _gone(int((folder(task).path / "pid").read_text()))


def test_the_worker_ends_when_nobody_attends(tmp_path):
    program = (
        "from matsearch.verify.gpaw.worker import end_when_left; import time; end_when_left(); time.sleep(60)"
    )
    child = subprocess.Popen([sys.executable, "-c", program], stdin=subprocess.PIPE)
    child.stdin.close()
    assert child.wait(timeout=60) == 1


def test_each_new_step_is_said(fake_gpaw, backend, caplog, monkeypatch):
    monkeypatch.setattr(process, "POLL_S", 0.05)
    caplog.set_level(logging.INFO, logger=LOGGER_NAME)
    backend(fake_gpaw(STEP + "time.sleep(0.4)\n" + STEP + RESULT)).run(task_of(aluminium()))
    said = [r.fields for r in caplog.records if getattr(r, "event", "") == "dft_step"]
    assert [(s["label"], s["step"], s["energy"], s["fmax"]) for s in said] == [
        ("Al1", 1, -3.5, 0.5),
        ("Al1", 2, -3.5, 0.5),
    ]
    assert 0 < said[0]["core_hours"] <= said[1]["core_hours"]


def test_a_folder_of_another_task_is_refused(fake_gpaw, backend):
    python = fake_gpaw(STEP + RESULT)
    backend(python).run(task_of(aluminium(), key="a" * 64))
    with pytest.raises(DftError, match="holds another task"):
        backend(python).run(task_of(aluminium(), key="a" * 16 + "b" * 48))
    path = backend().folder_of(task_of(aluminium(), key="a" * 64)) / "task.json"
    path.write_text("[]")
    with pytest.raises(DftError, match="holds another task"):
        backend(python).run(task_of(aluminium(), key="a" * 64))


def test_two_at_once_compute_a_task_once(fake_gpaw, backend, folder):
    python = fake_gpaw(COUNT + STEP + "time.sleep(0.3)\n" + RESULT)
    task, outcomes = task_of(aluminium()), []
    require_gpaw(RunSection(cores=1, python=python))
    threads = [threading.Thread(target=lambda: outcomes.append(backend(python).run(task))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [o.calculation is not None for o in outcomes] == [True, True]
    assert (folder(task).path / "runs").read_text() == "x"


@pytest.mark.parametrize("content", ["", "{", "[[1]]", "[[1, null]]", '{"a": 1}', "[" * 100_000, "\x00"])
def test_a_garbled_record_of_attempts_is_no_attempt(folder, content):
    made = folder(task_of(aluminium()))
    (made.path / "attempts.json").write_text(content)
    assert made.attempts() == []


def test_an_element_without_dataset_is_refused_before_anything_runs(fake_gpaw, backend, folder):
    task = task_of(sample_structure("U", "O", 5.0))
    outcome = backend(fake_gpaw(COUNT)).run(task)
    assert outcome.verdict.kind == FailureKind.DFT_REFUSED
    assert outcome.verdict.detail == "GPAW 0.0 here has no PAW dataset for U"
    assert not (folder(task).path / "task.json").exists()


def test_a_task_of_another_code_is_refused(backend):
    task = task_of(aluminium())
    task = task.evolve(settings=task.settings.evolve(code="VASP"))
    with pytest.raises(DftError, match="a task for VASP was given to GPAW"):
        backend().run(task)


def test_what_is_missing_is_named_with_its_remedy(fake_gpaw, monkeypatch, tmp_path):
    with pytest.raises(DftError, match=r"no interpreter /nowhere/python \(give the path"):
        require_gpaw(RunSection(python="/nowhere/python"))
    python = fake_gpaw("")
    with pytest.raises(
        DftError, match=r"no command 'no-such-mpirun'.*openmpi-bin, or set verify.run.cores: 1"
    ):
        require_gpaw(RunSection(python=python, cores=2, mpirun="no-such-mpirun"))
    assert require_gpaw(RunSection(python=python, cores=1, mpirun="no-such-mpirun")).version == "0.0"
    with pytest.raises(DftError, match=r"no PAW datasets \(pip install gpaw-data"):
        require_gpaw(RunSection(python=fake_gpaw("", elements=()), cores=1))
    for probe, words in (("print('no JSON')", "exit status 0"), ("import os; os.abort()", "exit status -6")):
        monkeypatch.setattr(ready, "_PROBE", probe)
        with pytest.raises(DftError, match=rf"GPAW cannot be used with .*{words}.*libxc-dev"):
            installation(sys.executable)
    monkeypatch.setattr(ready, "_PROBE", ready_probe_without_gpaw())
    with pytest.raises(DftError, match=r"No module named 'gpaw'.*matsearch\[gpaw\].*libxc-dev"):
        installation(sys.executable)


def ready_probe_without_gpaw():
    return """print('{"error": "ModuleNotFoundError: No module named \\'gpaw\\'"}')"""


def test_gpaw_without_mpi_runs_on_one_core_alone(monkeypatch):
    serial = ready.Installation(python="x", version="1", mpi=False, setups=frozenset({"Al"}))
    monkeypatch.setattr(ready, "installation", lambda python: serial)
    assert require_gpaw(RunSection(cores=1)) is serial
    with pytest.raises(DftError, match="built without MPI and 2 cores"):
        require_gpaw(RunSection(cores=2))


@pytest.mark.parametrize(
    ("task", "cores", "n"),
    [
        (task_of(aluminium(), kpoint_density=1.0), 16, 14),  # 3 x 3 x 3
        (task_of(aluminium(), kpoint_density=0.1), 16, 1),
        (task_of(aluminium(12.0), kpoint_density=0.1), 16, 8),
        (task_of(aluminium(), kpoint_density=3.5), 2, 2),
        (task_of(aluminium(), box=True, kpoint_density=3.5), 4, 1),
    ],
)
def test_no_more_processes_than_there_is_work(task, cores, n):
    assert process.useful_processes(task, cores) == n


def test_commands(tmp_path):
    run = RunSection(mpirun="srun --mpi=pmix")
    alone = process.command(run, "/p", tmp_path, 1)
    assert alone[0] == "/p"
    assert alone[1].endswith("worker.py")
    assert alone[2:] == [str(tmp_path), "attended"]
    many = process.command(run, "/p", tmp_path, 4)
    assert many[:9] == ["srun", "--mpi=pmix", "-n", "4", "/p", "-m", "gpaw", "python", alone[1]]
    assert available_cores(RunSection(cores=3)) == 3
    assert available_cores(RunSection()) >= 1


def test_the_environment_leaves_what_the_user_set(monkeypatch):
    monkeypatch.setenv("OMPI_MCA_hwloc_base_binding_policy", "core")
    found = process.environment()
    assert found["OMPI_MCA_hwloc_base_binding_policy"] == "core"
    assert found["OMP_NUM_THREADS"] == "1"
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert "OMPI_ALLOW_RUN_AS_ROOT" not in process.environment()
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert process.environment()["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] == "1"


def test_the_task_as_the_worker_reads_it():
    task = task_of(sample_structure("Fe", "O", 4.3))
    document = json.loads(json.dumps(task_document(task, (5.0, 0.0)), allow_nan=False))
    assert document["symbols"] == ["Fe", "O"]
    assert document["magmoms"] == [5.0, 0.0]
    assert document["hubbards"] == {}
    assert document["key"] == task.key


def test_signals():
    assert process.was_killed(-signal.SIGKILL)
    assert process.was_killed(137)
    assert not process.was_killed(1)
    assert not process.was_killed(None)
