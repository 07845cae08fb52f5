import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Structure

from matsearch.potentials.frames import to_atoms
from matsearch.relax.prospects import (
    GAIN_AT_REST,
    GAIN_PER_DROP,
    LEAST_GAIN,
    LOOK_EVERY,
    NEAR,
    WINDOW,
    KnownCrystals,
    Prospects,
    to_structure,
)
from matsearch.testing.samples import sample_structure


def told(prospects, energies, force=0.2):
    """The last answer of several."""
    return [prospects.excess(energy, force) for energy in energies][-1]


def test_without_a_ceiling_nothing_ends():
    assert told(Prospects(None), [1e3] * 50) is None


def test_nothing_is_said_before_the_window_is_full():
    prospects = Prospects(-5.0)
    assert [prospects.excess(0.0, 0.1) for _ in range(WINDOW)] == [None] * WINDOW
    assert prospects.excess(0.0, 0.1) == pytest.approx(5.0 - LEAST_GAIN)


@given(
    energies=st.lists(st.floats(-10, 10), min_size=WINDOW + 1, max_size=40),
    force=st.floats(0, 50),
    ceiling=st.floats(-10, 10),
)
def test_the_excess_is_the_energy_less_what_may_still_be_gained_less_the_ceiling(energies, force, ceiling):
    found = told(Prospects(ceiling), energies, force)
    drop = max(energies[-1 - WINDOW] - energies[-1], 0)
    gain = min(max(GAIN_PER_DROP * drop, LEAST_GAIN), GAIN_AT_REST + force)
    lowest = energies[-1] - gain
    if lowest > ceiling:
        assert found == pytest.approx(lowest - ceiling)
    else:
        assert found is None


def test_large_forces_and_steep_descents_buy_time():
    flat, steep = [1.0] * (WINDOW + 1), list(np.linspace(1.5, 1.0, WINDOW + 1))
    assert told(Prospects(0.0), flat, force=5.0) is not None
    assert told(Prospects(0.0), steep, force=5.0) is None
    assert told(Prospects(0.0), steep, force=0.1) is not None
    assert told(Prospects(0.99), flat, force=0.0) is None


def moved(structure, size=0.0, strain=1.0):
    atoms = to_atoms(structure)
    atoms.set_cell(atoms.cell.array * strain, scale_atoms=True)
    atoms.rattle(size, seed=1) if size else None
    return atoms


def test_a_near_crystal_is_offered_once_in_its_own_cell():
    salt = sample_structure()
    known = KnownCrystals([salt])
    found = known.nearest(moved(salt * (2, 1, 1), 0.02), LOOK_EVERY, 0.1)
    assert len(found) == len(salt)
    np.testing.assert_allclose(found.cell.array, salt.lattice.matrix)
    assert known.nearest(moved(salt, 0.02), LOOK_EVERY, 0.1) is None


@pytest.mark.parametrize(
    ("atoms", "step", "force"),
    [
        (moved(sample_structure()), LOOK_EVERY, NEAR + 0.01),
        (moved(sample_structure()), LOOK_EVERY + 1, 0.1),
        (moved(sample_structure(), strain=1.08), LOOK_EVERY, 0.1),
        (moved(sample_structure("K", "Cl")), LOOK_EVERY, 0.1),
    ],
    ids=["forces are large", "not at this step", "of another size", "other elements"],
)
def test_what_is_not_near_is_left_alone(atoms, step, force):
    known = KnownCrystals([sample_structure()])
    assert known.nearest(atoms, step, force) is None
    assert known.nearest(moved(sample_structure()), LOOK_EVERY, 0.1) is not None


def test_a_structure_has_its_atoms_inside_the_cell():
    atoms = moved(sample_structure())
    atoms.positions += [30.0, -20.0, 7.0]
    structure = to_structure(atoms)
    assert ((structure.frac_coords >= 0) & (structure.frac_coords < 1)).all()
    original = Structure(
        atoms.cell.array, atoms.get_chemical_symbols(), atoms.get_scaled_positions(wrap=False)
    )
    np.testing.assert_allclose(structure.distance_matrix, original.distance_matrix, atol=1e-9)
