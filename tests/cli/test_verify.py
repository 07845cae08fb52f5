"""``matsearch verify``: a campaign or files, whom it would send, one line for what cannot work."""

import shutil
from types import SimpleNamespace

import pytest

from matsearch.testing.samples import sample_structure
from tests.commands import commands_in, stored, uri
from tests.verifying import VERIFY, search_arguments, verify_arguments


@pytest.fixture(scope="module")
def searched(toy_search, tmp_path_factory):
    """A finished search, and commands."""
    with commands_in(tmp_path_factory.mktemp("commands")) as commands:
        yield SimpleNamespace(commands=commands, **vars(toy_search))


@pytest.fixture
def store(searched, tmp_path):
    return shutil.copy(searched.store, tmp_path / "store.sqlite")


def test_a_campaign_is_verified_and_all_commands_show_it(searched, store, tmp_path):
    run = searched.commands.run
    ended = run(*verify_arguments(store))
    assert ended.code == 0, ended.err
    said = ended.document["verification"]
    assert [(c["formula"], c["role"], c["standing"]) for c in said["sent"]] == [
        ("Ti2Al", "survivor", "confirmed"),
        ("TiAl2", "survivor", "confirmed"),
        ("TiAl", "control", "refuted"),
    ]
    assert ended.document["funnel"]["dft_confirmed"] == 2
    assert ended.events[0]["event"] == "verification-planned"
    assert sum(event["event"] == "verification-calculated" for event in ended.events) == 5
    table = run(*[word for word in verify_arguments(store) if word != "--json"])
    assert "#  formula" in table.out
    assert "2 survivors sent: 2 confirmed." in table.out
    assert "100.0 (15.8-100.0)" in table.out
    assert "core-hours were spent" in table.out
    assert f"matsearch report {searched.id}" in table.out
    assert sum('"verification-calculated"' in line for line in table.err.splitlines()) == 0
    assert "Not DFT: in round 0 toy" in table.out
    (done,) = run("status", searched.id, "--store", uri(store), "--json").document["verification"]
    assert (done["calculations"], done["done"], done["failed"], done["waiting"]) == (5, 5, [], [])
    assert done["standings"] == {"confirmed": 2, "refuted": 1}
    assert "5 done, 0 failed, 0 waiting" in run("status", searched.id, "--store", uri(store)).out
    frames = run("frames", searched.id, "--to", tmp_path / "frames", "--store", uri(store), "--json")
    assert frames.code == 0, frames.err


def test_the_plan_is_shown_and_nothing_is_written(searched, store):
    before = stored(store)
    ended = searched.commands.run(*verify_arguments(store, "--plan"))
    assert ended.code == 0, ended.err
    assert [c["formula"] for c in ended.document["promoted"]] == ["Ti2Al", "TiAl2", "TiAl"]
    assert {p["formula"] for p in ended.document["phases"]} == {"Ti", "Al"}
    assert ended.document["predicted_core_hours"] > 0
    text = searched.commands.run(*[w for w in verify_arguments(store, "--plan") if w != "--json"])
    assert "2 reference phases to compute alike" in text.out
    assert stored(store) == before
    assert not (store.parent / "matsearch-dft").exists()


def test_options_go_before_the_stored_section(searched, store):
    ended = searched.commands.run(*verify_arguments(store, "--plan", "--survivors", "1", "--controls", "0"))
    assert [c["formula"] for c in ended.document["promoted"]] == ["Ti2Al"]


def test_files_are_screened_and_verified_and_go_on(searched, tmp_path):
    folder = tmp_path / "mine"
    folder.mkdir()
    sample_structure("Ti", "Al", 4.9).to(filename=str(folder / "a.cif"))
    sample_structure("Al", "C", 4.6).to(filename=str(folder / "b.cif"))
    config = tmp_path / "how.yaml"
    config.write_text(
        "name: how\nsystem: {elements: [Ti, Al, C]}\npotential: {name: toy}\nexecution: {workers: 0}\n"
        f"reference: {{source: {searched.hull}, scheme: toy}}\n"
        "verify: {backend: potential, potential: {name: toy}}\n"
    )
    store = tmp_path / "given.sqlite"
    words = ["verify", folder, "--name", "mine", "--config", config, "--store", uri(store), "--json"]
    look = searched.commands.run(*words, "--plan")
    assert look.code == 0, look.err
    assert not store.exists()
    first = searched.commands.run(*words)
    assert first.code == 0, first.err
    assert first.document["campaign_id"].startswith("mine-")
    assert {c["formula"] for c in first.document["verification"]["sent"]} == {"TiAl", "AlC"}
    again = searched.commands.run(*words)
    assert again.document["verification"] == first.document["verification"]
    assert not [event for event in again.events if event["event"] == "verification-calculated"]


def test_a_search_and_its_verification_are_one_command(searched, tmp_path):
    store = tmp_path / "store.sqlite"
    words = search_arguments(store, searched.hull, **{k.replace(".", "__"): v for k, v in VERIFY.items()})
    ended = searched.commands.run(*words, "--verify")
    assert ended.code == 0, ended.err
    assert ended.document["funnel"]["sent"] == 2
    assert len(ended.document["top"]) > 2
    assert len(ended.document["verification"]["sent"]) == 3


def test_a_search_that_finds_nobody_to_send_is_still_a_search(searched, tmp_path):
    rule = VERIFY | {
        "verify.promotion.threshold": -5,
        "verify.promotion.strata": [],
        "verify.promotion.controls": 0,
    }
    nobody = {k.replace(".", "__"): v for k, v in rule.items()}
    words = search_arguments(tmp_path / "store.sqlite", searched.hull, **nobody)
    ended = searched.commands.run(*words, "--verify")
    assert ended.code == 0, ended.err
    assert len(ended.document["top"]) > 2
    assert ended.document["verification"] is None
    assert "nobody to send" in ended.document["not_verified"]
    text = searched.commands.run(*[word for word in words if word != "--json"], "--verify")
    assert text.code == 0, text.err
    assert "Nothing was verified: " in text.out
    assert "matsearch show" in text.out


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("nobody",), "no campaigns match 'nobody'"),
        (("nobody.cif",), "no such file or folder: nobody.cif"),
        (("a", "b"), "no such file or folder: a"),
        (("--set", "seed=3"), "only the verify section can be changed"),
        (("--backend", "abinit"), "verify.backend"),
        (("--set", "verify.promotion.threshold=0.04", "--controls", "0"), "nobody to send"),
        (("--survivors", "0", "--controls", "0"), "nobody would be sent"),
        (
            ("--backend", "gpaw", "--set", "verify.run.python=/nowhere/python"),
            "no interpreter /nowhere/python",
        ),
        (("--backend", "gpaw", "--set", "verify.gpaw.functional=HSE06"), "verify.gpaw.functional"),
        (("--backend", "vasp"), "VASP cannot be run"),
        (("--backend", "vasp", "--set", "verify.vasp.maker=NoMaker"), "NoMaker"),
        (("--dry-run", "inputs", "--backend", "gpaw"), "--dry-run writes inputs of VASP"),
        (("--set", "verify.potential.name=nobody"), "nobody"),
        (("--set", "verify.run.folder=/dev/null/x"), "/dev/null/x cannot be used"),
    ],
)
def test_what_cannot_work_is_one_line_and_writes_nothing(searched, store, words, reason):
    before = stored(store)
    plain = [word for word in verify_arguments(store) if word != "--json"]
    line = searched.commands.run(*plain, *words).one_line()
    assert reason in line
    assert line.startswith("matsearch: ")
    assert stored(store) == before


def test_files_that_are_no_crystals_are_refused(searched, tmp_path):
    (tmp_path / "text.cif").write_text("no crystal at all")
    line = searched.commands.run("verify", tmp_path / "text.cif").one_line()
    assert "is not a readable CIF" in line
    (tmp_path / "empty").mkdir()
    assert "holds no CIF" in searched.commands.run("verify", tmp_path / "empty").one_line()


def test_how_many_of_all_files_cannot_be_asked(searched, tmp_path):
    sample_structure("Ti", "Al", 4.9).to(filename=str(tmp_path / "a.cif"))
    line = searched.commands.run("verify", tmp_path / "a.cif", "--survivors", "1", "--plan").one_line()
    assert "verify.promotion.survivors: all crystals of files are sent" in line


def test_code_that_a_store_names_is_not_run(searched, tmp_path):
    store = tmp_path / "store.sqlite"
    python = {"verify__run__python": "/bin/true", "verify__backend": "gpaw", "budget__generations": 1}
    done = searched.commands.run(*search_arguments(store, searched.hull, **python))
    assert done.code == 0, done.err
    words = ["verify", "--store", uri(store), "--plan"]
    assert "names code to run: /bin/true" in searched.commands.run(*words).one_line()


def test_inputs_for_another_machine(searched, store, tmp_path):
    before = stored(store)
    folder = tmp_path / "inputs"
    words = ["verify", "--store", uri(store), "--json", "--dry-run", folder, "--survivors", "1"]
    threshold = ["--set", "verify.promotion.threshold=0.3"]
    ended = searched.commands.run(*words, *threshold)
    assert ended.code == 0, ended.err
    roles = [line["role"] for line in ended.document["calculations"].values()]
    assert roles[0] == "survivor"
    for name, line in ended.document["calculations"].items():
        for step in line["steps"]:
            written = {file.name for file in (folder / name / step).iterdir()}
            assert {"INCAR", "POSCAR", "POTCAR.spec"} <= written
    assert (folder / "verification.json").is_file()
    assert stored(store) == before


def test_inputs_are_not_put_beside_others(searched, store, tmp_path):
    folder = tmp_path / "inputs"
    folder.mkdir()
    words = ["verify", "--store", uri(store), "--dry-run", folder, "--set", "verify.promotion.threshold=0.3"]
    assert searched.commands.run(*words).code == 0  # an empty folder is as good as none
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert "is not empty" in searched.commands.run(*words).one_line()
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_inputs_that_cannot_be_made_leave_nothing(searched, store, tmp_path):
    folder = tmp_path / "inputs"
    words = ["verify", "--store", uri(store), "--dry-run", folder, "--set", "verify.promotion.threshold=0.3"]
    maker = ["--set", "verify.vasp.arguments={nonsense: 1}"]
    assert "nonsense" in searched.commands.run(*words, *maker).one_line()
    assert [path.name for path in tmp_path.iterdir()] == ["store.sqlite"]
