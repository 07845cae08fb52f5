import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.graph.vasp.orderings import BEGINNING, MAX_MAGNETIC_SITES, orderings


def chain(n_iron: int) -> Structure:
    """Iron atoms in a row along one axis, an oxygen beside the first."""
    coords = [[i / n_iron, 0, 0] for i in range(n_iron)]
    return Structure(Lattice.orthorhombic(2.5 * n_iron, 3, 4), ["Fe"] * n_iron, coords)


def test_the_ferromagnetic_order_is_first_and_moments_begin_high_enough():
    ((name, moments),) = orderings(chain(2), [3.5, -0.05], 1)

    assert (name, moments) == ("FM", [3.5, BEGINNING])


def test_orders_that_symmetry_maps_onto_each_other_are_one():
    named = orderings(chain(4), [3.0] * 4, 99)

    # of the eight sign patterns of a ring of four: all up, alternating, two and two, one down
    assert [name for name, _ in named] == ["FM", "AFM +-+-", "AFM ++--", "FiM +++-"]
    assert [abs(sum(moments)) for _, moments in named] == [12.0, 0.0, 0.0, 6.0]


def test_a_ferrimagnet_is_named_so():
    named = orderings(chain(2), [4.0, 1.5], 9)

    assert [(name, moments) for name, moments in named] == [("FM", [4.0, 1.5]), ("FiM +-", [4.0, -1.5])]


@settings(max_examples=25, deadline=None)
@given(moments=st.lists(st.floats(-4, 4), min_size=1, max_size=5), limit=st.integers(1, 6))
def test_orders_keep_sites_and_magnitudes(moments, limit):
    named = orderings(chain(len(moments)), moments, limit)

    assert 1 <= len(named) <= limit
    assert len({tuple(begun) for _, begun in named}) == len(named)
    for _, begun in named:
        assert np.abs(begun) == pytest.approx(np.maximum(np.abs(moments), BEGINNING))


def test_many_magnetic_sites_are_ferromagnetic_alone():
    n = MAX_MAGNETIC_SITES + 1

    assert [name for name, _ in orderings(chain(n), [3.0] * n, 5)] == ["FM"]
