"""``matsearch verify``: a campaign or files, whom it would send, one line for what cannot work."""

import shutil
from types import SimpleNamespace

import pytest

from matsearch.testing.samples import sample_structure
from tests.commands import commands_in, stored, uri
from tests.verifying import VERIFY, hull_file, search_arguments, verify_arguments


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A finished search."""
    folder = tmp_path_factory.mktemp("searched")
    with commands_in(folder) as commands:
        store = folder / "store.sqlite"
        hull = hull_file(folder)
        ended = commands.run(*search_arguments(store, hull))
        assert ended.code == 0, ended.err
        yield SimpleNamespace(commands=commands, store=store, hull=hull, id=ended.document["campaign_id"])


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
    assert "of sent: 100.0% (2 of 2)" in table.out
    assert "core-hours were spent" in table.out
    assert f"matsearch report {searched.id}" in table.out
    assert sum('"verification-calculated"' in line for line in table.err.splitlines()) == 0
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
    assert {c["formula"] for c in first.document["verification"]["sent"]} == {"AlC"}
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


def test_code_that_a_store_names_is_not_run(searched, tmp_path):
    store = tmp_path / "store.sqlite"
    python = {"verify__run__python": "/bin/true", "verify__backend": "gpaw"}
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
