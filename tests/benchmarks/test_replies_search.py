"""The replayed search's own arithmetic: one slot a reply, parents by scheme, shares of elements."""

import importlib.util
import sys
from argparse import Namespace
from pathlib import Path

import pytest
from pymatgen.core import Lattice, Structure

from matsearch.core.records import Candidate, HullPlacement, Lineage, PropertyValue
from matsearch.testing.cassette import RECORDED, Cassette
from matsearch.testing.language_server import LanguageServer

REPLIES = Path(__file__).parents[2] / "benchmarks" / "replies"
sys.path.insert(0, str(REPLIES))

from selection import SCHEMES, chosen_by_scheme, element_shares

PROMPT = "Propose {n} new crystals. Write each as a POSCAR."
OPTIONS = Namespace(parents=5, workers=0)


def loaded():
    spec = importlib.util.spec_from_file_location("replies_search", REPLIES / "search.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scored(slot, symbols, above, deformed, flags=()):
    structure = Structure(Lattice.cubic(4.0 + 0.1 * slot), symbols, [(0, 0, 0), (0.5, 0.5, 0.5)])
    placement = HullPlacement(
        energy_above_hull=above,
        formation_energy_per_atom=-1.0,
        decomposition={},
        hull_name="hull",
        hull_sha256="0" * 64,
        hull_scheme_id="scheme",
        n_phases=3,
        complete=False,
    )
    deformation = PropertyValue(value=deformed, unit="eV/atom", source="simple/1")
    return Candidate.born(
        "campaign",
        0,
        "llm",
        slot,
        lineage=Lineage(operator="csg"),
        structure=structure,
        structure_key=str(slot),
        placement=placement,
        properties={"deformation_energy": deformation},
        flags=flags,
    )


CRYSTALS = [
    scored(0, ["Na", "Cl"], 0.00, -0.90),
    scored(1, ["Cs", "Cl"], 0.01, -0.80),
    scored(2, ["Mg", "O"], 0.20, -0.01),
    scored(3, ["Pt", "C"], -0.60, -0.01, flags=("too_good_to_be_true",)),
]


def test_each_scheme_chooses_by_its_own_objectives_and_only_the_published_one_takes_what_is_not_believed():
    names = [c.candidate_id for c in CRYSTALS]
    chosen = chosen_by_scheme(CRYSTALS, 2)
    assert set(chosen) == set(SCHEMES)
    assert set(chosen["best"]) == {names[0], names[1]}
    assert set(chosen["pareto"]) == {names[0], names[2]}
    takers = [scheme for scheme, parents in chosen_by_scheme(CRYSTALS, 4).items() if names[3] in parents]
    assert takers == ["matllmsearch"]


def test_shares_are_of_crystals_the_commonest_element_first():
    shares = element_shares(CRYSTALS)
    assert next(iter(shares)) == "Cl"
    assert (shares["Cl"], shares["Mg"]) == (0.5, 0.25)


@pytest.fixture
def recorded(tmp_path):
    def write(*asked):
        for i, n in enumerate(asked):
            (tmp_path / f"{i}.prompt.txt").write_text(PROMPT.format(n=n))
            (tmp_path / f"{i}.reply.txt").write_text('{"crystals": []}')
        return Cassette(tmp_path)

    return write


def test_a_slot_is_a_reply(recorded, monkeypatch):
    module = loaded()
    monkeypatch.setattr(module, "extent", lambda cassette: (["Cl", "Na"], 8))
    cassette = recorded(5, 5, 5)
    with LanguageServer(cassette.answer, models=(RECORDED,)) as server:
        config = module.search_of(cassette, server.base_url, OPTIONS)
    assert (config.population.proposals, config.propose.llm.crystals) == (15, 5)
    assert config.execution.calls.concurrency == 1


def test_replies_of_different_numbers_of_crystals_are_refused(recorded):
    with pytest.raises(SystemExit, match=r"\[3, 5\]"):
        loaded().search_of(recorded(5, 3), "http://127.0.0.1:1/v1", OPTIONS)
