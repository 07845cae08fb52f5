"""``matsearch potentials``, with and without ``--json``."""

import pytest

from matsearch.potentials import load_potential, potential_entries
from tests.commands import commands_in, sets

OURS = {
    "potential.calculator": "matsearch.potentials.toy:ToyCalculator",
    "potential.allow_import": "true",
    "potential.scheme": "toy",
}


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    with commands_in(tmp_path_factory.mktemp("potentials")) as commands:
        yield commands


@pytest.fixture(scope="module")
def potentials(commands):
    return lambda *arguments, **options: commands.run("potentials", *arguments, **options)


def said(ended):
    assert (ended.code, ended.err) == (0, "")
    return ended


def test_list(potentials):
    found = {entry["name"]: entry for entry in said(potentials("list", "--json")).document["potentials"]}
    assert set(found) == {entry.name for entry in potential_entries()}
    chgnet = found["chgnet"]
    assert (chgnet["installed"], chgnet["gives"]) == (True, ["forces", "magmoms", "stress"])
    assert [version["weights_here"] for version in chgnet["versions"]] == [True, True, True]
    assert [version["elements"] for version in chgnet["versions"]] == [89, 89, 89]
    assert {version["weights_here"] for version in found["matcalc"]["versions"]} == {None}
    lines = said(potentials("list")).out.splitlines()
    rows = [line.split()[:3] for line in lines]
    assert ["chgnet", "r2scan", "chgnet-r2scan"] in rows
    assert ["ase", "-", "-"] in rows
    for entry in potential_entries():
        assert (f"{entry.name}: {entry.install}" in lines) is not entry.installed


def test_list_finds_weights_in_the_cache(potentials, tmp_path):
    (tmp_path / "mace").mkdir()
    file = tmp_path / "mace" / "20231210mace128L0_energy_epoch249model"
    file.write_bytes(b"")
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    document = said(potentials("show", "mace-mp", "--json", env=environment)).document
    here = {
        version["version"]: version["weights"] for version in document["versions"] if version["weights_here"]
    }
    assert here == {"small": str(file)}


def test_show(potentials):
    document = said(potentials("show", "chgnet", "--json")).document
    assert (document["licence"], document["install"]) == ("BSD-3-Clause", "pip install chgnet")
    assert [version["version"] for version in document["versions"]] == ["0.3.0", "0.2.0", "r2scan"]
    text = said(potentials("show", "chgnet")).out
    assert "gives      forces magmoms stress" in text
    assert document["versions"][0]["weights"] in text
    assert "unknown potential 'nobody'" in potentials("show", "nobody").one_line()


def test_check(potentials):
    document = said(potentials("check", "toy", "--json")).document
    assert document["ok"] is document["forces_fit"] is document["stress_fits"] is True
    assert (document["formula"], document["sha256"]) == ("ClNa", load_potential("toy").info.sha256)
    assert document["energy_per_atom"] < 0
    text = said(potentials("check", "toy", "--version", "1")).out
    assert text.splitlines()[-1] == "ok"
    assert "energy_per_atom -" in text


def test_check_of_an_own_calculator(potentials):
    document = said(potentials("check", "ase", "--json", *sets(OURS))).document
    assert (document["name"], document["version"]) == ("ase", OURS["potential.calculator"])
    assert document["gives"] == ["forces", "stress"]


def test_check_of_one_that_cannot_relax(potentials):
    water = {**OURS, "potential.calculator": "ase.calculators.tip3p:TIP3P"}
    ended = potentials("check", "ase", *sets(water))
    assert ended.code == 2
    assert "tip3p:TIP3P cannot be loaded: TypeError: it gives no stress" in ended.one_line()
    unknown = {**OURS, "potential.calculator": "ase.calculators.emt:EMT"}
    ended = potentials("check", "ase", *sets(unknown))
    assert ended.code == 2
    assert "EMT cannot compute ClNa: NotImplementedError: No EMT-potential for" in ended.one_line()


def test_check_of_one_whose_forces_are_wrong_exits_with_one(potentials, tmp_path):
    (tmp_path / "wrong.py").write_text(
        "from matsearch.potentials.toy import ToyCalculator\n"
        "class Model(ToyCalculator):\n"
        "    def calculate(self, *arguments, **named):\n"
        "        super().calculate(*arguments, **named)\n"
        "        self.results['forces'] = -self.results['forces']\n"
    )
    keys = {**OURS, "potential.calculator": "wrong:Model"}
    environment = {"PYTHONPATH": str(tmp_path)}
    ended = potentials("check", "ase", "--json", *sets(keys), env=environment, real=True)
    assert (ended.code, ended.document["ok"]) == (1, False)
    assert (ended.document["forces_fit"], ended.document["stress_fits"]) == (False, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["toy", "--version", "9"], "unknown version '9' of toy; known: 1"),
        (["nobody"], "unknown potential 'nobody'"),
        (["ase"], "name: ase needs calculator"),
        (["toy", "--set", "potential.wieghts=a"], "did you mean 'weights'?"),
        (["toy", "--set", "potential.weights=a"], "toy takes none"),
    ],
)
def test_bad_input_is_one_line(arguments, words, potentials):
    ended = potentials("check", *arguments)
    assert ended.code == 2
    assert words in ended.one_line()


@pytest.mark.parametrize("words", [(), ("list",), ("show",), ("check",)])
def test_help(words, potentials):
    ended = said(potentials(*words, "--help"))
    assert "Usage: matsearch potentials " + " ".join(words) in " ".join(ended.out.split())
