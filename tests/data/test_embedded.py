"""The embedded crystals: the descriptions hold, and the relaxed file follows from them."""

import gzip
import json
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matsearch.core.config import ReferenceSection
from matsearch.hull.sources import load_hull
from matsearch.potentials import load_potential
from tests.data.embedded import (
    DESCRIPTIONS,
    ENTRIES,
    SCRIPT,
    compounds,
    embedded,
    is_compound,
    phases,
    ratios,
    sample,
    structure,
)

ELEMENTS = sorted(load_potential("chgnet", "0.3.0").info.elements)

# --------------------------------------------------------------------------------- descriptions


def test_descriptions_hold():
    """Composition, space group, Wyckoff multiplicities, distances, names and sources; the builder checks them all."""
    assert DESCRIPTIONS.check_all([ENTRIES[name] for name in sample()]) == {}


def test_no_description_is_given_twice():
    crystals = Counter(
        (ratios(phase["literature"]["species"]), phase["spacegroup"], name[len(f"{phase['formula']}-") :])
        for name, phase in phases().items()
    )
    assert [crystal for crystal, count in crystals.items() if count > 1] == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"formula": "TiC2", "id": "TiC2-225"}, "composition"),
        ({"spacegroup": 227}, "atoms, not 4a"),
        ({"lattice": {"a": 4.3, "c": 4.3}}, "cubic lattice"),
        ({"lattice": {"a": 1.9}}, "sum of their radii"),
        ({"id": "TiC-226"}, "the id must be TiC-225"),
        ({"source": "a database"}, "no class of citation"),
        ({"source": "refinement, somebody"}, "no class of citation"),
        ({"name": ""}, "name is empty"),
    ],
)
def test_check_finds_a_mistake(change, message):
    assert any(message in problem for problem in DESCRIPTIONS.check(ENTRIES["TiC-225"] | change))


def test_check_finds_a_higher_symmetry():
    entry = ENTRIES["TiAl-123"] | {"lattice": {"a": 2.829, "c": 2.829}}
    assert DESCRIPTIONS.check(entry) == ["space group 221 found, 123 declared"]


def test_check_finds_too_large_a_cell():
    sites = [{"element": "Ti", "wyckoff": "32f", "xyz": [0.1, 0.1, 0.1]}]
    entry = {"id": "Ti-225", "formula": "Ti", "spacegroup": 225, "lattice": {"a": 12}, "sites": sites * 4}
    problems = DESCRIPTIONS.check(ENTRIES["TiC-225"] | entry)
    assert "32 atoms in the primitive cell, at most 30 are allowed" in problems


def test_the_same_crystal_under_two_formulas_is_found():
    entry = ENTRIES["TiC-225"]
    again = entry | {"id": "CTi-225", "formula": "CTi"}
    other = entry | {"id": "TiC-225-b"}
    assert DESCRIPTIONS.check_all([entry, other, again]) == {"CTi-225": ["given before as TiC-225"]}


def test_a_folder_is_read_in_the_order_of_names(tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.yaml").write_text(f"- id: {name}\n")
    (tmp_path / "notes.txt").write_text("not read")
    assert [entry["id"] for entry in DESCRIPTIONS.load_entries(tmp_path)] == ["a", "b"]
    assert [entry["id"] for entry in DESCRIPTIONS.load_entries(tmp_path / "b.yaml")] == ["b"]


@pytest.mark.parametrize(
    ("number", "xyz", "multiplicity"),
    [
        (227, [0.125, 0.125, 0.125], 8),
        (227, [0, 0, 0], 16),
        (141, [0, 0.75, 0.125], 4),
        (166, [0, 0, 0.2], 6),
        (14, [0, 0, 0.5], 2),
        (12, [0.1, 0, 0.2], 4),
        (194, [0.33333333, 0.66666667, 0.25], 2),
    ],
)
def test_orbit_is_in_the_standard_setting(number, xyz, multiplicity):
    assert len(DESCRIPTIONS.orbit(number, xyz)) == multiplicity


# --------------------------------------------------------------------------------- the file


def test_file_follows_from_the_descriptions():
    assert list(phases()) == list(ENTRIES)
    for identifier, phase in phases().items():
        entry = ENTRIES[identifier]
        for key in ("formula", "name", "prototype", "spacegroup", "source"):
            assert phase[key] == entry[key], identifier
        assert phase["description_sha256"] == SCRIPT.sha256(entry), identifier
        cells = DESCRIPTIONS.centring(entry["spacegroup"])
        volume = DESCRIPTIONS.lattice_of(entry).volume / cells
        assert structure(identifier, "literature").volume == pytest.approx(volume, rel=1e-6), identifier


@given(st.sampled_from(list(ENTRIES)))
def test_literature_is_the_described_crystal(identifier):
    phase, built = phases()[identifier], DESCRIPTIONS.build(ENTRIES[identifier])
    expected = SCRIPT.rounded(SCRIPT.encode_structure(built))
    assert phase["literature"]["species"] == expected["species"]
    for key in ("lattice", "frac_coords"):
        np.testing.assert_allclose(phase["literature"][key], expected[key], atol=1e-6)


def test_file_says_how_it_was_made():
    content = embedded()
    assert (content["format"], content["name"], content["scheme_id"]) == (1, "embedded-v2", "chgnet-0.3.0")
    assert content["potential"] == {
        "name": "chgnet",
        "version": "0.3.0",
        "sha256": load_potential("chgnet", "0.3.0").info.sha256,
    }
    assert content["settings"].items() >= SCRIPT.settings().items()
    assert content["settings"]["altered"] == SCRIPT.ALTERED


def test_same_content_gives_the_same_bytes(tmp_path):
    first, second = tmp_path / "first.json.gz", tmp_path / "second.json.gz"
    SCRIPT.write(first, embedded())
    SCRIPT.write(second, dict(reversed(embedded().items())))
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4)
    assert json.loads(gzip.decompress(first.read_bytes())) == embedded()


def test_all_elements_and_many_compounds_are_there():
    elements = {phase["relaxed"]["species"][0] for name, phase in phases().items() if not is_compound(name)}
    kinds = Counter(len(set(phases()[name]["relaxed"]["species"])) for name in compounds(altered=False))
    assert elements == set(ELEMENTS)
    assert len(ELEMENTS) == 89
    assert kinds.total() >= 250
    # binaries, ternaries and some quaternaries
    assert min(kinds[2], kinds[3]) >= 250
    assert kinds[4] >= 20


def test_energies_and_volumes_are_consistent():
    for identifier, phase in phases().items():
        literature, relaxed = structure(identifier, "literature"), structure(identifier, "relaxed")
        assert relaxed.composition == literature.composition
        assert phase["energy_per_atom"] == pytest.approx(phase["energy"] / len(relaxed), abs=1e-6), identifier
        assert phase["volume_change"] == pytest.approx(relaxed.volume / literature.volume, abs=1e-6)
        assert len(relaxed) <= 30


# --------------------------------------------------------------------------------- hulls


def hull_of(*symbols):
    """Return the distances of the set's own phases from the hull of a system in eV/atom, by id."""
    hull = load_hull(ReferenceSection(), symbols, "chgnet-0.3.0")
    names = [phase.phase_id for phase in hull.phases()]
    compositions = [structure(name, "relaxed").composition for name in names]
    above = hull.energies_above_hull(
        compositions, [phases()[name]["energy"] for name in names], "chgnet-0.3.0"
    )
    return dict(zip(names, above, strict=True))


@settings(max_examples=60)
@given(st.sets(st.sampled_from(ELEMENTS), min_size=1, max_size=6))
def test_every_system_has_a_hull(symbols):
    above = hull_of(*symbols)
    assert set(above) == {
        name for name, phase in phases().items() if {*phase["relaxed"]["species"]} <= symbols
    }
    assert min(above.values()) > -1e-9
    touching = [
        {*phases()[name]["relaxed"]["species"]} for name, distance in above.items() if distance < 1e-9
    ]
    assert all({symbol} in touching for symbol in symbols)


def test_titanium_aluminium_carbon_hull():
    above = hull_of("Ti", "Al", "C")
    assert len(above) >= 12
    for stable in (
        "Ti-194",
        "Al-225",
        "C-194",
        "TiC-225",
        "TiAl-123",
        "Ti2AlC-194",
        "Ti3AlC2-194",
        "Al4C3-166",
    ):
        assert above[stable] == pytest.approx(0, abs=1e-9), stable
    assert 0.08 < above["C-227"] < 0.16
    assert 0 < above["Ti-191"] < 0.06


def test_lithium_iron_phosphorus_oxygen_hull():
    above = hull_of("Li", "Fe", "P", "O")
    assert len(above) >= 20
    for stable in ("Fe2O3-167", "Li2O-225", "Li3PO4-31", "LiFePO4-62", "FeP-62", "Li3P-194"):
        assert above[stable] == pytest.approx(0, abs=1e-9), stable
    assert above["LiFePO4-63"] > 0
    assert max(above.values()) < 0.05
