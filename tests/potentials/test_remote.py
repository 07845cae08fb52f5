"""A potential in another environment: a bare interpreter with numpy and ase, and a package that is not here."""

import gc
import json
import os
import subprocess
import sys
import textwrap
import venv
from pathlib import Path

import ase
import numpy as np
import pytest
from ase.build import bulk

from matsearch.core.config import parse_config
from matsearch.core.errors import PotentialError
from matsearch.potentials import load_from, remote
from matsearch.potentials.serve import compute
from matsearch.testing.potential import PotentialContract
from tests.commands import lives, wait_until

MODELS = """
import os, sys, time
import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.morse import MorsePotential

print("a library greets on import")

class Model(MorsePotential):
    '''Morse, with more results; it prints whenever it computes.'''

    def __init__(self, charge=1.0, **named):
        super().__init__(r0=2.8, rcut1=4.0, rcut2=6.0, **named)
        self.charge = charge

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        print("computing", os.getpid(), flush=True)
        os.write(1, b"and past Python\\n")
        self.results["charges"] = self.charge * np.sign(atoms.numbers - 14.0)
        self.results["magmoms"] = np.zeros(len(atoms))

class Broken(Model):
    '''What it does depends on the number of atoms.'''

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        if len(atoms) == 1:
            raise ValueError("an isolated atom")
        if len(atoms) == 3:
            raise MemoryError("no room")
        if len(atoms) == 4:
            raise KeyError("line one\\nline two")
        if len(atoms) == 5:
            print("about to die", file=sys.stderr, flush=True)
            os._exit(7)
        if len(atoms) == 6:
            self.results["energy"] = float("nan")
            self.results["forces"][2, 1] = float("inf")

class Stressless(Model):
    implemented_properties = ["energy", "forces"]

def slow():
    time.sleep(60)

def from_file(path):
    return Model(charge=float(open(path).read()))
"""


@pytest.fixture(scope="module")
def python(tmp_path_factory):
    """Interpreter of an environment that sees ase, numpy and scipy, and the package ``elsewhere``."""
    folder = tmp_path_factory.mktemp("other")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    site = next((folder / "venv" / "lib").glob("python*")) / "site-packages"
    seen = folder / "seen"
    seen.mkdir()
    installed = Path(ase.__file__).parents[1]
    for pattern in ("ase", "numpy", "numpy.libs", "scipy", "scipy.libs"):
        for found in installed.glob(pattern):
            (seen / found.name).symlink_to(found)
    (seen / "elsewhere").mkdir()
    (seen / "elsewhere" / "__init__.py").write_text("")
    (seen / "elsewhere" / "models.py").write_text(textwrap.dedent(MODELS))
    (site / "seen.pth").write_text(f"{seen}\n")
    return str(folder / "venv" / "bin" / "python")


def potential(python, name="Model", **keys):
    """Return a potential of the package ``elsewhere``."""
    described = {
        "name": "ase",
        "python": python,
        "calculator": f"elsewhere.models:{name}",
        "allow_import": True,
        "scheme": "toy",
        **keys,
    }
    config = {"name": "x", "system": {"elements": ["Li"]}, "potential": described}
    return load_from(parse_config(config).potential)


def salt(n_atoms=2):
    atoms = bulk("NaCl", "rocksalt", a=5.7, cubic=True)[:n_atoms]
    atoms.rattle(0.05, seed=1)
    return atoms


class TestRemote(PotentialContract):
    @pytest.fixture(scope="module")
    @staticmethod
    def shared(python):
        return potential(python)

    @pytest.fixture
    def potential(self, shared):
        return shared

    @pytest.fixture
    def atoms(self, potential):
        atoms = salt(8)
        atoms.calc = potential.calculator()
        yield atoms
        atoms.calc.close()


def test_the_environments_really_differ(python):
    with pytest.raises(ImportError):
        __import__("elsewhere")
    code = "import elsewhere.models, importlib.util as u; assert u.find_spec('pydantic') is None"
    assert subprocess.run([python, "-c", code], check=False, capture_output=True).returncode == 0


def test_it_answers_as_the_calculator_itself(python):
    from ase.calculators.morse import MorsePotential

    atoms = salt()
    atoms.calc = potential(python, arguments={"charge": 0.5}).calculator()
    same = atoms.copy()
    same.calc = MorsePotential(r0=2.8, rcut1=4.0, rcut2=6.0)
    assert atoms.get_potential_energy() == same.get_potential_energy()
    np.testing.assert_array_equal(atoms.get_forces(), same.get_forces())
    np.testing.assert_array_equal(atoms.get_stress(), same.get_stress())
    np.testing.assert_array_equal(atoms.get_charges(), [-0.5, 0.5])
    np.testing.assert_array_equal(atoms.get_magnetic_moments(), [0.0, 0.0])
    atoms.calc.close()


def test_its_identity_holds_the_code_there_and_the_weights(python, tmp_path):
    first = potential(python).info
    assert first == potential(python).info
    (tmp_path / "charge.txt").write_text("0.25")
    weights = {"weights": str(tmp_path / "charge.txt"), "arguments": {"path": "{weights}"}}
    by_file = potential(python, "from_file", **weights)
    atoms = salt()
    atoms.calc = by_file.calculator()
    assert list(atoms.get_charges()) == [-0.25, 0.25]
    atoms.calc.close()
    (tmp_path / "charge.txt").write_text("0.5")
    assert (
        len({first.sha256, by_file.info.sha256, potential(python, "from_file", **weights).info.sha256}) == 3
    )


def test_what_is_not_finite_arrives_as_nan(python):
    atoms = salt(6)
    atoms.calc = potential(python, "Broken").calculator()
    assert np.isnan(atoms.get_potential_energy())
    assert np.argwhere(np.isnan(atoms.get_forces())).tolist() == [[2, 1]]
    assert np.isfinite(atoms.get_stress()).all()
    atoms.calc.close()


def test_errors_come_over_and_the_process_goes_on(python):
    calculator = potential(python, "Broken").calculator()
    for n_atoms, error, words in (
        (1, ValueError, "an isolated atom"),
        (3, MemoryError, "no room"),
        (4, RuntimeError, "KeyError: 'line one.*line two'"),
    ):
        atoms = salt(n_atoms)
        atoms.calc = calculator
        with pytest.raises(error, match=words):
            atoms.get_potential_energy()
    atoms = salt(2)
    atoms.calc = calculator
    assert atoms.get_potential_energy() < 0
    calculator.close()


def test_a_process_that_died_is_one_clear_error_and_the_next_geometry_starts_another(python):
    calculator = potential(python, "Broken").calculator()
    atoms = salt(5)
    atoms.calc = calculator
    with pytest.raises(PotentialError, match=r"ended with status 7: about to die") as caught:
        atoms.get_potential_energy()
    assert "\n" not in str(caught.value)
    atoms = salt(2)
    atoms.calc = calculator
    assert atoms.get_potential_energy() < 0
    calculator.close()


def test_one_that_was_killed_is_told_apart(python):
    atoms = salt()
    atoms.calc = potential(python).calculator()
    atoms.get_potential_energy()
    os.kill(atoms.calc._child._process.pid, 9)
    atoms.rattle(0.01)
    with pytest.raises(PotentialError, match="ended with status -9"):
        atoms.get_potential_energy()
    assert np.isfinite(atoms.get_forces()).all()
    atoms.calc.close()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_process_ends_with_the_calculator_and_with_the_parent(python):
    atoms = salt()
    atoms.calc = potential(python).calculator()
    atoms.get_potential_energy()
    pid = atoms.calc._child._process.pid
    assert lives(pid)
    del atoms
    gc.collect()
    assert not lives(pid)

    code = f"""if True:
        import os
        from ase.build import bulk
        from matsearch.potentials.remote import Child
        child = Child({python!r}, {{"do": "serve", "calculator": "elsewhere.models:Model", "arguments": {{}}}})
        print(child.read(60), child._process.pid, flush=True)
        os._exit(0)
    """
    ended = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    orphan = int(ended.stdout.split()[-1])
    wait_until(lambda: not lives(orphan), 10, lambda: "the process outlived its parent")


@pytest.mark.parametrize(
    ("keys", "parts"),
    [
        (
            {"python": "/nowhere/python"},
            ["potential.python", "/nowhere/python", "No such file", "venv/bin/python"],
        ),
        ({"python": "/etc/hostname"}, ["potential.python", "/etc/hostname", "cannot be run"]),
        ({"python": "/bin/false"}, ["/bin/false", "ended with status 1"]),
        (
            {"calculator": "absent.models:Model"},
            ["absent.models:Model", "not installed in the environment of"],
        ),
    ],
)
def test_what_is_not_there_is_said_when_it_is_loaded(python, keys, parts):
    with pytest.raises(PotentialError) as caught:
        potential(**{"python": python, **keys})
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("Nothing", {}, "AttributeError"),
        ("from_file", {}, "TypeError: from_file.. missing"),
        ("from_file", {"paht": "x"}, "TypeError: from_file.. got an unexpected keyword argument 'paht'"),
        ("Stressless", {}, "gives no stress"),
    ],
)
def test_what_cannot_be_built_is_said_before_any_geometry(python, name, arguments, words):
    described = potential(python, name, arguments=arguments)
    with pytest.raises(PotentialError, match=f"elsewhere.models:{name} cannot be loaded by .*{words}"):
        described.calculator()


def test_what_does_not_start_in_time_is_said_before_any_geometry(python, monkeypatch):
    described = potential(python, "slow")
    monkeypatch.setattr(remote, "START_LIMIT_S", 0.5)
    with pytest.raises(PotentialError, match=r"did not load the potential within 0\.5 s"):
        described.calculator()


def test_numbers_survive_json_exactly(python):
    from ase.calculators.morse import MorsePotential

    atoms = salt(8)
    geometry = {
        "numbers": atoms.numbers.tolist(),
        "positions": atoms.positions.tolist(),
        "cell": atoms.cell.array.tolist(),
        "pbc": atoms.pbc.tolist(),
    }
    results = compute(MorsePotential(r0=2.8), json.loads(json.dumps(geometry)))
    assert set(results) == {"energy", "forces", "stress"}
    atoms.calc = MorsePotential(r0=2.8)
    assert json.loads(json.dumps(results))["forces"] == atoms.get_forces().tolist()
