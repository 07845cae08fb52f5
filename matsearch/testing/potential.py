"""The contract of a Potential. Subclass it and give the fixture ``potential``."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from matsearch.core.protocols import Potential
from matsearch.core.schemes import get_scheme


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
