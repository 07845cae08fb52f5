import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition

from matsearch.core.errors import DftError, ReferenceHullError
from matsearch.core.verdict import FailureKind
from matsearch.core.verified import Standing
from matsearch.testing.samples import sample_placement
from matsearch.verify.judging import judge
from matsearch.verify.mixture import lowest_mixture
from tests.verdicts import (
    LOOSE,
    candidate_of,
    crystal,
    done,
    failed,
    hull_of,
    known,
    needed,
    plan_of,
)

LI, AL = known("li", "Li", -1.9), known("al", "Al", -3.7)
LIAL, LIAL_HIGH = known("lial", "LiAl", -3.1), known("lial-2", "LiAl", -3.09, crystal("LiAl", stretched=2.0))
HULL = hull_of([LI, AL, LIAL, LIAL_HIGH], ("Li", "Al"))
CRYSTAL = crystal("Li3Al")
CANDIDATE = candidate_of(CRYSTAL, HULL)
NAME = CANDIDATE.candidate_id
NEEDED = (needed(AL, "element"), needed(LI, "element"), needed(LIAL), needed(LIAL_HIGH, "polymorph"))
PLAN = plan_of([CANDIDATE], NEEDED)
# LiAl gains 0.3 eV/atom and Li3Al may have half of it: the hull is at -2.50 eV/atom
ENERGIES = {"li": -1.9, "al": -3.7, "lial": -3.1, "lial-2": -3.08}
HULL_ENERGY = -2.5


def everything(own=HULL_ENERGY + 0.02, **changes):
    outcomes = {p.phase_id: done(p.structure, ENERGIES[p.phase_id]) for p in NEEDED}
    outcomes[NAME] = done(CRYSTAL, own)
    outcomes |= {key.replace("_", "-"): value for key, value in changes.items()}
    return {key: value for key, value in outcomes.items() if value is not None}


def verdict(outcomes, plan=PLAN, candidate=CANDIDATE, hull=HULL, place=None):
    return judge(plan, {candidate.candidate_id: candidate}, outcomes, hull, place)[candidate.candidate_id]


def test_confirmed_under_the_threshold_with_everything_computed_alike():
    found = verdict(everything())
    assert found.standing is Standing.CONFIRMED
    assert found.reasons == ()
    assert found.energy_above_hull == pytest.approx(0.02)
    assert found.decomposition == pytest.approx({"LiAl (lial)": 0.5, "Li (li)": 0.5})
    assert found.formation_energy_per_atom == pytest.approx(HULL_ENERGY + 0.02 + (0.75 * 1.9 + 0.25 * 3.7))
    assert (found.n_phases, found.role, found.threshold, found.round) == (4, "survivor", 0.1, 0)
    assert (found.settings_key, found.calculation_key) == (PLAN.settings.key, "k" * 64)
    assert (found.core_hours, found.predicted_energy_above_hull) == (0.5, 0.05)


def test_it_may_lie_below_the_hull():
    assert verdict(everything(own=HULL_ENERGY - 0.2)).energy_above_hull == pytest.approx(-0.2)


@pytest.mark.parametrize(("above", "standing"), [(0.0999, Standing.CONFIRMED), (0.1001, Standing.REFUTED)])
def test_the_threshold_parts_confirmed_from_refuted(above, standing):
    assert verdict(everything(own=HULL_ENERGY + above)).standing is standing


def test_pending_without_an_outcome():
    found = verdict({k: v for k, v in everything().items() if k != NAME})
    assert (found.standing, found.energy_above_hull, found.core_hours) == (Standing.PENDING, None, 0.0)


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (failed(), "scf_not_converged: 333 iterations"),
        (failed(FailureKind.TIME_OUT), "time_out: 333 iterations"),
        (done(crystal("LiAl"), -3.0), "wrong_document: it is of LiAl, not of Li3Al"),
        (done(CRYSTAL, -2.5, settings=LOOSE), "wrong_document: it was computed with other settings"),
    ],
)
def test_failed_says_why(outcome, reason):
    found = verdict(everything() | {NAME: outcome})
    assert found.standing is Standing.FAILED
    assert found.reasons[0].startswith(reason)
    assert found.core_hours == 0.5


@pytest.mark.parametrize("phase_id", ["li", "lial", "lial-2"])
@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (None, "not computed"),
        (failed(), "scf_not_converged"),
        (done(crystal("MgO"), -5.0), "wrong_document: it is of MgO"),
        ("loose", "wrong_document: it was computed with other settings"),
    ],
)
def test_a_missing_phase_leaves_a_hint(phase_id, outcome, reason):
    structure = next(p.structure for p in NEEDED if p.phase_id == phase_id)
    other = done(structure, ENERGIES[phase_id], settings=LOOSE) if outcome == "loose" else outcome
    found = verdict(everything(**{phase_id: other}))
    assert found.standing is Standing.INDICATIVE
    assert any(f"({phase_id}): {reason}" in line for line in found.reasons)


def test_an_element_off_the_facet_matters_for_the_formation_energy_alone():
    found = verdict(everything(al=None))
    assert found.standing is Standing.CONFIRMED
    assert found.formation_energy_per_atom is None


def test_without_phases_every_verdict_is_a_hint():
    found = verdict(everything(), plan_of([CANDIDATE], ()))
    assert (found.standing, found.energy_above_hull) == (Standing.INDICATIVE, None)
    assert found.reasons == ("Li (li): not computed", "LiAl (lial): not computed")


def test_a_phase_without_structure_leaves_a_hint():
    bare = (*NEEDED[:3], NEEDED[3].evolve(structure=None))
    found = verdict(everything(), plan_of([CANDIDATE], bare))
    assert found.standing is Standing.INDICATIVE
    assert found.reasons == ("LiAl (lial-2): the reference has no structure of it",)


def test_a_candidate_without_a_place_is_never_confirmed():
    assert verdict(everything(), candidate=CANDIDATE.evolve(placement=None)).standing is Standing.INDICATIVE


@given(st.sets(st.sampled_from([p.phase_id for p in NEEDED])), st.floats(-0.5, 0.5))
def test_missing_phases_neither_confirm_nor_change_a_refutation(left_out, above):
    whole = verdict(everything(own=HULL_ENERGY + above))
    part = verdict(everything(own=HULL_ENERGY + above, **dict.fromkeys(left_out)))
    if part.energy_above_hull is not None:
        assert part.energy_above_hull <= whole.energy_above_hull + 1e-9
    if part.standing is Standing.REFUTED:
        assert whole.standing is Standing.REFUTED
    if part.standing is Standing.CONFIRMED:
        assert left_out <= {"al"}


SUBSTITUTED = (NEEDED[0], NEEDED[1].evolve(substitute="a small lithium", offset_per_atom=-0.05), *NEEDED[2:])


def test_an_offset_is_added():
    found = verdict(everything(li=done(crystal("Li"), -1.85)), plan_of([CANDIDATE], SUBSTITUTED))
    assert found.energy_above_hull == pytest.approx(0.02)


@pytest.mark.parametrize("above", [-0.5, 0.02, 0.2])
def test_who_rests_on_a_substitute_is_neither_confirmed_nor_refuted(above):
    outcomes = everything(own=HULL_ENERGY + above, li=done(crystal("Li"), -1.85))
    found = verdict(outcomes, plan_of([CANDIDATE], SUBSTITUTED))
    assert found.standing is Standing.INDICATIVE
    assert any("a small lithium in its place, -0.0500 eV/atom" in line for line in found.reasons)


def test_a_refutation_that_needs_no_substitute_stands():
    """Aluminium off the facet is stood for; the phases in their own cells refute alone."""
    plan = plan_of([CANDIDATE], (NEEDED[0].evolve(substitute="small", offset_per_atom=-0.1), *NEEDED[1:]))
    assert verdict(everything(own=HULL_ENERGY + 0.2), plan).standing is Standing.REFUTED
    assert verdict(everything(), plan).standing is Standing.CONFIRMED


@pytest.mark.parametrize(
    ("with_u", "above"),
    [(NAME, -0.05), (NAME, 0.3), ("li", -0.05), ("li", 0.3), ("lial", -0.05)],
)
def test_energies_with_and_without_u_decide_nothing(with_u, above):
    outcomes = everything(own=HULL_ENERGY + above)
    mixed = outcomes[with_u].calculation.evolve(run_type="GGA+U", hubbards={"Li": 3.0})
    found = verdict(outcomes | {with_u: outcomes[with_u].evolve(calculation=mixed)})
    assert found.standing is Standing.INDICATIVE
    assert any("with and without U" in line for line in found.reasons)
    assert found.energy_above_hull == pytest.approx(above)


@pytest.mark.parametrize(("above", "standing"), [(0.2, Standing.INDICATIVE), (0.3, Standing.REFUTED)])
def test_phases_of_its_own_kind_refute_whatever_has_u(above, standing):
    """LiAl with U is on the facet; without it Li and Al alone are at -2.35 eV/atom, and refute from -2.25 on."""
    outcomes = everything(own=HULL_ENERGY + above)
    for name in ("lial", "lial-2"):
        mixed = outcomes[name].calculation.evolve(run_type="GGA+U", hubbards={"Li": 3.0})
        outcomes[name] = outcomes[name].evolve(calculation=mixed)
    assert verdict(outcomes).standing is standing


def test_energies_that_all_have_u_meet():
    outcomes = everything()
    for name in ("li", "lial", "lial-2", NAME):
        with_u = outcomes[name].calculation.evolve(run_type="GGA+U")
        outcomes[name] = outcomes[name].evolve(calculation=with_u)
    assert verdict(outcomes).standing is Standing.CONFIRMED


MOVED = crystal("Li3Al", stretched=2.0)


@pytest.mark.parametrize(("above", "standing"), [(0.02, Standing.INDICATIVE), (0.2, Standing.REFUTED)])
def test_a_crystal_that_became_another_is_not_confirmed(above, standing):
    outcome = done(MOVED, HULL_ENERGY + above, initial=CRYSTAL)
    found = verdict(everything() | {NAME: outcome})
    assert found.standing is standing
    assert found.reasons == ("relaxed to another crystal: judged as what it became",)


def test_a_document_of_another_crystal_of_the_formula_confirms_nothing():
    found = verdict(everything() | {NAME: done(MOVED, HULL_ENERGY + 0.02, initial=MOVED)})
    assert found.standing is Standing.INDICATIVE


def test_a_crystal_that_became_a_known_one_is_no_discovery():
    hull = hull_of([LI, AL, LIAL, LIAL_HIGH, known("li3al", "Li3Al", -2.4, MOVED)], ("Li", "Al"))
    found = verdict(everything() | {NAME: done(MOVED, HULL_ENERGY, initial=CRYSTAL)}, hull=hull)
    assert found.standing is Standing.INDICATIVE
    assert found.reasons == ("relaxed to the known phase li3al: no discovery",)


def test_a_known_crystal_found_again_keeps_its_standing_and_says_so():
    hull = hull_of([LI, AL, LIAL, LIAL_HIGH, known("li3al", "Li3Al", -2.4, CRYSTAL)], ("Li", "Al"))
    found = verdict(everything(), hull=hull)
    assert found.standing is Standing.CONFIRMED
    assert found.reasons == ("is the known phase li3al: no discovery",)


def test_a_phase_that_became_another_crystal_is_named():
    found = verdict(everything(lial_2=done(crystal("LiAl"), -3.08)))
    assert found.standing is Standing.CONFIRMED
    assert found.reasons == ("LiAl (lial-2): relaxed to another crystal, judged as what it became",)


def test_magnetic_crystals_are_named():
    found = verdict(everything() | {NAME: done(CRYSTAL, HULL_ENERGY, magmoms=(0.0, 0.1, 0.0, -2.2))})
    assert found.standing is Standing.CONFIRMED
    assert found.reasons == ("magnetic, one order of the moments each: itself",)


def placed_at(above):
    return lambda structure, energy: sample_placement(above).evolve(
        decomposition={"Li (mp-1)": 1.0}, n_phases=42
    )


@pytest.mark.parametrize(("above", "standing"), [(-0.3, Standing.CONFIRMED), (0.1, Standing.REFUTED)])
def test_on_the_reference_hull_itself_no_phases_are_needed(above, standing):
    found = verdict({NAME: done(CRYSTAL, -2.5)}, plan_of([CANDIDATE], ()), place=placed_at(above))
    assert (found.standing, found.energy_above_hull, found.n_phases) == (standing, above, 42)
    assert found.decomposition == {"Li (mp-1)": 1.0}


def test_what_the_reference_hull_refuses_is_a_hint():
    def refuse(structure, energy):
        raise ReferenceHullError("Li3Al is rejected by the MP2020 corrections")

    found = verdict({NAME: done(CRYSTAL, -2.5)}, plan_of([CANDIDATE], ()), place=refuse)
    assert found.standing is Standing.INDICATIVE
    assert found.reasons == ("Li3Al is rejected by the MP2020 corrections",)


def test_other_candidates_change_nothing():
    second = candidate_of(crystal("Li3Al", stretched=1.5), HULL, slot=1)
    plan = plan_of([CANDIDATE, second], NEEDED)
    outcomes = everything() | {second.candidate_id: done(second.structure, HULL_ENERGY - 0.4)}
    both = judge(plan, {NAME: CANDIDATE, second.candidate_id: second}, outcomes, HULL)
    assert both[NAME] == verdict(everything())
    assert list(both) == [NAME, second.candidate_id]


def test_a_candidate_that_nobody_has_is_named():
    with pytest.raises(DftError, match=NAME):
        judge(PLAN, {}, everything(), HULL)


@given(st.permutations(NEEDED))
def test_order_changes_nothing(phases):
    backwards = dict(reversed(everything().items()))
    assert verdict(backwards, plan_of([CANDIDATE], phases)) == verdict(everything())


@given(st.sampled_from([p.phase_id for p in NEEDED]), st.floats(0.0, 1.0))
def test_a_lower_phase_never_brings_a_candidate_nearer(phase_id, by):
    structure = next(p.structure for p in NEEDED if p.phase_id == phase_id)
    lowered = done(structure, ENERGIES[phase_id] - by)
    higher = verdict(everything(**{phase_id: lowered})).energy_above_hull
    assert higher >= verdict(everything()).energy_above_hull - 1e-9


WAYS = st.sampled_from(["done", "absent", "failed", "loose", "with_u", "wrong"])


@given(st.fixed_dictionaries(dict.fromkeys(ENERGIES, WAYS)), st.floats(-0.5, 0.09))
def test_confirmed_only_with_every_needed_phase_computed_alike(ways, above):
    outcomes = everything(own=HULL_ENERGY + above)
    for name, way in ways.items():
        well = outcomes[name].calculation
        outcomes[name] = {
            "done": outcomes[name],
            "absent": None,
            "failed": failed(),
            "loose": outcomes[name].evolve(calculation=well.evolve(settings=LOOSE)),
            "with_u": outcomes[name].evolve(calculation=well.evolve(run_type="GGA+U")),
            "wrong": done(crystal("MgO"), -9.0),
        }[way]
    found = verdict({name: outcome for name, outcome in outcomes.items() if outcome is not None})
    all_well = all(ways[name] == "done" for name in ("li", "lial", "lial-2"))
    assert (found.standing is Standing.CONFIRMED) is all_well
    assert bool(found.reasons) is not all_well


SYMBOLS = ("Li", "Al", "O")
amounts = st.lists(st.integers(0, 4), min_size=3, max_size=3).filter(any)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(amounts, st.floats(-4.0, 1.0)), max_size=8),
    st.lists(st.floats(-8.0, 0.0), min_size=3, max_size=3),
    st.lists(st.integers(1, 4), min_size=3, max_size=3),
)
def test_the_mixture_is_pymatgens_hull(compounds, elemental, wanted):
    phases = [(Composition({s: 1}), e) for s, e in zip(SYMBOLS, elemental, strict=True)]
    for counts, energy in compounds:
        phases.append((Composition(dict(zip(SYMBOLS, counts, strict=True))), energy))
    target = Composition(dict(zip(SYMBOLS, wanted, strict=True)))
    mixture = lowest_mixture(target, phases)
    diagram = PhaseDiagram([PDEntry(c, e * c.num_atoms) for c, e in phases])
    assert mixture.energy_per_atom == pytest.approx(diagram.get_hull_energy_per_atom(target), abs=1e-6)
    assert sum(mixture.shares.values()) == pytest.approx(1.0)
    made = sum(share * phases[i][1] for i, share in mixture.shares.items())
    assert made == pytest.approx(mixture.energy_per_atom, abs=1e-6)


def test_phases_that_cannot_make_up_a_composition_are_no_hull():
    li, lial = (Composition("Li"), -1.9), (Composition("LiAl"), -3.0)
    assert lowest_mixture(Composition("LiAl3"), [li, lial]) is None
    assert lowest_mixture(Composition("Mg"), [li, lial]) is None
    assert lowest_mixture(Composition("Li3Al"), [li, lial]).energy_per_atom == pytest.approx(-2.45)


def test_large_energies_lose_no_precision():
    phases = [(Composition("Np"), -83.0), (Composition("O2"), -5.9), (Composition("NpO2"), -35.123456789)]
    assert lowest_mixture(Composition("Np2O4"), phases).energy_per_atom == pytest.approx(
        -35.123456789, abs=1e-8
    )


def test_moments_below_the_limit_are_no_magnet():
    assert verdict(everything() | {NAME: done(CRYSTAL, HULL_ENERGY, magmoms=(0.4,) * 4)}).reasons == ()
