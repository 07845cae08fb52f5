import numpy as np
import pytest
from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress
from ase.calculators.lj import LennardJones
from pymatgen.core import Lattice, Structure

from matsearch.core.config import RelaxSection
from matsearch.core.verdict import FailureKind
from matsearch.potentials import load_potential
from matsearch.potentials.frames import to_atoms
from matsearch.potentials.toy import ToyCalculator
from matsearch.relax.single import relax_one
from tests.relax.broken import Free, Hole, Isolated, NotFinite, Pressing

INFO = load_potential("toy").info


def _relax(structure, calculator, **settings):
    return relax_one(structure, calculator, INFO, RelaxSection(**settings), "key")


def test_a_good_crystal_relaxes(titanium_carbide):
    titanium_carbide.perturb(0.05)
    outcome = _relax(titanium_carbide, ToyCalculator(), fmax=0.01)
    relaxation = outcome.relaxation
    assert outcome.verdict is None
    assert relaxation.fmax <= 0.01
    assert relaxation.energy < relaxation.initial_energy_per_atom * 2
    assert relaxation.structure.species == titanium_carbide.species
    assert relaxation.volume_ratio == pytest.approx(relaxation.structure.volume / titanium_carbide.volume)


@pytest.mark.parametrize("quantity", ["energy", "forces", "stress"])
@pytest.mark.parametrize("after", [0, 2])
@pytest.mark.parametrize("optimizer", ["lbfgs", "fire"])
def test_not_a_number_at_any_step_ends_the_candidate(titanium_carbide, quantity, after, optimizer):
    titanium_carbide.perturb(0.1)
    outcome = _relax(titanium_carbide, NotFinite(quantity, after), optimizer=optimizer, fmax=1e-3)
    assert outcome.relaxation is None
    assert outcome.verdict.kind is FailureKind.NON_FINITE
    assert quantity in outcome.verdict.detail


@pytest.mark.parametrize(("pressure", "kind"), [(0.05, FailureKind.COLLAPSED), (-0.05, FailureKind.EXPLODED)])
def test_cells_that_run_away(titanium_carbide, pressure, kind):
    assert (
        _relax(titanium_carbide, Pressing(pressure), max_energy_per_atom=1e9, optimizer="fire").verdict.kind
        is kind
    )


def test_converged_is_not_valid():
    on_top = Structure(Lattice.cubic(4), ["Ti", "C"], [[0, 0, 0], [0.02, 0, 0]])
    assert _relax(on_top, Free()).verdict.kind is FailureKind.OVERLAPPING_ATOMS


def test_absurd_energies_are_no_discovery(titanium_carbide):
    assert _relax(titanium_carbide, Free(energy=-1e5)).verdict.kind is FailureKind.EXPLODED


def test_steps_run_out(titanium_carbide):
    titanium_carbide.perturb(0.2)
    outcome = _relax(titanium_carbide, ToyCalculator(), max_steps=1, fmax=1e-4)
    assert outcome.verdict.kind is FailureKind.NOT_CONVERGED
    assert "after 1 steps" in outcome.verdict.detail


def test_isolated_atoms_are_named(titanium_carbide):
    assert _relax(titanium_carbide, Isolated()).verdict.kind is FailureKind.ISOLATED_ATOM


def overlapping_argon():
    """Four atoms within half an angstrom."""
    places = [[0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]]
    return Structure(Lattice.cubic(3), ["Ar"] * 4, places)


ARGON = {"sigma": 3.4, "epsilon": 0.0104, "rc": 10}
UNGUARDED = {"max_volume_ratio": 1e9, "max_energy_per_atom": 1e99}


@pytest.mark.parametrize("optimizer", ["fire-lbfgs", "fire"])
def test_overlapping_atoms_that_blow_up_are_no_crystal(optimizer):
    """Without guards they end 'converged' with over five times the room they began with."""
    loose = _relax(overlapping_argon(), LennardJones(**ARGON), optimizer=optimizer, **UNGUARDED)
    assert loose.relaxation.volume_ratio > 5
    outcome = _relax(overlapping_argon(), LennardJones(**ARGON), optimizer=optimizer)
    assert outcome.verdict.kind is FailureKind.EXPLODED
    assert "eV/atom" in outcome.verdict.detail
    outcome = _relax(
        overlapping_argon(), LennardJones(**ARGON), optimizer=optimizer, max_energy_per_atom=1e99
    )
    assert outcome.verdict.kind is FailureKind.EXPLODED
    assert "volume grew" in outcome.verdict.detail


@pytest.mark.parametrize("optimizer", ["fire-lbfgs", "lbfgs", "fire"])
def test_falling_into_a_hole_of_the_potential_is_no_crystal(optimizer):
    close = Structure(Lattice.cubic(4.5), ["Ti", "C"], [[0, 0, 0], [0.5, 0.02, 0]])
    outcome = _relax(close, Hole(), optimizer=optimizer, max_steps=200)
    assert outcome.relaxation is None
    assert outcome.verdict.kind in {
        FailureKind.OVERLAPPING_ATOMS,
        FailureKind.COLLAPSED,
        FailureKind.EXPLODED,
    }


def test_the_hole_is_the_energys_own():
    """Its forces and stress are derivatives, so that nothing but the guards ends it."""
    atoms = to_atoms(Structure(Lattice.cubic(4.5), ["Ti", "C"], [[0, 0, 0], [0.5, 0.02, 0]]))
    atoms.calc = Hole()
    np.testing.assert_allclose(atoms.get_forces(), calculate_numerical_forces(atoms, eps=1e-5), atol=1e-5)
    np.testing.assert_allclose(atoms.get_stress(), calculate_numerical_stress(atoms, eps=1e-5), atol=1e-6)
