import numpy as np
import pytest
import spglib
from ase import Atoms
from ase.build import bulk
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.core.config import RelaxSection
from matsearch.potentials import load_potential
from matsearch.potentials.evaluators import CalculatorEvaluator
from matsearch.potentials.frames import to_atoms
from matsearch.potentials.toy import ToyCalculator
from matsearch.relax.single import carry_out, relax_one
from matsearch.relax.symmetry import PRECISION, take_symmetry
from matsearch.relax.task import RelaxTask
from tests.relax.broken import Noisy

INFO = load_potential("toy").info


def rutile(**changes):
    facts = {"a": 4.6, "c": 2.96, "x": 0.305, **changes}
    lattice = Lattice.tetragonal(facts["a"], facts["c"])
    return Structure.from_spacegroup("P4_2/mnm", lattice, ["Ti", "O"], [[0, 0, 0], [facts["x"]] * 2 + [0]])


CRYSTALS = {
    "rutile": to_atoms(rutile()),
    "rock salt": bulk("NaCl", "rocksalt", a=5.6),
    "wurtzite": bulk("ZnO", "wurtzite", a=3.25, c=5.2),
    "doubled": bulk("TiC", "rocksalt", a=4.33, cubic=True) * (2, 1, 1),
}


def space_group(atoms, precision=1e-4):
    return spglib.get_symmetry_dataset(
        (atoms.cell.array, atoms.get_scaled_positions(), atoms.numbers), symprec=precision
    ).number


def crooked(atoms, size, seed):
    random, atoms = np.random.default_rng(seed), atoms.copy()
    atoms.positions += random.uniform(-size, size, atoms.positions.shape) / 2
    atoms.set_cell(
        atoms.cell.array @ (np.eye(3) + random.uniform(-1, 1, (3, 3)) * size / 20), scale_atoms=True
    )
    return atoms


@pytest.mark.parametrize("name", CRYSTALS)
def test_a_symmetric_crystal_stays_where_it_is(name):
    atoms = CRYSTALS[name].copy()
    assert take_symmetry(atoms) is not None
    np.testing.assert_allclose(atoms.positions, CRYSTALS[name].positions, atol=1e-9)
    np.testing.assert_allclose(atoms.cell.array, CRYSTALS[name].cell.array, atol=1e-9)


@examples(max_examples=30)
@given(name=st.sampled_from(["rutile", "rock salt", "wurtzite"]), seed=st.integers(0, 10_000))
def test_a_crooked_crystal_is_made_exact_and_hardly_moves(name, seed):
    atoms = crooked(CRYSTALS[name], 0.2 * PRECISION, seed)
    before = atoms.positions.copy()
    assert take_symmetry(atoms) is not None
    assert np.abs(atoms.positions - before).max() < 2 * PRECISION
    assert space_group(atoms, 1e-7) == space_group(CRYSTALS[name])


def test_nothing_is_kept_where_there_is_nothing():
    atoms = Atoms("LiFeO", cell=[[4, 0.2, 0], [0.5, 5, 0.3], [0.1, 0, 6]], pbc=True)
    atoms.set_scaled_positions([[0.1, 0.2, 0.3], [0.5, 0.61, 0.4], [0.8, 0.3, 0.77]])
    before = atoms.positions.copy()
    assert take_symmetry(atoms) is None
    np.testing.assert_array_equal(atoms.positions, before)


@examples(max_examples=30)
@given(name=st.sampled_from(sorted(CRYSTALS)), seed=st.integers(0, 10_000))
def test_symmetric_parts_are_projections(name, seed):
    """What is symmetric stays, twice is once, and what is left over is at right angles to it."""
    atoms, random = CRYSTALS[name].copy(), np.random.default_rng(seed)
    symmetry = take_symmetry(atoms)
    for part, size in ((symmetry.of_vectors, (len(atoms), 3)), (symmetry.of_tensor, (3, 3))):
        noise = random.normal(size=size)
        once = part(noise)
        np.testing.assert_allclose(part(once), once, atol=1e-10)
        assert np.vdot(once, noise - once) == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(symmetry.of_tensor(np.eye(3)), np.eye(3), atol=1e-10)


@pytest.mark.parametrize("name", CRYSTALS)
def test_real_forces_and_stresses_are_symmetric_already(name):
    atoms = CRYSTALS[name].copy()
    symmetry = take_symmetry(atoms)
    atoms.calc = ToyCalculator()
    np.testing.assert_allclose(symmetry.of_vectors(atoms.get_forces()), atoms.get_forces(), atol=1e-8)
    stress = atoms.get_stress(voigt=False)
    np.testing.assert_allclose(symmetry.of_tensor(stress), stress, atol=1e-8)


@pytest.mark.parametrize("optimizer", ["fire-lbfgs", "lbfgs", "fire"])
def test_noise_of_the_forces_costs_the_symmetry_unless_it_is_kept(optimizer):
    start = rutile(a=4.9, c=2.7)
    ends = {}
    for keep in (True, False):
        settings = RelaxSection(fmax=0.05, optimizer=optimizer, keep_symmetry=keep)
        outcome = relax_one(start, Noisy(0.005), INFO, settings, "key")
        assert outcome.relaxation is not None, outcome.verdict
        ends[keep] = to_atoms(outcome.relaxation.structure)
    assert space_group(ends[True], 1e-5) == space_group(to_atoms(start)) == 136
    assert space_group(ends[False], 1e-5) != 136
    assert abs(ends[True].get_volume() / start.volume - 1) > 0.01


@pytest.mark.parametrize("optimizer", ["fire-lbfgs", "lbfgs", "fire"])
def test_a_crystal_written_with_few_decimals_converges(optimizer):
    """Its forces have a part that keeping the symmetry cannot remove, unless its atoms are put right first."""
    atoms = crooked(CRYSTALS["doubled"], 0.5 * PRECISION, 1)
    structure = Structure(atoms.cell.array, atoms.get_chemical_symbols(), atoms.get_scaled_positions())
    settings = RelaxSection(fmax=1e-3, keep_symmetry=True, optimizer=optimizer)
    outcome = relax_one(structure, ToyCalculator(), INFO, settings, "key")
    assert outcome.verdict is None
    assert space_group(to_atoms(outcome.relaxation.structure), 1e-5) == 225


def test_one_evaluation_takes_the_geometry_as_it_is():
    atoms = crooked(CRYSTALS["doubled"], 0.5 * PRECISION, 1)
    structure = Structure(atoms.cell.array, atoms.get_chemical_symbols(), atoms.get_scaled_positions())
    task = RelaxTask(key="k", structure=structure, settings=RelaxSection(keep_symmetry=True), static=True)
    done = carry_out(task, CalculatorEvaluator(ToyCalculator()), INFO).relaxation
    np.testing.assert_allclose(done.structure.lattice.matrix, atoms.cell.array, atol=1e-12)
    gap = done.structure.frac_coords - structure.frac_coords
    np.testing.assert_allclose(gap - np.round(gap), 0, atol=1e-12)
