import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.errors import InputError
from matsearch.crystal.files import read_structure, read_structures
from matsearch.crystal.known import embedded_set
from matsearch.crystal.limits import shortest_contact_ratio
from matsearch.crystal.matching import first_match, mark_duplicates, same_crystal
from matsearch.testing.samples import sample_structure

PAIRS = [("Na", "Cl"), ("K", "Cl"), ("Mg", "O"), ("Ti", "C")]


@pytest.mark.parametrize("suffix", ["cif", "vasp"])
def test_files_are_read_back(tmp_path, rock_salt, suffix):
    path = tmp_path / f"crystal.{suffix}"
    rock_salt.to(filename=str(path), fmt="cif" if suffix == "cif" else "poscar")
    assert same_crystal(read_structure(path), rock_salt)
    assert [name for name, _ in read_structures(tmp_path)] == ["crystal"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("data_x\n_cell_length_a banana\n", "not a readable CIF"),
        ("\x00", "CIF"),
    ],
)
def test_broken_files_are_named(tmp_path, text, message):
    path = tmp_path / "broken.cif"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        read_structure(path)
    assert "broken.cif" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_disordered_and_huge_files_are_refused(tmp_path, rock_salt):
    rock_salt.replace(0, {"Na": 0.5, "K": 0.5})
    rock_salt.to(filename=str(tmp_path / "alloy.cif"))
    with pytest.raises(InputError, match="disordered site"):
        read_structure(tmp_path / "alloy.cif")
    (tmp_path / "huge.cif").write_text("#" * 2_000_001)
    with pytest.raises(InputError, match="2000001 bytes"):
        read_structure(tmp_path / "huge.cif")


def test_folders_without_crystals_are_refused(tmp_path):
    with pytest.raises(InputError, match="holds no CIF"):
        read_structures(tmp_path)
    with pytest.raises(InputError, match="no such file"):
        read_structures(tmp_path / "nowhere")


def test_the_embedded_set_has_what_the_quickstart_needs():
    known = embedded_set()
    inside = known.within(frozenset({"Ti", "Al", "C"}))
    formulas = {phase.formula for phase in inside}
    assert {"Ti", "Al", "C"} <= formulas
    assert len(inside) >= 13
    assert len({phase.phase_id for phase in known.phases}) == len(known.phases)


def test_embedded_phases_say_what_they_are():
    carbide = next(phase for phase in embedded_set().phases if phase.phase_id == "TiC-225")
    assert (carbide.formula, carbide.prototype, carbide.spacegroup) == ("TiC", "NaCl", 225)
    assert carbide.source.startswith("textbook value")
    assert carbide.symbols == {"Ti", "C"}
    for structure in (carbide.literature, carbide.relaxed):
        assert structure.get_space_group_info() == ("Fm-3m", 225)
    assert carbide.literature.volume != carbide.relaxed.volume


@given(st.sets(st.sampled_from(["Al", "C", "Fe", "Li", "O", "P", "Ti"])))
def test_phases_within_elements_are_made_of_them_alone(elements):
    known = embedded_set()
    inside = known.within(frozenset(elements))
    assert [phase for phase in known.phases if set(phase.relaxed.symbol_set) <= elements] == inside
    assert {phase.formula for phase in inside if len(phase.symbols) == 1} >= elements - {"O"}


@given(st.lists(st.sampled_from(PAIRS), max_size=8))
def test_duplicates_point_at_the_first_of_their_kind(pairs):
    structures = [sample_structure(*pair) for pair in pairs]
    firsts = [pairs.index(pair) for pair in pairs]
    expected = [None if first == i else first for i, first in enumerate(firsts)]
    assert mark_duplicates(structures) == expected


def test_known_distinct_crystals_are_not_compared_again():
    twins = [sample_structure(), sample_structure(), sample_structure()]
    assert mark_duplicates(twins, n_distinct=2) == [None, None, 0]


def test_the_same_crystal_in_other_clothes(rock_salt):
    strained = rock_salt * (2, 1, 1)
    strained.apply_strain(0.02)
    strained.perturb(0.02)
    assert same_crystal(rock_salt, strained)
    assert not same_crystal(rock_salt, sample_structure("K", "Cl"))
    assert first_match(strained, [("a", sample_structure("K", "Cl")), ("b", rock_salt)]) == "b"


def test_contact_ratio(rock_salt):
    # bond of 2.82 angstrom over the radii 1.66 + 1.02
    assert shortest_contact_ratio(rock_salt) == pytest.approx(2.82 / 2.68, abs=0.01)
