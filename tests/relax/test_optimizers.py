import numpy as np
import pytest
from ase.build import bulk
from ase.filters import FrechetCellFilter
from ase.optimize import FIRE
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from matsearch.potentials import load_potential
from matsearch.potentials.evaluators import evaluator_of
from matsearch.potentials.toy import ToyCalculator
from matsearch.relax.coordinates import CellCoordinates
from matsearch.relax.optimizers import Fire, Lbfgs

BOTH = pytest.mark.parametrize("make", [Fire, Lbfgs], ids=["fire", "lbfgs"])


def follow(optimizer, landscape, start, most, tolerance=1e-3):
    """Visited places until the gradient is small, the last included."""
    path = [np.array(start, dtype=float)]
    for _ in range(most):
        energy, gradient = landscape(path[-1])
        if np.abs(gradient).max() < tolerance:
            return path
        path.append(optimizer.next(path[-1], gradient, energy))
    raise AssertionError(f"gradient still {np.abs(landscape(path[-1])[1]).max()} after {most} steps")


def bowl(stiffness, bottom):
    def landscape(values):
        away = (values - bottom).ravel()
        return 0.5 * away @ stiffness @ away, (stiffness @ away).reshape(values.shape)

    return landscape


def stretch(values):
    """A bent valley: long and flat along one axis, steep across."""
    x, y, z = values[0]
    across = y - x**2
    energy = 0.5 * (1 - x) ** 2 + 10 * across**2 + z**2
    return energy, np.array([[x - 1 - 40 * x * across, 20 * across, 2 * z]])


def two_wells(values):
    """(x^2 - 1)^2 in every coordinate: concave around 0."""
    return float(np.sum((values**2 - 1) ** 2)), 4 * values * (values**2 - 1)


@BOTH
@examples(max_examples=25)
@given(n=st.integers(1, 6), seed=st.integers(0, 10_000), spread=st.floats(0, 1.5), size=st.floats(0.5, 30))
def test_quadratic_bowls_are_descended_to_the_bottom(make, n, seed, spread, size):
    random = np.random.default_rng(seed)
    axes = np.linalg.qr(random.normal(size=(3 * n, 3 * n)))[0]
    stiffness = (axes * (size * 10 ** random.uniform(-spread, 0, 3 * n))) @ axes.T
    bottom = random.normal(size=(n, 3))
    path = follow(make(), bowl(stiffness, bottom), bottom + random.normal(0, 0.5, (n, 3)), 1500, 1e-4)
    np.testing.assert_allclose(path[-1], bottom, atol=1e-4 / (0.02 * size) * np.sqrt(3 * n))


def test_lbfgs_needs_far_fewer_steps_than_fire_in_a_bowl():
    stiffness = np.diag(np.geomspace(1, 30, 12))
    start = np.full((4, 3), 0.15)
    steps = [len(follow(make(), bowl(stiffness, 0.0), start, 1000)) for make in (Lbfgs, Fire)]
    assert 2 * steps[0] < steps[1]


@BOTH
@pytest.mark.parametrize("start", [(-1.0, 1.0, 0.5), (0.0, 2.0, -1.0)])
def test_a_bent_valley_is_followed(make, start):
    path = follow(make(), stretch, [start], 2000)
    np.testing.assert_allclose(path[-1], [[1, 1, 0]], atol=0.02)


@BOTH
@pytest.mark.parametrize("start", [0.02, 0.3, 0.55, -0.1])
def test_concave_ground_leads_down(make, start):
    path = follow(make(), two_wells, np.full((2, 3), start), 500)
    np.testing.assert_allclose(path[-1], np.sign(start), atol=1e-3)


@BOTH
def test_at_the_bottom_nothing_moves(make):
    here = np.ones((2, 3))
    optimizer = make()
    for _ in range(3):
        np.testing.assert_array_equal(optimizer.next(here, np.zeros((2, 3)), 0.0), here)


@examples(max_examples=50)
@given(seed=st.integers(0, 10_000), size=st.floats(1e-3, 1e6), reach=st.floats(0.01, 1))
def test_lbfgs_moves_nothing_further_than_its_reach(seed, size, reach):
    """Whatever it is told, sense or not."""
    random = np.random.default_rng(seed)
    optimizer, values, longest = Lbfgs(reach=reach), np.zeros((4, 3)), 0.0
    for _ in range(12):
        following = optimizer.next(values, size * random.normal(size=(4, 3)), float(random.normal()))
        before = [values] if optimizer._before is None else [values, optimizer._before[0]]
        longest = min(np.linalg.norm(following - place, axis=1).max() for place in before)
        assert longest <= reach * (1 + 1e-9)
        assert np.isfinite(following).all()
        values = following


def test_a_climbing_step_is_taken_back_and_shortened():
    optimizer, here = Lbfgs(stiffness=1.0, reach=0.2), np.zeros((1, 3))
    gradient = np.array([[5.0, 0, 0]])
    there = optimizer.next(here, gradient, energy=0.0)
    np.testing.assert_allclose(there, [[-0.2, 0, 0]])
    back = optimizer.next(there, np.array([[-40.0, 0, 0]]), energy=3.0)
    assert -0.2 < back[0, 0] < 0.0  # from the first place, not on from the second
    shorter = optimizer.next(back, np.array([[-30.0, 0, 0]]), energy=1.0)
    assert back[0, 0] < shorter[0, 0] < 0.0
    onward = optimizer.next(shorter, gradient, energy=-0.1)
    assert onward[0, 0] < shorter[0, 0]


def test_energies_that_only_climb_do_not_stop_it():
    optimizer, values = Lbfgs(), np.zeros((1, 3))
    places = []
    for step in range(6):
        values = optimizer.next(values, np.array([[1.0, 0.2, 0]]), energy=float(step))
        places.append(values[0, 0])
    assert places[1:5] == sorted(places[1:5])  # four shorter and shorter steps from the first place
    assert places[5] < places[4]  # and then on


def test_noise_of_the_energy_is_no_climb():
    optimizer, here = Lbfgs(stiffness=10.0), np.zeros((1, 3))
    there = optimizer.next(here, np.array([[1.0, 0, 0]]), energy=0.0)
    onward = optimizer.next(there, np.array([[0.5, 0, 0]]), energy=5e-5)
    assert onward[0, 0] < there[0, 0]


def strained(strain, seed):
    atoms = bulk("TiC", "rocksalt", a=4.33, cubic=True)
    atoms.set_cell(atoms.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    atoms.rattle(0.08, seed=seed)
    return atoms


def ase_path(atoms, steps):
    atoms = atoms.copy()
    atoms.calc = ToyCalculator()
    energies = []
    optimizer = FIRE(FrechetCellFilter(atoms), logfile=None)
    optimizer.attach(lambda: energies.append(atoms.get_potential_energy()))
    optimizer.run(fmax=1e-9, steps=steps)
    return np.array(energies[: steps + 1]) / len(atoms)


def our_path(atoms, steps):
    atoms = atoms.copy()
    coordinates, optimizer = CellCoordinates(atoms, float(len(atoms))), Fire()
    evaluator, energies = evaluator_of(load_potential("toy")), []
    for _ in range(steps + 1):
        (labels,) = evaluator.evaluate([atoms])
        energies.append(labels.energy)
        coordinates.move_to(optimizer.next(coordinates.values, coordinates.gradient(labels), labels.energy))
    return np.array(energies) / len(atoms)


def test_fire_goes_ases_way_to_the_last_digit_where_the_cell_does_not_shear():
    atoms = bulk("TiC", "rocksalt", a=4.33)
    atoms.set_cell(atoms.cell.array @ np.diag([1.06, 1.06, 1.06]), scale_atoms=True)
    np.testing.assert_allclose(our_path(atoms, 20), ase_path(atoms, 20), atol=1e-9)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_fire_goes_ases_way_but_for_the_rotations_that_ase_allows(seed):
    strain = np.random.default_rng(seed).normal(0, 0.03, (3, 3))
    ours, theirs = our_path(strained(strain, seed), 20), ase_path(strained(strain, seed), 20)
    assert theirs[0] - theirs[-1] > 0.02
    np.testing.assert_allclose(ours, theirs, atol=2e-4)
