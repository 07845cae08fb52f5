from itertools import combinations_with_replacement, product
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from matsearch.crystal.balance import (
    ANION_FORMERS,
    balances_with,
    charge_balance,
    known_states,
    may_balance,
)
from matsearch.crystal.known import embedded_set

ELEMENTS = ("Li", "Mg", "Al", "Fe", "Ti", "Sn", "P", "S", "O", "Cl", "N", "Xe")

compositions = st.dictionaries(st.sampled_from(ELEMENTS), st.integers(1, 6), min_size=1, max_size=4).map(
    Composition
)


@pytest.mark.parametrize(
    "formula",
    [
        "NaCl",
        "LiFePO4",
        "Fe3O4",
        "Co3O4",
        "BaBiO3",
        "SbO2",
        "FeS2",
        "K2O2",
        "KO2",
        "Rb4O6",
        "H2O2",
        "NaN3",
        "K2S5",
        "CsI3",
        "NH4NO3",
        "Na2S2O3",
        "Ca(NO3)2",
        "LaFeAsO",
        "Ca3SnO",
        "ZrSiS",
        "CO2",
        "Si3N4",
        "GaSe",
        "Mo6PbS8",
        *("ZnO2", "CdO2", "HgO2", "BaO2"),
        *("HfN", "ZrN", "TiN", "US", "ThS", "YS", "CeS", "LaS"),
        *("NO2", "ClO2", "Cl2O", "NaClO", "BrF", "ICl", "BrF3", "ICl3"),
        *("XeF2", "XeF4", "XeF6", "Na4XeO6", "KrF2"),
    ],
)
def test_what_chemistry_knows_is_balanced(formula):
    assert charge_balance(Composition(formula)) == "yes"


@pytest.mark.parametrize(
    "formula",
    [
        *("NaCl2", "Li2FePO5F9", "Li3O", "MgO2Cl", "AlO2", "TiO4", "Na3Cl", "FeO5", "ArO", "Li5PO3"),
        *("ZnO3", "AlZnO3", "KrF4", "Fe4N", "Ti2N", "Ti2AlN"),
    ],
)
def test_what_no_states_allow_is_not(formula):
    assert charge_balance(Composition(formula)) == "no"


@pytest.mark.parametrize("formula", ["Fe", "O2", "TiAl3", "SiC", "LaB6", "Fe2P", "GaAs", "PdH", "Mg2Si"])
def test_without_an_anion_former_or_a_partner_it_does_not_apply(formula):
    assert charge_balance(Composition(formula)) == "not applicable"


def test_charges_that_a_composition_already_has_are_not_asked():
    assert charge_balance(Composition({"Fe2+": 1, "Fe3+": 2, "O2-": 4})) == "yes"
    assert charge_balance(Composition({"Na+": 1, "Cl-": 2})) == "no"
    assert charge_balance(Composition()) == "not applicable"


def test_the_embedded_set_agrees_but_for_subnitrides_and_metals():
    phases = embedded_set().phases
    unbalanced = {p.formula for p in phases if charge_balance(p.literature.composition) == "no"}
    assert {formula for formula in unbalanced if "N" not in Composition(formula)} == {"Ti2O"}
    metals = {e.symbol for formula in unbalanced for e in Composition(formula).elements} - {"N", "O"}
    assert metals <= {"Ti", "Mn", "Fe", "Cr", "V", "Ga", "Al"}


def test_many_nonmetals_take_no_time():
    """Trying each combination of their states took half a minute."""
    nonmetals = [
        "H",
        "B",
        "C",
        "N",
        "O",
        "F",
        "P",
        "S",
        "Cl",
        "Se",
        "Br",
        "I",
        "Si",
        "Ge",
        "As",
        "Te",
        "Sn",
        "Sb",
        "Pb",
        "Bi",
    ]
    composition = Composition({symbol: n for n, symbol in enumerate(nonmetals, start=1)})
    begun = perf_counter()
    assert charge_balance(composition) == "yes"
    assert perf_counter() - begun < 1.0


@given(compositions, st.integers(2, 7))
def test_a_larger_cell_is_balanced_as_the_formula_is(composition, times):
    assert charge_balance(composition * times) == charge_balance(composition)
    assert charge_balance(composition.fractional_composition) == charge_balance(composition)


def sums_of_whole_charges(symbol, count, partners):
    """Sums of the charges of so many atoms, each with a whole charge of its own, all of one kind of states."""
    kinds = [range(int(low), int(high) + 1) for low, high in known_states(symbol, partners)]
    return {sum(each) for kind in kinds for each in combinations_with_replacement(kind, count)}


@given(
    st.dictionaries(
        st.sampled_from(("Al", "Fe", "Sn", "P", "S", "N", "O", "Cl")), st.integers(1, 4), min_size=2
    )
)
def test_agrees_with_trying_all_charges_of_all_atoms(amounts):
    symbols = frozenset(amounts)
    totals = {0}
    for symbol, count in amounts.items():
        sums = sums_of_whole_charges(symbol, count, symbols - {symbol})
        totals = {total + charge for total, charge in product(totals, sums)}
    asked = not symbols.isdisjoint(ANION_FORMERS)
    expected = ("yes" if 0 in totals else "no") if asked else "not applicable"
    assert charge_balance(Composition(amounts)) == expected


def test_known_crystals_are_mostly_balanced_and_their_shuffled_formulas_are_not(test_data):
    import pandas as pd

    table = pd.read_csv(test_data / "mp20_sample.csv.gz", usecols=["pretty_formula", "e_above_hull"])
    stable = [Composition(f) for f in table[table.e_above_hull < 0.03].pretty_formula]
    judged = [c for c in stable if charge_balance(c) != "not applicable"]
    turned = [
        Composition(dict(zip(c, [*list(c.values())[1:], c[next(iter(c))]], strict=True))) for c in judged
    ]
    assert len(judged) > 400
    assert share_of_balanced(judged) > 0.93
    assert share_of_balanced(turned) < 0.5


def share_of_balanced(compositions):
    return sum(charge_balance(c) == "yes" for c in compositions) / len(compositions)


@pytest.mark.parametrize(
    ("formula", "listed", "balanced"),
    [
        ("FeO", {"Fe": (2, 3)}, True),
        ("Fe3O4", {"Fe": (2, 3)}, True),
        ("Fe3O4", {"Fe": (2,)}, False),
        ("FeO2", {"Fe": (2, 3)}, False),
        ("FeO2", {"Fe": (4,)}, True),
        ("Na2S", {"S": (-2, 6)}, True),
        ("NaS", {"S": (-2, 6)}, False),
        ("TiAl", {"Ti": (3,)}, False),
        ("Ti", {"Ti": (0,)}, True),
        ("NaCl", {"Fe": (2,)}, True),
    ],
)
def test_listed_states_take_the_place_of_the_known_ones(formula, listed, balanced):
    assert balances_with(Composition(formula), tuple(listed.items())) is balanced


@given(composition=compositions, symbol=st.sampled_from(ELEMENTS), state=st.integers(-3, 4))
def test_an_element_that_cannot_balance_is_in_no_balanced_composition(composition, symbol, state):
    listed, present = ((symbol, (state,)),), [element.symbol for element in composition.elements]
    if symbol in present and balances_with(composition, listed):
        assert may_balance(symbol, listed, present)


@given(composition=compositions)
def test_listing_nothing_is_what_is_known(composition):
    if charge_balance(composition) != "not applicable":
        assert balances_with(composition, ()) == (charge_balance(composition) == "yes")
