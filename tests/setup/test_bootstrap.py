"""scripts/bootstrap, run by a real sh, with a fake Python and a fake pip that record what they are told."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
TOOLS = ["cat", "cksum", "cp", "date", "dirname", "grep", "mkdir", "mv", "rm", "sh", "sleep", "tail", "uname"]

FAKE_PYTHON = f"""#!/bin/sh
case "$*" in
*os.setpgid*) exec '{sys.executable}' "$@" ;;
*version_info*) echo "${{FAKE_VERSION:-3.11.9}} /fake" ;;
*sys.executable*) echo "$0" ;;
*"-m venv"*)
    echo "venv" >>"$FAKE_LOG"
    for folder; do :; done
    mkdir -p "$folder/bin"
    cp "$0" "$folder/bin/python"
    echo "#!$folder/bin/python" >"$folder/bin/pip"
    ;;
*"pip cache dir"*) echo "$FAKE_CACHE" ;;
*"pip install"*)
    echo "${{*#*pip install }}" >>"$FAKE_LOG"
    echo "NO_CACHE=${{PIP_NO_CACHE_DIR:-}} USER=$PIP_USER" >>"$FAKE_LOG.env"
    case "$FAKE_PIP $*" in
    no-cpu*+cpu*)
        echo "ERROR: Could not find a version (from versions: 2.12.0, 2.13.0)"
        echo "ERROR: No matching distribution found for torch==2.13.0+cpu"
        exit 1
        ;;
    full*)
        echo "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
        exit 1
        ;;
    hang*)
        echo "Installing collected packages: torch"
        sleep 30
        ;;
    esac
    ;;
esac
exit 0
"""


class Sandbox:
    """A checkout with nothing but the set-up, at a path with a space."""

    def __init__(self, folder: Path):
        self.root = folder / "a checkout"
        self.bin = folder / "bin"
        self.log = folder / "pip.log"
        self.bin.mkdir(parents=True)
        for name in ("scripts/bootstrap", "pyproject.toml", "constraints"):
            source, target = CHECKOUT / name, self.root / name
            target.parent.mkdir(parents=True, exist_ok=True)
            (shutil.copytree if source.is_dir() else shutil.copy)(source, target)
        for tool in TOOLS:
            (self.bin / tool).symlink_to(shutil.which(tool))
        self.command("python3.11", FAKE_PYTHON)
        self.env = {"PATH": str(self.bin), "FAKE_LOG": str(self.log), "FAKE_CACHE": str(folder / "cache")}

    def command(self, name: str, text: str) -> Path:
        file = self.bin / name
        file.write_text(text)
        file.chmod(0o755)
        return file

    def start(self, *args: str, **env: str) -> subprocess.Popen:
        return subprocess.Popen(
            [self.root / "scripts" / "bootstrap", *args],
            cwd="/",
            env=self.env | env,
            stderr=subprocess.PIPE,
            text=True,
            # a runner in the background of a shell hands down that Ctrl-C is ignored
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no threads
        )

    def run(self, *args: str, **env: str) -> tuple[int, str]:
        process = self.start(*args, **env)
        errors = process.communicate(timeout=20)[1]
        return process.returncode, errors

    def pip_calls(self) -> list[str]:
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [line for line in lines if line != "venv"]

    def torch_calls(self) -> list[str]:
        return [call[call.index("py311.txt") + 10 :] for call in self.pip_calls() if "--editable" not in call]

    def venvs_made(self) -> int:
        return self.log.read_text().splitlines().count("venv")

    def interrupt(self, sign: signal.Signals, **env: str) -> None:
        """Start a set-up and end it while its pip writes to .venv."""
        process = self.start(FAKE_PIP="hang", **env)
        wait_for(lambda: "Installing" in read(self.root / ".bootstrap" / "log"))
        process.send_signal(sign)
        process.communicate(timeout=10)
        assert process.returncode not in (0, None)


def read(file: Path) -> str:
    return file.read_text() if file.exists() else ""


def wait_for(condition, seconds: float = 10):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture
def box(tmp_path):
    return Sandbox(tmp_path)


def test_sets_up_torch_first_then_the_project(box):
    status, errors = box.run("test")
    assert status == 0, errors
    torch, project = box.pip_calls()
    assert torch.endswith("torch==2.13.0+cpu")
    assert project.endswith("--editable .[test,dev,mongo-local,remote,dashboard]")
    assert all("--constraint constraints/py311.txt" in call for call in (torch, project))
    assert [line[:5] for line in errors.splitlines()] == ["[1/4]", "[2/4]", "[3/4]", "[4/4]"]
    assert all(line.endswith(" s") for line in errors.splitlines())


def test_a_second_call_is_quick_and_silent(box):
    box.run("test")
    calls = box.pip_calls()
    began = time.monotonic()
    assert box.run("test") == (0, "")
    assert time.monotonic() - began < 3
    assert box.run("run") == (0, ""), "what serves the tests serves a run"
    assert box.pip_calls() == calls


def test_a_set_up_for_runs_is_not_enough_for_tests(box):
    box.run("run")
    assert box.pip_calls()[-1].endswith("--editable .")
    box.run("test")
    assert "[test," in box.pip_calls()[-1]
    assert box.venvs_made() == 1


def test_a_changed_pyproject_is_installed_anew(box):
    box.run()
    with (box.root / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert "[3/4]" in box.run()[1]
    assert box.venvs_made() == 1


def test_writes_only_in_the_checkout(box, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    box.run(HOME=str(home))
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "a checkout", "bin", "cache", "home", "pip.log", "pip.log.env",
    ]  # fmt: skip
    assert list(home.iterdir()) == []
    assert sorted(file.name for file in (box.root / ".bootstrap").iterdir()) == ["log"]


def test_a_cache_that_cannot_be_written_is_not_used(box, tmp_path):
    (tmp_path / "file").touch()
    box.run(FAKE_CACHE=str(tmp_path / "file" / "cache"), PIP_USER="1")
    assert set((tmp_path / "pip.log.env").read_text().splitlines()) == {"NO_CACHE=1 USER=0"}


# --- Python -----------------------------------------------------------------------------------


def test_without_a_fitting_python_one_line_tells_the_remedy(box):
    (box.bin / "python3.11").unlink()
    box.command("python3.12", "#!/bin/sh\necho 'shim: command not found' >&2\nexit 127\n")
    box.command("python3", FAKE_PYTHON)
    status, errors = box.run(FAKE_VERSION="3.10.4")
    assert status == 1
    assert len(errors.splitlines()) == 1
    assert "3.11 to 3.13" in errors
    assert "PYTHON=" in errors
    assert not (box.root / ".venv").exists()


def test_takes_python3_where_it_fits(box):
    (box.bin / "python3.11").rename(box.bin / "python3")
    assert box.run()[0] == 0


def test_a_python_that_is_named_has_to_fit(box):
    status, errors = box.run(PYTHON="/nowhere/python")
    assert status == 1
    assert len(errors.splitlines()) == 1
    assert "/nowhere/python" in errors


def test_another_python_gets_another_venv(box):
    box.run()
    box.command("python-other", FAKE_PYTHON.replace("/fake", "/other"))
    assert box.run(PYTHON="python-other")[0] == 0
    assert box.venvs_made() == 2
    assert box.run() == (0, ""), "without PYTHON, the Python of .venv stays"


def test_python_3_13_needs_a_compiler(box):
    status, errors = box.run(FAKE_VERSION="3.13.1")
    assert status == 1
    assert "compiler" in errors.splitlines()[-1]
    box.command("cc", "#!/bin/sh\n")
    assert box.run(FAKE_VERSION="3.13.1")[0] == 0
    assert "py313.txt" in box.pip_calls()[-1]


# --- torch ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "call"),
    [
        ("auto", "torch==2.13.0+cpu"),
        ("cpu", "torch==2.13.0+cpu"),
        ("cuda", "torch===2.13.0"),
        ("https://example.org/t.whl", "torch @ https://example.org/t.whl"),
        ("https://example.org/whl/xpu", "--extra-index-url https://example.org/whl/xpu torch==2.13.0"),
    ],
)
def test_matsearch_torch_chooses_the_build(box, value, call):
    assert box.run(MATSEARCH_TORCH=value)[0] == 0
    assert box.torch_calls() == [call]


def test_an_unknown_torch_is_refused(box):
    status, errors = box.run(MATSEARCH_TORCH="gpu")
    assert status == 1
    assert "auto, cpu, cuda or a URL" in errors
    assert box.pip_calls() == []


@pytest.mark.parametrize(
    ("answer", "call"), [("echo GPU 0: X", "torch===2.13.0"), ("exit 9", "torch==2.13.0+cpu")]
)
def test_auto_is_cuda_only_where_nvidia_smi_answers(box, answer, call):
    box.command("nvidia-smi", f"#!/bin/sh\n{answer}\n")
    box.run()
    assert box.torch_calls() == [call]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere PyPI's build is the CPU one")
def test_without_a_cpu_build_the_plain_one_is_taken_with_a_warning(box):
    status, errors = box.run(FAKE_PIP="no-cpu")
    assert status == 0, errors
    configured, public, plain = box.torch_calls()
    assert configured == "torch==2.13.0+cpu"
    assert public.endswith("--extra-index-url https://download.pytorch.org/whl/cpu torch==2.13.0+cpu")
    assert plain == "torch==2.13.0"
    assert errors.count("warning") == 1
    assert "GB" in errors


# --- failures and repairs ---------------------------------------------------------------------


def test_a_failure_shows_the_last_error_and_a_remedy_and_is_made_good(box):
    status, errors = box.run(FAKE_PIP="full")
    assert status == 1
    error, remedy = errors.splitlines()[-2:]
    assert "No space left on device" in error
    assert remedy.startswith("remedy: free some disk space")
    assert box.run()[0] == 0
    assert box.run() == (0, "")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_pip_and_the_next_call_repairs(box, sign):
    box.interrupt(sign)
    assert not (box.root / ".bootstrap" / "lock").exists()
    status, errors = box.run()
    assert status == 0, errors
    assert box.venvs_made() == 2, "pip was writing: .venv is made anew"
    assert box.run() == (0, "")


def test_a_kill_is_repaired_once_the_orphaned_pip_has_ended(box):
    box.interrupt(signal.SIGKILL)
    group = int((box.root / ".bootstrap" / "lock" / "child").read_text())
    status, errors = box.run(MATSEARCH_LOCK_WAIT="1")
    assert status == 1
    assert "gave up" in errors
    os.killpg(group, signal.SIGKILL)
    status, errors = box.run()
    assert status == 0, errors
    assert box.venvs_made() == 2


def test_a_moved_checkout_gets_a_new_venv(box, tmp_path):
    box.run()
    box.root = box.root.rename(tmp_path / "moved here")
    status, errors = box.run()
    assert status == 0, errors
    assert box.venvs_made() == 2
    assert str(box.root) in (box.root / ".venv" / "bin" / "pip").read_text()


# --- the lock ---------------------------------------------------------------------------------


def leave_lock(box: Sandbox, pid: int) -> Path:
    lock = box.root / ".bootstrap" / "lock"
    lock.mkdir(parents=True)
    (lock / "pid").write_text(f"{pid} {os.uname().nodename}\n")
    return lock


def test_waits_for_a_living_set_up_and_says_so_once(box):
    lock = leave_lock(box, os.getpid())
    process = box.start()
    assert "waiting for another set-up" in process.stderr.readline()
    shutil.rmtree(lock)
    errors = process.communicate(timeout=10)[1]
    assert process.returncode == 0, errors
    assert "waiting" not in errors


def test_gives_up_on_a_set_up_that_does_not_end(box):
    leave_lock(box, os.getpid())
    status, errors = box.run(MATSEARCH_LOCK_WAIT="1")
    assert status == 1
    assert f"end process {os.getpid()}" in errors.splitlines()[-1]


def test_takes_over_the_lock_of_a_dead_process(box):
    ended = subprocess.Popen(["true"])
    ended.wait()
    lock = leave_lock(box, ended.pid)
    assert box.run()[0] == 0
    assert not lock.exists()
