"""A complete Li-O set in GGA and r2SCAN, with formation energies chosen so that the answers are sums on paper."""

import logging
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.phase_diagram import PhaseDiagram
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from matsearch.core.errors import ReferenceHullError
from matsearch.hull.corrections import correct
from matsearch.hull.mixing import mix

ELEMENTS = {"GGA": {"Li": -1.9, "O": -4.95}, "r2SCAN": {"Li": -2.33, "O": -6.02}}

# eV/atom with the 2020 corrections in GGA, as computed in r2SCAN; on both hulls all of these are stable
STABLE = {
    "Li": (0.0, 0.0),
    "O2": (0.0, 0.0),
    "Li2O": (-2.07, -2.00),
    "Li2O2": (-1.65, -1.60),
    "LiO2": (-1.15, -1.12),
}
# Wang et al. (2021), eV for each O of an oxide, a peroxide and a superoxide
CORRECTION = {"Li2O": -0.687, "Li2O2": 2 * -0.465, "LiO2": 2 * -0.161, "Li3O": -0.687}

STRUCTURES = {
    "Li": Structure(Lattice.cubic(3.44), ["Li", "Li"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
    "O2": Structure(Lattice.cubic(8.0), ["O", "O"], [[0.5, 0.5, 0.423], [0.5, 0.5, 0.577]]),
    "Li2O": Structure(
        Lattice([[0, 2.31, 2.31], [2.31, 0, 2.31], [2.31, 2.31, 0]]),
        ["Li", "Li", "O"],
        [[0.25, 0.25, 0.25], [0.75, 0.75, 0.75], [0, 0, 0]],
    ),
    "Li2O2": Structure(
        Lattice.hexagonal(3.14, 7.65),
        ["Li"] * 4 + ["O"] * 4,
        [
            *([0, 0, 0], [0, 0, 0.5], [1 / 3, 2 / 3, 0.75], [2 / 3, 1 / 3, 0.25]),
            *([1 / 3, 2 / 3, 0.149], [1 / 3, 2 / 3, 0.351], [2 / 3, 1 / 3, 0.649], [2 / 3, 1 / 3, 0.851]),
        ],
    ),
    "LiO2": Structure(
        Lattice.tetragonal(3.0, 5.0), ["Li", "O", "O"], [[0, 0, 0], [0.5, 0.5, 0.367], [0.5, 0.5, 0.633]]
    ),
    "flat Li2O": Structure(
        Lattice.tetragonal(4.0, 2.6), ["Li", "Li", "O"], [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0]]
    ),
    "Li3O": Structure(
        Lattice.cubic(3.9), ["Li"] * 3 + ["O"], [[0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [0, 0, 0]]
    ),
    "other Li3O": Structure(
        Lattice.cubic(3.9), ["Li"] * 3 + ["O"], [[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5], [0, 0, 0]]
    ),
}


def per_atom(functional, formula, formation):
    """Energy of a formation energy, in eV/atom."""
    fractions = Composition(formula).fractional_composition.get_el_amt_dict()
    return formation + sum(x * ELEMENTS[functional][symbol] for symbol, x in fractions.items())


def entry(functional, name, formation, entry_id=None, **changes):
    """Raw entry: in GGA the corrections, which the formation energy contains, are taken off again."""
    structure = STRUCTURES[name]
    formula = structure.composition.reduced_formula
    energy = per_atom(functional, formula, formation) * len(structure)
    if functional == "GGA":
        _, n = structure.composition.get_reduced_composition_and_factor()
        energy -= n * CORRECTION.get(formula, 0.0)
    facts = {"run_type": functional, "hubbards": {}, **changes}
    return ComputedStructureEntry(
        structure, energy, parameters=facts, entry_id=entry_id or f"{functional} {name}"
    )


def gga(*without):
    return [entry("GGA", name, f) for name, (f, _) in STABLE.items() if name not in without]


def r2scan(*names):
    return [entry("r2SCAN", name, STABLE[name][1]) for name in names or STABLE]


def energies(mixed):
    return {e.entry_id: e.energy_per_atom for e in mixed}


def test_with_every_stable_phase_the_hull_is_r2scans():
    unmatched = [entry("GGA", "flat Li2O", -2.07 + 0.05), entry("GGA", "Li3O", -2.07 * 0.75 + 0.04)]
    mixed = mix([*gga(), *r2scan(), *unmatched])
    expected = {f"r2SCAN {name}": per_atom("r2SCAN", name, f) for name, (_, f) in STABLE.items()}
    # 50 and 40 meV/atom above GGA's hull, so also above r2SCAN's
    expected["GGA flat Li2O"] = per_atom("r2SCAN", "Li2O", -2.00 + 0.05)
    expected["GGA Li3O"] = per_atom("r2SCAN", "Li3O", -2.00 * 0.75 + 0.04)
    assert energies(mixed) == pytest.approx(expected, abs=1e-9)
    diagram = PhaseDiagram(mixed)
    above = {e.entry_id: diagram.get_e_above_hull(e) for e in mixed}
    assert above["GGA flat Li2O"] == pytest.approx(0.05)
    assert above["GGA Li3O"] == pytest.approx(0.04)
    assert {i for i, e in above.items() if e == 0} == {f"r2SCAN {name}" for name in STABLE}


def test_with_some_stable_phases_the_scale_is_ggas():
    both = [entry("GGA", "flat Li2O", -2.07 + 0.05), entry("GGA", "Li3O", -2.07 * 0.75 + 0.04)]
    better = [entry("r2SCAN", "flat Li2O", -2.00 + 0.07), entry("r2SCAN", "Li3O", -2.00 * 0.75 + 0.01)]
    mixed = mix([*gga(), *both, *r2scan("Li2O"), *better])
    expected = {f"GGA {name}": per_atom("GGA", name, f) for name, (f, _) in STABLE.items() if name != "Li2O"}
    expected["r2SCAN Li2O"] = per_atom("GGA", "Li2O", -2.07)
    # the polymorph keeps r2SCAN's 70 meV/atom; no stable phase is at Li3O, so GGA's energy stands there
    expected["r2SCAN flat Li2O"] = per_atom("GGA", "Li2O", -2.07 + 0.07)
    expected["r2SCAN Li3O"] = per_atom("GGA", "Li3O", -2.07 * 0.75 + 0.04)
    assert energies(mixed) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("lacking", STABLE)
@pytest.mark.parametrize("alone", [False, True])
def test_a_set_that_lacks_a_stable_gga_phase_is_refused(lacking, alone):
    """Also where that phase is one of the few that r2SCAN has, so that there is no r2SCAN hull to ask."""
    kept = next(name for name in ("Li2O", "Li2O2") if name != lacking)
    with pytest.raises(
        ReferenceHullError, match=lacking.removesuffix("2") if len(lacking) < 3 else lacking
    ) as caught:
        mix([*gga(lacking), *(r2scan(lacking, kept) if alone else r2scan())])
    assert "GGA entr" in caught.value.remedy


def test_an_r2scan_ground_state_that_gga_lacks_is_refused():
    """Even above r2SCAN's hull: GGA's stable phase would be measured against it."""
    better = entry("r2SCAN", "flat Li2O", -2.00 - 0.02)
    with pytest.raises(ReferenceHullError, match=r"Li2O .*flat"):
        mix([*gga(), *r2scan(), better])
    with pytest.raises(ReferenceHullError, match=r"Li2O .*flat"):
        mix([*gga(), *r2scan("Li2O"), better])


def test_what_is_left_out_is_counted(caplog):
    copies = [entry("GGA", "Li2O2", -1.64, "copy")]
    useless = [entry("r2SCAN", "Li3O", -1.49), entry("r2SCAN", "other Li3O", -1.40)]
    twin = entry("GGA", "Li3O", -1.50)
    with caplog.at_level(logging.INFO, "matsearch.hull.mixing"):
        mixed = mix([*gga(), *copies, twin, *r2scan("Li2O"), *useless])
    assert {"copy", "r2SCAN other Li3O", "GGA Li2O", "GGA Li3O"}.isdisjoint(energies(mixed))
    assert len(mixed) == 6
    for said in ("'higher copies of the same crystal': 1", "'r2SCAN entries that cannot be placed': 1"):
        assert said in caplog.text
    assert "'GGA entries replaced by r2SCAN': 2" in caplog.text


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (gga(), "no r2SCAN entry"),
        (r2scan(), "no GGA or GGA.U entry"),
        ([*gga(), *r2scan("Li2O"), *r2scan("Li2O")], "r2SCAN Li2O is not the id of one entry"),
        ([*gga(), entry("r2SCAN", "Li2O", -2.0, run_type="SCAN")], "run_type SCAN"),
        (
            [*gga(), ComputedEntry("Li2O", -14, parameters={"run_type": "r2SCAN"}, entry_id="x")],
            "no structure",
        ),
        (
            [*gga(), entry("r2SCAN", "Li3O", -1.4), entry("GGA", "Li3O", -1.5)],
            "none of the stable GGA phases",
        ),
        ([*gga(), *r2scan(), entry("GGA", "Li3O", -1.5, hubbards={"Li": 2.0})], "reject 1 GGA entries"),
    ],
)
def test_what_cannot_be_mixed_is_refused(entries, said):
    with pytest.raises(ReferenceHullError, match=said) as caught:
        mix(entries)
    assert caught.value.remedy


_ALL = [
    *gga(),
    entry("GGA", "Li2O2", -1.65, "copy"),
    *r2scan("Li", "O2", "Li2O"),
    entry("GGA", "flat Li2O", -2.0),
    entry("r2SCAN", "Li3O", -1.4),
]


@settings(max_examples=15)
@given(order=st.permutations(range(len(_ALL))))
def test_the_sequence_does_not_matter(order):
    expected = [(e.entry_id, e.energy) for e in mix(_ALL)]
    assert [(e.entry_id, e.energy) for e in mix([_ALL[i] for i in order])] == expected


def test_the_entries_given_stay_and_pymatgen_is_quiet():
    entries = [*gga(), *r2scan("Li2O", "Li2O2")]
    before = [(e.energy, dict(e.data), dict(e.parameters)) for e in entries]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mixed = correct(entries, "mixing")
    assert [(e.energy, dict(e.data), dict(e.parameters)) for e in entries] == before
    assert len(mixed) == 5
