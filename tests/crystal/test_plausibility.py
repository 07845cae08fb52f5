import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.core.thresholds import (
    FAR_GEOMETRY_FLAG,
    TOO_GOOD,
    TOO_GOOD_FLAG,
    UNKNOWN_ELEMENT_FLAG,
)
from matsearch.crystal.known import embedded_set
from matsearch.crystal.limits import atomic_volume, nearest_contact_ratios, shortest_contact_ratio
from matsearch.crystal.plausibility import (
    Geometry,
    implausible,
    is_far_from_known,
    is_unlike_known,
    measure_geometry,
)
from matsearch.testing.samples import sample_structure

# noble gases and small molecules: their atoms are further apart than any bond
LONELY = {"He-194", "Ne-225", "Ar-225", "Kr-225", "Xe-225", "H2-205", "N2-205"}
PHASES = embedded_set().phases
KNOWN = [
    crystal
    for phase in PHASES
    if phase.phase_id not in LONELY
    for crystal in (phase.literature, phase.relaxed)
]
SALT = frozenset({"Na", "Cl"})

known_crystals = st.sampled_from(KNOWN)


def resized(crystal, factor):
    return crystal.copy().scale_lattice(crystal.volume * factor**3)


def test_a_known_crystal_on_the_hull_has_no_flag():
    assert implausible(sample_structure(), 0.0, SALT) == ()


@pytest.mark.parametrize(
    ("length", "energy", "elements", "flags"),
    [
        (5.64, TOO_GOOD, None, ()),
        (5.64, TOO_GOOD - 1e-9, None, (TOO_GOOD_FLAG,)),
        (5.64, 0.0, frozenset({"Na"}), (UNKNOWN_ELEMENT_FLAG,)),
        (4.0, 0.0, SALT | {"Li"}, (FAR_GEOMETRY_FLAG,)),
        (4.0, -2.0, frozenset(), (FAR_GEOMETRY_FLAG, UNKNOWN_ELEMENT_FLAG, TOO_GOOD_FLAG)),
    ],
)
def test_each_flag_has_its_reason(length, energy, elements, flags):
    assert implausible(sample_structure(length=length), energy, elements) == flags


def test_the_embedded_crystals_are_like_known_ones():
    far = {p.phase_id for p in PHASES if is_far_from_known(p.literature) or is_far_from_known(p.relaxed)}
    assert far == LONELY


def test_crystals_relaxed_by_dft_are_like_known_ones():
    folder = os.environ.get("MATSEARCH_TEST_DATA")
    if not folder:
        pytest.skip("MATSEARCH_TEST_DATA names no folder of reference crystals")
    path = Path(folder) / "wbm_equilibrium_half.json.gz"
    crystals = [as_structure(d["structure"]) for d in json.loads(gzip.decompress(path.read_bytes()))]
    assert len(crystals) > 400
    assert sum(map(is_far_from_known, crystals)) <= 0.005 * len(crystals)


def as_structure(document):
    symbols = [site["species"][0]["element"] for site in document["sites"]]
    return Structure(Lattice(document["lattice"]["matrix"]), symbols, [s["abc"] for s in document["sites"]])


@given(known_crystals, st.floats(0.1, 0.7) | st.floats(1.5, 8.0))
def test_crushed_and_exploded_crystals_are_far_from_known(crystal, factor):
    assert is_far_from_known(resized(crystal, factor))


@given(known_crystals.filter(lambda c: len(c) > 1), st.floats(0.0, 0.4))
def test_an_atom_on_another_is_far_from_known(crystal, distance):
    coords = crystal.cart_coords.copy()
    coords[-1] = coords[0] + [0.0, 0.0, distance]
    broken = Structure(crystal.lattice, crystal.species, coords, coords_are_cartesian=True)
    assert is_far_from_known(broken)


def test_an_atom_alone_is_far_from_known():
    slab = [[x, y, z] for x in (0.0, 2.9) for y in (0.0, 2.9) for z in (0.0, 2.24, 4.48)]
    box = Lattice.orthorhombic(5.8, 5.8, 16.0)
    bound = Structure(box, ["Ti"] * 13, [*slab, [1.45, 1.45, 6.7]], coords_are_cartesian=True)
    alone = Structure(box, ["Ti"] * 13, [*slab, [1.45, 1.45, 10.24]], coords_are_cartesian=True)
    assert measure_geometry(bound).loneliest < 1.0
    assert measure_geometry(alone).loneliest == np.inf
    assert measure_geometry(alone).room < 3.0
    assert is_far_from_known(alone)


@pytest.mark.parametrize(
    ("shortest", "loneliest", "room", "unlike"),
    [
        (0.6, 1.5, 1.7, False),
        (0.6, 1.2, 3.0, False),
        (0.6, 1.5, 0.6, False),
        (0.59, 1.0, 1.0, True),
        (1.0, 1.51, 1.0, True),
        (1.0, float("inf"), 1.0, True),
        (1.0, 1.0, 0.59, True),
        (1.0, 1.0, 3.01, True),
        (1.0, 1.21, 1.71, True),
    ],
)
def test_the_limits_themselves_are_allowed(shortest, loneliest, room, unlike):
    assert is_unlike_known(Geometry(shortest, loneliest, room)) is unlike


@given(known_crystals, st.randoms(use_true_random=False), st.tuples(*[st.floats(-1, 1)] * 3))
def test_geometry_knows_no_cell_order_or_origin(crystal, order, shift):
    other = crystal * (2, 1, 1)
    sites = list(range(len(other)))
    order.shuffle(sites)
    other = Structure.from_sites([other[i] for i in sites])
    other.translate_sites(range(len(other)), shift)
    before, after = measure_geometry(crystal), measure_geometry(other)
    assert after.shortest == pytest.approx(before.shortest)
    assert after.loneliest == pytest.approx(before.loneliest)
    assert after.room == pytest.approx(before.room)


@given(known_crystals)
def test_the_nearest_contact_is_the_shortest_one(crystal):
    ratios = nearest_contact_ratios(crystal, 1.5)
    assert ratios.shape == (len(crystal),)
    assert ratios.min() == pytest.approx(shortest_contact_ratio(crystal, cutoff=8.0))


def test_each_atom_has_its_own_nearest_contact():
    # radii: Na 1.66, Cl 1.02; in a box too wide for other neighbours
    pair = Structure(Lattice.cubic(20.0), ["Na", "Cl", "Cl"], [[0, 0, 0], [0.134, 0, 0], [0.5, 0.5, 0.5]])
    assert nearest_contact_ratios(pair, 2.0) == pytest.approx([1.0, 1.0, np.inf])


def test_every_element_takes_some_room():
    assert atomic_volume("O") == pytest.approx(9.2)
    assert atomic_volume("Og") > 0
