import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsearch.core.config import PotentialSection
from matsearch.core.errors import DftError, PotentialError
from matsearch.core.verdict import FailureKind
from matsearch.core.verify_section import RunSection
from matsearch.potentials import load_potential
from matsearch.potentials.frames import static_frame
from matsearch.testing.maps import DftBackendContract
from matsearch.testing.samples import sample_structure
from matsearch.verify import potential
from matsearch.verify.potential import PotentialBackend
from tests.verify.tasks import task_of, toy_backend


def crushed():
    return Structure(Lattice.cubic(2.0), ["Na", "Cl"], [[0, 0, 0], [0.01, 0, 0]])


class TestToy(DftBackendContract):
    energy_tolerance = 0.0

    @pytest.fixture
    def backend(self):
        return toy_backend()

    @pytest.fixture
    def tasks(self, backend):
        crystals = [sample_structure(), sample_structure("Ti", "C", 4.33), sample_structure("Al", "Al", 4.0)]
        return [task_of(crystal, backend.settings) for crystal in crystals]

    @pytest.fixture
    def hopeless(self, backend):
        return task_of(crushed(), backend.settings)


@pytest.fixture
def strained():
    crystal = sample_structure()
    crystal.perturb(0.1, seed=1)
    return crystal


def run(structure, *, backend=None, box=False):
    backend = backend or toy_backend()
    return backend.run(task_of(structure, backend.settings, box=box))


def test_it_ends_in_a_minimum_of_the_potential(strained):
    calculation = run(strained).calculation
    frame = static_frame(calculation.structure, load_potential("toy"))
    assert calculation.energy == pytest.approx(frame.energy, abs=1e-9)
    np.testing.assert_allclose(calculation.stress, frame.stress, atol=1e-6)
    assert np.linalg.norm(calculation.forces, axis=1).max() < potential.FMAX
    energies = [frame.energy for frame in calculation.frames]
    assert energies[-1] < energies[0]
    assert calculation.n_steps == len(energies) > 1


def test_a_molecule_in_a_box_keeps_the_box():
    dimer = Structure(Lattice.cubic(9.0), ["Cl", "Cl"], [[0.4, 0.5, 0.5], [0.6, 0.5, 0.5]])
    calculation = run(dimer, box=True).calculation
    assert calculation.structure.lattice == dimer.lattice
    assert calculation.structure.distance_matrix[0, 1] != pytest.approx(1.8, abs=1e-3)


def test_settings_say_which_potential_and_refuse_others(rock_salt):
    backend = toy_backend()
    assert backend.settings.parameters["sha256"] == load_potential("toy").info.sha256
    assert (backend.settings.code, backend.settings.scheme_id) == ("toy", "toy")
    other = backend.settings.evolve(parameters={**backend.settings.parameters, "fmax": 1.0})
    outcome = backend.run(task_of(rock_salt, other))
    assert outcome.verdict.kind is FailureKind.DFT_REFUSED


def test_time_and_steps_have_limits(strained, monkeypatch):
    assert run(strained, backend=toy_backend(time_limit_h=1e-9)).verdict.kind is FailureKind.TIME_OUT
    monkeypatch.setattr(potential, "MAX_STEPS", 1)
    outcome = run(strained)
    assert outcome.verdict.kind is FailureKind.NOT_CONVERGED
    assert outcome.core_hours > 0
    first, second = outcome.unfinished.frames
    assert first.structure == strained
    assert second.energy < first.energy


def test_crystals_that_fall_apart_are_verdicts():
    assert run(crushed()).verdict.kind is FailureKind.OVERLAPPING_ATOMS
    tight = sample_structure(length=2.2)
    assert run(tight).verdict.kind is FailureKind.EXPLODED


def test_what_cannot_be_loaded_is_said(monkeypatch):
    with pytest.raises(PotentialError):
        PotentialBackend(PotentialSection(name="toy", version="99"), RunSection())
    backend = toy_backend()

    def missing():
        raise PotentialError("no weights", "install them")

    monkeypatch.setattr(backend, "_make_calculator", missing)
    with pytest.raises(DftError, match="no weights"):
        backend.require_ready()


@pytest.mark.slow
def test_chgnet_gives_moments_and_refuses_isolated_atoms(rock_salt):
    backend = PotentialBackend(PotentialSection(name="chgnet"), RunSection())
    calculation = run(rock_salt, backend=backend).calculation
    assert len(calculation.magmoms) == 2
    assert calculation.settings.scheme_id == "chgnet-0.3.0"
    alone = Structure(Lattice.cubic(15.0), ["Na"], [[0, 0, 0]])
    assert run(alone, backend=backend, box=True).verdict.kind is FailureKind.ISOLATED_ATOM
