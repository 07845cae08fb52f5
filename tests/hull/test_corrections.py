import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymatgen.core import Composition, Lattice, Structure
from pymatgen.entries.compatibility import MaterialsProject2020Compatibility
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from matsearch.core.errors import ReferenceHullError
from matsearch.core.schemes import schemes
from matsearch.hull.corrections import SCHEME_AFTER, correct, hubbard_u, mp2020_correction

# eV for each atom, Wang et al. (2021): table 1, and its U corrections of Fe and Mn
OXIDE, PEROXIDE, SUPEROXIDE, SULFIDE, CHLORIDE, FLUORIDE = -0.687, -0.465, -0.161, -0.503, -0.614, -0.462
IRON_U, MANGANESE_U = -2.256, -1.668


def crystal(*species, length=4.2, gap=0.5):
    """Atoms in a row along a long cell, the last two this share of the short edge apart."""
    n = len(species)
    heights = [i / n for i in range(n - 1)]
    heights.append(heights[-1] + gap / n)
    return Structure(Lattice.tetragonal(length, length * n), list(species), [[0, 0, z] for z in heights])


@pytest.mark.parametrize(
    ("structure", "correction"),
    [
        (crystal("Na", "Cl"), CHLORIDE),
        (crystal("Fe", "O"), OXIDE + IRON_U),
        (crystal("Fe", "Mn", "F"), FLUORIDE + IRON_U + MANGANESE_U),
        (crystal("Fe", "O", "F"), OXIDE + FLUORIDE + IRON_U),
        (crystal("Fe", "Cl"), CHLORIDE),
        (crystal("Fe", "S"), SULFIDE),
        (crystal("Ti", "C"), 0.0),
        (crystal("Fe", "Fe"), 0.0),
        (crystal("O", "O", gap=1.23 / 4.2), 0.0),
        (crystal("Li", "O", "Li", "O"), 2 * OXIDE),
        (crystal("Li", "Li", "O", "O", gap=1.5 / 4.2), 2 * PEROXIDE),
        (crystal("K", "O", "O", gap=1.33 / 4.2), 2 * SUPEROXIDE),
        (crystal("Li", "O", "H", gap=0.96 / 4.2), OXIDE),
        (crystal("Fe2+", "O2-"), OXIDE + IRON_U),
    ],
    ids=lambda value: value.composition.formula if isinstance(value, Structure) else None,
)
def test_corrections_of_a_crystal(structure, correction):
    before = structure.copy()
    assert mp2020_correction(structure) == pytest.approx(correction, abs=1e-9)
    assert mp2020_correction(structure.make_supercell([1, 1, 2], in_place=False)) == pytest.approx(
        2 * correction
    )
    assert structure == before


_MIXED = crystal("Fe", "O", "Mn", "Cl", "Li", "O")
_TIED = crystal("Nb", "Nb", "Nb", "Nb", "Cu", "Si")


@given(order=st.permutations(range(6)), structure=st.sampled_from([_MIXED, _TIED]))
def test_the_sequence_of_sites_does_not_matter(order, structure):
    shuffled = Structure.from_sites([structure[i] for i in order])
    assert mp2020_correction(shuffled) == pytest.approx(mp2020_correction(structure), abs=1e-9)


def test_a_disordered_crystal_is_refused():
    disordered = Structure(Lattice.cubic(4), [{"Fe": 0.5, "Mn": 0.5}, "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    with pytest.raises(ReferenceHullError, match="a disordered crystal"):
        mp2020_correction(disordered)


@pytest.mark.parametrize(
    ("formula", "u_values"),
    [
        ("Fe2O3", {"Fe": 5.3}),
        ("LiMnFeF4", {"Mn": 3.9, "Fe": 5.3}),
        ("FeOCl", {"Fe": 5.3}),
        ("FeCl2", {}),
        ("TiO2", {}),
        ("Fe", {}),
        ("O2", {}),
    ],
)
def test_where_the_materials_project_has_a_u(formula, u_values):
    assert hubbard_u(Composition(formula)) == u_values


def entry(formula="Fe2O3", run_type="GGA+U", correction=0.0, data=None, **changes):
    facts = {"run_type": run_type, "hubbards": {"Fe": 5.3} if run_type == "GGA+U" else {}, **changes}
    return ComputedEntry(
        formula, -30.0, correction=correction, parameters=facts, data=data, entry_id=f"{formula} {run_type}"
    )


def test_stored_corrections_are_replaced_and_the_entries_given_stay():
    given_entry = entry(correction=-9.0)
    corrected = correct([given_entry], "mp2020")
    assert corrected[0].energy == pytest.approx(-30.0 + 3 * OXIDE + 2 * IRON_U)
    assert (given_entry.energy, given_entry.data) == (-39.0, {})
    assert correct([given_entry], "none") == [given_entry]


def test_without_pseudopotentials_nothing_stops_the_class():
    """Why entries must show what they are: pymatgen corrects an entry that says it is from another code."""
    assert len(correct([entry(software="GPAW")], "mp2020")) == 1


def test_entries_with_another_u_are_left_out():
    assert correct([entry(hubbards={"Fe": 4.0}), entry(run_type="GGA"), entry("Fe", "GGA")], "mp2020") == [
        entry("Fe", "GGA")
    ]


@pytest.mark.parametrize(
    ("entries", "corrections", "said"),
    [
        ([entry(), entry(run_type="r2SCAN")], "mp2020", "run_type r2SCAN"),
        ([entry(run_type=None)], "mp2020", "run_type None"),
        ([entry(data={"oxide_type": "custard"})], "mp2020", r"entry Fe2O3 GGA\+U.*custard"),
        ([entry("FeF2", data={"oxidation_states": "none"})], "mp2020", r"entry FeF2 GGA\+U"),
        ([entry(hubbards={"Fe": "much"})], "mp2020", r"entry Fe2O3 GGA\+U.*much"),
        ([entry()], "mp1999", "unknown corrections 'mp1999'"),
    ],
)
def test_what_cannot_be_corrected_is_named(entries, corrections, said):
    with pytest.raises(ReferenceHullError, match=said) as caught:
        correct(entries, corrections)
    assert caught.value.remedy


def test_corrected_schemes_are_known():
    assert set(SCHEME_AFTER.values()) <= set(schemes())


@pytest.mark.parametrize("name", ["TiO2", "Mn-O"])
def test_a_crystal_gets_what_its_entry_gets(test_data, name):
    documents = json.loads(gzip.decompress((test_data / f"{name}_entries.json.gz").read_bytes()))
    entries = [
        ComputedStructureEntry(Structure.from_dict(d["structure"]), d["energy"], parameters=d["parameters"])
        for d in documents
    ]
    expected = MaterialsProject2020Compatibility(check_potcar=False).process_entries(entries, inplace=False)
    assert len(expected) == len(entries)
    for theirs, ours in zip(expected, correct(entries, "mp2020"), strict=True):
        assert ours.correction == pytest.approx(theirs.correction)
        assert mp2020_correction(theirs.structure) == pytest.approx(theirs.correction)


def test_wbm_crystals_get_their_published_corrections(test_data):
    path = test_data / "wbm_equilibrium_half.json.gz"
    for document in json.loads(gzip.decompress(path.read_bytes())):
        structure = Structure.from_dict(document["structure"])
        published = document["corrected_energy"] - document["energy"]
        assert mp2020_correction(structure) == pytest.approx(published, abs=1e-3 * len(structure))
