import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.crystal.network import contact_dimensions, network_dimensions, van_der_waals_radius
from matsearch.testing.samples import sample_structure
from tests.strategies import structures

LAYERED_AND_MOLECULAR = {
    "graphite": Structure(
        Lattice.hexagonal(2.464, 6.71),
        ["C"] * 4,
        [[0, 0, 0.25], [0, 0, 0.75], [1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]],
    ),
    "TiS2": Structure(
        Lattice.hexagonal(3.407, 5.695),
        ["Ti", "S", "S"],
        [[0, 0, 0], [1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]],
    ),
    "argon": Structure(Lattice([[0, 2.65, 2.65], [2.65, 0, 2.65], [2.65, 2.65, 0]]), ["Ar"], [[0, 0, 0]]),
    "caesium": Structure(
        Lattice([[-3.05, 3.05, 3.05], [3.05, -3.05, 3.05], [3.05, 3.05, -3.05]]), ["Cs"], [[0, 0, 0]]
    ),
    "dry ice": Structure(
        Lattice.cubic(5.62),
        ["C"] * 4 + ["O"] * 8,
        [
            centre + sign * 0.119 * np.array(axis)
            for sign in (0, 1, -1)
            for centre, axis in zip(
                np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]),
                [(1, 1, 1), (-1, 1, -1), (-1, -1, 1), (1, -1, -1)],
                strict=True,
            )
        ],
    ),
}


@pytest.mark.parametrize("crystal", LAYERED_AND_MOLECULAR.values(), ids=LAYERED_AND_MOLECULAR)
def test_van_der_waals_crystals_fill_space(crystal):
    assert contact_dimensions(crystal) == 3


@pytest.mark.parametrize(("spacing", "dimensions"), [(4.9, 3), (5.2, 2)])
def test_layers_that_lie_too_far_apart_are_still_in_contact(spacing, dimensions):
    graphite = LAYERED_AND_MOLECULAR["graphite"]
    lattice = Lattice.hexagonal(2.464, 2 * spacing)
    loose = Structure(lattice, graphite.species, graphite.frac_coords)
    assert contact_dimensions(loose) == dimensions


def with_vacuum(structure, axes, gap):
    """Return the same atoms in a cell that leaves a gap (angstrom) between repetitions along some axes."""
    matrix, inside = structure.lattice.matrix.copy(), structure.frac_coords % 1.0
    cart = inside @ matrix
    for axis in axes:
        one, two = (matrix[i] for i in range(3) if i != axis)
        normal = np.cross(one, two) / np.linalg.norm(np.cross(one, two))
        normal *= np.sign(normal @ matrix[axis])
        heights = cart @ normal
        matrix[axis] *= (np.ptp(heights) + gap) / (matrix[axis] @ normal)
    return Structure(Lattice(matrix), structure.species, cart, coords_are_cartesian=True)


@pytest.mark.parametrize("gap", [8.0, 12.0, 40.0])
@pytest.mark.parametrize(("axes", "dimensions"), [((2,), 2), ((1, 2), 1), ((0, 1, 2), 0)])
@pytest.mark.parametrize("name", ["rock salt", "graphite", "TiS2", "argon", "dry ice"])
def test_slabs_wires_and_clusters_in_vacuum_do_not(name, axes, dimensions, gap):
    crystal = LAYERED_AND_MOLECULAR.get(name, sample_structure())
    assert contact_dimensions(with_vacuum(crystal, axes, gap)) == dimensions


def test_an_atom_alone_in_a_pore_counts():
    walls = [[x / 5, y / 5, z / 5] for x in range(5) for y in range(5) for z in range(5)]
    frame = [w for w in walls if sum(c == 0 for c in w) >= 2]
    cell = Lattice.cubic(15.0)
    assert contact_dimensions(Structure(cell, ["C"] * len(frame), frame)) == 3
    guest = Structure(cell, ["C"] * len(frame) + ["Ne"], [*frame, [0.5, 0.5, 0.5]])
    assert contact_dimensions(guest) == 0


def test_two_nets_through_each_other_fill_space():
    axes = np.eye(3, dtype=int)
    edges = [(i, i, sign * axis) for i in (0, 1) for axis in axes for sign in (1, -1)]
    first, second, images = (np.array(column) for column in zip(*edges, strict=True))
    assert network_dimensions(2, first, second, images) == 3
    assert network_dimensions(3, first, second, images) == 0


@given(structures(), st.permutations(range(6)), st.lists(st.integers(-2, 2), min_size=18, max_size=18))
def test_order_of_sites_choice_of_images_and_cell_change_nothing(crystal, order, shifts):
    assume(crystal.volume / len(crystal) > 5.0)
    places = [i for i in order if i < len(crystal)]
    moved = np.array(shifts).reshape(6, 3)[: len(crystal)]
    coords = crystal.frac_coords[places] + moved
    other = Structure(crystal.lattice, [crystal.species[i] for i in places], coords)
    expected = contact_dimensions(crystal)
    assert contact_dimensions(other) == expected
    assert contact_dimensions(crystal * (2, 1, 1)) == expected


def test_every_element_has_a_radius():
    assert van_der_waals_radius("C") == pytest.approx(1.77)
    assert 1.0 < van_der_waals_radius("At") < 4.0


def test_known_crystals_fill_space(test_data):
    import gzip
    import json

    with gzip.open(test_data / "wbm_equilibrium_half.json.gz", "rt") as file:
        known = [Structure.from_dict(entry["structure"]) for entry in json.load(file)]
    assert [s.formula for s in known if contact_dimensions(s) < 3] == []
