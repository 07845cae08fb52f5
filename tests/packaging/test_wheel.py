"""What a user gets: the wheel made from the sdist, installed apart, used from another folder."""

import gzip
import json
import os
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHARED = [path for kind in ("configs", "flows", "prompts") for path in sorted((ROOT / kind).rglob("*.*"))]


def python(*arguments: str | Path, cwd: Path, **environment: str) -> str:
    """Run Python in a folder and return what it prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    """Folder with the sdist, and the wheel that build makes from it."""
    folder = tmp_path_factory.mktemp("dist")
    python("-m", "build", "--no-isolation", "--outdir", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory) -> Path:
    """Folder with the wheel's content, to stand before the editable install on the path."""
    folder = tmp_path_factory.mktemp("installed")
    offline = ("--quiet", "--no-index", "--no-deps", "--no-compile")
    python("-m", "pip", "install", *offline, "--target", folder, *built.glob("*.whl"), cwd=folder)
    return folder


def contents(built: Path) -> dict[str, bytes]:
    """Return all files of the wheel and of the sdist, unzipped."""
    files = {}
    [wheel], [sdist] = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        files |= {f"wheel/{name}": archive.read(name) for name in archive.namelist()}
    with tarfile.open(sdist) as archive:
        for member in archive.getmembers():
            stream = archive.extractfile(member)
            if stream is not None:
                files[f"sdist/{member.name}"] = stream.read()
    return {name: gzip.decompress(c) if name.endswith(".gz") else c for name, c in files.items()}


def test_wheel_and_sdist_hold_all_that_is_needed(built):
    files = contents(built)
    wheel = {name.removeprefix("wheel/") for name in files if name.startswith("wheel/")}
    folders = [ROOT / "matsearch" / kind / "data" for kind in ("crystal", "hull")]
    folders.append(ROOT / "matsearch" / "export" / "report" / "templates")
    data = [path for folder in folders for path in folder.rglob("*") if path.is_file()]

    assert "matsearch/py.typed" in wheel
    assert {str(path.relative_to(ROOT)) for path in data} <= wheel
    assert {f"matsearch/_share/{path.relative_to(ROOT)}" for path in SHARED} <= wheel
    assert any(name.endswith("licenses/LICENSE") for name in wheel)
    assert not [name for name in wheel if name.startswith("tests") or "__pycache__" in name]
    [prefix] = {"/".join(name.split("/")[:2]) for name in files if name.startswith("sdist/")}
    for name in ("quickstart", "test", "scripts/bootstrap", "README.md", "CITATION.cff", "tests/conftest.py"):
        assert f"{prefix}/{name}" in files


def test_no_file_names_the_machine_it_was_built_on(built):
    path = re.compile(rb"(?<![\w.])" + re.escape(str(ROOT).encode()) + rb"[/\"'\s]")
    assert [name for name, content in contents(built).items() if path.search(content)] == []


def test_import_is_light_and_finds_the_installed_copy(installed, tmp_path):
    code = "import sys, matsearch; print(matsearch.__file__, *sys.modules, sep='\\n')"
    where, *modules = python("-c", code, cwd=tmp_path, PYTHONPATH=str(installed)).splitlines()
    assert Path(where).is_relative_to(installed)
    assert not {"torch", "pymatgen", "jobflow"} & set(modules)


def test_installed_copy_runs_from_another_folder(installed, tmp_path):
    """The packaged configurations are found, and a whole search ends with a table and a store."""
    command = ("-m", "matsearch.cli.app")
    small = ("--set", "population.proposals=3", "--set", "budget.generations=1")
    store = ("--store", f"sqlite:///{tmp_path}/store.sqlite")
    where = {"cwd": tmp_path, "PYTHONPATH": str(installed)}

    text = python(*command, "run", "toy", *small, *store, "--json", **where)
    checked = python(*command, "config", "check", "quickstart", "--json", **where)

    assert json.loads(text)["funnel"]["asked"] == 3
    assert (tmp_path / "store.sqlite").is_file()
    assert json.loads(checked)["campaign_id"].startswith("quickstart-")
