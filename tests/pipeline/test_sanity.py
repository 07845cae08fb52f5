import pytest
from hypothesis import given
from pymatgen.core import Lattice, Structure

from matsearch.core.config import SanitySection
from matsearch.core.protocols import Limits
from matsearch.core.verdict import FailureKind
from matsearch.crystal.canonical import structure_key
from matsearch.parse.sanity import check_sanity
from matsearch.testing.samples import sample_candidate, sample_structure, sample_verdict
from tests.strategies import ELEMENTS, structures

LIMITS = Limits(elements=tuple(sorted(ELEMENTS)), max_atoms=8)


def verdict_of(structure, limits=LIMITS):
    return check_sanity([sample_candidate(structure=structure)], limits, SanitySection())[0].verdict


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
    (checked,) = check_sanity([sample_candidate()], LIMITS, SanitySection())
    assert checked.alive
    assert checked.structure_key == structure_key(sample_structure())


def test_a_periodic_image_may_be_the_nearest_atom():
    """One atom in a cell that is flat in one direction overlaps with itself."""
    flat = Structure(Lattice.orthorhombic(1.5, 8, 8), ["Na"], [[0, 0, 0]])
    assert verdict_of(flat).kind is FailureKind.OVERLAPPING_ATOMS


@given(structure=structures())
def test_is_total_whatever_comes(structure):
    batch = [sample_candidate(0, structure=structure), sample_candidate(1, verdict=sample_verdict())]
    checked = check_sanity(batch, LIMITS, SanitySection())
    assert [c.candidate_id for c in checked] == [c.candidate_id for c in batch]
    assert checked[1] == batch[1]
    assert (checked[0].structure_key is None) == (checked[0].verdict is not None)
