import numpy as np
import pytest
from hypothesis import given
from pymatgen.core import Lattice, Structure

from matsearch.core.config import SanitySection
from matsearch.core.slots import Limits
from matsearch.core.verdict import FailureKind
from matsearch.crystal.canonical import structure_key
from matsearch.parse.sanity import check_sanity
from matsearch.testing.samples import sample_candidate, sample_structure, sample_verdict
from tests.strategies import ELEMENTS, structures

LIMITS = Limits(elements=tuple(sorted(ELEMENTS)), max_atoms=8)


USUAL = SanitySection()
REQUIRED = SanitySection(charge_balance="require")


def checked(structure, limits=LIMITS, rules=USUAL):
    (candidate,) = check_sanity([sample_candidate(structure=structure)], limits, rules)
    return candidate


def verdict_of(structure, limits=LIMITS, rules=USUAL):
    return checked(structure, limits, rules).verdict


@pytest.mark.parametrize(
    ("structure", "kind"),
    [
        (None, FailureKind.NO_PROPOSAL),
        (Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.05, 0, 0]]), FailureKind.OVERLAPPING_ATOMS),
        (Structure(Lattice.cubic(1.2), ["Na"], [[0, 0, 0]]), FailureKind.BAD_VOLUME),
        (Structure(Lattice.cubic(1e9), ["Na"], [[0, 0, 0]]), FailureKind.BAD_VOLUME),
        (Structure(Lattice.orthorhombic(0.5, 9, 9), ["Na"], [[0, 0, 0]]), FailureKind.BAD_LATTICE),
        (
            Structure(Lattice.from_parameters(6, 6, 6, 60, 60, 4), ["Na"], [[0, 0, 0]]),
            FailureKind.BAD_LATTICE,
        ),
        (sample_structure("K", "Cl"), FailureKind.ELEMENT_NOT_ALLOWED),
        (sample_structure() * (3, 2, 1), FailureKind.TOO_MANY_SITES),
        (Structure(Lattice.cubic(4), [{"Na": 0.5, "Li": 0.5}], [[0, 0, 0]]), FailureKind.DISORDERED),
    ],
)
def test_each_rule_has_its_verdict(structure, kind):
    if structure is not None and not structure.is_ordered:
        candidate = sample_candidate().model_copy(update={"structure": structure})
        verdict = check_sanity([candidate], LIMITS, SanitySection())[0].verdict
    else:
        verdict = verdict_of(structure)
    assert verdict.kind is kind
    assert verdict.stage == "parse"


def test_a_sound_crystal_gets_its_key():
    sound = checked(sample_structure())
    assert sound.alive
    assert sound.structure_key == structure_key(sample_structure())


def test_a_periodic_image_may_be_the_nearest_atom():
    """One atom in a cell that is flat in one direction overlaps with itself."""
    flat = Structure(Lattice.orthorhombic(1.5, 8, 8), ["Na"], [[0, 0, 0]])
    assert verdict_of(flat).kind is FailureKind.OVERLAPPING_ATOMS


def test_overlap_names_the_pair_its_distance_and_the_limit():
    close = Structure(Lattice.cubic(6), ["Na", "Cl"], [[0, 0, 0], [0.1, 0, 0]])
    assert verdict_of(close).detail == (
        "Cl-Na of 0.60 angstrom, 0.22 of the sum of the covalent radii, under 0.5"
    )
    assert verdict_of(close, rules=SanitySection(min_distance_ratio=0.2)) is None


@pytest.mark.parametrize("distance", [0.6, 0.8])
def test_each_pair_has_its_own_limit(distance):
    """A hydrogen molecule is shorter than half the radii of titanium."""
    coords = [[0, 0, 0], [distance / 5, 0, 0], [0.5, 0.5, 0.5]]
    assert verdict_of(Structure(Lattice.cubic(5), ["H", "H", "Ti"], coords)) is None
    assert verdict_of(Structure(Lattice.cubic(5), ["Ti", "H", "Ti"], coords)).kind is (
        FailureKind.OVERLAPPING_ATOMS
    )


@pytest.mark.parametrize("gamma", [1.0, 179.0])
def test_a_flat_cell_is_named_by_its_angles(gamma):
    verdict = verdict_of(Structure(Lattice.from_parameters(30, 30, 6, 90, 90, gamma), ["Na"], [[0, 0, 0]]))
    assert verdict.kind is FailureKind.BAD_LATTICE
    assert verdict.detail == f"angles of 90 90 {gamma:.3g} degrees: the cell is flat"


def test_a_cell_may_be_a_needle():
    """As primitive cells of rhombohedral polytypes are."""
    skewed = sample_structure()
    skewed.make_supercell([[1, 0, 0], [0, 1, 0], [6, 0, 1]])
    assert min(skewed.lattice.angles) < 15
    assert verdict_of(skewed) is None


@pytest.mark.parametrize(
    ("lengths", "word"), [((4, 4, 16), "a slab"), ((4, 10, 10), "a wire"), ((9, 9, 9), "a cluster")]
)
def test_what_floats_in_vacuum_is_no_crystal(lengths, word):
    floating = Structure(Lattice.orthorhombic(*lengths), ["C"] * 7, np.array(HEAP) / lengths)
    verdict = verdict_of(floating)
    assert verdict.kind is FailureKind.NOT_PERIODIC
    assert verdict.detail.startswith(word)
    assert "1.5 angstrom" in verdict.detail


HEAP = [[0, 0, 0], [1.5, 0, 0], [0, 1.5, 0], [0, 0, 1.5], [1.5, 1.5, 0], [1.5, 0, 1.5], [0, 1.5, 1.5]]


def test_only_the_formulas_asked_for_pass():
    asked = LIMITS.evolve(formulas=("Li2O", "NaCl"))
    assert verdict_of(sample_structure(), asked) is None
    verdict = verdict_of(sample_structure("Li", "Cl"), asked)
    assert verdict.kind is FailureKind.FORMULA_NOT_ASKED
    assert verdict.detail == "LiCl, not Li2O or NaCl"


@pytest.mark.parametrize(
    ("pair", "balance", "kind"),
    [
        (("Na", "Cl"), "yes", None),
        (("Ti", "Al"), "not applicable", None),
        (("Al", "Cl"), "no", FailureKind.CHARGE_UNBALANCED),
    ],
)
def test_charges_are_recorded_and_reject_only_where_asked(pair, balance, kind):
    crystal = sample_structure(*pair)
    assert checked(crystal).charge_balance == balance
    assert checked(crystal).alive
    required = checked(crystal, rules=REQUIRED)
    assert required.charge_balance == balance
    assert (required.verdict.kind if required.verdict else None) is kind


def test_charges_are_recorded_of_the_rejected_too():
    rejected = checked(Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.05, 0, 0]]), rules=REQUIRED)
    assert rejected.verdict.kind is FailureKind.OVERLAPPING_ATOMS
    assert rejected.charge_balance == "yes"


@given(structure=structures())
def test_is_total_whatever_comes(structure):
    batch = [sample_candidate(0, structure=structure), sample_candidate(1, verdict=sample_verdict())]
    first, second = check_sanity(batch, LIMITS, REQUIRED)
    assert [c.candidate_id for c in (first, second)] == [c.candidate_id for c in batch]
    assert second == batch[1]
    assert (first.structure_key is None) == (first.verdict is not None)
    assert first.charge_balance is not None
