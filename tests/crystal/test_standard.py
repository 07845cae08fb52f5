"""One crystal, one cell, whatever cell it was written in."""

import csv
import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure
from pymatgen.core.operations import SymmOp
from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

from matsearch.crystal.canonical import structure_key
from matsearch.crystal.matching import nearly_same
from matsearch.crystal.standard import standard_cell
from matsearch.potentials.frames import to_atoms
from matsearch.potentials.toy import ToyCalculator

CRYSTALS = {
    "rock salt": Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.64), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3]
    ),
    "zinc blende": Structure.from_spacegroup(
        "F-43m", Lattice.cubic(5.41), ["Zn", "S"], [[0, 0, 0], [0.25] * 3]
    ),
    "perovskite": Structure.from_spacegroup(
        "Pm-3m", Lattice.cubic(3.9), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0]]
    ),
    "rutile": Structure.from_spacegroup(
        "P4_2/mnm", Lattice.tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.3053, 0.3053, 0]]
    ),
    "wurtzite": Structure.from_spacegroup(
        "P6_3mc", Lattice.hexagonal(3.25, 5.21), ["Zn", "O"], [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.382]]
    ),
    "corundum": Structure.from_spacegroup(
        "R-3c", Lattice.hexagonal(4.76, 12.99), ["Al", "O"], [[0, 0, 0.3522], [0.3063, 0, 0.25]]
    ),
    "quartz": Structure.from_spacegroup(
        "P3_221", Lattice.hexagonal(4.913, 5.405), ["Si", "O"], [[0.4697, 0, 2 / 3], [0.4133, 0.2672, 0.7855]]
    ),
    "olivine": Structure.from_spacegroup(
        "Pnma",
        Lattice.orthorhombic(10.33, 6.01, 4.69),
        ["Li", "Fe", "P", "O", "O", "O"],
        [
            [0, 0, 0],
            [0.2822, 0.25, 0.9747],
            [0.0948, 0.25, 0.4182],
            [0.0968, 0.25, 0.7428],
            [0.4571, 0.25, 0.2060],
            [0.1656, 0.0465, 0.2848],
        ],
    ),
}
CROOKED = Structure(
    Lattice.from_parameters(4.1, 4.7, 5.3, 83, 77, 69),
    ["Li", "Fe", "O", "O"],
    [[0.1, 0.2, 0.05], [0.61, 0.33, 0.42], [0.27, 0.78, 0.66], [0.85, 0.52, 0.91]],
)


def energy_per_atom(structure):
    atoms = to_atoms(structure)
    atoms.calc = ToyCalculator()
    return atoms.get_potential_energy() / len(atoms)


def key(structure):
    return structure_key(standard_cell(structure))


def shuffled(structure, random):
    return Structure.from_sites([structure[i] for i in random.permutation(len(structure))])


def shifted(structure, random):
    moved = structure.copy()
    moved.translate_sites(range(len(moved)), random.random(3))
    return moved


def turned(structure, random):
    moved = structure.copy()
    moved.apply_operation(
        SymmOp.from_axis_angle_and_translation(random.normal(size=3), random.uniform(0, 360))
    )
    return moved


def in_another_setting(structure, random):
    moved = structure.copy()
    moved.make_supercell(
        [[[1, 1, 0], [0, 1, 0], [0, 1, 1]], [[1, 0, 0], [1, 1, 0], [0, 0, 1]]][random.integers(2)]
    )
    return moved


def enlarged(structure, random):
    return structure * [(2, 1, 1), (1, 2, 1), (1, 1, 2)][random.integers(3)]


WAYS = (shuffled, shifted, turned, in_another_setting, enlarged)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", CRYSTALS)
def test_other_descriptions_of_a_crystal_have_one_key(name, way):
    for seed in range(3):
        assert key(way(CRYSTALS[name], np.random.default_rng(seed))) == key(CRYSTALS[name])


@examples(max_examples=30)
@given(st.sampled_from(sorted(CRYSTALS)), st.permutations(WAYS), st.integers(0, 10_000))
def test_all_of_them_together_too(name, ways, seed):
    random, other = np.random.default_rng(seed), CRYSTALS[name]
    for way in ways:
        other = way(other, random)
    assert key(other) == key(CRYSTALS[name])


@pytest.mark.parametrize("crystal", [*CRYSTALS.values(), CROOKED], ids=[*CRYSTALS, "crooked"])
def test_it_is_the_same_crystal(crystal):
    standard = standard_cell(crystal * (2, 1, 1))
    assert standard.composition.reduced_formula == crystal.composition.reduced_formula
    assert len(standard) <= len(crystal)
    assert nearly_same(standard, crystal)
    assert energy_per_atom(standard) == pytest.approx(energy_per_atom(crystal), abs=1e-8)


@pytest.mark.parametrize("crystal", [*CRYSTALS.values(), CROOKED], ids=[*CRYSTALS, "crooked"])
def test_a_standard_cell_is_its_own(crystal):
    assert key(standard_cell(crystal)) == key(crystal)


def test_without_symmetry_only_the_cell_changes():
    standard = standard_cell(CROOKED)
    assert len(standard) == len(CROOKED)
    assert standard.volume == pytest.approx(CROOKED.volume)
    np.testing.assert_allclose(
        np.sort(standard.distance_matrix.ravel()), np.sort(CROOKED.distance_matrix.ravel()), atol=1e-8
    )


def test_handedness_is_kept():
    """Left and right quartz are two crystals."""
    right = CRYSTALS["quartz"]
    left = Structure(right.lattice, right.species, -right.frac_coords)
    assert handedness(standard_cell(right)) == handedness(right)
    assert handedness(standard_cell(left)) == handedness(left) == -handedness(right)


def handedness(structure):
    """1 for the screw axis 3_1 2, -1 for 3_2 2: the enantiomorphic pair of quartz."""
    return {152: 1, 154: -1}[SpacegroupAnalyzer(structure).get_space_group_number()]


@examples(max_examples=20)
@given(st.floats(0.02, 0.2), st.integers(0, 10_000))
def test_crystals_that_differ_keep_different_keys(size, seed):
    moved = CRYSTALS["rutile"].copy()
    moved.lattice = Lattice(moved.lattice.matrix @ (np.eye(3) + np.diag([0, 0, size])))
    random = np.random.default_rng(seed)
    moved = shifted(moved, random)
    assert key(moved) != key(CRYSTALS["rutile"])


def test_most_real_crystals_have_one_key(test_data):
    """Files round their numbers, and where symmetry is a matter of the last digit the choice of axes may differ."""
    with gzip.open(test_data / "mp20_sample.csv.gz", "rt") as stream:
        rows = [row for _, row in zip(range(40), csv.DictReader(stream), strict=False)]
    crystals = [Structure.from_str(row["cif"], fmt="cif") for row in rows]
    same, random = 0, np.random.default_rng(0)
    for crystal in crystals:
        crystal.remove_oxidation_states()
        same += key(enlarged(shifted(shuffled(crystal, random), random), random)) == key(crystal)
    assert same >= 0.85 * len(crystals)
