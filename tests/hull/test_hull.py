import gzip
import json

import pytest
from pymatgen.analysis.phase_diagram import PhaseDiagram
from pymatgen.core import Structure

from matsearch.core.config import ReferenceSection
from matsearch.core.errors import InputError, ReferenceHullError, SchemeMismatchError
from matsearch.core.protocols import KnownPhase
from matsearch.core.schemes import MP_GGA, MP_GGA_RAW
from matsearch.core.thresholds import TOO_GOOD_FLAG, UNKNOWN_ELEMENT_FLAG
from matsearch.core.verdict import FailureKind
from matsearch.hull.reference import CompiledReferenceHull
from matsearch.hull.sources import load_hull
from matsearch.hull.stage import place
from matsearch.testing.hull import ReferenceHullContract
from matsearch.testing.samples import sample_candidate, sample_relaxation, sample_verdict

VASP = {"run_type": "GGA", "software": "vasp 5.4.4"}

ENTRIES = [
    {"composition": {"Li": 1}, "energy": -1.9, "entry_id": "a", "parameters": VASP},
    {"composition": {"O": 2}, "energy": -9.9, "entry_id": "b", "parameters": VASP},
    {"composition": {"Li": 2, "O": 1}, "energy": -14.3, "entry_id": "c", "parameters": VASP},
]


def hull_of(phases, elements, **changes):
    facts = {"name": "test", "scheme_id": "toy", "sha256": "0" * 64, "complete": False, **changes}
    return CompiledReferenceHull(phases, elements, **facts)


class TestEmbedded(ReferenceHullContract):
    @pytest.fixture
    def hull(self):
        return load_hull(ReferenceSection(), ("Al", "C", "Ti"), "chgnet-0.3.0")


class TestFile(ReferenceHullContract):
    @pytest.fixture
    def hull(self, tmp_path):
        return load_hull(written(tmp_path, ENTRIES), ("Li", "O"), "chgnet-0.3.0")


def written(folder, entries, **changes):
    path = folder / "entries.json.gz"
    path.write_bytes(gzip.compress(json.dumps(entries).encode()))
    return ReferenceSection(**{"source": str(path), "corrections": "mp2020", **changes})


def test_corrections_are_pymatgens(tmp_path):
    hull = load_hull(written(tmp_path, ENTRIES), ("Li", "O"), "chgnet-0.3.0")
    oxide = hull.phases("Li2O")[0]
    # MP2020: -0.687 eV for each oxygen of an oxide
    assert oxide.energy_per_atom == pytest.approx((-14.3 - 0.687) / 3, abs=1e-6)
    assert hull.info.scheme_id == MP_GGA


def test_missing_terminal_element_is_named(tmp_path):
    with pytest.raises(ReferenceHullError, match=r"no entry for the element O"):
        load_hull(written(tmp_path, [ENTRIES[0], ENTRIES[2]]), ("Li", "O"), "chgnet-0.3.0")


def test_what_does_not_fit_is_refused_before_any_work(tmp_path):
    section = written(tmp_path, ENTRIES)
    with pytest.raises(SchemeMismatchError, match="chgnet-r2scan"):
        load_hull(section, ("Li", "O"), "chgnet-r2scan")
    with pytest.raises(ReferenceHullError, match="which energy scheme"):
        load_hull(written(tmp_path, ENTRIES, corrections="none"), ("Li", "O"), "chgnet-0.3.0")
    r2scan = [{**entry, "parameters": {**VASP, "run_type": "r2SCAN"}} for entry in ENTRIES]
    with pytest.raises(ReferenceHullError, match="r2SCAN"):
        load_hull(written(tmp_path, r2scan), ("Li", "O"), "chgnet-0.3.0")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not json",
        b"{}",
        b"[]",
        b'[{"energy": -1}]',
        b'[{"energy": "x", "composition": {"Li": 1}}]',
        b'[{"energy": NaN, "composition": {"Li": 1}}]',
        b'[{"energy": -1, "composition": {}}]',
        b'["os.system"]',
    ],
)
def test_files_that_hold_no_entries(tmp_path, content):
    path = tmp_path / "entries.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"entries\.json"):
        load_hull(ReferenceSection(source=str(path), corrections="mp2020"), ("Li",), "chgnet-0.3.0")


def test_truncated_gzip_is_named(tmp_path):
    section = written(tmp_path, ENTRIES)
    path = tmp_path / "entries.json.gz"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InputError, match="cannot read"):
        load_hull(section, ("Li", "O"), "chgnet-0.3.0")


@pytest.mark.parametrize(("energy", "flagged"), [(-0.9, False), (-1.05, False), (-1.2, True)])
def test_the_stage_is_total_and_flags_what_is_too_good(energy, flagged):
    elements = hull_of(
        [KnownPhase(phase_id=s, formula=s, energy_per_atom=-1.0) for s in ("Na", "Cl")], ("Cl", "Na")
    )
    relaxed = sample_candidate(0, relaxation=sample_relaxation(energy_per_atom=energy))
    dead = sample_candidate(1, verdict=sample_verdict())
    unrelaxed = sample_candidate(2)
    placed = place([relaxed, dead, unrelaxed], elements)
    assert [c.candidate_id for c in placed] == [c.candidate_id for c in (relaxed, dead, unrelaxed)]
    assert placed[0].placement.energy_above_hull == pytest.approx(energy + 1.0)
    assert (TOO_GOOD_FLAG in placed[0].flags) == flagged
    assert placed[1] == dead
    assert placed[2].verdict.kind is FailureKind.NO_REFERENCE


def test_the_stage_turns_refusals_into_verdicts():
    relaxed = sample_candidate(relaxation=sample_relaxation())
    xenon = hull_of([KnownPhase(phase_id="Xe", formula="Xe", energy_per_atom=0.0)], ("Xe",))
    other_scheme = hull_of(
        [KnownPhase(phase_id=s, formula=s, energy_per_atom=-1.0) for s in ("Na", "Cl")],
        ("Cl", "Na"),
        scheme_id=MP_GGA,
    )
    assert place([relaxed], xenon)[0].verdict.kind is FailureKind.NO_REFERENCE
    assert place([relaxed], other_scheme)[0].verdict.kind is FailureKind.SCHEME_MISMATCH


def test_one_that_brings_the_hull_down_leaves_the_others_placed(monkeypatch):
    monkeypatch.delenv("MATSEARCH_RERAISE")
    elements = hull_of(
        [KnownPhase(phase_id=s, formula=s, energy_per_atom=-1.0) for s in ("Na", "Cl")], ("Cl", "Na")
    )
    original = elements.place

    def place_or_break(compositions, energies, scheme_id):
        if min(energies) < -100:
            raise ZeroDivisionError("a bug")
        return original(compositions, energies, scheme_id)

    monkeypatch.setattr(elements, "place", place_or_break)
    batch = [
        sample_candidate(i, relaxation=sample_relaxation(energy_per_atom=e))
        for i, e in enumerate((-1, -99, -0.9))
    ]
    first, broken, last = place(batch, elements)
    assert first.alive
    assert last.placement.energy_above_hull == pytest.approx(0.1)
    assert broken.verdict.kind is FailureKind.INTERNAL_ERROR


def test_raw_energies_are_corrected_on_their_way_to_a_corrected_hull(tmp_path):
    """MACE-MP's energy of Li2O takes the correction of the oxide in the hull; the record says how much."""
    section = written(tmp_path, ENTRIES)
    hull = load_hull(section, ("Li", "O"), "mace-mp")
    antifluorite = Structure(
        [[0, 2.31, 2.31], [2.31, 0, 2.31], [2.31, 2.31, 0]],
        ["O", "Li", "Li"],
        [[0, 0, 0], [0.25] * 3, [0.75] * 3],
    )
    relaxation = sample_relaxation(antifluorite, energy_per_atom=-14.3 / 3).evolve(scheme_id="mace-mp")
    placed = place([sample_candidate(relaxation=relaxation)], hull)[0].placement
    assert placed.correction_per_atom == pytest.approx(-0.687 / 3, abs=1e-6)
    assert placed.energy_above_hull == pytest.approx(0.0, abs=1e-6)


def test_elements_outside_the_potential_earn_a_flag():
    elements = hull_of(
        [KnownPhase(phase_id=s, formula=s, energy_per_atom=-1.0) for s in ("Na", "Cl")], ("Cl", "Na")
    )
    relaxed = sample_candidate(relaxation=sample_relaxation(energy_per_atom=-1.0))
    assert UNKNOWN_ELEMENT_FLAG in place([relaxed], elements, frozenset({"Na"}))[0].flags
    assert UNKNOWN_ELEMENT_FLAG not in place([relaxed], elements, frozenset({"Na", "Cl"}))[0].flags


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(("corrections", "n_stable"), [("mp2020", 42), ("none", 43)])
def test_li_fe_p_o_has_pymatgens_stable_phases(test_data, corrections, n_stable):
    """859 entries; as many stable and the same ones as pymatgen's in the same process."""
    from matsearch.hull.corrections import correct
    from matsearch.hull.entries import read_entries

    path = test_data / "Li-Fe-P-O_entries.json.gz"
    scheme = MP_GGA if corrections == "mp2020" else MP_GGA_RAW
    section = ReferenceSection(source=str(path), corrections=corrections, scheme=scheme)
    hull = load_hull(section, ("Fe", "Li", "O", "P"), scheme)
    diagram = PhaseDiagram(correct(read_entries(path)[0], corrections))
    assert hull.stable_ids == {str(e.entry_id) for e in diagram.stable_entries}
    assert (hull.info.n_phases, len(hull.stable_ids)) == (859, n_stable)
    entries = diagram.all_entries
    above = hull.energies_above_hull([e.composition for e in entries], [e.energy for e in entries], scheme)
    assert above == pytest.approx([diagram.get_e_above_hull(e) for e in entries], abs=1e-6)
