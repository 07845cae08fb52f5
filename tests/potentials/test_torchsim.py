import hashlib
import sys
from dataclasses import replace
from importlib import metadata
from types import SimpleNamespace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.calculators.lj import LennardJones
from ase.neighborlist import neighbor_list
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.io.ase import AseAtomsAdaptor

from matsearch.core.config import PotentialSection, RelaxSection
from matsearch.core.errors import PotentialError
from matsearch.core.protocols import BatchedPotential, Evaluator
from matsearch.core.verdict import FailureKind
from matsearch.potentials import find_entry, load_from, load_potential
from matsearch.potentials.evaluators import CalculatorEvaluator, evaluator_of
from matsearch.potentials.torchsim import (
    TorchSimEvaluator,
    TorchSimModel,
    TorchSimPotential,
    right_handed,
    usable,
)
from matsearch.potentials.toy import ToyCalculator
from matsearch.relax.lanes import Lanes
from matsearch.relax.single import relax_one
from matsearch.relax.task import RelaxTask

needs_torch_sim = pytest.mark.skipif(
    not usable(), reason="torch-sim 0.6 is not installed (Python 3.12 or newer, extra torchsim)"
)
SIGMA, EPSILON, CUTOFF = 3.405, 0.0104, 8.5
TAIL = 4 * EPSILON * ((SIGMA / CUTOFF) ** 12 - (SIGMA / CUTOFF) ** 6)
INFO = load_potential("toy").info
TOY = "matsearch.potentials.toy:ToyCalculator"


def argon(edge=5.3, shake=0.1, seed=1):
    """Four atoms in a skewed cell."""
    atoms = bulk("Ar", "fcc", a=edge, cubic=True)
    skew = np.eye(3) + np.array([[0.01, 0.03, 0], [0, -0.02, 0.01], [0, 0, 0.02]])
    atoms.set_cell(atoms.cell.array @ skew, scale_atoms=True)
    atoms.rattle(shake, seed=seed)
    return atoms


def left_handed(atoms):
    turned = atoms.copy()
    turned.set_cell(atoms.cell.array[[1, 0, 2]])
    return turned


def outside(atoms):
    """The same crystal, each atom moved by some lattice vector."""
    moved = atoms.copy()
    moved.positions += np.array([[3, -2, 1], [0, 0, 0], [-5, 3, 3], [10, 0, -7]]) @ atoms.cell.array
    return moved


def of_ase(atoms):
    """Labels from ASE's Lennard-Jones, which is lower by the pair energy at the cut-off for each pair."""
    (labels,) = CalculatorEvaluator(LennardJones(sigma=SIGMA, epsilon=EPSILON, rc=CUTOFF)).evaluate([atoms])
    return replace(labels, energy=labels.energy + TAIL * len(neighbor_list("i", atoms, CUTOFF)) / 2)


def model(cls=None, **arguments):
    lennard_jones = pytest.importorskip("torch_sim.models.lennard_jones")
    defaults = {"sigma": SIGMA, "epsilon": EPSILON, "cutoff": CUTOFF, "compute_stress": True}
    return (cls or lennard_jones.LennardJonesModel)(**{**defaults, **arguments})


@given(edges=st.lists(st.floats(3.0, 5.0), min_size=3, max_size=3), shear=st.floats(-1.0, 1.0))
def test_the_handedness_of_a_cell_is_no_physics(edges, shear):
    cell = np.diag(edges)
    cell[1, 0], cell[2, 1] = shear, -shear
    atoms = Atoms("NaCl", cell=cell, scaled_positions=[[0, 0, 0], [0.5, 0.45, 0.55]], pbc=True)
    turned = right_handed(left_handed(atoms))
    assert right_handed(atoms) is atoms
    assert turned.cell.handedness == 1
    assert turned.pbc.all()
    assert (turned.positions == atoms.positions).all()
    ours, theirs = CalculatorEvaluator(ToyCalculator()).evaluate([turned, atoms])
    assert ours.energy == pytest.approx(theirs.energy)
    assert ours.stress == pytest.approx(theirs.stress)


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("0.3.0", False),
        ("0.5.9", False),
        ("0.6.0", True),
        ("0.10.1", True),
        ("1.0.0rc1", True),
        ("0.7rc1", True),
        ("1", True),
    ],
)
def test_versions_that_are_new_enough(version, said, monkeypatch):
    monkeypatch.setattr(metadata, "version", lambda _: version)
    assert usable() is said


@pytest.mark.parametrize("installed", [True, False])
def test_a_library_is_batched_where_torch_sim_is(installed, tmp_path, monkeypatch):
    monkeypatch.setattr("matsearch.potentials.libraries.usable", lambda: installed)
    (tmp_path / "w.model").write_bytes(b"weights")
    entry = find_entry("mace-mp")
    library = replace(entry.load, calculator=TOY)
    section = PotentialSection(
        name="mace-mp", weights=str(tmp_path / "w.model"), version="small", allow_import=True
    )
    potential = library(section, entry)
    assert isinstance(potential, BatchedPotential) is installed
    assert potential.info.sha256 == hashlib.sha256(b"weights").hexdigest()
    elsewhere = library(section.model_copy(update={"python": sys.executable}), entry)
    assert not isinstance(elsewhere, BatchedPotential)


def test_on_the_cpu_the_calculator_answers_whether_torch_sim_is_there_or_not(monkeypatch):
    potential = TorchSimPotential(
        INFO, {"calculator": TOY, "arguments": {}}, TorchSimModel(model="no:Model", network=lambda _: None)
    )
    batched = object()
    monkeypatch.setattr(potential, "evaluator", lambda _device: batched)
    assert isinstance(evaluator_of(potential, "cpu"), CalculatorEvaluator)
    assert evaluator_of(potential, "cuda") is batched


@pytest.mark.parametrize(("version", "alone"), [("0.3.0", False), ("0.2.0", True)])
def test_chgnet_is_batched_on_the_cpu_where_company_does_not_matter(version, alone):
    potential = load_potential("chgnet", version)
    found = evaluator_of(potential, "cpu")
    assert isinstance(found, CalculatorEvaluator) is alone
    salt = bulk("NaCl", "rocksalt", a=5.7)
    salt.rattle(0.1, seed=3)
    lone = Atoms("Ar", cell=[40] * 3, pbc=True)
    batch = [salt, lone]
    (ours, no_ours), (theirs, no_theirs) = (e.evaluate(batch) for e in (found, potential.evaluator("cpu")))
    assert no_ours == no_theirs
    assert ours.energy == pytest.approx(theirs.energy, abs=1e-5)
    assert ours.stress == pytest.approx(theirs.stress, abs=1e-6)
    assert ours.magmoms == pytest.approx(theirs.magmoms, abs=1e-5)


def test_a_model_without_stress_is_refused():
    lacking = SimpleNamespace(compute_forces=True, compute_stress=False)
    with pytest.raises(PotentialError, match=r"no stress .*compute_stress=True"):
        TorchSimEvaluator(lacking)


@pytest.mark.parametrize("path", ["nowhere.at_all:Model", "matsearch.potentials.toy:Nothing"])
def test_a_model_that_cannot_be_built_is_one_clear_line(path):
    setup = {"calculator": TOY, "arguments": {}}
    potential = TorchSimPotential(INFO, setup, TorchSimModel(model=path, network=lambda _: None))
    with pytest.raises(PotentialError, match=f"{path} cannot be loaded: .*Error") as caught:
        potential.evaluator()
    assert "\n" not in str(caught.value)


@needs_torch_sim
class TestLennardJones:
    """torch-sim's model against ASE's calculator and its own energy."""

    @pytest.fixture
    def evaluator(self):
        return TorchSimEvaluator(model())

    def test_is_an_evaluator(self, evaluator):
        assert isinstance(evaluator, Evaluator)
        assert evaluator.evaluate([]) == []

    def test_a_batch_has_the_labels_of_ase(self, evaluator):
        batch = [argon(), bulk("Ar", "fcc", a=5.2), Atoms("Ar", cell=[40] * 3, pbc=True), argon(5.6, seed=2)]
        batch += [outside(argon()), left_handed(argon()), bulk("Ar", "fcc", a=2.0)]
        for found, atoms in zip(evaluator.evaluate(batch), batch, strict=True):
            wanted = of_ase(atoms)
            assert found.energy == pytest.approx(wanted.energy, rel=1e-9)
            assert found.forces == pytest.approx(wanted.forces, abs=1e-9 * max(1.0, abs(wanted.energy)))
            assert found.stress == pytest.approx(wanted.stress, rel=1e-6, abs=1e-9)

    def test_a_crystal_too_dense_for_the_fast_neighbour_list_is_computed(self, evaluator):
        dense = bulk("Ar", "fcc", a=2.0)
        assert len(neighbor_list("i", dense, CUTOFF)) > 0.2 * 4 / 3 * np.pi * CUTOFF**3
        assert evaluator.evaluate([dense])[0].energy == pytest.approx(of_ase(dense).energy, rel=1e-9)

    @pytest.mark.parametrize(("a", "b"), [(0, 0), (1, 1), (0, 1), (1, 2)])
    def test_stress_is_the_strain_derivative(self, evaluator, a, b):
        atoms, step = argon(), 1e-4
        energies = []
        for sign in (1, -1):
            strain = np.eye(3)
            strain[a, b] += sign * step / 2
            strain[b, a] += sign * step / 2
            strained = atoms.copy()
            strained.set_cell(atoms.cell.array @ strain, scale_atoms=True)
            energies.append(evaluator.evaluate([strained])[0].energy)
        slope = (energies[0] - energies[1]) / (2 * step)
        stress = evaluator.evaluate([atoms])[0].stress
        assert abs(stress[a, b]) > 1e-5
        assert slope / atoms.get_volume() == pytest.approx(stress[a, b], rel=1e-4)

    def test_forces_are_the_energy_gradient(self, evaluator):
        atoms, step = argon(), 1e-4
        moved = [atoms.copy(), atoms.copy()]
        for copy, sign in zip(moved, (1, -1), strict=True):
            copy.positions[2, 1] += sign * step
        up, down = evaluator.evaluate(moved)
        force = evaluator.evaluate([atoms])[0].forces[2, 1]
        assert -(up.energy - down.energy) / (2 * step) == pytest.approx(force, rel=1e-4)

    def test_the_walk_is_that_of_every_engine(self, evaluator):
        settings = RelaxSection(fmax=0.002)
        structures = {f"k{i}": AseAtomsAdaptor.get_structure(argon(seed=i)) for i in range(5)}
        work = [RelaxTask(key=key, structure=s, settings=settings) for key, s in structures.items()]
        found = dict(Lanes(evaluator, INFO, max_atoms=12).run(work))
        assert set(found) == set(structures)
        for key, structure in structures.items():
            calculator = LennardJones(sigma=SIGMA, epsilon=EPSILON, rc=CUTOFF)
            alone = relax_one(structure, calculator, INFO, settings, key).relaxation
            # the energies differ by the cut-off's jump, forces and stresses do not
            assert found[key].relaxation.n_steps == alone.n_steps
            assert found[key].relaxation.structure.volume == pytest.approx(alone.structure.volume, rel=1e-5)

    def test_memory_runs_out_and_the_batch_is_halved(self):
        torch = pytest.importorskip("torch")
        from torch_sim.models.lennard_jones import LennardJonesModel

        passes = []

        class Small(LennardJonesModel):
            def forward(self, state, **kwargs):
                passes.append(len(state.positions))
                if passes[-1] > 8:
                    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
                return super().forward(state, **kwargs)

        structures = [AseAtomsAdaptor.get_structure(argon(seed=i)) for i in range(4)]
        structures.append(AseAtomsAdaptor.get_structure(argon() * (3, 1, 1)))
        work = [RelaxTask(key=str(i), structure=s, settings=RelaxSection()) for i, s in enumerate(structures)]
        found = dict(Lanes(TorchSimEvaluator(model(Small)), INFO, max_atoms=64).run(work))
        assert max(passes) == 28
        assert all(found[str(i)].relaxation for i in range(4))
        assert found["4"].verdict.kind is FailureKind.OUT_OF_MEMORY


def same_labels(potential, batch, tolerance):
    """Assert that torch-sim and the ASE calculator say the same of a batch."""
    assert isinstance(potential, BatchedPotential)
    found = potential.evaluator("cpu").evaluate(batch)
    for ours, theirs in zip(found, CalculatorEvaluator(potential.calculator()).evaluate(batch), strict=True):
        assert ours.energy == pytest.approx(theirs.energy, abs=tolerance * len(theirs.forces))
        assert ours.forces == pytest.approx(theirs.forces, abs=10 * tolerance)
        assert ours.stress == pytest.approx(theirs.stress, abs=tolerance)


def salts():
    salt = bulk("NaCl", "rocksalt", a=5.7)
    salt.rattle(0.1, seed=3)
    lone = Atoms("Ar", cell=[40] * 3, pbc=True)
    return [salt, bulk("Ar", "fcc", a=5.7), left_handed(salt), lone, salt * (2, 1, 1)]


@needs_torch_sim
def test_sevennet_is_its_calculator():
    pytest.importorskip("sevenn")
    same_labels(load_potential("sevennet"), salts(), 1e-6)


@needs_torch_sim
def test_mace_is_its_calculator(tmp_path):
    modules = pytest.importorskip("mace.modules")
    torch = pytest.importorskip("torch")
    from e3nn.o3 import Irreps

    torch.manual_seed(1)
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    few = Irreps("4x0e")
    block = modules.interaction_classes
    network = modules.ScaleShiftMACE(
        r_max=4.5,
        num_bessel=4,
        num_polynomial_cutoff=5,
        max_ell=1,
        interaction_cls=block["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=block["RealAgnosticInteractionBlock"],
        num_interactions=2,
        num_elements=3,
        hidden_irreps=few,
        MLP_irreps=few,
        gate=torch.nn.functional.silu,
        atomic_energies=np.zeros((1, 3)),
        avg_num_neighbors=20.0,
        atomic_numbers=[11, 17, 18],
        correlation=2,
        atomic_inter_scale=[1000.0],
        atomic_inter_shift=[0.0],
        heads=["Default"],
    )
    torch.save(network, tmp_path / "random.model")
    torch.set_default_dtype(before)
    section = PotentialSection(
        name="mace-mp", weights=str(tmp_path / "random.model"), scheme="mace-mp", allow_import=True
    )
    try:
        same_labels(load_from(section), salts(), 1e-9)
    finally:
        torch.set_default_dtype(before)  # MACE's calculator sets it for the whole process
