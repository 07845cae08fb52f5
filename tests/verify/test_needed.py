import pytest
from pymatgen.core import Composition

from matsearch.core.errors import DftError
from matsearch.core.protocols import HullInfo
from matsearch.core.schemes import MP_GGA
from matsearch.verify.needed import meets_directly, needed_phases
from tests.verdicts import PBE, candidate_of, crystal, hull_of, known

PHASES = [
    known("li", "Li", -1.9),
    known("al", "Al", -3.7),
    known("al-high", "Al", -3.68),
    known("al-far", "Al", -3.6),
    known("lial", "LiAl", -3.1),
    known("lial-2", "LiAl", -3.09, hypothetical=True),
    known("li9al4", "Li9Al4", -2.75),
    known("li3al2-high", "Li3Al2", -2.7),
    known("li2al-far", "Li2Al", -1.0),
]
HULL = hull_of(PHASES, ("Li", "Al"))


def needs(formulas, hull=HULL, window=0.025, substitutes=True):
    candidates = [candidate_of(crystal(f), hull, slot) for slot, f in enumerate(formulas)]
    return needed_phases(
        {c.candidate_id: c.placement for c in candidates},
        {c.candidate_id: Composition(c.formula) for c in candidates},
        hull,
        window,
        substitutes=substitutes,
    )


def reasons(phases):
    return {phase.phase_id: phase.why for phase in phases}


def test_elements_facet_and_polymorphs_are_needed():
    assert reasons(needs(["Li2Al"])) == {
        "al": "element",
        "li": "element",
        "lial": "facet",
        "li9al4": "facet",
        "al-high": "polymorph",
        "lial-2": "polymorph",
        "li2al-far": "polymorph",
    }


def test_the_window_is_from_the_lowest_of_a_formula_and_inclusive():
    assert "al-high" not in reasons(needs(["Li2Al"], window=0.019))
    assert "al-far" in reasons(needs(["Li2Al"], window=0.1 + 1e-9))
    # the only one of its own formula, far from the hull, is still the lowest of its formula
    assert "li2al-far" in reasons(needs(["Li2Al"], window=0.0))


def test_order_of_candidates_changes_nothing():
    formulas = ["Li2Al", "LiAl3", "Li3Al2"]
    forwards, backwards = needs(formulas), needs(formulas[::-1])
    assert [p.document() for p in forwards] == [p.document() for p in backwards]
    assert len(reasons(forwards)) == len(forwards)
    assert [p.why for p in forwards] == sorted(
        (p.why for p in forwards), key=["element", "facet", "polymorph"].index
    )


def test_a_candidate_of_one_element_needs_its_phases():
    assert reasons(needs(["Al4"])) == {"al": "element", "al-high": "polymorph"}


def test_phases_without_structures_are_listed():
    hull = hull_of([known("li", "Li", -1.9), known("al", "Al", -3.7, None)], ("Li", "Al"))
    assert {p.phase_id: p.structure is None for p in needs(["LiAl"], hull)} == {"li": False, "al": True}


def test_nobody_needs_nothing():
    assert needed_phases({}, {}, HULL, 0.025, substitutes=True) == []


def test_a_placement_of_another_hull_is_refused():
    other = hull_of([known("li-x", "Li", -1.9), known("al-x", "Al", -3.7)], ("Li", "Al"))
    stranger = candidate_of(crystal("LiAl"), other)
    with pytest.raises(DftError, match=r"the hull test has no phase Al \(al-x\)"):
        needed_phases({"a": stranger.placement}, {"a": Composition("LiAl")}, HULL, 0.025, substitutes=True)


MN = [
    known("mn-alpha", "Mn", -9.16, crystal("Mn29")),
    known("mn-beta", "Mn", -9.15, crystal("Mn20")),
    known("n2", "N2", -8.34, crystal("N8")),
    known("mn2n", "Mn2N", -9.3, crystal("Mn4N2")),
]


def test_a_dear_element_is_stood_for_and_its_polymorphs_are_not_needed():
    phases = {p.phase_id: p for p in needs(["Mn3N"], hull_of(MN, ("Mn", "N")))}
    assert set(phases) == {"mn-alpha", "n2", "mn2n"}
    manganese = phases["mn-alpha"]
    assert manganese.substitute == "fcc manganese"
    assert len(manganese.structure) == 1
    assert manganese.offset_per_atom == pytest.approx(-0.0831)
    assert "PBE" in manganese.offset_source
    assert phases["mn2n"].substitute is None


def test_a_molecule_stands_for_nitrogen_unless_a_verdict_rests_on_it():
    hull = hull_of(MN, ("Mn", "N"))
    off = {p.phase_id: p for p in needs(["Mn3N"], hull)}["n2"]
    on = {p.phase_id: p for p in needs(["MnN2"], hull)}["n2"]
    assert off.box
    assert len(off.structure) == 2
    assert not on.box
    assert on.substitute is None
    assert len(on.structure) == 8


def test_substitutes_can_be_declined():
    phases = needs(["Mn3N"], hull_of(MN, ("Mn", "N")), substitutes=False)
    assert {p.phase_id for p in phases} == {"mn-alpha", "mn-beta", "n2", "mn2n"}
    assert not any(p.substitute or p.box or p.offset_per_atom for p in phases)


@pytest.mark.parametrize(
    ("energies", "hull", "directly"),
    [
        ("mp-gga-gga+u-raw", MP_GGA, True),
        (MP_GGA, MP_GGA, True),
        ("mp-r2scan", "mp-r2scan", True),
        ("mp-r2scan", MP_GGA, False),
        ("gpaw-pbe", MP_GGA, False),
        ("chgnet-0.3.0", MP_GGA, False),
        ("mp-gga-gga+u-raw", "chgnet-0.3.0", False),
    ],
)
def test_only_dft_of_the_same_code_meets_a_hull_directly(energies, hull, directly):
    info = HullInfo(name="x", scheme_id=hull, sha256="0" * 64, elements=("Li",), n_phases=1, complete=True)
    assert meets_directly(PBE.evolve(scheme_id=energies), info) is directly
