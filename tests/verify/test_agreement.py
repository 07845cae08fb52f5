import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition

from matsearch.core.dft import DftCalculation, DftSettings
from matsearch.core.errors import InputError
from matsearch.core.records import Frame
from matsearch.core.verified import Standing, Verified
from matsearch.testing.samples import sample_candidate, sample_relaxation, sample_structure
from matsearch.verify.agreement import AgreementRow, chemistry_of, compare, false_stable, false_unstable
from matsearch.verify.agreement_summary import confusions, count_chemistries, summarise

SETTINGS = DftSettings(code="GPAW", functional="PBE", scheme_id="gpaw-pbe")
ENERGIES = st.floats(-1, 1)


def row(predicted=0.0, found: float | None = 0.0, role="survivor", standing=Standing.CONFIRMED, name="a"):
    return AgreementRow(
        candidate_id=name,
        formula="NaCl",
        chemistry="halide",
        role=role,
        standing=standing,
        threshold=0.1,
        predicted_energy_above_hull=predicted,
        energy_above_hull=found,
        predicted_formation_energy=None,
        formation_energy=None,
        predicted_volume=20.0,
        volume=22.0,
        core_hours=1.0,
        n_steps=3,
    )


def calculation(structure, *frames):
    forces = ((0.0, 0.0, 0.0),) * len(structure)
    return DftCalculation(
        initial_structure=structure,
        structure=structure,
        energy=-6.8,
        energy_per_atom=-3.4,
        forces=forces,
        frames=frames,
        settings=SETTINGS,
        run_type="GGA",
        software="GPAW 26.7.0",
        n_electrons=14,
        n_kpoints=10,
        spin_polarized=False,
        n_steps=2,
        cores=1,
        core_hours=0.1,
    )


def verified(**changes):
    fields = {
        "standing": Standing.CONFIRMED,
        "role": "survivor",
        "energy_above_hull": 0.02,
        "predicted_energy_above_hull": 0.01,
        "threshold": 0.1,
        "settings_key": SETTINGS.key,
        "calculation_key": "k",
    }
    return Verified(**{**fields, **changes})


def frame(scheme_id="gpaw-pbe"):
    forces = ((3.0, 0.0, 4.0), (0.0, 0.0, 0.0))
    stress = ((-6.0, 0.0, 0.0), (0.0, 3.0, -7.0), (0.0, -7.0, 0.0))
    return Frame(
        structure=sample_structure(),
        energy=-6.8,
        forces=forces,
        stress=stress,
        scheme_id=scheme_id,
        source="here",
    )


def test_what_both_say_of_a_crystal():
    candidate = sample_candidate(energy_above_hull=0.01, relaxation=sample_relaxation())
    larger = sample_structure(length=5.7)
    done = calculation(larger, frame(), frame().evolve(forces=None))
    compared = compare(candidate, verified(), done)
    assert compared.volume_ratio == pytest.approx((5.7 / 5.64) ** 3)
    assert (compared.predicted_energy_above_hull, compared.energy_above_hull) == (0.01, 0.02)
    assert (compared.predicted_formation_energy, compared.formation_energy) == (-1.0, None)
    assert compared.largest_force == pytest.approx(5.0)
    assert compared.rms_force == pytest.approx(math.sqrt(12.5))
    assert compared.pressure == pytest.approx(1.0), "compressed: it would grow"
    assert compared.largest_stress == pytest.approx(7.0)
    assert compared.chemistry == "halide"


@pytest.mark.parametrize("frames", [(), (frame("gpaw-pbesol"),)])
def test_forces_of_another_functional_are_not_those_of_this_one(frames):
    candidate = sample_candidate(relaxation=sample_relaxation())
    compared = compare(candidate, verified(), calculation(sample_structure(), *frames))
    assert (compared.largest_force, compared.pressure) == (None, None)


def test_a_calculation_of_another_composition_is_refused():
    with pytest.raises(InputError, match="calculation of MgO"):
        compare(sample_candidate(), verified(), calculation(sample_structure("Mg", "O")))


@pytest.mark.parametrize(
    ("formula", "name"),
    [
        ("SrTiO3", "oxide"),
        ("NaCl", "halide"),
        ("PbTe", "chalcogenide"),
        ("Ga1As1", "pnictide"),
        ("TiH2", "hydride"),
        ("TiB2", "boride"),
        ("Ti3AlC2", "carbide"),
        ("Mg2Si", "silicide"),
        ("PtSi", "silicide"),
        ("CsAu", "intermetallic"),
        ("Al", "element"),
        ("O2", "element"),
        ("LiOH", "oxide"),
    ],
)
def test_chemistry_goes_by_the_anion(formula, name):
    assert chemistry_of(Composition(formula)) == name


def test_false_ones_are_named_the_worst_first():
    rows = [
        row(0.0, 0.2, standing=Standing.REFUTED, name="b"),
        row(0.0, 0.5, standing=Standing.REFUTED, name="c"),
        row(0.2, 0.5, "control", Standing.REFUTED, "d"),
        row(0.3, 0.05, "control", Standing.CONFIRMED, "e"),
        row(0.3, 0.01, "control", Standing.INDICATIVE, "f"),
        row(0.3, None, "control", Standing.INDICATIVE, "g"),
        row(0.0, 0.05, name="h"),
    ]
    assert [r.candidate_id for r in false_stable(rows)] == ["c", "b"]
    assert [r.candidate_id for r in false_unstable(rows)] == ["f", "e"]


def test_errors_of_the_textbook():
    # differences -0.1, 0.1, 0.3: mean 0.1, s = 0.2, t(2, 97.5 percent) = 4.3027
    rows = [row(0.0, 0.1), row(0.2, 0.1), row(0.4, 0.1), row(0.0, None)]
    energy, formation, volume = summarise(rows)
    assert (energy.n, formation.n, volume.n) == (3, 0, 4)
    assert energy.mean == pytest.approx(0.1)
    assert energy.mean_absolute == pytest.approx(0.5 / 3)
    assert energy.rms == pytest.approx(math.sqrt(0.11 / 3))
    assert energy.upper - 0.1 == pytest.approx(4.3027 * 0.2 / math.sqrt(3), rel=1e-4)
    assert formation.mean is formation.lower is None
    assert (volume.mean, volume.lower) == pytest.approx((-2.0, -2.0))


def test_one_difference_has_no_interval():
    energy = summarise([row(0.0, 0.1)])[0]
    assert (energy.n, energy.lower, energy.upper) == (1, None, None)


@given(st.lists(st.tuples(ENERGIES, st.none() | ENERGIES), max_size=12))
def test_counts_add_up(pairs):
    rows = [row(predicted, found) for predicted, found in pairs]
    known = [pair for pair in pairs if pair[1] is not None]
    energy = summarise(rows)[0]
    assert energy.n == len(known)
    if known:
        assert abs(energy.mean) <= energy.mean_absolute + 1e-12 <= energy.rms + 2e-12
    for confusion in confusions(rows):
        limit = confusion.threshold
        assert confusion.true_stable + confusion.false_stable == sum(p < limit for p, _ in known)
        assert confusion.true_stable + confusion.false_unstable == sum(f < limit for _, f in known)
        document = confusion.document()
        assert sum(n for name, n in document.items() if name != "threshold") == len(known)


def test_a_crystal_on_the_threshold_is_over_it():
    (at,) = confusions([row(0.1, 0.1)], [0.1])
    assert at.true_unstable == 1


@given(st.lists(st.tuples(st.sampled_from(["oxide", "halide"]), st.sampled_from(list(Standing))), max_size=9))
def test_each_survivor_counts_once_in_its_chemistry(sent):
    counts = count_chemistries(sent)
    assert sum(count.sent for count in counts) == len(sent)
    for count in counts:
        parts = (count.confirmed, count.indicative, count.refuted, count.failed, count.pending)
        assert sum(parts) == count.sent
        assert 0.0 <= count.lower <= count.confirmed / count.sent <= count.upper <= 1.0
