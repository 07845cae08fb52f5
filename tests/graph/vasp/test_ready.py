import atomate2
import pymatgen.core
import pytest

from matsearch.core.errors import DftError
from matsearch.core.verify_section import RunSection, VaspSection
from matsearch.graph.vasp import require_vasp


@pytest.fixture
def installed(monkeypatch, tmp_path):
    """A machine with a VASP command and potentials."""
    for program in ("vasp_std", "srun"):
        (tmp_path / program).write_text("#!/bin/sh\n")
        (tmp_path / program).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(atomate2.SETTINGS, "VASP_CMD", "srun -n 4 vasp_std")
    monkeypatch.setitem(pymatgen.core.SETTINGS, "PMG_VASP_PSP_DIR", str(tmp_path))
    return tmp_path


def refusal(run=None):
    with pytest.raises(DftError) as caught:
        require_vasp(VaspSection(), run or RunSection())
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_machine_with_vasp_is_ready(installed):
    require_vasp(VaspSection(), RunSection())


@pytest.mark.parametrize("program", ["vasp_std", "srun"])
def test_a_missing_command_is_named_with_the_remedy(installed, program):
    (installed / program).unlink()

    said = refusal()

    assert f"{program} is not on the PATH" in said
    assert "ATOMATE2_VASP_CMD" in said
    assert "--dry-run" in said


@pytest.mark.parametrize("folder", [None, "/no/such/folder"])
def test_missing_potentials_are_named_with_the_remedy(installed, monkeypatch, folder):
    monkeypatch.setitem(pymatgen.core.SETTINGS, "PMG_VASP_PSP_DIR", folder)

    said = refusal()

    assert "PMG_VASP_PSP_DIR" in said
    assert "--dry-run" in said


def test_cores_are_said_by_the_command(installed):
    assert "mpirun -np 8 vasp_std" in refusal(RunSection(cores=8))
