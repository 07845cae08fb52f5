import pytest
from pymatgen.core import Lattice, Structure

from matsearch.core.config import parse_config
from matsearch.core.errors import InputError, ReferenceHullError
from matsearch.core.protocols import Limits
from matsearch.core.sections import ReferenceSection
from matsearch.hull.sources import load_reference
from matsearch.pipeline.building import build_reference
from matsearch.pipeline.reference_phases import reference_phases
from matsearch.store import open_repository
from matsearch.testing.samples import sample_structure

ELEMENTS = ("Al", "C", "Ti")
LIMITS = Limits(elements=ELEMENTS, max_atoms=8)
CONFIG = parse_config(
    {
        "name": "build",
        "system": {"elements": list(ELEMENTS)},
        "potential": {"name": "toy"},
        "relax": {"fmax": 0.3, "max_steps": 60, "stop_above": None, "stop_at_known": False},
        "reference": {"source": "toy"},
        "execution": {"workers": 0},
    }
)
CARBIDE = sample_structure("Ti", "C", 4.33)


@pytest.fixture
def library(tmp_path, monkeypatch):
    monkeypatch.setenv("MATSEARCH_REFERENCES", str(tmp_path / "library"))
    return tmp_path / "library"


@pytest.fixture
def repository():
    repository = open_repository("sqlite://:memory:")
    yield repository
    repository.close()


def test_phases_are_the_known_the_given_and_the_decorated_ones():
    known = dict(reference_phases(LIMITS))
    assert {"Ti-194", "Al-225", "TiC-225"} <= set(known)
    assert all(LIMITS.allow(s.composition) for s in known.values())
    phases = dict(
        reference_phases(LIMITS, [("mine", CARBIDE), ("other", sample_structure())], ["NaCl", "CsCl"])
    )
    assert phases["file:mine"] == CARBIDE
    assert "file:other" not in phases
    assert {"NaCl-225:TiC", "NaCl-225:TiAl", "CsCl-221:TiAl"} <= set(phases)
    decorated = phases["NaCl-225:TiC"]
    assert sorted(site.specie.symbol for site in decorated) == ["C", "Ti"]
    # the more electropositive element takes the more electropositive one's place
    assert decorated[0].specie.symbol == "Ti"


def test_all_prototypes_may_be_asked_for():
    assert len(reference_phases(LIMITS, prototypes=["all"])) > len(reference_phases(LIMITS)) + 10


def test_unknown_prototypes_are_refused():
    with pytest.raises(InputError, match="no prototype NoSuch"):
        reference_phases(LIMITS, prototypes=["NaCl", "NoSuch"])


def test_a_set_is_built_once_and_serves_as_a_hull(library, repository):
    phases = reference_phases(LIMITS, [("mine", CARBIDE)], ["NaCl"])
    built = build_reference("my-set", phases, CONFIG, repository)
    assert set(built.phases) | set(built.left_out) == {name for name, _ in phases}
    assert "the same crystal as" in " ".join(built.left_out.values())
    began = repository.work_summary("reference my-set").started
    again = build_reference("my-set", phases, CONFIG, repository)
    assert repository.work_summary("reference my-set").started == began
    assert again.reference == built.reference
    hull = load_reference(ReferenceSection(source="my-set"), ELEMENTS)
    assert hull.info.scheme_id == "toy"
    assert {p.phase_id for p in hull.phases()} == set(built.phases)
    assert all(p.structure is not None for p in hull.phases())


def test_an_element_without_a_phase_is_named(library, repository):
    salts = [("TiC-225", CARBIDE), ("Ti-1", Structure(Lattice.cubic(2.5), ["Ti"], [[0, 0, 0]]))]
    with pytest.raises(ReferenceHullError, match="no phase of pure Al, C"):
        build_reference("half", salts, CONFIG, repository)
    assert not library.exists()
