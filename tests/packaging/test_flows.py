"""Flow files are short recipes: they compose Makers of the library and define nothing of their own."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest
from jobflow import Flow

from matsearch.cli.init import copy_share
from matsearch.core.config import load_config, parse_config
from matsearch.core.errors import InputError

ROOT = Path(__file__).parents[2]
FLOWS = sorted((ROOT / "flows").glob("*.py"))
MAX_LINES = 80

by_name = pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)


def names_of(nodes: list[ast.expr]) -> set[str]:
    """Return the last names of decorators or base classes, called or not."""
    bare = [node.func if isinstance(node, ast.Call) else node for node in nodes]
    return {ast.unparse(node).rpartition(".")[2] for node in bare}


def load_flow(path: Path):
    """Return a flow file as a module."""
    spec = importlib.util.spec_from_file_location(f"recipe_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_there_are_flows():
    assert {"search", "screen", "generate", "predict", "design", "verify"} == {path.stem for path in FLOWS}


@by_name
def test_flow_is_short_and_has_build(path):
    text = path.read_text(encoding="utf-8")
    functions = [n.name for n in ast.parse(text).body if isinstance(n, ast.FunctionDef)]
    assert len(text.splitlines()) <= MAX_LINES
    assert "build" in functions


@by_name
def test_flow_defines_no_job_and_no_maker(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert "job" not in names_of(node.decorator_list), node.name
        if isinstance(node, ast.ClassDef):
            assert not any(name.endswith("Maker") for name in names_of(node.bases)), node.name


@by_name
def test_flow_imports_only_matsearch_jobflow_and_the_standard_library(path):
    imported = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(node.module.partition(".")[0])
    assert imported <= {"matsearch", "jobflow"} | sys.stdlib_module_names


def test_init_copies_everything_once(tmp_path):
    copy_share(tmp_path / "mine")
    for kind in ("configs", "flows", "prompts"):
        for path in (ROOT / kind).rglob("*.*"):
            assert (tmp_path / "mine" / path.relative_to(ROOT)).read_bytes() == path.read_bytes()
    mine, theirs = (load_config(root / "configs" / "quickstart.yaml") for root in (tmp_path / "mine", ROOT))
    assert mine == theirs
    with pytest.raises(InputError, match="exists already"):
        copy_share(tmp_path / "mine")


WITHOUT_MODEL = {"propose": {"share": {"operators": 1}}}
STIFF = {"name": "bulk_modulus", "direction": "maximize"}


@pytest.mark.parametrize(
    ("name", "asked", "section", "expected"),
    [
        ("generate", {"elements": ["Na", "Cl"]}, "system", {"elements": ["Cl", "Na"]}),
        ("predict", {"formulas": "NaCl"}, "system", {"formulas": ["NaCl"], "elements": ["Cl", "Na"]}),
        ("design", {"objectives": [STIFF], "elements": ["B", "N"]}, "system", {"elements": ["B", "N"]}),
    ],
)
def test_flows_of_the_modes_build_what_was_asked(name, asked, section, expected, tmp_path):
    flow = load_flow(ROOT / "flows" / f"{name}.py").build(
        **asked, store=f"sqlite:///{tmp_path}/store.sqlite", changes={**WITHOUT_MODEL, "system.max_atoms": 4}
    )
    assert isinstance(flow, Flow)
    config = parse_config(next(flow.iterflow())[0].function_args[0])
    said = getattr(config, section).model_dump(mode="json")
    assert expected.items() <= said.items()
    assert said["max_atoms"] == 4
    assert config.propose.llm is None
    if name == "design":
        assert [o.name for o in config.objectives] == ["energy_above_hull", "bulk_modulus"]


def test_copied_flows_build_and_no_job_names_them(tmp_path, titanium_carbide):
    copy_share(tmp_path)
    titanium_carbide.to(filename=str(tmp_path / "TiC.cif"))
    store = f"sqlite:///{tmp_path}/store.sqlite"

    search = load_flow(tmp_path / "flows" / "search.py").build(tmp_path / "configs" / "toy.yaml", store=store)
    screen = load_flow(tmp_path / "flows" / "screen.py").build(tmp_path / "TiC.cif")
    verify = load_flow(tmp_path / "flows" / "verify.py").build(
        tmp_path / "configs" / "toy.yaml", store=store, search=True
    )

    for flow in (search, screen, verify):
        assert isinstance(flow, Flow)
        assert all(job.function.__module__.startswith("matsearch.") for job, _ in flow.iterflow())
