"""The contracts of a Potential and of its Evaluator. Subclass them and give the fixture ``potential``."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from matsearch.core.labels import Labels
from matsearch.core.protocols import Evaluator, Potential
from matsearch.core.schemes import get_scheme
from matsearch.potentials.evaluators import evaluator_of


class PotentialContract:
    """What every potential must keep: physics that needs no reference values.

    Subclasses define a fixture ``potential`` and may override ``atoms``, ``force_tolerance`` (eV/angstrom) and
    ``energy_tolerance`` (eV/atom); those of single precision need looser ones.
    """

    force_tolerance = 1e-4
    energy_tolerance = 1e-8
    step = 1e-3

    @pytest.fixture
    def potential(self) -> Potential:
        """Return the potential under test."""
        raise NotImplementedError

    @pytest.fixture
    def atoms(self, potential: Potential) -> Atoms:
        """Return a distorted rock salt cell of eight atoms with the calculator attached."""
        atoms = bulk("NaCl", "rocksalt", a=5.7, cubic=True)
        atoms.set_cell(
            atoms.cell.array @ (np.eye(3) + np.array([[0.01, 0.02, 0], [0, -0.01, 0.01], [0, 0, 0.02]])),
            scale_atoms=True,
        )
        atoms.rattle(0.08, seed=3)
        atoms.calc = potential.calculator()
        return atoms

    def test_says_who_it_is(self, potential: Potential) -> None:
        """It has the protocol's shape, a hash, and a scheme that is known."""
        assert isinstance(potential, Potential)
        assert len(potential.info.sha256) == 64
        assert get_scheme(potential.info.scheme_id).scheme_id == potential.info.scheme_id

    def test_forces_are_the_energy_gradient(self, atoms: Atoms) -> None:
        """Central differences of the energy give the forces."""
        forces = atoms.get_forces()
        for atom, axis in ((0, 0), (3, 1), (7, 2)):
            assert -self._slope(atoms, atom, axis) == pytest.approx(
                forces[atom, axis], abs=self.force_tolerance
            )

    def test_stress_is_the_strain_derivative(self, atoms: Atoms) -> None:
        """Central differences of the energy in strain give the stress."""
        stress = atoms.get_stress(voigt=False)
        volume, cell = atoms.get_volume(), atoms.cell.array.copy()
        for a, b in ((0, 0), (1, 2)):
            energies = []
            for sign in (1, -1):
                strain = np.eye(3)
                strain[a, b] += sign * self.step / 2
                strain[b, a] += sign * self.step / 2
                atoms.set_cell(cell @ strain, scale_atoms=True)
                energies.append(atoms.get_potential_energy())
            atoms.set_cell(cell, scale_atoms=True)
            slope = (energies[0] - energies[1]) / (2 * self.step)
            assert slope == pytest.approx(stress[a, b] * volume, abs=50 * self.force_tolerance)

    def test_energy_knows_neither_order_nor_origin_nor_orientation(self, atoms: Atoms) -> None:
        """Permuting, shifting and rotating the crystal leaves the energy."""
        energy = atoms.get_potential_energy()
        moved = atoms[::-1]
        moved.translate([0.3, 1.1, -0.4])
        moved.rotate(37, (1, 2, 3), rotate_cell=True)
        moved.calc = atoms.calc
        assert moved.get_potential_energy() == pytest.approx(energy, abs=self.energy_tolerance * len(atoms))

    def test_energy_is_extensive(self, atoms: Atoms) -> None:
        """Twice the cell has twice the energy."""
        energy = atoms.get_potential_energy()
        doubled = atoms.repeat((2, 1, 1))
        doubled.calc = atoms.calc
        assert doubled.get_potential_energy() == pytest.approx(
            2 * energy, abs=2 * self.energy_tolerance * len(atoms)
        )

    def test_no_net_force(self, atoms: Atoms) -> None:
        """Forces sum to zero."""
        assert np.abs(atoms.get_forces().sum(axis=0)).max() < 10 * self.force_tolerance

    def _slope(self, atoms: Atoms, atom: int, axis: int) -> float:
        energies = []
        for sign in (1, -1):
            atoms.positions[atom, axis] += sign * self.step
            energies.append(atoms.get_potential_energy())
            atoms.positions[atom, axis] -= sign * self.step
        return float((energies[0] - energies[1]) / (2 * self.step))


class EvaluatorContract:
    """What every evaluator must keep: one answer a geometry, whatever else is in the pass.

    Subclasses define a fixture ``potential`` and may override ``evaluator`` and ``tolerance`` (eV/atom, eV/angstrom,
    eV/angstrom^3 and Bohr magnetons alike).
    """

    tolerance = 1e-8

    @pytest.fixture
    def potential(self) -> Potential:
        """Return the potential whose evaluator is under test."""
        raise NotImplementedError

    @pytest.fixture
    def evaluator(self, potential: Potential) -> Evaluator:
        """Return the evaluator under test."""
        return evaluator_of(potential)

    @pytest.fixture
    def batch(self) -> list[Atoms]:
        """Return crystals of one, eight and two atoms, distorted."""
        batch = [bulk("Cu"), bulk("NaCl", "rocksalt", a=5.7, cubic=True), bulk("MgO", "rocksalt", a=4.3)]
        for seed, atoms in enumerate(batch):
            atoms.rattle(0.08, seed=seed)
        return batch

    def test_is_an_evaluator_and_total(self, evaluator: Evaluator, batch: list[Atoms]) -> None:
        """It gives one set of labels a geometry, also for none, in shapes that fit."""
        assert isinstance(evaluator, Evaluator)
        assert list(evaluator.evaluate([])) == []
        for atoms, labels in zip(batch, self._labels(evaluator, batch), strict=True):
            assert labels.forces.shape == (len(atoms), 3)
            assert labels.stress.shape == (3, 3)

    def test_keeps_the_order(self, evaluator: Evaluator, batch: list[Atoms]) -> None:
        """Turning the batch round turns the answers round."""
        for one, other in zip(
            self._labels(evaluator, batch), self._labels(evaluator, batch[::-1])[::-1], strict=True
        ):
            self._same(one, other)

    def test_company_changes_nothing(self, evaluator: Evaluator, batch: list[Atoms]) -> None:
        """A crystal has the same labels alone, with others and twice in one pass."""
        for atoms, together in zip(batch, self._labels(evaluator, batch), strict=True):
            (alone,) = self._labels(evaluator, [atoms])
            self._same(alone, together)
            for twin in self._labels(evaluator, [atoms, atoms]):
                self._same(alone, twin)

    def test_labels_are_the_calculators(
        self, potential: Potential, evaluator: Evaluator, batch: list[Atoms]
    ) -> None:
        """Energy, forces, stress and moments equal those of the ASE calculator."""
        for atoms, labels in zip(batch, self._labels(evaluator, batch), strict=True):
            atoms.calc = potential.calculator()
            moments = atoms.get_magnetic_moments() if labels.magmoms is not None else None
            calculated = Labels(
                atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False), moments
            )
            self._same(labels, calculated)

    def test_geometries_are_left_alone(self, evaluator: Evaluator, batch: list[Atoms]) -> None:
        """Positions and cells are as before, and a second pass says the same."""
        before = [(atoms.positions.copy(), atoms.cell.array.copy()) for atoms in batch]
        first = self._labels(evaluator, batch)
        for atoms, (positions, cell) in zip(batch, before, strict=True):
            np.testing.assert_array_equal(atoms.positions, positions)
            np.testing.assert_array_equal(atoms.cell.array, cell)
        for one, other in zip(first, self._labels(evaluator, batch), strict=True):
            self._same(one, other)

    def _labels(self, evaluator: Evaluator, batch: list[Atoms]) -> list[Labels]:
        found = evaluator.evaluate(batch)
        assert len(found) == len(batch)
        labels = [one for one in found if isinstance(one, Labels)]
        assert len(labels) == len(batch), found
        return labels

    def _same(self, one: Labels, other: Labels) -> None:
        n_atoms = len(one.forces)
        assert one.energy / n_atoms == pytest.approx(other.energy / n_atoms, abs=self.tolerance)
        for name in ("forces", "stress", "magmoms"):
            first, second = getattr(one, name), getattr(other, name)
            assert (first is None) == (second is None)
            if first is not None:
                np.testing.assert_allclose(first, second, rtol=0, atol=self.tolerance)
