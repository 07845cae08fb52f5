"""``matsearch references`` on a library of its own, with and without ``--json``."""

import csv
import gzip
import hashlib
import json

import pytest

from matsearch.cli.building import _grouped, _settled
from matsearch.testing.samples import sample_structure
from tests.commands import commands_in, run_toy, sets

VASP = {"run_type": "GGA", "potcar_symbols": ["PBE Li"]}
ENTRIES = [
    {"composition": {"Li": 1}, "energy": -1.9, "entry_id": "a", "parameters": VASP},
    {"composition": {"O": 2}, "energy": -9.9, "entry_id": "b", "parameters": VASP},
    {"composition": {"Li": 2, "O": 1}, "energy": -14.3, "entry_id": "c", "parameters": VASP},
    {"composition": {"Li": 1, "O": 1}, "energy": -6.0, "entry_id": "d", "parameters": VASP},
]
TOY = {"Ti": -1.3, "Al": -1.4, "C": -0.4, "TiC": -4.0}
ADD = ("--name", "mine", "--corrections", "mp2020", "--date", "2023-02-07")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """Commands, their library folder, and a set in it."""
    folder = tmp_path_factory.mktemp("library")
    content = gzip.compress(json.dumps(ENTRIES).encode())
    (folder / "lithium.json.gz").write_bytes(content)
    with commands_in(folder) as commands:
        library = folder / "references"
        environment = {"MATSEARCH_REFERENCES": str(library)}

        def references(*arguments):
            return commands.run("references", *arguments, env=environment)

        references.library, references.folder, references.commands = library, folder, commands
        references.environment, references.sha256 = environment, hashlib.sha256(content).hexdigest()
        ended = references("add", folder / "lithium.json.gz", *ADD, "--citation", "Us (2023)", "--json")
        assert (ended.code, ended.err) == (0, "")
        references.added = ended.document
        yield references


def said(ended):
    assert (ended.code, ended.err) == (0, "")
    return ended


def test_add_says_what_is_there_now(library):
    added = library.added
    assert (added["name"], added["scheme"], added["date"]) == ("mine", "mp-gga-gga+u-mp2020", "2023-02-07")
    assert (added["sha256"], added["citation"], added["notes"]) == (library.sha256, "Us (2023)", [])
    assert added["path"] == str(library.library / "mine.json.gz")
    again = said(library("add", library.folder / "lithium.json.gz", *ADD, "--citation", "Us (2023)"))
    assert "reference.source: mine" in again.out
    assert sorted(p.name for p in library.library.iterdir()) == ["mine.json.gz", "mine.json.gz.card.yaml"]


def test_list(library):
    document = said(library("list", "--json")).document
    rows = {row["name"]: row for row in document["sets"]}
    assert set(rows) == {"embedded", "toy", "mine"}
    mine = rows["mine"]
    assert (mine["entries"], mine["elements"], mine["complete"]) == (4, ["Li", "O"], False)
    assert (mine["sha256"], mine["problem"], document["problems"]) == (library.sha256, None, [])
    assert document["folder"] == str(library.library)
    line = next(line for line in said(library("list")).out.splitlines() if line.startswith("mine"))
    assert line.split() == [
        *("mine", "mp-gga-gga+u-mp2020", "2023-02-07", "4", "Li", "O", "no"),
        *(library.sha256[:12], str(library.library / "mine.json.gz")),
    ]


def test_show(library):
    document = said(library("show", "mine", "--elements", "O,Li", "--json")).document
    assert (document["n_entries"], document["elements"]) == (4, ["Li", "O"])
    assert document["run_types"] == {"GGA": 4}
    assert document["software"] == {"VASP, by POTCAR data": 4}
    hull = document["hull"]
    assert (hull["n_phases"], hull["elements"], hull["sha256"]) == (4, ["Li", "O"], library.sha256)
    assert hull["stable"] == [
        {"formula": formula, "phase_id": phase_id}
        for formula, phase_id in (("Li", "a"), ("Li2O", "c"), ("O2", "b"))
    ]
    text = said(library("show", "mine", "--elements", "O,Li")).out
    assert "4 phases of Li-O, 3 of them stable:" in text
    assert ["Li2O", "c"] in [line.split() for line in text.splitlines()]
    assert "hull" not in said(library("show", "mine")).out


def test_show_a_file_without_card(library):
    document = said(library("show", "lithium.json.gz", "--json")).document
    assert (document["name"], document["scheme"], document["n_entries"]) == ("lithium.json.gz", None, 4)
    assert document["hull"] is None
    line = library("show", "lithium.json.gz", "--elements", "Li,O").one_line()
    assert "nothing says which energy scheme" in line


def test_verify(library):
    document = said(library("verify", "--json")).document
    assert document["ok"] is True
    assert [(s["name"], s["ok"]) for s in document["sets"]] == [
        ("embedded", True),
        ("toy", True),
        ("mine", True),
    ]
    assert said(library("verify", "mine")).out == "ok  mine\n"


def test_verify_finds_a_damaged_set_and_list_says_so(library, tmp_path):
    environment = {"MATSEARCH_REFERENCES": str(tmp_path)}
    for path in library.library.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "mine.json.gz").write_bytes(gzip.compress(json.dumps(ENTRIES[:2]).encode()))
    (tmp_path / "x.json.card.yaml").write_text("name: x\n")
    run = library.commands.run
    ended = run("references", "verify", "--json", env=environment)
    assert (ended.code, ended.document["ok"], ended.err) == (1, False, "")
    (finding,) = ended.document["sets"][2]["findings"]
    assert finding["error"] is True
    assert library.sha256 in finding["text"]
    assert "x.json.card.yaml" in ended.document["problems"][0]
    text = run("references", "verify", env=environment)
    assert text.code == 1
    assert [line[:3] for line in text.out.splitlines() if not line.startswith(" ")] == [
        "ok ",
        "ok ",
        "BAD",
        "BAD",
    ]
    listed = run("references", "list", env=environment)
    assert listed.code == 0
    assert listed.out.count("cannot be used: ") == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("show", "theirs"), "no reference set 'theirs'"),
        (("show", "theirs.json"), "theirs.json"),
        (("show", "mine", "--elements", "Li,Qq"), "'Qq' is no element"),
        (("show", "mine", "--elements", "Li,Fe"), "Fe"),
        (("verify", "theirs"), "known: embedded, toy, mine"),
        (("add", "lithium.json.gz", *ADD[:2], *ADD[4:]), "nothing says which energy scheme"),
        (("add", "lithium.json.gz", *ADD[:4], "--date", "soon"), "date"),
        (("add", "lithium.json.gz", *ADD), "differs in citation"),
        (("add", "none.json", *ADD), "none.json"),
        (("add", "lithium.json.gz", "--name", "a/b", *ADD[2:]), "name"),
        (("add", "lithium.json.gz", "--name", "b", *ADD[2:], "--software", "GPAW"), "GPAW"),
    ],
)
def test_what_cannot_be_done_ends_in_one_line(arguments, reason, library):
    ended = library(*arguments)
    assert (ended.code, ended.out) == (2, "")
    assert reason in ended.one_line()
    assert sorted(p.name for p in library.library.iterdir()) == ["mine.json.gz", "mine.json.gz.card.yaml"]


def test_an_error_as_json(library):
    ended = library("show", "theirs", "--json")
    assert ended.code == 2
    assert "known: embedded, toy, mine" in json.loads(ended.err)["remedy"]


def test_a_search_uses_a_set_by_its_name(library):
    path = library.folder / "toy.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("formula", "energy_per_atom"), *TOY.items()])
    said(library("add", path, "--name", "toys-2023", "--scheme", "toy", "--date", "2023-01-01"))
    settings = sets({"reference.source": "toys-2023"})
    check = library.commands.run("config", "check", "toy", "--json", *settings, env=library.environment)
    hull = said(check).document["hull"]
    assert (hull["name"], hull["n_phases"], hull["date"]) == ("toys-2023", 4, "2023-01-01")
    changes = {"population__proposals": 3, "budget__generations": 1, "reference__source": "toys-2023"}
    ended = library.commands.run(*run_toy(library.folder / "s.sqlite", **changes), env=library.environment)
    assert ended.code == 0, ended.err
    assert ended.document["hull"]["name"] == "toys-2023"
    for name in ("toys-2023.csv", "toys-2023.csv.card.yaml"):
        (library.library / name).unlink()
    refused = library.commands.run("config", "check", "toy", *settings, env=library.environment)
    assert "no reference set 'toys-2023'" in refused.one_line()


def test_build_makes_a_set_that_a_search_can_use(library, tmp_path):
    given = tmp_path / "given"
    given.mkdir()
    sample_structure("Ti", "C", 4.33).to(filename=str(given / "mine.cif"))
    sample_structure().to(filename=str(given / "salt.cif"))
    store = f"sqlite:///{tmp_path}/build.sqlite"
    asked = (
        "build",
        "toy",
        "--name",
        "built",
        "--structures",
        given,
        "--prototypes",
        "CsCl",
        "--store",
        store,
    )
    ended = library(*asked, "--json")
    answer = ended.document
    assert (answer["scheme"], answer["complete"]) == ("toy", False)
    assert "Ti-194" in answer["phases"]
    assert any(reason.startswith("the same crystal") for reason in answer["left_out"].values())
    assert answer["left_out"]["file:salt"] == "outside the system: it holds Cl, Na"
    # the salt is known of before, all the others were relaxed
    n_phases = len(answer["phases"]) + len(answer["left_out"]) - 1
    assert next(e for e in ended.events if e["event"] == "building")["phases"] == n_phases
    assert answer["description"] in library("show", "built").out
    assert f"{len(answer['hypothetical'])} of them hypothetical" in answer["description"]
    assert "to 0.3 eV/angstrom" in answer["description"]
    text = library(*asked).out
    assert ["1", "outside", "the", "system", "file:salt"] in [line.split() for line in text.splitlines()]
    assert f"{len(answer['left_out'])} left out:" in text
    small = sets({"budget.generations": 1, "population.proposals": 3})
    ended = library.commands.run(
        "run", "toy", "--references", "built", *small, "--store", store, "--json", env=library.environment
    )
    assert ended.document["hull"]["name"] == "built"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--name", "other", "--prototypes", "NoSuch"), "no prototype NoSuch"),
        (("--name", "a/b"), "'a/b' cannot name a reference set"),
        (("--name", "embedded-mine"), "built-in"),
    ],
)
def test_build_names_what_it_cannot_use(library, arguments, reason):
    assert reason in library("build", "toy", *arguments).one_line()


def test_what_was_left_out_is_grouped_by_reason():
    left_out = {f"p{i}": f"not_converged: {i} steps" for i in range(5)} | {
        "q": "outside the system: it holds Cl"
    }
    assert _grouped(left_out) == [
        ("  5", "not_converged", "p0, p1, p2, ..."),
        ("  1", "outside the system", "q"),
    ]


def test_a_reference_is_relaxed_further_than_a_search_unless_told(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("{name: mine, system: {elements: [Ti, C]}}")
    assert _settled(str(path), {}).relax.fmax == 0.02
    assert _settled(str(path), {"relax.fmax": 0.1}).relax.fmax == 0.1
    assert _settled("toy", {}).relax.fmax == 0.3
    assert _settled(str(path), {}).relax.stop_above is None
