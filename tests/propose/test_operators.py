"""What each operator does to a crystal."""

import csv
import gzip
from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure

from matsearch.core.records import Parent
from matsearch.core.slots import Limits, Slot
from matsearch.crystal.balance import charge_balance
from matsearch.crystal.limits import atomic_volume, shortest_contact_ratio
from matsearch.crystal.matching import matcher
from matsearch.propose import patterns
from matsearch.propose.assignment import draw_assignment
from matsearch.propose.operators import OPERATORS
from matsearch.propose.operators.decoration import decoration
from matsearch.propose.operators.permutation import permutation
from matsearch.propose.operators.rattle import rattle
from matsearch.propose.operators.strain import strain
from matsearch.propose.operators.substitution import mean_states, substitution, substitution_weights
from matsearch.propose.operators.supercell import hermite_normal_form, supercell
from matsearch.propose.patterns import draw_pattern, orbits, rescaled
from matsearch.testing.samples import sample_structure
from tests.strategies import structures

HERE = (substitution, decoration, strain, rattle, permutation, supercell)


def slot_of(*parents, elements=("Cl", "K", "Na", "O"), max_atoms=12, templates=(), formulas=()):
    def known(i, structure):
        return Parent(parent_id=f"p{i}", structure=structure, roots=(f"p{i}",))

    return Slot(
        campaign_id="c",
        generation=0,
        slot=0,
        seed=0,
        parents=tuple(known(i, s) for i, s in enumerate(parents)),
        templates=tuple(known(i, s) for i, s in enumerate(templates, start=100)),
        limits=Limits(elements=elements, max_atoms=max_atoms, formulas=formulas),
    )


def drawn(operator, slot, draws=30):
    changes = [operator(slot, np.random.default_rng(seed)) for seed in range(draws)]
    return [change for change in changes if change is not None]


def symbols(structure):
    return {element.symbol for element in structure.composition.elements}


@pytest.fixture
def perovskite():
    return Structure(
        Lattice.cubic(3.905),
        ["Sr", "Ti", "O", "O", "O"],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]],
    )


@pytest.mark.parametrize("name", sorted(OPERATORS))
def test_operators_keep_the_limits_and_never_touch_the_parent(name):
    made = []

    @settings(max_examples=20)
    @given(parent=structures(), seed=st.integers(0, 10**6))
    def check(parent, seed):
        before = parent.copy()
        elements = tuple(sorted(symbols(parent) | {"Cl", "Na", "O"}))
        slot = slot_of(parent, sample_structure(), elements=elements, max_atoms=8)
        change = OPERATORS[name](slot, np.random.default_rng(seed))
        assert parent == before
        if change is not None:
            made.append(change)
            assert len(change.structure) <= 8
            assert symbols(change.structure) <= set(elements)
            assert np.isfinite(change.structure.lattice.matrix).all()
            assert change.structure.volume > 0
            assert not any(change.structure is p.structure for p in change.parents)

    check()
    assert made


@pytest.mark.parametrize("operator", HERE)
def test_same_generator_same_change(operator, perovskite):
    slot = slot_of(perovskite, elements=("Ba", "O", "Sr", "Ti", "Zr"), max_atoms=20)
    one, two = (operator(slot, np.random.default_rng(5)) for _ in range(2))
    assert one == two


@pytest.mark.parametrize("operator", HERE)
def test_parents_and_templates_over_the_limit_are_left_out(operator, perovskite):
    assert not drawn(operator, slot_of(perovskite, elements=("O", "Sr", "Ti"), max_atoms=4), 3)


@pytest.mark.parametrize("operator", [strain, rattle, permutation, supercell])
def test_those_that_change_parents_need_one(operator, perovskite):
    slot = slot_of(templates=(perovskite,), elements=("O", "Sr", "Ti"), max_atoms=20)
    assert not drawn(operator, slot, 3)


@pytest.mark.parametrize("operator", [strain, rattle, permutation])
def test_pure_elements_are_left_where_their_children_would_be_refused(operator, rock_salt):
    element = Structure(Lattice.cubic(3.5), ["Na"], [[0, 0, 0]])
    changes = drawn(operator, slot_of(element, rock_salt, elements=("Cl", "Na"), max_atoms=8), 20)
    assert {change.parents[0].parent_id for change in changes} == {"p1"}
    assert not drawn(operator, slot_of(element), 3)


class TestSubstitution:
    def test_borrows_the_pattern_and_scales_the_cell(self, rock_salt):
        changes = drawn(substitution, slot_of(rock_salt, elements=("Br", "K")))
        assert {change.structure.composition.reduced_formula for change in changes} >= {"KBr"}
        for change in changes:
            assert np.allclose(change.structure.frac_coords, rock_salt.frac_coords)
        bromide = next(c.structure for c in changes if c.details["map"] == "Cl->Br, Na->K")
        assert bromide.lattice.a * np.sqrt(2) == pytest.approx(6.60, rel=0.05)

    def test_prefers_likely_partners(self):
        potassium, iron = substitution_weights("Na", 1, ("K", "Fe"))
        assert potassium > 2.5 * iron
        sulfide, sodium = substitution_weights("O", -2, ("S", "Na"))
        assert sulfide > 4 * sodium

    @pytest.mark.parametrize(("symbol", "state"), [("Na", 1), ("P", -3), ("Ni", None), ("Te", -2)])
    def test_weights_are_probabilities_with_and_without_statistics(self, symbol, state):
        weights = substitution_weights(symbol, state, ("As", "Cu", "He", "Li", "Te"))
        assert weights.sum() == pytest.approx(1.0)
        assert (weights > 0).all()

    def test_ions_that_the_statistics_lack_go_by_electronegativity(self):
        arsenide, lithium = substitution_weights("P", -3, ("As", "Li"))
        assert arsenide > 2 * lithium

    def test_most_children_balance(self, rock_salt):
        slot = slot_of(rock_salt, elements=("Ca", "Cl", "K", "O"))
        balance = Counter(charge_balance(c.structure.composition) for c in drawn(substitution, slot, 60))
        assert balance["yes"] > 3 * balance["no"]

    def test_two_elements_may_become_one(self, perovskite):
        changes = drawn(substitution, slot_of(perovskite, elements=("Fe", "O")))
        assert "Fe2O3" in {change.structure.composition.reduced_formula for change in changes}

    def test_templates_serve_beside_parents(self, rock_salt, titanium_carbide):
        slot = slot_of(rock_salt, templates=(titanium_carbide,))
        used = Counter(change.parents[0].parent_id for change in drawn(substitution, slot, 60))
        assert min(used["p0"], used["p100"]) > 10

    def test_states_come_from_bonds_and_neutrality(self, perovskite, titanium_carbide):
        assert mean_states(perovskite) == {"Sr": 2, "Ti": 4, "O": -2}
        assert mean_states(titanium_carbide) == {}


class TestDecoration:
    def test_keeps_the_orbits(self, perovskite):
        slot = slot_of(perovskite, elements=("Ba", "F", "Li", "O"))
        groups = orbits(perovskite)
        assert sorted(map(len, groups)) == [1, 1, 3]
        changes = drawn(decoration, slot)
        assert len(changes) > 20
        for change in changes:
            assert all(len({change.structure[int(i)].specie for i in group}) == 1 for group in groups)

    def test_parts_an_element_that_orbits_share(self):
        parent = Structure(
            Lattice.tetragonal(4, 6), ["Na", "Na", "Cl"], [[0, 0, 0], [0, 0, 0.5], [0.5, 0.5, 0.2]]
        )
        found = drawn(decoration, slot_of(parent, elements=("Cl", "K", "Na")), 60)
        assert any(symbols(change.structure) == {"Cl", "K", "Na"} for change in found)

    def test_anions_stay_on_the_anion_sublattice(self, perovskite):
        slot = slot_of(perovskite, elements=("K", "Nb", "O"))
        on_oxygen = Counter(change.structure[2].specie.symbol for change in drawn(decoration, slot, 60))
        assert on_oxygen["O"] > on_oxygen["K"] + on_oxygen["Nb"]

    def test_only_patterns_of_an_asked_stoichiometry(self, perovskite, rock_salt):
        slot = slot_of(
            templates=(rock_salt, perovskite), elements=("Ba", "O", "Ti"), formulas=("BaTiO3",), max_atoms=10
        )
        changes = drawn(decoration, slot)
        assert changes
        assert {change.parents[0].parent_id for change in changes} == {"p101"}
        assert {change.structure.composition.reduced_formula for change in changes} == {"BaTiO3"}


class TestStrain:
    def test_moves_the_cell_alone(self, rock_salt):
        for change in drawn(strain, slot_of(rock_salt)):
            assert np.allclose(change.structure.frac_coords, rock_salt.frac_coords)
            gradient = np.linalg.solve(rock_salt.lattice.matrix, change.structure.lattice.matrix)
            assert np.allclose(gradient, gradient.T)
            assert 0 < np.abs(gradient - np.eye(3)).max() <= change.details["strain"] + 1e-4 <= 0.1201


class TestRattle:
    def test_moves_the_atoms_alone_and_keeps_them_apart(self, perovskite):
        slot = slot_of(perovskite, elements=("O", "Sr", "Ti"))
        for change in drawn(rattle, slot):
            if change.details["doubled"] == 1:
                assert change.structure.lattice == perovskite.lattice
            assert change.structure.composition.reduced_formula == "SrTiO3"
            assert shortest_contact_ratio(change.structure) >= 0.6

    def test_gives_up_on_atoms_that_lie_on_each_other(self):
        crushed = Structure(Lattice.cubic(1.0), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
        assert rattle(slot_of(crushed), np.random.default_rng(0)) is None


class TestPermutation:
    def test_keeps_the_composition(self, rock_salt):
        cell = rock_salt * (2, 2, 1)
        for change in drawn(permutation, slot_of(cell, max_atoms=8)):
            assert change.structure.composition == cell.composition
            assert change.structure.lattice == cell.lattice

    def test_has_nothing_to_do_in_an_element(self, rock_salt):
        rock_salt.replace_species({"Cl": "Na"})
        assert not drawn(permutation, slot_of(rock_salt), 3)


class TestSupercell:
    @pytest.mark.parametrize(("index", "count"), [(2, 7), (3, 13), (4, 35)])
    def test_forms_are_all_superlattices_of_an_index(self, index, count):
        rng = np.random.default_rng(0)
        found = {tuple(hermite_normal_form(index, rng).ravel()) for _ in range(60 * count)}
        assert len(found) == count
        assert {round(np.linalg.det(np.reshape(form, (3, 3)))) for form in found} == {index}

    def test_changes_part_of_one_sublattice(self, rock_salt):
        changes = drawn(supercell, slot_of(rock_salt, elements=("Cl", "K", "Na"), max_atoms=8))
        assert changes
        for change in changes:
            cells = change.details["cells"]
            assert len(change.structure) == 2 * cells <= 8
            parted = [
                {s.specie.symbol for i, s in enumerate(change.structure) if i // cells == k} for k in (0, 1)
            ]
            assert sorted(map(len, parted)) == [1, 2]

    def test_prefers_similar_elements_and_balance(self, rock_salt):
        edits = Counter(
            change.details["edit"][:6].split(" ")[0]
            for change in drawn(supercell, slot_of(rock_salt, elements=("Cl", "K", "Na")), 60)
        )
        assert edits["Na->K"] > 0.6 * edits.total()

    def test_no_edit_keeps_a_formula(self, rock_salt):
        assert not drawn(supercell, slot_of(rock_salt, formulas=("NaCl",)), 5)


class TestShared:
    def test_assignment_finds_nothing_where_nothing_fits(self):
        limits = Limits(elements=("Li", "O"), max_atoms=3, formulas=("Li2O",))
        rng = np.random.default_rng(0)
        assert draw_assignment(np.ones((2, 2)), [1, 1], limits, rng, 2) is None
        assert draw_assignment(np.ones((2, 2)), [2, 1], limits, rng, 2) == ("Li", "O")

    def test_patterns_of_elements_give_way_to_compounds(self, rock_salt):
        element = Structure(Lattice.cubic(3.5), ["Na"], [[0, 0, 0]])
        rng = np.random.default_rng(0)
        both, alone = slot_of(element, rock_salt), slot_of(element)
        assert {draw_pattern(both, rng).parent_id for _ in range(20)} == {"p1"}
        assert draw_pattern(alone, rng).parent_id == "p0"

    def test_patterns_that_fit_are_found_once_for_many_draws(self, rock_salt, titanium_carbide):
        rng, first = np.random.default_rng(0), slot_of(rock_salt, templates=(titanium_carbide, rock_salt))
        second = Slot(**{name: getattr(first, name) for name in Slot.model_fields} | {"slot": 1})
        before = patterns._fitting.cache_info().misses
        for _ in range(10):
            assert draw_pattern(first, rng)
            assert draw_pattern(second, rng)
        assert patterns._fitting.cache_info().misses == before + 2

    def test_patterns_of_other_crystals_with_the_same_ids_are_not_mixed_up(self, rock_salt, perovskite):
        rng = np.random.default_rng(0)
        for crystal in (rock_salt, perovskite, rock_salt):
            slot = slot_of(crystal, formulas=("NaCl",))
            assert (draw_pattern(slot, rng) is None) == (crystal is perovskite)

    @given(structures())
    def test_volume_goes_by_the_atoms_and_half_by_the_parent(self, parent):
        child = parent.copy()
        child.replace_species(dict.fromkeys(parent.composition.elements, "K"))
        ratio = len(parent) * atomic_volume("K") / sum(atomic_volume(s.specie.symbol) for s in parent)
        room = parent.volume / sum(atomic_volume(s.specie.symbol) for s in parent)
        assert rescaled(child, parent).volume == pytest.approx(parent.volume * ratio / np.sqrt(room))
        assert child.volume == pytest.approx(parent.volume)

    @pytest.mark.filterwarnings("ignore:Issues encountered while parsing CIF")
    def test_volume_between_isotypic_crystals(self, test_data):
        errors = np.array([volume_error(*pair) for pair in isotypic_pairs(test_data)])
        assert len(errors) > 50
        assert np.abs(errors).mean() < 0.085
        assert (np.abs(errors) > 0.2).mean() < 0.12


def isotypic_pairs(folder):
    """Crystals of one pattern in the Materials Project, and what each element of the first is in the second."""
    with gzip.open(folder / "mp20_sample.csv.gz", "rt") as lines:
        rows = list(csv.DictReader(lines))
    groups = defaultdict(list)
    for row in rows:
        pattern = Composition(row["pretty_formula"]).anonymized_formula
        groups[pattern, row["spacegroup.number"]].append(row["cif"])
    for members in groups.values():
        small = [cif for cif in members if cif.count("\n") < 35][:2]
        crystals = [Structure.from_str(cif, fmt="cif") for cif in small if len(small) > 1]
        for first, second in pairwise(crystals):
            mapping = matcher().get_best_electronegativity_anonymous_mapping(first, second)
            if mapping:
                yield first, second, {str(old): str(new) for old, new in mapping.items()}


def volume_error(first, second, mapping):
    """Logarithm of the volume given to the first crystal with the second one's elements, over the second's own."""
    child = first.copy()
    child.replace_species(mapping)
    return np.log(rescaled(child, first).volume / len(first) / (second.volume / len(second)))
