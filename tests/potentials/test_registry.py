import hashlib
import json
import sys
import textwrap

import pytest

from matsearch.core.config import PotentialSection, parse_config, with_overrides
from matsearch.core.errors import ConfigError, PotentialError
from matsearch.core.schemes import get_scheme
from matsearch.potentials import find_entry, libraries, load_from, load_potential, potential_entries
from matsearch.potentials.trial import try_potential
from matsearch.testing.potential import PotentialContract

MINIMAL = {"name": "x", "system": {"elements": ["Li"]}}
SHA = "0" * 64
MORSE = {
    "name": "ase",
    "calculator": "ase.calculators.morse:MorsePotential",
    "arguments": {"r0": 2.8, "rcut1": 5.0, "rcut2": 6.0},
    "allow_import": True,
    "scheme": "toy",
}
OURS = "matsearch.potentials.toy:ToyCalculator"


def section(**keys):
    return parse_config({**MINIMAL, "potential": keys}).potential


class TestASE(PotentialContract):
    @pytest.fixture
    def potential(self):
        return load_from(section(**{**MORSE, "calculator": OURS, "arguments": {}}))


@pytest.mark.parametrize("entry", potential_entries(), ids=lambda entry: entry.name)
def test_every_entry_is_consistent(entry):
    assert find_entry(entry.name) is entry
    assert entry.gives <= {"forces", "stress", "magmoms", "charges", "uncertainty"}
    for version in entry.versions.values():
        assert version.scheme_id is None or get_scheme(version.scheme_id).kind in {"potential", "dft"}
        assert (version.folder is None) == (version.weights is None)
    assert json.dumps(entry.document()), "it can be written down, without what loads it"
    assert "load" not in entry.document()


@pytest.mark.parametrize("version", ["0.3.0", "0.2.0", "r2scan"])
def test_an_entry_says_what_the_potential_says(version):
    entry, info = find_entry("chgnet"), load_potential("chgnet", version).info
    assert (info.scheme_id, info.gives) == (entry.versions[version].scheme_id, entry.gives)
    assert info.elements == entry.versions[version].elements
    weights = entry.weights_path(version)
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == info.sha256


def test_a_section_and_a_name_load_the_same():
    assert load_from(section(name="chgnet")).info == load_potential("chgnet").info
    assert load_from(section(name="toy", version="1")).info == load_potential("toy").info


@pytest.mark.parametrize(
    ("keys", "parts"),
    [
        ({"calculator": OURS}, ["calculator", OURS, "name: ase", "'chgnet'"]),
        ({"arguments": {"a": 1}}, ["arguments", "['a']", "name: ase"]),
        ({"sha256": SHA}, ["sha256", "give weights"]),
        ({"sha256": "abc"}, ["potential.sha256", "abc"]),
        *(
            ({"name": "mace-mp", "version": version}, ["potential.version", version])
            for version in ("https://example.org/a.model", "../models/mine", "/models/mine", "-x", "C:a", "")
        ),
        ({"python": "/x/python"}, ["python '/x/python'", "allow_import: true"]),
        ({"scheme": "mine"}, ["potential.scheme", "unknown energy scheme", "mace-mp", "'mine'"]),
        ({"elements": ["Xx"]}, ["potential.elements", "'Xx' is no element"]),
        ({"elements": []}, ["potential.elements", "at least 1"]),
        ({"name": "ase"}, ["needs calculator"]),
        ({**MORSE, "allow_import": False}, [MORSE["calculator"], "code", "allow_import: true"]),
        ({**MORSE, "scheme": None}, [MORSE["calculator"], "needs scheme"]),
        ({**MORSE, "version": "1"}, ["version '1'", "arguments"]),
        ({**MORSE, "calculator": "os.system"}, ["potential.calculator", "os.system"]),
        ({**MORSE, "calculator": "a b:c"}, ["potential.calculator", "a b:c"]),
        ({**MORSE, "arguments": {"a": [1]}}, ["potential.arguments.a"]),
        ({**MORSE, "arguments": {"a": float("nan")}}, ["potential.arguments.a"]),
        ({**MORSE, "weights": "w.pt"}, ["weights 'w.pt'", "{weights}"]),
        ({**MORSE, "arguments": {"path": "{weights}"}}, ["weights None", "{weights}"]),
    ],
)
def test_keys_that_contradict_each_other_are_named(keys, parts):
    with pytest.raises(ConfigError) as caught:
        section(**keys)
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("keys", "error", "parts"),
    [
        ({"name": "nobody"}, PotentialError, ["'nobody'", "chgnet", "mace-mp"]),
        ({"name": "toy", "version": "2"}, PotentialError, ["'2' of toy", "known: 1"]),
        ({"name": "chgnet", "weights": "/w"}, ConfigError, ["potential.weights", "chgnet takes none", "/w"]),
        ({"name": "chgnet", "scheme": "toy"}, ConfigError, ["potential.scheme", "takes none"]),
        (
            {"name": "mace-mp", "weights": "/w", "allow_import": True},
            ConfigError,
            ["potential.scheme", "/w", "medium-mpa-0"],
        ),
        ({"name": "mace-mp", "version": "mh-1"}, ConfigError, ["potential.scheme", "'mh-1' of mace-mp"]),
        (
            {"name": "mace-mp", "version": "small", "scheme": "mp-r2scan"},
            ConfigError,
            ["mace-mp small is mace-mp, not mp-r2scan", "leave out"],
        ),
        (
            {**MORSE, "calculator": "nowhere.at_all:Model"},
            PotentialError,
            ["package of nowhere.at_all:Model", "PYTHONPATH"],
        ),
    ],
)
def test_what_cannot_be_loaded_is_one_clear_line(keys, error, parts):
    with pytest.raises(error) as caught:
        load_from(section(**keys))
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "package", "remedy"),
    [
        ("mace-mp", "mace", "pip install 'matsearch[mace]'"),
        ("sevennet", "sevenn", "pip install 'matsearch[sevennet]'"),
        ("matcalc", "matcalc", "pip install 'matsearch[matcalc]'"),
    ],
)
def test_a_missing_package_names_its_extra(name, package, remedy, monkeypatch):
    monkeypatch.setattr("matsearch.potentials.serve.util.find_spec", lambda _: None)
    with pytest.raises(PotentialError, match="is not installed") as caught:
        load_potential(name)
    assert caught.value.remedy == remedy
    assert find_entry(name).package == package


def test_an_ase_calculator_is_identified_by_what_changes_its_answers():
    base = load_from(section(**MORSE)).info
    assert (base.name, base.version, base.scheme_id) == ("ase", MORSE["calculator"], "toy")
    assert base == load_from(section(**MORSE)).info
    others = [
        {**MORSE, "arguments": {**MORSE["arguments"], "r0": 2.9}},
        {**MORSE, "calculator": "ase.calculators.lj:LennardJones", "arguments": {}},
    ]
    assert len({base.sha256, *(load_from(section(**keys)).info.sha256 for keys in others)}) == 3
    elements = load_from(section(**MORSE, elements=["O", "Li", "O"])).info.elements
    assert elements == {"Li", "O"}


def test_what_does_not_build_is_one_clear_line():
    potential = load_from(section(**{**MORSE, "calculator": "ase.calculators.morse:Nothing"}))
    with pytest.raises(PotentialError, match=r"morse:Nothing cannot be loaded: AttributeError"):
        potential.calculator()


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Write modules that can be imported from here on."""
    monkeypatch.syspath_prepend(str(tmp_path))
    written = set()

    def write(name, text):
        (tmp_path / f"{name}.py").write_text(textwrap.dedent(text))
        written.add(name)
        return tmp_path / f"{name}.py"

    yield write
    for name in written:
        sys.modules.pop(name, None)


def test_the_source_of_an_own_calculator_is_part_of_its_identity(module):
    source = "from ase.calculators.morse import MorsePotential as Model\n"
    module("own_one", source)
    keys = {**MORSE, "calculator": "own_one:Model", "arguments": {}}
    before = load_from(section(**keys)).info.sha256
    module("own_one", source + "# changed\n")
    assert load_from(section(**keys)).info.sha256 != before


def test_a_calculator_gets_its_weights_and_prints_nothing(module, tmp_path, capsys):
    module(
        "own_two",
        """
        from ase.calculators.morse import MorsePotential
        def model(path, scale):
            print("loading")
            return MorsePotential(r0=float(open(path).read()) * scale)
        """,
    )
    (tmp_path / "r0.txt").write_text("1.4")
    keys = {**MORSE, "calculator": "own_two:model", "arguments": {"path": "{weights}", "scale": 2}}
    potential = load_from(section(**keys, weights=str(tmp_path / "r0.txt")))
    assert potential.calculator().parameters["r0"] == 2.8
    assert capsys.readouterr().out == ""
    (tmp_path / "r0.txt").write_text("1.5")
    assert load_from(section(**keys, weights=str(tmp_path / "r0.txt"))).info.sha256 != potential.info.sha256


@pytest.fixture
def mace(module, tmp_path, monkeypatch):
    """A package in MACE's place: what it is called with, and a cache of weights."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(libraries, "usable", lambda: False)  # torch-sim has no use for it
    for name in ("mace", "mace/calculators"):
        (tmp_path / name).mkdir()
    (tmp_path / "mace" / "__init__.py").write_text("")
    (tmp_path / "mace" / "calculators" / "__init__.py").write_text(
        "from ase.calculators.morse import MorsePotential\n"
        "def mace_mp(model, device, default_dtype):\n"
        "    found = MorsePotential(); found.called = (model, device, default_dtype); return found\n"
    )
    (tmp_path / "mace" / "calculators" / "foundations_models.py").write_text(
        "def download_mace_mp_checkpoint(model):\n    raise RuntimeError('no network\\nhere')\n"
    )
    yield tmp_path / "cache" / "mace"
    for name in [name for name in sys.modules if name == "mace" or name.startswith("mace.")]:
        sys.modules.pop(name)


def test_weights_from_a_file_and_from_the_cache_are_the_same_potential(mace, tmp_path):
    mace.mkdir(parents=True)
    cached = mace / "20231210mace128L0_energy_epoch249model"
    cached.write_bytes(b"weights")
    (tmp_path / "mine.model").write_bytes(b"weights")
    sha256 = hashlib.sha256(b"weights").hexdigest()
    by_name = load_from(section(name="mace-mp", version="small"))
    file = {"name": "mace-mp", "weights": str(tmp_path / "mine.model"), "allow_import": True}
    by_file = load_from(section(**file, version="small", sha256=sha256))
    assert by_name.info == by_file.info
    assert (by_name.info.sha256, by_name.info.scheme_id) == (sha256, "mace-mp")
    assert by_name.calculator().called == (str(cached), "cpu", "float64")
    assert by_file.calculator().called == (str(tmp_path / "mine.model"), "cpu", "float64")
    unknown = load_from(section(**file, scheme="mace-matpes-pbe"))
    assert (unknown.info.version, unknown.info.scheme_id) == ("mine.model", "mace-matpes-pbe")
    with pytest.raises(PotentialError, match=f"{sha256}, not {SHA}"):
        load_from(section(**file, version="small", sha256=SHA))


def test_weights_that_are_code_need_leave(mace, tmp_path):
    with pytest.raises(ConfigError, match=r"mine\.model is a pickle.*allow_import"):
        load_from(section(name="mace-mp", version="small", weights=str(tmp_path / "mine.model")))
    with pytest.raises(PotentialError, match=r"cannot read .*mine\.model: No such file"):
        load_from(
            section(name="mace-mp", version="small", weights=str(tmp_path / "mine.model"), allow_import=True)
        )


@pytest.mark.parametrize("name", ["mace-mp", "sevennet", "matcalc"])
def test_a_version_that_is_not_known_is_handed_to_no_library_without_leave(name, monkeypatch):
    handed = []

    def describe(_section, _entry, setup, version=""):
        handed.append((setup, version))
        raise PotentialError("asked", "")

    monkeypatch.setattr(libraries, "describe", describe)
    keys = {"name": name, "version": "a_local_folder", "scheme": "mace-mp"}
    with pytest.raises(ConfigError) as caught:
        load_from(section(**keys))
    text = str(caught.value)
    assert all(part in text for part in ("potential.version", "'a_local_folder'", "allow_import: true", name))
    assert "\n" not in text
    assert handed == []
    with pytest.raises(PotentialError, match="asked"):
        load_from(section(**keys, allow_import=True))
    assert len(handed) == 1


def test_a_version_that_cannot_be_one_is_named():
    with pytest.raises(ConfigError, match=r"potential\.version: .* got 'https://a/b'"):
        load_potential("mace-mp", "https://a/b")


def test_missing_weights_say_which_where_and_what_to_do(mace):
    with pytest.raises(PotentialError) as caught:
        load_potential("mace-mp", "small")
    text = str(caught.value)
    assert "mace-mp small" in text
    assert str(mace / "20231210mace128L0_energy_epoch249model") in text
    assert "RuntimeError: no network here" in text
    assert "potential.weights: FILE and potential.version: small" in text


def test_a_model_without_a_file_is_known_by_its_parameters(module):
    module(
        "matcalc",
        """
        import numpy as np
        from ase.calculators.morse import MorsePotential
        class Tensor:
            def __init__(self, value): self.value = np.array(value)
            def detach(self): return self
            def cpu(self): return self
            def numpy(self): return self.value
        class Model:
            def __init__(self, value): self.value = value
            def state_dict(self): return {"layer.weight": Tensor([self.value])}
        def load_fp(name):
            found = MorsePotential(); found.potential = Model(float("r2SCAN" in name)); return found
        """,
    )
    names = ("TensorNet-MatPES-PBE-2025.2", "TensorNet-MatPES-r2SCAN-2025.2")
    infos = [load_potential("matcalc", name).info for name in (*names, names[0])]
    assert [info.scheme_id for info in infos[:2]] == ["tensornet-matpes-pbe", "tensornet-matpes-r2scan"]
    assert infos[0] == infos[2]
    assert infos[0].sha256 != infos[1].sha256
    with pytest.raises(ConfigError, match=r"matcalc takes no file, got /w"):
        load_from(section(name="matcalc", weights="/w", allow_import=True))


def test_a_trial_finds_a_wrong_sign_and_a_wrong_unit(module):
    module(
        "own_three",
        """
        from matsearch.potentials.toy import ToyCalculator
        class Wrong(ToyCalculator):
            def __init__(self, forces=1.0, stress=1.0):
                super().__init__(); self.factors = {"forces": forces, "stress": stress}
            def calculate(self, *arguments, **named):
                super().calculate(*arguments, **named)
                for name, factor in self.factors.items():
                    self.results[name] = self.results[name] * factor
        class Energy(ToyCalculator):
            implemented_properties = ["energy"]
        class Voigt(ToyCalculator):
            def __init__(self, order, factor=1.0):
                super().__init__(); self.order = [int(i) for i in order]; self.factor = factor
            def calculate(self, *arguments, **named):
                super().calculate(*arguments, **named)
                self.results["stress"] = self.results["stress"][self.order]
                self.results["stress"][3:] *= self.factor
        class Axes(ToyCalculator):
            def calculate(self, *arguments, **named):
                super().calculate(*arguments, **named)
                self.results["forces"] = self.results["forces"] * [1, 1, -1]
        """,
    )

    def tried(name, **arguments):
        keys = {**MORSE, "calculator": f"own_three:{name}", "arguments": arguments}
        return try_potential(load_from(section(**keys)))

    assert tried("Wrong").ok
    assert (tried("Wrong", forces=-1.0).forces_fit, tried("Wrong", forces=-1.0).stress_fits) == (False, True)
    assert (tried("Wrong", stress=160.2).forces_fit, tried("Wrong", stress=160.2).stress_fits) == (
        True,
        False,
    )
    assert tried("Voigt", order="012345").ok
    for order in ("012354", "012435", "012543", "012453", "012534"):
        found = tried("Voigt", order=order)
        assert (found.forces_fit, found.stress_fits) == (True, False), order
    assert not tried("Voigt", order="012345", factor=-1.0).stress_fits
    assert not tried("Voigt", order="012345", factor=2.0).stress_fits
    assert not tried("Axes").forces_fit
    with pytest.raises(
        PotentialError, match=r"own_three:Energy cannot be loaded: .* gives no forces, stress"
    ):
        tried("Energy")


def test_a_trial_takes_elements_that_the_potential_knows():
    keys = {**MORSE, "calculator": OURS, "arguments": {}, "elements": ["Ti", "C"]}
    assert try_potential(load_from(section(**keys))).formula == "CTi"


def test_where_things_lie_is_no_physics(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    keys = {
        "name": "mace-mp",
        "weights": "w.model",
        "python": "venv/bin/python",
        "allow_import": True,
        "sha256": SHA,
    }
    config = parse_config(with_overrides({**MINIMAL, "potential": {**keys, "scheme": "mace-mp"}}, {}))
    assert config.potential.weights == str(tmp_path / "w.model")
    assert config.potential.python == str(tmp_path / "venv" / "bin" / "python")
    other = parse_config({**MINIMAL, "potential": {"name": "mace-mp", "scheme": "mace-mp"}})
    assert config.physics_key() == other.physics_key()
    assert other.physics_key() != parse_config({**MINIMAL, "potential": {"name": "mace-mp"}}).physics_key()


def test_sections_survive_being_written_down():
    keys = PotentialSection(**MORSE)
    assert PotentialSection.model_validate(json.loads(keys.model_dump_json())) == keys
    arguments = section(
        **{**MORSE, "arguments": {"a": True, "b": 1, "c": 1.0, "d": "x", "e": None}}
    ).arguments
    assert [type(value) for value in arguments.values()] == [bool, int, float, str, type(None)]


def test_the_arguments_reach_the_calculator():
    assert load_from(section(**MORSE)).calculator().parameters["r0"] == 2.8
