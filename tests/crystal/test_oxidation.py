import itertools

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from matsearch.core.errors import InputError
from matsearch.crystal.ions import ion, ion_summary, moment_summary
from matsearch.crystal.known import embedded_set
from matsearch.crystal.neutrality import Group, neutral_choices
from matsearch.crystal.oxidation import Window, infer_oxidation_states, moment_windows, states_of_moment
from matsearch.crystal.valences import fixed_states
from matsearch.testing.samples import sample_structure
from tests.strategies import structures

groups = st.lists(
    st.tuples(st.integers(1, 4), st.lists(st.integers(-4, 7), min_size=1, max_size=3, unique=True)),
    min_size=1,
    max_size=4,
)


def spaced(*symbols, gap=2.2):
    """Atoms in a row, each `gap` angstrom from the next and far from all others."""
    box = Lattice.orthorhombic(gap * len(symbols) + 6.0, 12.0, 12.0)
    coords = [[gap * i, 0.0, 0.0] for i in range(len(symbols))]
    return Structure(box, symbols, coords, coords_are_cartesian=True)


def centred(centre, arms, distance):
    """A centre with ligands along the axes."""
    directions = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    coords = [(0, 0, 0), *[[distance * x for x in d] for d, _ in zip(directions, arms, strict=False)]]
    return Structure(Lattice.cubic(14.0), [centre, *arms], coords, coords_are_cartesian=True)


def states(structure, *moments):
    return infer_oxidation_states(structure, moments or None).states


@pytest.mark.parametrize(
    ("first", "second", "length", "expected"),
    [
        ("Na", "Cl", 5.64, (1, -1)),
        ("Mg", "O", 4.21, (2, -2)),
        ("La", "N", 5.30, (3, -3)),
        ("Li", "H", 4.08, (1, -1)),
    ],
)
def test_fixed_valences_need_no_moments(first, second, length, expected):
    found = infer_oxidation_states(sample_structure(first, second, length), None)
    assert (found.states, found.method, found.decided, found.total) == (expected, "fixed valences", True, 0)


def test_fixed_valences_of_a_charged_cell_are_not_decided():
    found = infer_oxidation_states(sample_structure("Na", "O", 4.8), None)
    assert (found.states, found.total, found.decided, found.method) == ((1, -2), -1, False, None)
    assert found.reason == "usual valences leave a charge of -1 on the cell"


@pytest.mark.parametrize(
    ("centre", "arms", "distance", "expected"),
    [
        ("P", ["O"] * 4, 1.55, 5),
        ("S", ["O"] * 4, 1.48, 6),
        ("C", ["O"] * 3, 1.29, 4),
        ("N", ["O"] * 3, 1.25, 5),
        ("Si", ["O"] * 6, 1.77, 4),
        ("N", ["H"] * 4, 1.03, -3),
    ],
)
def test_centres_of_ions_are_told_by_their_partners(centre, arms, distance, expected):
    assert fixed_states(centred(centre, arms, distance))[0] == expected


@pytest.mark.parametrize(
    ("symbol", "distance", "expected"),
    [("O", 1.50, -1), ("O", 2.0, -2), ("S", 2.16, -1), ("S", 3.0, -2)],
)
def test_a_pair_of_like_anions_shares_its_electrons(symbol, distance, expected):
    assert fixed_states(spaced(symbol, symbol, gap=distance)) == [expected] * 2


@pytest.mark.parametrize(
    ("crystal", "word"),
    [
        (spaced("O", "O", gap=1.33), "O-O of 1.33 angstrom"),
        (spaced("O", "F", gap=1.45), "O bonded to F"),
        (spaced("N", "N", gap=1.10), "N bonded to N"),
        (spaced("C", "N", gap=1.15), "C bonded to N"),
        (spaced("V", "N", gap=2.07), "perhaps a metal"),
    ],
)
def test_other_bonds_leave_the_state_open_with_a_reason(crystal, word):
    found = infer_oxidation_states(crystal, [0.0, 0.0])
    assert not found.decided
    assert None in found.states
    assert word in found.reason


def test_hydrogen_follows_its_neighbour():
    assert fixed_states(spaced("H", "O", gap=0.97))[0] == 1
    assert fixed_states(spaced("H", "Mg", gap=1.9))[0] == -1


@pytest.mark.parametrize(
    ("first", "second", "length"), [("Fe", "Al", 4.1), ("Ti", "C", 4.33), ("Ni", "Mn", 4.0)]
)
def test_metals_have_no_states(first, second, length):
    found = infer_oxidation_states(sample_structure(first, second, length), [1.0, 0.0])
    assert found.states == (None, None)
    assert found.reason.startswith("no anion")


@pytest.mark.parametrize(
    ("metal", "length", "moment", "state"),
    [("Mn", 4.45, 4.64, 2), ("Co", 4.26, 2.65, 2), ("Ni", 4.18, 1.78, 2), ("Eu", 5.14, 6.64, 2)],
)
def test_moments_tell_the_metal(metal, length, moment, state):
    found = infer_oxidation_states(sample_structure(metal, "O", length), [-moment, 0.05])
    assert found.states == (state, -2)
    assert found.decided
    assert found.method in {"moments", "moments and neutrality"}


def test_a_moment_that_contradicts_neutrality_is_no_state():
    found = infer_oxidation_states(sample_structure("Mn", "O", 4.45), [3.0, 0.05])
    assert (found.states, found.total, found.decided) == ((None, -2), None, False)
    assert found.reason == "neutral only with Mn at +2 on average, the evidence says Mn +4"


def test_a_moment_of_no_state_is_named():
    found = infer_oxidation_states(sample_structure("Mn", "O", 4.45), [1.0, 0.05])
    assert found.states == (None, -2)
    assert found.reason == "1.00 muB fits no known state of Mn"


def test_composition_alone_never_stands_in_for_moments():
    found = infer_oxidation_states(sample_structure("Mn", "O", 4.45), None)
    assert found.states == (None, -2)
    assert found.reason == "no moments to tell Mn by"


def test_an_element_that_moments_do_not_tell_is_left_to_neutrality():
    found = infer_oxidation_states(sample_structure("Sn", "O", 4.8), None)
    assert (found.states, found.method) == ((2, -2), "neutrality")


def test_equal_moments_of_mixed_valence_are_not_told_apart():
    spinel = spaced("Mn", "O", "Mn", "O", "Li", "O", "O", gap=2.0)
    found = infer_oxidation_states(spinel, [3.42, 0.0, 3.42, 0.0, 0.0, 0.0, 0.0])
    assert (found.states[0], found.states[2], found.states[4]) == (None, None, 1)
    assert "Mn at +3.5 on average" in found.reason


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ((3.75, 3.05), (3, 4)),
        ((3.05, 3.75), (4, 3)),
        ((3.75, 3.55), (3, 4)),
        ((3.45, 3.55), (None, None)),
    ],
)
def test_distinct_moments_of_mixed_valence_are_told_apart_where_one_way_is_neutral(moments, expected):
    crystal = spaced("Mn", "O", "Mn", "O", "Li", "O", "O", gap=2.0)
    windows = {"Mn": (Window(3, 3.3, 4.2), Window(4, 2.6, 3.6))}
    found = infer_oxidation_states(crystal, [moments[0], 0.0, moments[1], 0.0, 0.0, 0.0, 0.0], windows)
    assert (found.states[0], found.states[2]) == expected
    assert found.decided is (expected[0] is not None)


@pytest.mark.parametrize(
    ("moments", "remedy"), [([1.0], "1 moments for 2 sites"), ([float("inf"), 0.0], "not finite")]
)
def test_bad_moments_are_refused(moments, remedy):
    with pytest.raises(InputError, match=remedy):
        infer_oxidation_states(sample_structure("Mn", "O", 4.45), moments)


def test_windows_are_finite_and_ordered():
    windows = moment_windows()
    assert {"Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Ce", "Eu"} <= windows.keys()
    assert all(0 <= w.low < w.high < 8 and w.state > 0 for found in windows.values() for w in found)
    assert states_of_moment("Mn", -4.6, windows) == (2,)
    assert states_of_moment("Na", 0.0, windows) == ()


@given(groups, st.integers(-20, 20))
def test_neutral_choices_are_those_of_all_assignments(drawn, charge):
    given_groups = [Group(tuple(range(n)), tuple(choices)) for n, choices in drawn]
    neutral = [
        picked
        for picked in itertools.product(*(g.choices for g in given_groups))
        if charge + sum(q * len(g.sites) for q, g in zip(picked, given_groups, strict=True)) == 0
    ]
    found = neutral_choices(given_groups, charge)
    for i, group in enumerate(given_groups):
        assert found[i] == tuple(q for q in group.choices if q in {picked[i] for picked in neutral})


@given(structures(), st.data())
def test_any_crystal_gets_an_answer_that_keeps_its_word(crystal, data):
    moments = data.draw(st.none() | st.lists(st.floats(-8, 8), min_size=len(crystal), max_size=len(crystal)))
    found = infer_oxidation_states(crystal, moments)
    assert len(found.states) == len(crystal)
    assert found.decided == (None not in found.states and sum(found.states) == 0)
    assert found.decided == (found.reason == "") == (found.method is not None)
    if found.total is not None:
        assert found.total == sum(found.states)


@given(st.sampled_from(embedded_set().phases), st.randoms(use_true_random=False), st.floats(0, 5))
def test_order_of_sites_and_size_of_cell_change_nothing(phase, order, moment):
    crystal = phase.relaxed
    assume(len(crystal) <= 30)
    alone = infer_oxidation_states(crystal, [moment] * len(crystal))
    shuffled = list(range(2 * len(crystal)))
    order.shuffle(shuffled)
    double = crystal * (2, 1, 1)
    found = infer_oxidation_states(
        Structure.from_sites([double[i] for i in shuffled]), [moment] * len(double)
    )
    assert found.method == alone.method
    assert sorted(map(str, found.states)) == sorted([str(s) for s in alone.states] * 2)


@pytest.mark.parametrize(
    ("symbol", "state", "word"),
    [("Fe", 2, "Fe2+"), ("Li", 1, "Li+"), ("O", -2, "O2-"), ("Cl", -1, "Cl-"), ("Fe", None, "Fe?")],
)
def test_ions_have_their_usual_names(symbol, state, word):
    assert ion(symbol, state) == word


def test_summaries_count_mixed_valence_and_give_ranges():
    symbols = ["Fe", "O", "Fe", "Li", "Fe", "O"]
    assert ion_summary(symbols, [3, -2, 2, 1, 3, -2]) == "Li+ Fe2+ Fe3+ (1:2) O2-"
    assert ion_summary(symbols, [3, -2, None, 1, 3, -2]) == "Li+ Fe3+ Fe? (2:1) O2-"
    assert moment_summary(symbols, [4.2, 0.05, -3.6, 0, 4.2, 0.02]) == "Fe 3.60..4.20"
