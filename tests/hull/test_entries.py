"""Files of entries: what pymatgen writes comes back, what is wrong is named, nothing in them is run."""

import bz2
import gzip
import json
import lzma
import math
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from monty.serialization import dumpfn, loadfn
from pymatgen.analysis.phase_diagram import PDEntry
from pymatgen.core import Composition, PeriodicSite, Structure
from pymatgen.core.entries import (
    CompositionEnergyAdjustment,
    ConstantEnergyAdjustment,
    EntrySet,
    ManualEnergyAdjustment,
    TemperatureEnergyAdjustment,
)
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from matsearch.core.errors import InputError
from matsearch.hull import unpack
from matsearch.hull.entries import read_entries
from matsearch.testing.samples import sample_structure

PACKERS = {"": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress}
GOOD = {"composition": {"Li": 2, "O": 1}, "energy": -14.3}
ONE = [
    {"composition": {"Li": 1}, "energy": -1.9, "entry_id": "a"},
    {"composition": {"Li": 2, "O": 1}, "energy": -14.3, "correction": -0.7, "entry_id": "b"},
    {"composition": {"Fe": 1, "O": 1}, "energy": -12.0, "entry_id": "c"},
]

_energies = st.floats(-200, 50)
_adjustments = st.one_of(
    st.builds(ManualEnergyAdjustment, _energies),
    st.builds(ConstantEnergyAdjustment, _energies, st.floats(0, 1) | st.just(math.nan)),
    st.builds(CompositionEnergyAdjustment, st.floats(-3, 3), st.floats(1, 8)),
    st.builds(TemperatureEnergyAdjustment, st.floats(-0.01, 0.01), st.floats(0, 2000), st.floats(1, 8)),
)
_compositions = st.dictionaries(
    st.sampled_from(["Li", "Fe", "O", "Na", "Cl"]), st.integers(1, 12) | st.floats(0.1, 9), min_size=1
)
_entries = st.builds(
    ComputedEntry,
    _compositions,
    _energies,
    energy_adjustments=st.lists(_adjustments, max_size=3),
    parameters=st.dictionaries(st.sampled_from(["run_type", "software"]), st.text(max_size=5)),
    entry_id=st.text("abc123-", min_size=1, max_size=6),
)


def read(name, content, elements=None):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_entries(path, elements)[0]


def refusal(name, content):
    with pytest.raises(InputError) as caught:
        read(name, content)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def facts(entries):
    return [
        (e.entry_id, e.composition, e.uncorrected_energy, pytest.approx(e.correction), e.parameters)
        for e in entries
    ]


@given(entries=st.lists(_entries, min_size=1, max_size=5), suffix=st.sampled_from(list(PACKERS)))
def test_what_pymatgen_dumps_comes_back(entries, suffix):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"entries.json{suffix}"
        dumpfn(entries, path)
        found, _ = read_entries(path)
    assert facts(found) == facts(entries)
    assert [e.energy for e in found] == pytest.approx([e.energy for e in entries])


@given(entries=st.lists(_entries, min_size=1, max_size=5))
def test_entry_sets_come_back_as_json_and_as_csv(entries):
    unique = EntrySet(entries)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        dumpfn(unique, path / "set.json")
        unique.to_csv(str(path / "set.csv"))
        from_json, _ = read_entries(path / "set.json")
        from_csv, _ = read_entries(path / "set.csv")
    key = lambda e: (e.composition.reduced_formula, e.energy, e.composition.num_atoms)  # noqa: E731
    for found in (from_json, from_csv):
        assert [e.composition for e in sorted(found, key=key)] == [
            e.composition for e in sorted(unique, key=key)
        ]
        assert sorted(e.energy for e in found) == pytest.approx(sorted(e.energy for e in unique))
    assert {e.entry_id for e in from_json} == {e.entry_id for e in unique}
    assert len({e.entry_id for e in from_csv}) == len(from_csv)


def test_structures_come_back(tmp_path):
    entry = ComputedStructureEntry(sample_structure(), -6.5, correction=-0.1, entry_id="salt")
    dumpfn([entry], tmp_path / "e.json")
    (found,), _ = read_entries(tmp_path / "e.json")
    assert found.structure == entry.structure
    assert (found.energy, found.entry_id) == (pytest.approx(-6.6), "salt")


def test_a_structure_of_another_composition_is_refused():
    document = ComputedStructureEntry(sample_structure(), -6.5).as_dict() | {"composition": {"Na": 2.0}}
    assert "structure" in refusal("e.json", json.dumps([document]))


def test_a_mapping_of_names_and_phase_diagram_entries_are_read():
    document = {"Li": PDEntry(Composition("Li"), -1.9).as_dict(), "O": {"composition": "O2", "energy": -9.9}}
    found = read("e.json", json.dumps({"@version": "1", **document}))
    assert [(e.composition.reduced_formula, e.energy) for e in found] == [("Li", -1.9), ("O2", -9.9)]
    assert [e.entry_id for e in found] == ["entry Li", "entry O"]


@pytest.mark.parametrize(
    ("elements", "expected"),
    [(None, "abc"), (("Li",), "a"), (("O", "Li"), "ab"), (("Fe", "O"), "c"), ((), "")],
)
def test_only_entries_within_the_elements_are_built(elements, expected, monkeypatch):
    built = []
    monkeypatch.setattr(
        "matsearch.hull.plain.ComputedEntry",
        lambda *a, **k: built.append(k["entry_id"]) or ComputedEntry(*a, **k),
    )
    assert [e.entry_id for e in read("e.json", json.dumps(ONE), elements)] == list(expected)
    assert built == list(expected)


def test_species_count_as_their_elements():
    (found,) = read("e.json", json.dumps([{"composition": {"Fe2+": 1, "Fe3+": 2, "O2-": 4}, "energy": -50}]))
    assert found.composition == Composition("Fe3O4")


def test_documents_inside_an_entry_stay_documents():
    bomb = {"@module": "os", "@class": "system", "command": "false", "@callable": "system"}
    entry = {
        **GOOD,
        "data": {"x": bomb},
        "parameters": {"y": bomb},
        "energy_adjustments": [{**bomb, "value": -1.0}],
    }
    (found,) = read("e.json", json.dumps([entry]))
    assert (found.data["x"], found.parameters["y"], found.correction) == (bomb, bomb, -1.0)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"energy": None}, "no energy"),
        ({"energy": True}, "energy is True"),
        ({"energy": "-1"}, "no finite number"),
        ({"energy": math.nan}, "no finite number"),
        ({"energy": math.inf}, "no finite number"),
        ({"energy": 10**400}, "finite"),
        ({"composition": {}}, "no atoms"),
        ({"composition": 5}, "no atoms"),
        ({"composition": {"Qq": 1}}, "'Qq' is no element"),
        ({"composition": {"Li": 0}}, "not positive"),
        ({"composition": {"Li": -1}}, "not positive"),
        ({"composition": {"Li": math.nan}}, "no finite number"),
        ({"composition": "Li2O)"}, "cannot be read"),
        ({"correction": math.nan}, "correction"),
        ({"correction": -1.0, "energy_adjustments": [{"value": -2.0}]}, "sum to -2"),
        ({"energy_adjustments": [{"per_mole": 1}]}, "unknown kind"),
        ({"energy_adjustments": [{"value": math.inf}]}, "no finite number"),
        ({"energy_adjustments": {"value": 1}}, "no list"),
        ({"@class": "GibbsComputedStructureEntry"}, "GibbsComputedStructureEntry"),
        ({"@class": ["ComputedEntry"]}, "ComputedEntry"),
        ({"entry_id": "x", "parameters": [1]}, "parameters"),
        ({"structure": {"sites": []}}, "structure"),
        ({"structure": "cif"}, "structure"),
    ],
)
def test_an_entry_that_cannot_be_is_named(changes, reason):
    line = refusal("e.json", json.dumps([GOOD, GOOD | changes]))
    assert reason in line
    assert "entry 1" in line


@pytest.mark.parametrize(
    "content", ["", "nothing", "5", "[]", "{}", '{"entries": 5}', "[" * 100_000, '"x"', "null"]
)
def test_files_without_entries(content):
    refusal("e.json", content)


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("name", ["e.json", "e"])
def test_packed_or_not_by_content(name, suffix):
    found = read(name + suffix, PACKERS[suffix](json.dumps(ONE).encode()))
    assert [e.energy for e in found] == pytest.approx([-1.9, -15.0, -12.0])


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_damaged_and_mislabelled_packings(suffix):
    packed = PACKERS[suffix](json.dumps(ONE * 50).encode())
    assert "cannot read entries" in refusal(f"cut.json{suffix}", packed[:-10])
    assert "cannot read entries" in refusal(f"bad.json{suffix}", packed[:20] + b"\xff" * 20 + packed[40:])
    assert "it is not" in refusal(f"plain.json{suffix}", b"[]")


@pytest.mark.parametrize("suffix", PACKERS)
def test_no_more_than_the_limit_is_unpacked(suffix, monkeypatch):
    monkeypatch.setattr(unpack, "MAX_BYTES", 3 << 20)
    assert "more than 3145728 bytes" in refusal(f"big.json{suffix}", PACKERS[suffix](b" " * (4 << 20)))


def test_what_is_no_file(tmp_path):
    with pytest.raises(InputError, match="it is no file"):
        read_entries(tmp_path)
    with pytest.raises(InputError, match="No such file"):
        read_entries(tmp_path / "none.json")


def test_plain_tables():
    table = (
        "\ufeffEntry_ID,Formula, ENERGY ,correction,run_type,software\n\n"
        "a,Li2O,-14.3,-0.7,GGA,vasp\n,Fe2(SO4)3,-100,,,\n"
    )
    first, second = read("e.csv", table)
    assert (first.entry_id, first.energy, first.correction) == ("a", pytest.approx(-15.0), -0.7)
    assert first.parameters == {"run_type": "GGA", "software": "vasp"}
    assert (second.entry_id, second.energy, second.parameters) == ("line 4", -100.0, {})
    assert second.composition == Composition("Fe2S3O12")


def test_energies_per_atom():
    (found,) = read("e.csv.gz", gzip.compress(b"composition,energy_per_atom\nLi2O,-4.5\n"))
    assert found.energy == pytest.approx(-13.5)


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("formula,energy\nLi,nan", "line 2: energy is nan"),
        ("formula,energy\nLi,-inf", "line 2: energy is -inf"),
        ("formula,energy\nLi,", "line 2: energy is '', no number"),
        ("formula,energy\nLi,-1,3", "line 2: 3 cells"),
        ("formula,energy\nLi-1,-1", "line 2: its formula 'Li-1'"),
        ("formula,energy\nLi0O1,-1", "amount of zero"),
        ("formula,energy\n,-1", "line 2"),
        ('formula,energy\n"Li,-1', "unexpected end"),
        ("formula,energy", "no list of entries"),
        ("formula,energy,note\nLi,-1,x", "unknown column 'note'"),
        ("formula,energy,Energy\nLi,-1,-1", "'energy' twice"),
        ("formula,energy,energy_per_atom\nLi,-1,-1", "one of energies"),
        ("formula,run_type\nLi,GGA", "one of energies"),
        ("formula,energy_per_atom,correction\nLi,-1,0", "give energy instead"),
        ("Name,Li,Qq,Energy\nLi,1,0,-1", "'Qq' is no element"),
        ("Name,Li,O,Energy\nLi,-1,0,-1", "line 2: its amount of Li is -1"),
        ("Name,Li,O,Energy\nLi,0,0,-1", "no atoms"),
        ("Name,Li,O,Energy\nLi,x,0,-1", "line 2: li is 'x'"),
    ],
)
def test_tables_that_cannot_be(table, reason):
    assert reason in refusal("e.csv", table)


def test_every_bad_row_is_named():
    line = refusal("e.csv", "formula,energy\nLi,x\nO2,-1\nQq,-1\nFe,nan\n")
    assert all(f"line {number}: " in line for number in (2, 4, 5))
    assert "line 3" not in line
    assert "; 4 more lines" in refusal("e.csv", "formula,energy\n" + "Li,x\n" * 9)


def test_real_adjustments_sum_as_pymatgens(test_data):
    """Entries with ``energy_adjustments``, structures and names, against pymatgen's own decoder."""
    path = test_data / "Mn-O_entries.json.gz"
    found, _ = read_entries(path)
    expected = loadfn(path)
    assert any(abs(e.correction) > 1 for e in expected)
    assert facts(found) == facts(expected)
    for entry, decoded in zip(found, expected, strict=True):
        assert entry.structure == Structure.from_sites(
            [PeriodicSite(s.species, s.frac_coords, s.lattice) for s in decoded.structure]
        )
    elemental, _ = read_entries(test_data / "mp_elemental_reference_entries.json.gz")
    decoded = loadfn(test_data / "mp_elemental_reference_entries.json.gz")
    assert facts(elemental) == facts(decoded.values())
    with pytest.raises(InputError, match="no composition"):
        read_entries(test_data / "MP-PBE_element_refs.json.gz")
