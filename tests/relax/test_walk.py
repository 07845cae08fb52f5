"""One relaxation from its first geometry to its end."""

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matsearch.core.config import RelaxSection
from matsearch.core.verdict import FailureKind
from matsearch.potentials import load_potential
from matsearch.potentials.evaluators import CalculatorEvaluator, evaluator_of
from matsearch.potentials.frames import to_atoms
from matsearch.potentials.toy import ToyCalculator
from matsearch.relax.coordinates import residual
from matsearch.relax.prospects import WINDOW
from matsearch.relax.single import carry_out
from matsearch.relax.task import Aim, RelaxTask
from matsearch.testing.samples import sample_structure

TOY = load_potential("toy")
OPTIMIZERS = ("fire-lbfgs", "lbfgs", "fire")


def crystal(seed=0, size=0.1):
    structure = sample_structure("Ti", "C", 4.5) * (2, 1, 1)
    random = np.random.default_rng(seed)
    cell = structure.lattice.matrix @ (np.eye(3) + random.normal(0, size / 5, (3, 3)))
    moved = Structure(cell, structure.species, structure.frac_coords)
    moved.perturb(size, seed=seed)
    return moved


def relax(structure, aim=None, potential=TOY, static=False, **settings):
    task = RelaxTask(
        key="key", structure=structure, settings=RelaxSection(**settings), aim=aim or Aim(), static=static
    )
    return carry_out(task, evaluator_of(potential), potential.info)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("fmax", [0.1, 0.01])
def test_the_end_is_under_the_force_it_was_to_reach(optimizer, fmax):
    done = relax(crystal(), optimizer=optimizer, fmax=fmax).relaxation
    atoms = to_atoms(done.structure)
    (labels,) = evaluator_of(TOY).evaluate([atoms])
    assert residual(atoms, labels) == pytest.approx(done.fmax, abs=1e-6)
    assert done.fmax <= fmax
    assert done.energy == pytest.approx(labels.energy, abs=1e-6)
    assert done.energy_per_atom == pytest.approx(done.energy / len(atoms))
    assert done.energy_per_atom < done.initial_energy_per_atom
    assert done.volume_ratio == pytest.approx(atoms.get_volume() / crystal().volume)
    assert done.relax_key == "key"
    assert done.potential_sha256 == TOY.info.sha256


def test_all_optimizers_end_in_the_same_place():
    ends = [relax(crystal(size=0.05), optimizer=optimizer, fmax=1e-3) for optimizer in OPTIMIZERS]
    energies = [end.relaxation.energy_per_atom for end in ends]
    volumes = [end.relaxation.structure.volume for end in ends]
    assert max(energies) - min(energies) < 1e-5
    assert max(volumes) / min(volumes) < 1.001
    steps = [end.relaxation.n_steps for end in ends]
    assert steps[1] < steps[2]
    assert steps[0] < steps[2]


def test_the_optimizers_agree_with_chgnet():
    potential, salt = (
        load_potential("chgnet"),
        Structure.from_spacegroup(
            "Fm-3m", Lattice.cubic(5.8), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3]
        ).get_primitive_structure(),
    )
    salt.perturb(0.05, seed=0)
    ends = [relax(salt, potential=potential, optimizer=o, fmax=0.02).relaxation for o in OPTIMIZERS]
    assert max(e.energy_per_atom for e in ends) - min(e.energy_per_atom for e in ends) < 1e-3
    assert all(len(e.magmoms) == 2 for e in ends)


@pytest.mark.parametrize("steps", [1, 5])
def test_the_cap_on_steps_is_exact(steps):
    class Counting(ToyCalculator):
        calls = 0

        def calculate(self, *args, **kwargs):
            self.calls += 1
            super().calculate(*args, **kwargs)

    calculator = Counting()
    task = RelaxTask(key="k", structure=crystal(), settings=RelaxSection(fmax=1e-6, max_steps=steps))
    verdict = carry_out(task, CalculatorEvaluator(calculator), TOY.info).verdict
    assert verdict.kind is FailureKind.NOT_CONVERGED
    assert f"after {steps} steps" in verdict.detail
    assert calculator.calls == steps + 1


def test_nothing_to_do_takes_no_step():
    done = relax(crystal(), fmax=0.01).relaxation
    again = relax(done.structure, fmax=0.01).relaxation
    assert again.n_steps == 0
    assert again.energy == pytest.approx(done.energy)


def test_one_evaluation_changes_nothing_and_converges_never():
    done = relax(crystal(), static=True, keep_symmetry=True).relaxation
    assert (done.n_steps, done.volume_ratio) == (0, pytest.approx(1))
    assert done.fmax > 0.1
    np.testing.assert_allclose(done.structure.lattice.matrix, crystal().lattice.matrix)
    assert done.energy_per_atom == done.initial_energy_per_atom


def test_what_cannot_win_ends_early_and_only_that():
    free = relax(crystal(), fmax=1e-4, optimizer="fire").relaxation
    hopeless = relax(crystal(), Aim(ceiling=free.energy_per_atom - 3), fmax=1e-4, optimizer="fire").verdict
    assert hopeless.kind is FailureKind.CANNOT_WIN
    excess = float(hopeless.detail.split("at least ")[1].split(" eV")[0])
    assert 0 < excess <= 3 + 0.01
    steps = int(hopeless.detail.split("after ")[1].split(" steps")[0])
    assert WINDOW <= steps < free.n_steps
    assert (
        relax(crystal(), Aim(ceiling=free.energy_per_atom + 0.01), fmax=1e-4, optimizer="fire").relaxation
        == free
    )


@pytest.mark.parametrize("seed", range(6))
def test_no_winner_is_ended(seed):
    """A ceiling just over the end never stops a relaxation."""
    free = relax(crystal(seed, 0.2), fmax=0.02)
    if free.relaxation is not None:
        ceiling = free.relaxation.energy_per_atom + 1e-6
        assert relax(crystal(seed, 0.2), Aim(ceiling=ceiling), fmax=0.02) == free


def test_a_crystal_that_becomes_a_known_one_ends_as_it_in_fewer_steps():
    known = relax(crystal(), fmax=1e-4).relaxation
    rattled = known.structure * (2, 1, 1)
    rattled.perturb(0.06, seed=3)
    free = relax(rattled, fmax=1e-3).relaxation
    aimed = relax(rattled, Aim(known=(known.structure,)), fmax=1e-3).relaxation
    assert aimed.n_steps < free.n_steps
    assert len(aimed.structure) == len(known.structure)
    np.testing.assert_allclose(aimed.structure.lattice.matrix, known.structure.lattice.matrix, atol=1e-8)
    gap = aimed.structure.frac_coords - known.structure.frac_coords
    np.testing.assert_allclose(gap - np.round(gap), 0, atol=1e-8)
    assert aimed.energy_per_atom == pytest.approx(known.energy_per_atom, abs=1e-9)
    assert aimed.volume_ratio == pytest.approx(
        (known.structure.volume / len(known.structure)) / (rattled.volume / len(rattled))
    )
    assert aimed.initial_energy_per_atom == pytest.approx(free.initial_energy_per_atom)


def test_a_known_crystal_that_is_far_changes_nothing():
    stretched = Structure(crystal().lattice.matrix * 1.3, crystal().species, crystal().frac_coords)
    aim = Aim(known=(stretched,))
    assert relax(crystal(), aim, fmax=0.01) == relax(crystal(), fmax=0.01)
