import numpy as np
import pytest
from ase.build import bulk
from ase.filters import FrechetCellFilter
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from matsearch.potentials import load_potential
from matsearch.potentials.chgnet import CHGNetPotential
from matsearch.potentials.evaluators import evaluator_of
from matsearch.potentials.toy import ToyCalculator
from matsearch.relax.coordinates import CellCoordinates, residual

TOY = evaluator_of(load_potential("toy"))


def crystal(seed=0):
    atoms = bulk("TiC", "rocksalt", a=4.33)
    atoms.set_cell(atoms.cell.array @ [[1, 0.05, 0], [0, 1, 0.03], [-0.04, 0, 1.02]], scale_atoms=True)
    atoms.rattle(0.1, seed=seed)
    return atoms


def away(atoms, scale, strain, seed):
    """Coordinates at a random strain of a given size, atoms moved."""
    random = np.random.default_rng(seed)
    coordinates = CellCoordinates(atoms, scale)
    values = coordinates.values.copy()
    values[:-3] += random.normal(0, 0.05, (len(atoms), 3))
    log_strain = random.normal(size=(3, 3))
    log_strain += log_strain.T
    values[-3:] = scale * strain * log_strain / np.linalg.norm(log_strain)
    coordinates.move_to(values)
    return coordinates


def slopes(coordinates, evaluator, atoms, directions, step):
    """Central differences of the energy along directions; the crystal is put back."""
    here, found = coordinates.values, []
    for direction in directions:
        energies = []
        for sign in (1, -1):
            coordinates.move_to(here + sign * step * direction)
            energies.append(evaluator.evaluate([atoms])[0].energy)
        found.append((energies[0] - energies[1]) / (2 * step))
    coordinates.move_to(here)
    return np.array(found)


def some_directions(n_rows, seed, n=4):
    directions = np.random.default_rng(seed).normal(size=(n, n_rows, 3))
    directions[:, -3:] += np.swapaxes(directions[:, -3:], 1, 2)
    return directions


@examples(max_examples=25)
@given(strain=st.floats(0, 0.6), scale=st.sampled_from([1.0, 2.0, 7.5]), seed=st.integers(0, 10_000))
def test_the_gradient_is_the_energys_derivative_at_any_strain(strain, scale, seed):
    atoms = crystal(seed % 7)
    coordinates = away(atoms, scale, strain, seed)
    gradient = coordinates.gradient(TOY.evaluate([atoms])[0])
    directions = some_directions(len(gradient), seed)
    expected = np.einsum("dnx,nx->d", directions, gradient)
    found = slopes(coordinates, TOY, atoms, directions, 1e-5)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.abs(gradient).max())


@pytest.mark.parametrize("strain", [0.0, 0.15])
def test_the_gradient_is_the_energys_derivative_with_chgnet(strain):
    evaluator = CHGNetPotential().evaluator(double=True)
    atoms = crystal()
    coordinates = away(atoms, 2.0, strain, 1)
    gradient = coordinates.gradient(evaluator.evaluate([atoms])[0])
    directions = some_directions(len(gradient), 5)
    expected = np.einsum("dnx,nx->d", directions, gradient)
    np.testing.assert_allclose(
        slopes(coordinates, evaluator, atoms, directions, 1e-5), expected, rtol=1e-5, atol=1e-5
    )


@pytest.mark.parametrize("diagonal", [(0.1, 0.1, 0.1), (0.1, 0.1, -0.2), (0.1, 0.1 + 1e-9, 0.3), (0, 0, 0)])
def test_equal_principal_strains_are_no_division_by_zero(diagonal):
    atoms = crystal()
    coordinates = CellCoordinates(atoms, 2.0)
    values = coordinates.values.copy()
    values[-3:] = 2.0 * np.diag(diagonal)
    coordinates.move_to(values)
    gradient = coordinates.gradient(TOY.evaluate([atoms])[0])
    directions = some_directions(len(gradient), 2)
    expected = np.einsum("dnx,nx->d", directions, gradient)
    np.testing.assert_allclose(
        slopes(coordinates, TOY, atoms, directions, 1e-5), expected, rtol=1e-5, atol=1e-6
    )


@examples(max_examples=25)
@given(strain=st.floats(0, 0.5), seed=st.integers(0, 10_000))
def test_moving_away_and_back_restores_the_crystal(strain, seed):
    atoms = crystal()
    coordinates = CellCoordinates(atoms, 3.0)
    start, positions, cell = coordinates.values, atoms.positions.copy(), atoms.cell.array.copy()
    coordinates.move_to(start)
    np.testing.assert_allclose(atoms.positions, positions, atol=1e-12)
    there = away(atoms, 3.0, strain, seed).values
    coordinates.move_to(there)
    np.testing.assert_array_equal(coordinates.values, there)
    coordinates.move_to(start)
    np.testing.assert_allclose(atoms.positions, positions, atol=1e-12)
    np.testing.assert_allclose(atoms.cell.array, cell, atol=1e-12)


def test_the_volume_grows_by_the_trace_and_growth_undoes_shrinkage():
    atoms = crystal()
    volume, coordinates = atoms.get_volume(), CellCoordinates(atoms, 2.0)
    for size in (0.3, -0.3):
        values = coordinates.values.copy()
        values[-3:] = 2.0 * size * np.eye(3)
        coordinates.move_to(values)
        assert atoms.get_volume() == pytest.approx(volume * np.exp(3 * size))


def test_the_residual_is_that_of_ases_filter():
    for seed in range(5):
        atoms = crystal(seed)
        (labels,) = TOY.evaluate([atoms])
        with_calculator = atoms.copy()
        with_calculator.calc = ToyCalculator()
        rows = FrechetCellFilter(with_calculator).get_forces()
        assert residual(atoms, labels) == pytest.approx(np.linalg.norm(rows, axis=1).max(), rel=1e-9)
