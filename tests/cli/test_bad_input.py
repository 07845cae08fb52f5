"""What cannot work ends in one clear line, and nothing that was there is lost."""

import gzip
import json
import os
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from pymatgen.core import Lattice, Structure

from matsearch.core.campaign import SCHEMA_VERSION
from matsearch.crystal.known import embedded_set
from tests.commands import commands_in, run_toy, sets, stored, uri

SIZES = {"population__proposals": 4, "budget__generations": 1}
NOBODY = 65534

CIF = """data_x
_cell_length_a 4.33
_cell_length_b 4.33
_cell_length_c 4.33
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
{sites}
"""
FINE = CIF.format(sites="Ti1 Ti 0 0 0 1\nC1 C 0.5 0.5 0.5 1")

CRYSTALS = {
    "nonsense.cif": (b"data_x\n_cell_length_a four\n", "is not a readable CIF"),
    "text.cif": (b"no crystal at all", "is not a readable CIF"),
    "binary.cif": (b"\xff\xfe\x00\x80" * 20, "cannot read"),
    "empty.cif": (b"", "is empty"),
    "blank.cif": (b" \n\n", "is empty"),
    "unknown.cif": (CIF.format(sites="Xx1 Xx 0 0 0 1\nC1 C 0.5 0.5 0.5 1").encode(), "Xx"),
    "disordered.cif": (
        CIF.format(sites="Ti1 Ti 0 0 0 0.5\nAl1 Al 0 0 0 0.5\nC1 C 0.5 0.5 0.5 1").encode(),
        "disordered site",
    ),
    "nonsense.vasp": (b"TiC\n1.0\n1 0 0\n", "is not a readable POSCAR: it ends too early"),
    "no-crystal.txt": (b"hello", "is not a readable"),
}


def entries(*formulas, **changes):
    return [
        {"entry_id": f, "composition": {f: 1.0}, "energy": -1.0, "correction": 0.0, **changes}
        for f in formulas
    ]


R2SCAN = {"parameters": {"run_type": "r2SCAN"}}
GZIPPED = gzip.compress(json.dumps(entries("Ti", "Al", "C")).encode())

REFERENCES = {
    "no-carbon.json": (json.dumps(entries("Ti", "Al")).encode(), {}, "C"),
    "no-json.json": (b"energy: -1.0", {}, "cannot read entries"),
    "number.json": (b"5", {}, "no list of entries"),
    "none.json": (b"[]", {}, "no list of entries"),
    "numbers.json": (b"[1, 2]", {}, "entry 0 is no pymatgen entry"),
    "no-energy.json": (b'[{"composition": {"Ti": 1}}]', {}, "energy"),
    "nan.json": (b'[{"composition": {"Ti": 1}, "energy": NaN}]', {}, "finite"),
    "cut.json.gz": (GZIPPED[: len(GZIPPED) // 2], {}, "cannot read entries"),
    "plain.json.gz": (b"[]", {}, "cannot read entries"),
    "r2scan.json": (
        json.dumps(entries("Ti", "Al", "C", **R2SCAN)).encode(),
        {"reference.corrections": "mp2020"},
        "run_type r2SCAN",
    ),
    "other-scheme.json": (
        json.dumps(entries("Ti", "Al", "C")).encode(),
        {"reference.scheme": "mp-gga-gga+u-mp2020"},
        "mp-gga-gga+u-mp2020",
    ),
    "unknown-scheme.json": (
        json.dumps(entries("Ti", "Al", "C")).encode(),
        {"reference.scheme": "mine"},
        "mine",
    ),
    "no-scheme.json": (json.dumps(entries("Ti", "Al", "C")).encode(), {"reference.scheme": "null"}, "scheme"),
}

SETTINGS = {
    "unknown key": ({"relax.fmx": 0.1}, "relax.fmx: unknown key, did you mean 'fmax'?"),
    "unknown section": ({"relaxx.fmax": 0.1}, "relaxx: unknown key, did you mean 'relax'?"),
    "no section": ({"seed.more": 1}, "seed"),
    "unknown element": ({"system.elements": "[Ti, Qq]"}, "'Qq' is no element"),
    "no element": ({"system.elements": "[]"}, "system.elements"),
    "negative": ({"relax.fmax": -1}, "relax.fmax"),
    "infinite": ({"relax.fmax": ".inf"}, "relax.fmax"),
    "text": ({"population.proposals": "many"}, "population.proposals"),
    "no YAML": ({"seed": "[1"}, "--set seed=[1"),
    "unknown potential": ({"potential.name": "mace"}, "unknown potential 'mace'"),
    "unknown version": ({"potential.name": "chgnet", "potential.version": "'9'"}, "'9'"),
    "scheme mismatch": ({"reference.source": "embedded"}, "chgnet-0.3.0"),
    "missing references": ({"reference.source": "/nowhere/entries.json"}, "/nowhere/entries.json"),
    "missing seeds": ({"seeds.source": "/nowhere/seeds"}, "/nowhere/seeds"),
    "no parents": (
        {
            "propose.operators": "{strain: 1}",
            "seeds.templates": "false",
            "seeds.exclude": json.dumps([p.phase_id for p in embedded_set().within({"Ti", "Al", "C"})]),
        },
        "no parents",
    ),
}


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A finished campaign in a store, and what must stay of it."""
    folder = tmp_path_factory.mktemp("kept")
    with commands_in(folder) as commands:
        store = folder / "store.sqlite"
        ended = commands.run(*run_toy(store, **SIZES))
        assert ended.code == 0, ended.err
        kept = SimpleNamespace(commands=commands, store=store, said=stored(store), folder=folder)
        assert kept.said[0][0]["status"] == "finished"
        yield kept


@pytest.fixture
def refused(kept):
    """Return a function that runs a search into the store that must be refused with one line, which it returns."""

    def refused(settings):
        ended = kept.commands.run("run", "toy", "--store", uri(kept.store), *sets(settings))
        assert ended.out == ""
        line = ended.one_line()
        assert line.startswith("matsearch: ")
        assert ended.code == 2
        assert stored(kept.store) == kept.said
        return line

    return refused


@pytest.mark.parametrize("name", CRYSTALS)
def test_a_seed_that_is_no_crystal(name, refused, tmp_path):
    content, reason = CRYSTALS[name]
    (tmp_path / name).write_bytes(content)
    line = refused({"seeds.source": tmp_path / name})
    assert reason in line
    assert name in line


def test_one_bad_seed_among_good_ones_is_named(refused, tmp_path):
    (tmp_path / "a.cif").write_text(FINE)
    (tmp_path / "b.cif").write_bytes(b"")
    assert "b.cif is empty" in refused({"seeds.source": tmp_path})


def test_a_folder_without_crystals(refused, tmp_path):
    assert "holds no CIF or POSCAR file" in refused({"seeds.source": tmp_path, "seeds.templates": "false"})


def test_the_sample_of_these_tests_is_fine(kept, tmp_path):
    """Else the refusals above would say nothing about their reasons."""
    (tmp_path / "fine.cif").write_text(FINE)
    lattice = Lattice.cubic(4.33)
    Structure(lattice, ["Ti", "C"], [[0, 0, 0], [0.5, 0.5, 0.5]]).to(str(tmp_path / "fine.vasp"))
    (tmp_path / "fine.json").write_text(json.dumps(entries("Ti", "Al", "C")))
    settings = {
        "seeds.source": tmp_path,
        "reference.source": tmp_path / "fine.json",
        "reference.scheme": "toy",
    }
    ended = kept.commands.run("config", "check", "toy", "--json", *sets(settings))
    assert ended.code == 0, ended.err
    assert (ended.document["seeds"], ended.document["hull"]["n_phases"]) == (2, 3)


@pytest.mark.parametrize("name", REFERENCES)
def test_references_that_cannot_serve(name, refused, tmp_path):
    content, settings, reason = REFERENCES[name]
    (tmp_path / name).write_bytes(content)
    line = refused({"reference.source": tmp_path / name, "reference.scheme": "toy"} | settings)
    assert reason in line


def test_a_missing_terminal_element_is_named_with_its_file(refused, tmp_path):
    (tmp_path / "mine.json").write_text(json.dumps(entries("Ti", "Al")))
    line = refused({"reference.source": tmp_path / "mine.json", "reference.scheme": "toy"})
    assert "mine.json" in line
    assert " C" in line


@pytest.mark.parametrize("case", SETTINGS)
def test_settings_that_cannot_be(case, refused):
    settings, reason = SETTINGS[case]
    assert reason in refused(settings)


def test_an_error_is_json_where_json_is_asked_for(kept):
    ended = kept.commands.run(*run_toy(kept.store, potential__name="mace"))
    problem = json.loads(ended.one_line())
    assert problem["error"] == "unknown potential 'mace'"
    assert "toy" in problem["remedy"]
    assert ended.out == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("show", "ffff000011112222"), "no candidate 'ffff000011112222'"),
        (("show", ""), "no candidate ''"),
        (("debug", "ffff000011112222"), "no candidate"),
        (("status", "nobody"), "no campaigns match 'nobody'"),
        (("top", "nobody"), "no campaigns match 'nobody'"),
        (("export", "nobody"), "no campaigns match 'nobody'"),
    ],
)
def test_what_is_not_in_the_store(words, reason, kept):
    ended = kept.commands.run(*words, "--store", uri(kept.store))
    assert reason in ended.one_line()
    assert stored(kept.store) == kept.said


def test_an_unknown_stage(kept):
    best = kept.said[1][0]["candidate_id"]
    ended = kept.commands.run("debug", best, "--stage", "magic", "--store", uri(kept.store))
    assert "no stage 'magic'" in ended.one_line()


@pytest.mark.parametrize("verb", ["status", "top", "export"])
def test_a_store_that_is_not_there_is_not_made(verb, kept, tmp_path):
    ended = kept.commands.run(verb, "--store", uri(tmp_path / "none.sqlite"))
    assert f"there is no repository at {tmp_path}/none.sqlite" in ended.one_line()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["folder", "text", "other", "scheme", "nowhere"])
def test_a_store_that_is_none(name, kept, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("no database, and long enough to be taken for one" * 100)
    with closing(sqlite3.connect(tmp_path / "other")) as connection:
        connection.execute("CREATE TABLE mine (x)")
    reasons = {
        "folder": "is a folder",
        "text": "is not a SQLite database",
        "other": "is another program's SQLite database",
        "scheme": "unknown kind of repository",
        "nowhere": "cannot be opened",
    }
    store = {"scheme": "mysql://x/y", "nowhere": uri(tmp_path / "no" / "folder.sqlite")}.get(name)
    ended = kept.commands.run("run", "toy", "--store", store or uri(tmp_path / name))
    assert reasons[name] in ended.one_line()
    assert not (tmp_path / "no").exists()


def test_a_store_of_a_newer_version_is_refused_and_left_alone(kept, tmp_path):
    store = copied(kept, tmp_path)
    with closing(sqlite3.connect(store)) as connection:
        connection.execute(f"PRAGMA user_version={SCHEMA_VERSION + 1}")
    before = store.read_bytes()
    for arguments in (run_toy(store, **SIZES), ["top", "--store", uri(store)]):
        line = kept.commands.run(*arguments).one_line()
        assert f"has schema version {SCHEMA_VERSION + 1}" in line
        assert "upgrade matsearch" in line
    assert store.read_bytes() == before


@pytest.mark.parametrize("place", ["in a file", "on a file"])
def test_an_export_that_cannot_be_written(place, kept, tmp_path):
    (tmp_path / "file").touch()
    to = {"in a file": tmp_path / "file" / "out", "on a file": tmp_path / "file"}[place]
    ended = kept.commands.run("export", "--to", to, "--store", uri(kept.store))
    assert f"cannot write to {to}" in ended.one_line()
    assert (tmp_path / "file").read_bytes() == b""


def test_a_read_only_folder(kept):
    with open_folder() as folder:
        store, closed = copied(kept, folder), folder / "closed"
        store.chmod(0o666)
        closed.mkdir()
        copied(kept, closed)
        for path in (closed / "store.sqlite", closed):
            path.chmod(0o444 if path.is_file() else 0o555)
        # root may write anywhere
        user = {"user": NOBODY} if os.getuid() == 0 else {}
        user["env"] = {"HOME": str(folder)}
        new = kept.commands.run(*run_toy(closed / "new.sqlite", **SIZES), **user)
        assert "cannot be opened" in new.one_line()
        more = kept.commands.run(
            *run_toy(closed / "store.sqlite", **SIZES | {"budget__generations": 2}), **user
        )
        assert "read-only" in more.one_line() or "cannot be opened" in more.one_line()
        export = kept.commands.run("export", "--to", closed / "out", "--store", uri(store), **user)
        assert f"cannot write to {closed}/out" in export.one_line()
        init = kept.commands.run("init", closed / "out", **user)
        assert f"cannot write to {closed}/out" in init.one_line()
        assert [path.name for path in closed.iterdir()] == ["store.sqlite"]
        for path in (closed, closed / "store.sqlite"):
            path.chmod(0o777 if path.is_dir() else 0o666)
        assert stored(closed / "store.sqlite") == stored(store) == kept.said


@pytest.mark.parametrize("text", ["store: [1", "workers: many", "- a list", "workers: -1"])
def test_machine_settings_that_cannot_be_used(text, kept, tmp_path):
    (tmp_path / ".matsearch.yaml").write_text(text)
    for arguments in (["run", "toy", "--store", uri(kept.store)], ["top"], ["config", "check", "toy"]):
        assert ".matsearch.yaml" in kept.commands.run(*arguments, env={"HOME": str(tmp_path)}).one_line()
    assert stored(kept.store) == kept.said


def test_an_environment_variable_that_cannot_be_used(kept):
    line = kept.commands.run("top", env={"MATSEARCH_WORKERS": "many"}).one_line()
    assert "MATSEARCH_WORKERS" in line
    assert "many" in line


@pytest.mark.parametrize("way", ["limit", "file system"])
def test_a_full_disk(way, kept, tmp_path):
    """The campaign that was there stays; with more room the same command ends as if nothing had been."""
    larger = SIZES | {"budget__generations": 3}
    with small_disk(tmp_path, way) as (folder, limits, more_room):
        store = copied(kept, folder)
        arguments = run_toy(store, **larger)
        ended = kept.commands.run(*arguments, **limits)
        line = ended.one_line()
        assert "disk" in json.loads(line)["error"]
        assert json.loads(line)["remedy"]
        more_room()
        first = [c for c in stored(store)[1] if c["generation"] == 0]
        assert first == kept.said[1]
        resumed = kept.commands.run(*arguments)
        assert resumed.code == 0, resumed.err
        found = stored(store)
    whole = tmp_path / "whole.sqlite"
    assert kept.commands.run(*run_toy(whole, **larger)).code == 0
    assert found == stored(whole)


def test_a_second_driver_is_refused_while_the_first_runs(kept, tmp_path):
    store = copied(kept, tmp_path)
    arguments = run_toy(store, **SIZES | {"budget__generations": 3})
    first = kept.commands.start(*arguments)
    first.wait_for('"proposed"')
    second = kept.commands.run(*arguments)
    assert first.poll() is None, "the first was still running"
    problem = json.loads(second.one_line())
    assert f"is being run by process {first.pid}" in problem["error"]
    ended = first.wait()
    assert ended.code == 0, ended.err
    assert ended.document["lost_in_flight"] == 0
    states, candidates = stored(store)
    assert (states[0]["generation"], states[0]["status"]) == (3, "finished")
    assert [c for c in candidates if c["generation"] == 0] == kept.said[1]
    assert len(candidates) == 3 * 4


def test_a_mongodb_that_is_not_there(kept):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    ended = kept.commands.run("run", "toy", "--store", f"mongodb://user:secret@127.0.0.1:{port}/matsearch")
    line = ended.one_line()
    assert "cannot be reached" in line
    assert "secret" not in line
    assert ended.seconds < 15


def copied(kept, folder):
    """Return a copy of the store, complete without its write-ahead log."""
    with closing(sqlite3.connect(kept.store)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(shutil.copy(kept.store, folder / "store.sqlite"))


@contextmanager
def open_folder():
    """Give a folder that everybody can reach and write to; pytest's own are closed to other users."""
    folder = Path(tempfile.mkdtemp(prefix="matsearch-test-"))
    folder.chmod(0o777)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def small_disk(tmp_path, way):
    """Give a folder with little room, limits for the command, and a function that makes room."""
    if way == "limit":
        yield tmp_path, {"file_size": 120_000}, lambda: None
        return
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount a small file system here: {mounted.stderr.decode().strip()}")
    try:
        yield (
            folder,
            {},
            lambda: subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True),
        )
    finally:
        subprocess.run(["umount", folder], check=True)
