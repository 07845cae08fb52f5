"""Every command on one finished search, with and without ``--json``."""

import csv
import hashlib
import json
import os
import re
import signal
import sqlite3
import sys
import threading
from contextlib import closing
from types import SimpleNamespace

import pytest
import yaml
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Structure

from matsearch.core.structures import decode_structure
from tests.commands import commands_in, run_toy, stored, uri, wait_until, workers_in

SIZES = {"population__proposals": 5, "budget__generations": 2}
FUNNEL = {
    *("asked", "replied", "parsed", "valid", "unique", "relaxed", "scored", "distinct"),
    *("metastable", "near_stable", "below_hull", "flagged", "rediscovered", "kept"),
    *("composition_and_energy_matched", "unmatched"),
}
HULL = {"name", "scheme_id", "sha256", "elements", "n_phases", "complete", "date", "corrections"}
ROW = {
    *(
        "rank",
        "candidate_id",
        "formula",
        "spacegroup",
        "n_atoms",
        "energy_above_hull",
        "ions",
        "moments",
        "generation",
        "operator",
    ),
    *("formation_energy_per_atom", "energy_per_atom", "known_phase", "match", "flags"),
    *("prototype", "nearest_known", "nearest_known_distance", "charge_balance"),
}
VERBS = (
    "run",
    "verify",
    "frames",
    "status",
    "top",
    "show",
    "export",
    "report",
    "doctor",
    "init",
    "debug",
    "config",
    "references",
    "potentials",
    "prompt",
)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """A finished search, its store and what it said."""
    folder = tmp_path_factory.mktemp("done")
    with commands_in(folder) as commands:
        store = folder / "store.sqlite"
        ended = commands.run(*run_toy(store, **SIZES))
        assert ended.code == 0, ended.err
        _, candidates = stored(store)
        best = ended.document["top"][0]["candidate_id"]
        yield SimpleNamespace(
            commands=commands,
            store=store,
            uri=uri(store),
            ended=ended,
            document=ended.document,
            id=ended.document["campaign_id"],
            candidates={c["candidate_id"]: c for c in candidates},
            best=best,
        )


@pytest.fixture
def commands(tmp_path):
    with commands_in(tmp_path) as commands:
        yield commands


def on(done, verb, *arguments):
    """Run a command on the finished store and return its output; it must say nothing on standard error."""
    ended = done.commands.run(verb, *arguments, "--store", done.uri)
    assert (ended.code, ended.err) == (0, "")
    return ended


def test_run_says_everything_as_json(done):
    assert set(done.document) == {
        "campaign_id", "store", "seconds", "lost_in_flight", "hull", "funnel", "top"
    }  # fmt: skip
    assert (done.document["store"], done.document["lost_in_flight"]) == (done.uri, 0)
    assert set(done.document["funnel"]) == FUNNEL
    assert set(done.document["hull"]) == HULL
    assert done.document["funnel"]["asked"] == 10
    assert all(set(row) == ROW for row in done.document["top"])
    assert [row["rank"] for row in done.document["top"]] == list(range(1, len(done.document["top"]) + 1))


def test_progress_is_json_lines_where_there_is_no_terminal(done):
    events = done.ended.events
    assert all({"time", "event"} <= event.keys() for event in events)
    names = [event["event"] for event in events]
    assert names[0] == "campaign"
    assert names.count("proposed") == names.count("generation") == 2
    # the same crystal in another cell is another structure, but not another relaxation
    assert 0 < names.count("relaxed") <= done.document["funnel"]["unique"]
    assert events[-1]["event"] == "generation"
    assert events[-1]["relaxed"] <= events[-1]["asked"] == 5


def test_run_again_as_text_prints_the_table_and_what_to_do_next(done):
    arguments = [part for part in run_toy(done.store, **SIZES) if part != "--json"]
    before = stored(done.store)
    ended = done.commands.run(*arguments)
    assert ended.code == 0
    for row in done.document["top"][:10]:
        assert row["candidate_id"] in ended.out
        assert f"{row['energy_above_hull']:+.3f}" in ended.out
    assert "Asked 10," in ended.out
    assert "not a stability claim" in ended.out
    assert f"matsearch show {done.best}" in ended.out
    assert [event["event"] for event in ended.events] == ["campaign"], "nothing is done again"
    assert stored(done.store) == before


def test_progress_is_a_bar_on_a_terminal(commands, tmp_path):
    try:
        master, slave = os.openpty()
    except OSError as error:
        pytest.skip(f"no terminal can be opened here: {error}")
    seen = bytearray()

    def read():
        while True:
            try:
                piece = os.read(master, 4096)
            except OSError:
                return
            seen.extend(piece)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    environment = {"TERM": "xterm", "COLUMNS": "120"}
    arguments = run_toy(tmp_path / "s.sqlite", population__proposals=3, budget__generations=1)
    ended = commands.run(*arguments, env=environment, tty=os.ttyname(slave))
    os.close(slave)
    reader.join(10)
    os.close(master)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.decode())
    assert ended.code == 0
    assert ended.document["funnel"]["asked"] == 3
    assert "starting campaign toy-" in text
    assert "generation 1/1: " in text
    assert '"event"' not in text
    assert '"time"' not in text


def test_status(done):
    document = on(done, "status", done.id, "--json").document
    assert set(document) == {
        "campaign_id", "status", "generation", "history", "funnel", "verdicts", "work", "verification", "hull"
    }  # fmt: skip
    assert (document["status"], document["generation"], len(document["history"])) == ("finished", 2, 2)
    assert document["funnel"] == done.document["funnel"]
    dead = [c["verdict"]["kind"] for c in done.candidates.values() if c["verdict"]]
    assert document["verdicts"] == {kind: dead.count(kind) for kind in dead}
    assert set(document["work"]) == {"started", "finished", "transient", "lost"}
    assert document["work"]["lost"] == 0
    text = on(done, "status").out
    assert f"{done.id}: finished, 2 generations done" in text
    for name, number in document["funnel"].items():
        assert any(line.split() == [name, str(number)] for line in text.splitlines()), name


def test_top(done):
    document = on(done, "top", "toy", "--json", "-n", "3").document
    assert document == {"campaign_id": done.id, "top": done.document["top"][:3]}
    lines = on(done, "top", "-n", "3").out.splitlines()
    assert [row["candidate_id"] in line for row, line in zip(document["top"], lines[1:], strict=False)] == [
        True
    ] * 3
    assert lines[-1].startswith("Hull: ")


def test_show(done):
    for candidate_id, candidate in done.candidates.items():
        assert on(done, "show", candidate_id[:12], "--json").document == candidate
    text = on(done, "show", done.best).out
    candidate = done.candidates[done.best]
    assert text.startswith(done.best)
    assert f"{candidate['placement']['energy_above_hull']:+.4f} eV/atom" in text
    assert f"generation {candidate['generation']}, slot {candidate['slot']}" in text
    assert "crystal     relaxed" in text
    dead = next((c for c in done.candidates.values() if c["verdict"]), None)
    if dead:
        text = on(done, "show", dead["candidate_id"]).out
        assert f"{dead['verdict']['kind']} in {dead['verdict']['stage']}" in text


def test_export_is_read_back_as_the_stored_crystals(done, tmp_path):
    document = on(done, "export", "--to", tmp_path / "out", "--json").document
    folder = tmp_path / "out"
    assert document["folder"] == str(folder)
    assert sorted(document["files"]) == sorted(path.name for path in folder.iterdir())
    records = [json.loads(line) for line in (folder / "candidates.jsonl").read_text().splitlines()]
    assert records == [done.candidates[r["candidate_id"]] for r in records]
    assert len(records) == done.document["funnel"]["distinct"]
    same = StructureMatcher(primitive_cell=False, attempt_supercell=False)
    for number, record in enumerate(records, start=1):
        relaxed = decode_structure(record["relaxation"]["structure"])
        stem = f"{number:04d}-{relaxed.composition.reduced_formula}-{record['candidate_id']}"
        assert StructureMatcher().fit(Structure.from_file(folder / f"{stem}.cif"), relaxed)
        poscar = Structure.from_file(folder / f"{stem}.vasp")
        assert same.fit(poscar, relaxed)
        assert abs(poscar.volume - relaxed.volume) < 1e-3 * relaxed.volume
    table = list(csv.DictReader((folder / "table.csv").open()))
    assert [row["candidate_id"] for row in table] == [r["candidate_id"] for r in records]
    energies = [r["placement"]["energy_above_hull"] for r in records]
    assert [float(row["energy_above_hull"]) for row in table] == energies
    assert json.loads((folder / "campaign.json").read_text())["campaign_id"] == done.id


def test_export_has_the_right_hashes(done, tmp_path):
    text = on(done, "export", done.id, "--to", tmp_path / "two", "-n", "2").out
    assert text.startswith(f"2 crystals in {tmp_path / 'two'}")
    lines = (tmp_path / "two" / "sha256.txt").read_text().splitlines()
    named = {name: sha256 for sha256, name in (line.split("  ") for line in lines)}
    files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in (tmp_path / "two").iterdir()}
    assert named == {name: sha256 for name, sha256 in files.items() if name != "sha256.txt"}
    assert len([name for name in named if name.endswith(".cif")]) == 2


def test_doctor(done):
    document = on(done, "doctor", "--json").document
    assert document["ok"] is True
    assert all(set(check) == {"name", "ok", "detail", "remedy"} for check in document["checks"])
    names = {check["name"]: check for check in document["checks"]}
    assert {"python", "chgnet", "CHGNet weights", "store", "disk", "job store", "configs"} <= names.keys()
    assert "1 campaigns" in names["store"]["detail"]
    text = on(done, "doctor").out
    assert len(text.splitlines()) == len(names)
    assert all(line.startswith("ok ") for line in text.splitlines())


def test_doctor_says_what_is_wrong_and_what_to_do(commands, tmp_path):
    (tmp_path / "bad.sqlite").write_text("no database, and long enough to be taken for one" * 100)
    ended = commands.run("doctor", "--store", uri(tmp_path / "bad.sqlite"), "--json")
    assert ended.code == 1
    bad = [check for check in ended.document["checks"] if not check["ok"]]
    assert [check["name"] for check in bad] == ["store"]
    assert bad[0]["remedy"]
    assert ended.document["ok"] is False


def test_config_check(commands):
    facts = commands.run("config", "check", "toy", "--json").document
    assert set(facts) == {
        "campaign_id",
        "potential",
        "hull",
        "seeds",
        "templates",
        "proposals",
        "first_generation",
    }
    assert facts["proposals"] == 36
    assert set(facts["hull"]) == HULL
    text = commands.run("config", "check", "toy", "--set", "budget.generations=2")
    assert (text.code, text.err) == (0, "")
    assert facts["campaign_id"] in text.out, "the budget is no part of the identity"
    assert "24 proposals in all" in text.out


def test_config_schema_describes_what_show_resolves(commands):
    schema = commands.run("config", "schema").document
    resolved = commands.run("config", "show", "toy", "--resolved", "--json").document
    assert set(schema["properties"]) == set(resolved)
    assert schema["additionalProperties"] is False
    assert {"name", "system"} <= set(schema["required"])
    plain = yaml.safe_load(commands.run("config", "show", "toy", "--resolved").out)
    assert plain == resolved
    written = commands.run("config", "show", "toy")
    assert yaml.safe_load(written.out)["population"].items() <= resolved["population"].items()
    assert "# in this process" in written.out, "as it is written, with its comments"
    changed = commands.run("config", "show", "toy", "--set", "seed=7", "--json").document
    assert changed["seed"] == 7
    assert "sanity" not in changed


def test_what_init_copies_runs(commands, tmp_path):
    ended = commands.run("init", tmp_path / "mine")
    assert (ended.code, ended.err) == (0, "")
    copied = {
        p.relative_to(tmp_path / "mine").as_posix() for p in (tmp_path / "mine").rglob("*") if p.is_file()
    }
    assert {"configs/toy.yaml", "configs/quickstart.yaml"} <= copied
    assert f"{len(copied)} files in" in ended.out
    check = commands.run("config", "check", tmp_path / "mine" / "configs" / "toy.yaml")
    assert check.code == 0
    again = commands.run("init", tmp_path / "mine")
    assert "exists already" in again.one_line()


@pytest.mark.parametrize("stage", ["parse", "relax", "hull", "properties"])
def test_debug_finds_what_the_run_found(stage, done):
    ended = done.commands.run("debug", done.best, "--stage", stage, "--store", done.uri, "--json")
    assert ended.code == 0
    candidate, found = done.candidates[done.best], ended.document
    assert found["structure"] == candidate["structure"]
    assert found["structure_key"] == candidate["structure_key"]
    expected = candidate["relaxation"] if stage != "parse" else None
    assert found["relaxation"] == expected
    placed = candidate["placement"] if stage in {"hull", "properties"} else None
    assert found["placement"] == placed


def test_debug_logs_the_relaxation_and_stores_nothing(done):
    before = stored(done.store)
    ended = done.commands.run("debug", done.best, "--store", done.uri)
    relaxation = done.candidates[done.best]["relaxation"]
    assert ended.code == 0
    assert (
        f"relaxed to {relaxation['energy_per_atom']:.4f} eV/atom in {relaxation['n_steps']} steps"
        in ended.out
    )
    steps = [line for line in ended.err.splitlines() if line.startswith("step ")]
    assert len(steps) == relaxation["n_steps"] + 1
    assert stored(done.store) == before
    with closing(sqlite3.connect(done.store)) as connection:
        owners = {owner for (owner,) in connection.execute("SELECT DISTINCT owner FROM work")}
    assert owners == {done.id}


@pytest.mark.parametrize(
    "words", [(), *((verb,) for verb in VERBS), *(("config", verb) for verb in ("check", "schema", "show"))]
)
def test_help_of_every_command(words, done):
    ended = done.commands.run(*words, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert "Usage: matsearch " + " ".join(words) in " ".join(ended.out.split())
    if not words:
        assert all(verb in ended.out for verb in VERBS)


def test_version_through_the_installed_program(commands):
    ended = commands.run("--version", real=True)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("matsearch ")


@pytest.mark.parametrize("workers", [0, 2])
def test_ctrl_c_ends_in_one_line_and_the_same_command_goes_on(workers, commands, tmp_path, done):
    store = tmp_path / "store.sqlite"
    arguments = run_toy(store, **SIZES, execution__workers=workers)
    running = commands.start(*arguments)
    running.wait_for('"relaxed"', times=2)
    if sys.platform == "linux":
        assert len(workers_in(tmp_path)) == workers
    running.send(signal.SIGINT)
    ended = running.wait()
    wait_until(lambda: not workers_in(tmp_path), 10, lambda: "a worker process was left behind")
    assert ended.code == 130
    assert "Traceback" not in ended.err
    said = [line for line in ended.err.splitlines() if not line.startswith('{"time"')]
    assert len(said) == 1, ended.err
    assert "run the same command again" in said[0]
    states, _ = stored(store)
    assert states[0]["status"] == "running"
    resumed = commands.run(*arguments)
    assert resumed.code == 0
    assert resumed.document["lost_in_flight"] <= max(1, workers)
    assert resumed.document["top"] == done.document["top"]
    assert {c["candidate_id"]: c for c in stored(store)[1]} == done.candidates
    assert not workers_in(tmp_path)


def test_a_reader_that_stops_reading_is_no_error(done):
    """``matsearch top | head -1``."""
    ended = done.commands.run("top", "--store", done.uri, closed_out=True)
    assert ended.err == ""
    assert ended.code in {0, 1}
