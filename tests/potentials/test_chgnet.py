"""Our CHGNet network against the ``chgnet`` package, and the physics that needs no reference."""

import warnings
from functools import cache

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.core.labels import Labels
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.potentials import load_potential
from matsearch.potentials.chgnet import CHGNetPotential, load_model
from matsearch.potentials.evaluators import CalculatorEvaluator
from matsearch.potentials.frames import EV_A3_TO_GPA
from matsearch.testing.potential import EvaluatorContract

VERSIONS = ("0.3.0", "0.2.0", "r2scan")


@cache
def network(version="0.3.0", double=False):
    return CHGNetPotential(version).evaluator(double=double)


@cache
def reference(version):
    """What the ``chgnet`` package says of each crystal."""
    model = load_model(version)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            name: model.predict_structure(
                Structure(
                    Lattice(atoms.cell.array), atoms.get_chemical_symbols(), atoms.get_scaled_positions()
                )
            )
            for name, atoms in crystals().items()
        }


def scattered(n_atoms, length, seed):
    """Atoms of four elements in a triclinic cell, none too close, some outside the cell."""
    random = np.random.default_rng(seed)
    cell = length * (np.eye(3) + random.normal(0, 0.08, (3, 3)))
    places = []
    while len(places) < n_atoms:
        place = random.random(3)
        gaps = [(place - other) - np.round(place - other) for other in places]
        if all(np.linalg.norm(gap @ cell) > 1.7 for gap in gaps):
            places.append(place)
    scaled = np.array(places) + random.integers(-2, 3, (n_atoms, 3))
    return Atoms(random.choice(["Li", "Fe", "P", "O"], n_atoms), cell=cell, scaled_positions=scaled, pbc=True)


def dimers():
    """One bond within the cut-off of angles and none that leaves the same atom: no angle."""
    atoms = molecule("O2", cell=[4.6, 4.6, 4.6], pbc=True)
    atoms.rattle(0.02, seed=1)
    return atoms


@cache
def crystals():
    thin = Atoms(
        "Li2O",
        cell=[[2.5, 0, 0], [1.2, 2.3, 0], [0.3, 0.2, 9]],
        scaled_positions=[[0, 0, 0], [0.5, 0.5, 0.2], [0.2, 0.3, 0.1]],
        pbc=True,
    )
    salt = bulk("NaCl", "rocksalt", a=5.64, cubic=True)
    salt.rattle(0.1, seed=2)
    return {
        "no angle": bulk("K"),
        "one bond": dimers(),
        "self-images": bulk("Fe"),
        "triclinic": scattered(7, 5.2, 0),
        "thirty": scattered(30, 8.5, 1),
        "thin": thin,
        "salt": salt,
    }


@pytest.mark.parametrize("together", [False, True], ids=["alone", "together"])
@pytest.mark.parametrize("version", VERSIONS)
def test_answers_are_the_packages(version, together):
    names, batch = list(crystals()), list(crystals().values())
    evaluate = network(version).evaluate
    found = evaluate(batch) if together else [labels for atoms in batch for labels in evaluate([atoms])]
    for name, atoms, labels in zip(names, batch, found, strict=True):
        known = reference(version)[name]
        largest = max(np.abs(known["f"]).max(), 1e-2)
        assert labels.energy / len(atoms) == pytest.approx(float(known["e"]), abs=1e-5), name
        np.testing.assert_allclose(labels.forces, known["f"], rtol=0, atol=2e-3 * largest, err_msg=name)
        np.testing.assert_allclose(labels.stress * EV_A3_TO_GPA, known["s"], atol=2e-3, err_msg=name)
        np.testing.assert_allclose(labels.magmoms, known["m"], rtol=0, atol=1e-4, err_msg=name)


def test_the_cases_are_what_they_say():
    converter = load_model("0.3.0").graph_converter
    for name in ("no angle", "one bond"):
        atoms = crystals()[name]
        graph = converter(
            Structure(atoms.cell.array, atoms.get_chemical_symbols(), atoms.get_scaled_positions())
        )
        assert len(graph.bond_graph) == 0
    assert np.abs(crystals()["triclinic"].get_scaled_positions(wrap=False) - 0.5).max() > 0.5


class TestEvaluator(EvaluatorContract):
    tolerance = 2e-5

    @pytest.fixture(params=VERSIONS)
    def potential(self, request):
        return load_potential("chgnet", request.param)


class TestToyEvaluator(EvaluatorContract):
    @pytest.fixture
    def potential(self):
        return load_potential("toy")


class TestAroundACalculator(EvaluatorContract):
    """CHGNet reached through ASE, one geometry after another."""

    tolerance = 2e-5

    @pytest.fixture
    def potential(self):
        return load_potential("chgnet")

    @pytest.fixture
    def evaluator(self, potential):
        return CalculatorEvaluator(potential.calculator())


def energies(geometries):
    return [labels.energy for labels in network(double=True).evaluate(geometries)]


@pytest.mark.parametrize("name", ["one bond", "self-images", "triclinic", "thin"])
def test_forces_are_exact_derivatives_in_double_precision(name):
    atoms, step = crystals()[name], 1e-4
    (labels,) = network(double=True).evaluate([atoms])
    places = [(0, 0), (len(atoms) - 1, 1), (len(atoms) // 2, 2)]
    moved = []
    for atom, axis in places:
        for sign in (1, -1):
            copy = atoms.copy()
            copy.positions[atom, axis] += sign * step
            moved.append(copy)
    up, down = np.array(energies(moved)).reshape(-1, 2).T
    np.testing.assert_allclose((down - up) / (2 * step), [labels.forces[p] for p in places], atol=1e-6)


@pytest.mark.parametrize("name", ["no angle", "one bond", "self-images", "triclinic", "thin"])
def test_stress_is_an_exact_derivative_in_double_precision(name):
    atoms, step = crystals()[name], 1e-5
    (labels,) = network(double=True).evaluate([atoms])
    np.testing.assert_allclose(labels.stress, labels.stress.T, atol=1e-10)
    places = [(0, 0), (1, 1), (2, 2), (0, 1), (1, 2), (2, 0)]
    strained = []
    for a, b in places:
        for sign in (1, -1):
            copy, strain = atoms.copy(), np.eye(3)
            strain[a, b] += sign * step / 2
            strain[b, a] += sign * step / 2
            copy.set_cell(copy.cell.array @ strain, scale_atoms=True)
            strained.append(copy)
    up, down = np.array(energies(strained)).reshape(-1, 2).T
    expected = [labels.stress[p] * atoms.get_volume() for p in places]
    np.testing.assert_allclose((up - down) / (2 * step), expected, atol=1e-5)


def pair(distance):
    """A chain of molecules whose next neighbours come into reach as the cell shrinks."""
    return Atoms("OO", positions=[[0, 0, 0], [1.3, 0, 0]], cell=[distance, 20, 20], pbc=True)


@pytest.mark.parametrize("cutoff", [3.0, 6.0], ids=["angles", "bonds"])
def test_energy_is_continuous_where_a_neighbour_comes_into_reach(cutoff):
    # the molecule's next image lies at the cell's length less the bond's
    below, above, near = (pair(cutoff + 1.3 + gap) for gap in (-1e-6, 1e-6, -1.0))
    low, high, inside = energies([below, above, near])
    assert low == pytest.approx(high, abs=1e-5)
    assert abs(inside - high) > 1e-4


@examples(max_examples=10)
@given(st.integers(0, 10_000))
def test_energy_knows_neither_origin_order_nor_orientation(seed):
    random = np.random.default_rng(seed)
    atoms = crystals()["triclinic"].copy()
    moved = atoms[random.permutation(len(atoms))]
    moved.translate(random.normal(0, 5, 3))
    moved.rotate(random.uniform(0, 180), random.normal(size=3), rotate_cell=True)
    first, second = energies([atoms, moved])
    assert first == pytest.approx(second, abs=1e-9)


@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_isolated_atom_is_a_verdict_and_harms_nobody(place):
    alone = Atoms("Ne", cell=[15, 15, 15], pbc=True)
    others = [crystals()["salt"], crystals()["self-images"]]
    batch = [*others[:place], alone, *others[place:]]
    found = network().evaluate(batch)
    assert isinstance(found[place], Verdict)
    assert found[place].kind is FailureKind.ISOLATED_ATOM
    assert "cut-off" in found[place].detail
    labels = [one for one in found if isinstance(one, Labels)]
    for expected, one in zip(network().evaluate(others), labels, strict=True):
        assert one.energy == pytest.approx(expected.energy, abs=1e-5)
        np.testing.assert_allclose(one.forces, expected.forces, atol=1e-5)


def test_one_atom_out_of_reach_condemns_its_crystal():
    crystal = Atoms("Cu2Ne", positions=[[0, 0, 0], [2.5, 0, 0], [9, 9, 9]], cell=[18, 18, 18], pbc=True)
    assert network().evaluate([crystal])[0].kind is FailureKind.ISOLATED_ATOM


def test_the_calculator_refuses_an_isolated_atom():
    atoms = Atoms("Ne", cell=[15, 15, 15], pbc=True, calculator=load_potential("chgnet").calculator())
    with pytest.raises(ValueError, match="isolated atom"):
        atoms.get_potential_energy()


@pytest.mark.parametrize("version", VERSIONS)
def test_energies_of_the_elements_are_the_models(version):
    """What an energy holds beyond the network's sites is the model's own sum over the composition."""
    evaluator, model = network(version), load_model(version)
    own = evaluator._network._element_energies.numpy()
    known = model.composition_model.fc.weight.detach().view(-1).numpy()
    np.testing.assert_array_equal(own, known.astype(float))
    atoms = crystals()["salt"]
    swapped = atoms.copy()
    swapped.numbers = np.where(atoms.numbers == 11, 3, atoms.numbers)
    first, second = (labels.energy for labels in evaluator.evaluate([atoms, swapped]))
    assert first != pytest.approx(second, abs=0.1)


def test_an_evaluator_leaves_the_packages_model_as_it_is():
    model = load_model("0.3.0")
    before = {name: value.clone() for name, value in model.state_dict().items()}
    import torch

    from matsearch.potentials.chgnet_network import Network

    Network(model, "cpu", torch.float64)
    assert all(value.requires_grad for value in model.mlp.parameters())
    assert all(bool((value == before[name]).all()) for name, value in model.state_dict().items())
