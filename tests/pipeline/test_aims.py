import gzip
import json
from dataclasses import dataclass, replace

import pytest
from pymatgen.core import Lattice, Structure

from matsearch.core.config import ReferenceSection, parse_config
from matsearch.core.protocols import PotentialInfo
from matsearch.core.schemes import MP_GGA_RAW
from matsearch.core.verdict import FailureKind
from matsearch.hull.scale import on_hull_scale
from matsearch.hull.sources import load_hull
from matsearch.hull.stage import place
from matsearch.pipeline.aims import aims_of
from matsearch.pipeline.tools import build_tools
from matsearch.testing.samples import sample_candidate, sample_relaxation, sample_structure, sample_verdict

VASP = {"run_type": "GGA", "software": "vasp 5.4.4"}
ENTRIES = [
    {"composition": {"Li": 1}, "energy": -1.9, "entry_id": "a", "parameters": VASP},
    {"composition": {"O": 2}, "energy": -9.9, "entry_id": "b", "parameters": VASP},
    {"composition": {"Li": 2, "O": 1}, "energy": -14.3, "entry_id": "c", "parameters": VASP},
]
OXIDE = Structure.from_spacegroup(
    "Fm-3m", Lattice.cubic(4.6), ["Li", "O"], [[0.25] * 3, [0, 0, 0]]
).get_primitive_structure()
CARBIDE = sample_structure("Ti", "C", 4.33)


@dataclass
class Named:
    """A potential of which only the name matters."""

    info: PotentialInfo


def tools(**relax):
    return build_tools(
        parse_config(
            {
                "name": "aims",
                "system": {"elements": ["Ti", "Al", "C"], "max_atoms": 4},
                "potential": {"name": "toy"},
                "reference": {"source": "toy"},
                "relax": relax,
            }
        )
    )


@pytest.fixture
def raw_potential_and_corrected_hull(tmp_path):
    """Uncorrected energies meet a hull with the Materials Project 2020 corrections."""
    path = tmp_path / "entries.json.gz"
    path.write_bytes(gzip.compress(json.dumps(ENTRIES).encode()))
    reference = ReferenceSection(source=str(path), corrections="mp2020")
    made = tools(stop_above=0.5)
    info = made.potential.info.evolve(scheme_id=MP_GGA_RAW)
    return replace(made, potential=Named(info), hull=load_hull(reference, ("Li", "O"), MP_GGA_RAW))


def aim(structure, made):
    candidate = sample_candidate(structure=structure)
    return aims_of([candidate], made)[candidate.candidate_id]


def above_hull(structure, energy_per_atom, made):
    """What the hull stage says of a crystal relaxed to an energy."""
    relaxation = sample_relaxation(structure, energy_per_atom).evolve(scheme_id=made.potential.info.scheme_id)
    candidate = sample_candidate(structure=structure, relaxation=relaxation)
    (placed,) = place([candidate], made.hull, None)
    return placed.placement.energy_above_hull


@pytest.mark.parametrize("margin", [0.1, 0.5])
@pytest.mark.parametrize("structure", [CARBIDE, CARBIDE * (2, 1, 1), sample_structure("Ti", "Al", 4.1)])
def test_at_the_ceiling_a_crystal_lies_as_far_above_the_hull_as_it_may(structure, margin):
    made = tools(stop_above=margin)
    assert above_hull(structure, aim(structure, made).ceiling, made) == pytest.approx(margin)


def test_the_ceiling_is_on_the_potentials_own_scale(raw_potential_and_corrected_hull):
    made = raw_potential_and_corrected_hull
    ceiling = aim(OXIDE, made).ceiling
    assert above_hull(OXIDE, ceiling, made) == pytest.approx(0.5)
    # the correction of an oxide lowers the energies of the crystal and of the phase it is measured against alike
    assert ceiling == pytest.approx(-14.3 / 3 + 0.5)
    shift = on_hull_scale(OXIDE, 0.0, MP_GGA_RAW, made.hull.info.scheme_id, None, made.hull.element_energies)
    assert shift == pytest.approx(-0.687, abs=1e-3)


def test_without_a_margin_nothing_ends_early():
    assert aim(CARBIDE, tools(stop_above=None)).ceiling is None


def test_what_the_hull_does_not_cover_has_no_ceiling(raw_potential_and_corrected_hull):
    assert aim(CARBIDE, raw_potential_and_corrected_hull).ceiling is None


def test_energies_that_may_not_meet_the_hull_have_no_ceiling(raw_potential_and_corrected_hull):
    toy = replace(raw_potential_and_corrected_hull, potential=tools().potential)
    assert aim(OXIDE, toy).ceiling is None


def test_known_crystals_are_those_of_the_composition():
    made = tools()
    known = aim(CARBIDE * (2, 1, 1), made).known
    assert known
    assert {one.composition.reduced_formula for one in known} == {"TiC"}
    assert aim(sample_structure("Xe", "Kr", 5), tools(stop_above=None)).known == ()
    assert aim(CARBIDE, tools(stop_at_known=False)).known == ()


def test_only_the_living_have_an_aim():
    living = sample_candidate(slot=0, structure=CARBIDE)
    ended = sample_candidate(slot=1, structure=CARBIDE, verdict=sample_verdict(FailureKind.BAD_VOLUME))
    empty = sample_candidate(slot=2, structure=None, verdict=sample_verdict(FailureKind.UNPARSABLE))
    assert set(aims_of([living, ended, empty], tools())) == {living.candidate_id}


def test_an_excluded_crystal_draws_nobody_to_it():
    made = build_tools(
        parse_config(
            {
                "name": "aims",
                "system": {"elements": ["Ti", "Al", "C"], "max_atoms": 4},
                "potential": {"name": "toy"},
                "reference": {"source": "toy"},
                "seeds": {"exclude": ["TiC"]},
            }
        )
    )
    assert aim(CARBIDE, tools()).known
    assert aim(CARBIDE, made).known == ()


def test_a_bug_in_the_aim_is_no_end(monkeypatch):
    monkeypatch.delenv("MATSEARCH_RERAISE")
    monkeypatch.setattr("matsearch.pipeline.aims.on_hull_scale", lambda *_: 1 / 0)
    found = aim(CARBIDE, tools(stop_above=0.5))
    assert (found.ceiling, found.known) == (None, ())
