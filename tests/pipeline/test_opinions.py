"""Other potentials are asked about relaxed crystals: what their answers do, and what they never do."""

import gzip
import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from matsearch.cli.views import show_candidate
from matsearch.core.config import parse_config, with_overrides
from matsearch.core.errors import ConfigError, PotentialError
from matsearch.core.records import Candidate
from matsearch.core.thresholds import DISAGREEMENT, DISAGREEMENT_FLAG
from matsearch.pipeline.campaign import campaign_id, changed_settings, open_campaign
from matsearch.pipeline.opinions import ask_others
from matsearch.pipeline.result import load_result
from matsearch.pipeline.steps import advance, plan, screen
from matsearch.pipeline.tools import build_tools
from matsearch.potentials import load_potential
from matsearch.potentials.frames import to_atoms
from matsearch.potentials.toy import ToyCalculator
from matsearch.relax.engine import close_engines
from matsearch.store import open_repository
from matsearch.testing.samples import sample_candidate, sample_structure, sample_verdict
from tests.relax.memory import DictCache

BASE = {
    "name": "asking",
    "system": {"elements": ["Ti", "Al", "C"], "max_atoms": 4},
    "potential": {"name": "toy"},
    "relax": {"fmax": 0.3, "max_steps": 60},
    "reference": {"source": "toy"},
    "population": {"proposals": 5, "parents": 3},
    "budget": {"generations": 2},
    "execution": {"workers": 0},
}
KNOWN = DictCache()
CARBIDE = sample_structure("Ti", "C", 4.33)
ALUMINIDE = sample_structure("Ti", "Al", 5.0)


class Other(ToyCalculator):
    """The toy potential, but higher by ``shift`` (eV/atom) or failing where a crystal has ``on`` (empty: always)."""

    def __init__(self, shift=0.0, on="Ti", fails=""):
        super().__init__()
        self.shift, self.on, self.fails = shift, on, fails

    def calculate(self, atoms=None, properties=("energy",), system_changes=("positions",)):
        super().calculate(atoms, properties, system_changes)
        if self.on and self.on not in atoms.get_chemical_symbols():
            return
        if self.fails == "alone":
            raise ValueError("Structure has 1 isolated atom(s)")
        if self.fails == "bug":
            raise ZeroDivisionError("by zero")
        self.results["energy"] += np.nan if self.fails == "nan" else self.shift * len(atoms)


def other(scheme="toy", elements=None, **arguments):
    return {
        "name": "ase",
        "calculator": f"{__name__}:Other",
        "arguments": arguments,
        "allow_import": True,
        "scheme": scheme,
        "elements": elements,
    }


def config(*opinions, **changes):
    return parse_config({**BASE, "opinions": opinions, **changes})


def asked(*opinions, structures=(CARBIDE,), cache=None):
    """Return the candidates that the structures become when they are screened with these opinions."""
    batch = [sample_candidate(i, structure=structure) for i, structure in enumerate(structures)]
    return screen(batch, build_tools(config(*opinions)), cache or DictCache(), "c")


@pytest.fixture(autouse=True, scope="module")
def _no_engines_left():
    yield
    close_engines()


@settings(max_examples=20)
@given(st.lists(st.floats(-0.3, 0.3), min_size=1, max_size=3, unique=True))
def test_the_spread_is_the_uncertainty_and_too_much_of_it_a_flag(shifts):
    values = np.array([0.0, *shifts])
    assume(abs(np.ptp(values) - DISAGREEMENT) > 1e-6)
    (alone,) = asked(cache=KNOWN)
    assert (alone.placement.opinions, alone.placement.energy_above_hull_uncertainty) == ({}, None)
    assert DISAGREEMENT_FLAG not in alone.flags
    (candidate,) = asked(*(other(shift=shift) for shift in shifts), cache=KNOWN)
    placement = candidate.placement
    assert placement.energy_above_hull == alone.placement.energy_above_hull
    found = [energy - placement.energy_above_hull for energy in placement.opinions.values()]
    assert found == pytest.approx(shifts, abs=1e-9)
    assert placement.energy_above_hull_uncertainty == pytest.approx(values.std(ddof=1), abs=1e-9)
    assert (DISAGREEMENT_FLAG in candidate.flags) == (np.ptp(values) > DISAGREEMENT)
    assert placement.failed_opinions == {}


@pytest.mark.parametrize(
    ("fails", "kind"), [("nan", "non_finite"), ("alone", "isolated_atom"), ("bug", "internal_error")]
)
def test_an_opinion_that_fails_flags_its_crystal_and_ends_nothing(fails, kind, monkeypatch):
    monkeypatch.delenv("MATSEARCH_RERAISE")
    broken = other(fails=fails, on="C")
    carbide, aluminide = asked(broken, other(shift=0.04), structures=(CARBIDE, ALUMINIDE))
    assert (carbide.alive, aluminide.alive) == (True, True)
    (failed,) = carbide.placement.failed_opinions.values()
    assert failed.kind == kind
    assert len(carbide.placement.opinions) == 1
    assert carbide.placement.energy_above_hull_uncertainty == pytest.approx(0.04 / np.sqrt(2))
    assert DISAGREEMENT_FLAG in carbide.flags
    assert aluminide.placement.failed_opinions == {}
    assert len(aluminide.placement.opinions) == 2
    assert DISAGREEMENT_FLAG not in aluminide.flags
    assert Candidate.model_validate(json.loads(json.dumps(carbide.document()))) == carbide


def test_no_answer_at_all_is_no_uncertainty():
    (candidate,) = asked(other(fails="alone"))
    assert candidate.placement.energy_above_hull_uncertainty is None
    assert DISAGREEMENT_FLAG in candidate.flags


def test_asking_is_total_and_leaves_the_dead_alone():
    tools = build_tools(config(other(shift=0.5)))
    (placed,) = asked()
    dead = sample_candidate(1, verdict=sample_verdict())
    unplaced = sample_candidate(2)
    fallen = placed.evolve(candidate_id="fallen", verdict=sample_verdict())
    batch = [dead, placed, unplaced, fallen]
    found = ask_others(batch, tools, DictCache(), "c")
    assert [c.candidate_id for c in found] == [c.candidate_id for c in batch]
    assert (found[0], found[2], found[3]) == (dead, unplaced, fallen)
    assert DISAGREEMENT_FLAG in found[1].flags


def test_where_nothing_is_to_be_asked_no_engine_is_built(monkeypatch):
    def get_engine(*_):
        raise AssertionError("an engine for nothing")

    tools = build_tools(config(other(shift=0.5)))
    monkeypatch.setattr("matsearch.pipeline.opinions.get_engine", get_engine)
    batch = [sample_candidate(1, verdict=sample_verdict()), sample_candidate(2)]
    assert ask_others(batch, tools, DictCache(), "c") == batch
    assert ask_others([], tools, DictCache(), "c") == []


def test_nothing_is_asked_twice():
    cache = DictCache()
    first = asked(other(shift=0.02), structures=(CARBIDE, CARBIDE), cache=cache)
    begun = dict(cache.begun)
    assert set(begun.values()) == {1}
    assert len(begun) == 2, "one relaxation and one opinion for both"
    assert asked(other(shift=0.02), structures=(CARBIDE, CARBIDE), cache=cache) == first
    assert cache.begun == begun


def one_generation(repository, *opinions):
    search = config(*opinions)
    record, tools = open_campaign(search, repository), build_tools(search)
    screened = screen(plan(record.state, tools, repository), tools, repository, record.campaign_id)
    state = advance(record.state, screened, tools, repository)
    return state, load_result(repository, record)


def test_disagreement_costs_offspring_and_hits_and_nothing_else(repository):
    state, believed = one_generation(repository)
    agreed_state, agreed = one_generation(repository, other(on="", shift=0.03))
    doubted_state, doubted = one_generation(repository, other(on="", shift=0.2))
    assert believed.funnel.flagged < believed.funnel.distinct, "some of it is believed"
    assert agreed.funnel == believed.funnel
    assert [p.structure for p in agreed_state.parents] == [p.structure for p in state.parents]
    born = {c.candidate_id for c in (*doubted.candidates, *believed.candidates)}
    assert born & {p.parent_id for p in state.parents}
    assert not born & {p.parent_id for p in doubted_state.parents}
    assert doubted_state.history[-1].best_energy_above_hull is None
    assert doubted.funnel.scored == believed.funnel.scored
    assert (doubted.funnel.metastable, doubted.funnel.unmatched) == (0, 0)
    assert doubted.flag_counts[DISAGREEMENT_FLAG] == doubted.funnel.flagged == doubted.funnel.distinct
    assert doubted.rows()[0]["energy_above_hull_uncertainty"] == pytest.approx(0.2 / np.sqrt(2))
    assert all("energy_above_hull_uncertainty" not in row for row in believed.rows())


def test_who_is_asked_is_part_of_a_campaign(repository):
    def identity(*opinions):
        search = config(*opinions)
        return campaign_id(search, build_tools(search))

    first, second = other(shift=0.1), other(shift=0.2)
    without = parse_config(BASE)
    assert identity() == campaign_id(without, build_tools(without))
    assert len({identity(), identity(first), identity(second), identity(first, second)}) == 4
    assert identity(first, second) == identity(second, first)
    record = open_campaign(config(first), repository)
    assert changed_settings(config(second), record) == ["opinions"]
    assert changed_settings(config(), record) == ["opinions"]
    assert changed_settings(config(first), record) == []
    (asked_one,) = record.provenance["opinions"]
    assert asked_one["sha256"] == build_tools(config(first)).opinions[0].info.sha256


def test_a_campaign_stored_without_opinions_is_the_same_campaign(repository):
    record = open_campaign(config(), repository)
    old = {key: value for key, value in record.config.items() if key != "opinions"}
    assert changed_settings(config(), record.evolve(config=old)) == []
    assert changed_settings(config(other()), record.evolve(config=old)) == ["opinions"]
    assert parse_config(old) == config()


@pytest.mark.parametrize(
    ("opinion", "error", "parts"),
    [
        ({"name": "toy"}, ConfigError, ["opinions.0", "toy 1", "already"]),
        ({"name": "chgnet"}, ConfigError, ["opinions.0", "chgnet 0.3.0", "toy", "chgnet-0.3.0"]),
        (other(elements=["Ti", "C"]), ConfigError, ["opinions.0", "does not know Al"]),
        ({"name": "nobody"}, PotentialError, ["opinions.0", "'nobody'", "known"]),
        ({"name": "toy", "version": "7"}, PotentialError, ["opinions.0", "'7'"]),
    ],
)
def test_opinions_that_cannot_be_asked_are_refused_before_any_work(opinion, error, parts):
    with pytest.raises(error) as caught:
        build_tools(config(opinion))
    text = str(caught.value)
    assert all(part in text for part in parts), text
    assert "\n" not in text


def test_the_same_opinion_twice_is_refused():
    with pytest.raises(ConfigError, match=r"opinions\.1: .*Other is asked already"):
        build_tools(config(other(shift=0.1), other(shift=0.1)))
    with pytest.raises(ConfigError, match=r"opinions\.0\.nam"):
        config({"nam": "toy"})


def test_paths_of_opinions_are_made_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = with_overrides({"opinions": [{"weights": "mine.model"}, {"name": "toy"}, "nonsense"]}, {})
    assert data["opinions"][0]["weights"] == str(tmp_path / "mine.model")
    assert with_overrides({"opinions": "nonsense"}, {}) == {"opinions": "nonsense"}


def test_opinions_are_shown(tmp_path, capsys):
    uri = f"sqlite:///{tmp_path}/shown.sqlite"
    (candidate,) = asked(other(shift=0.03), other(fails="alone"))
    opened = open_repository(uri)
    opened.put_candidates([candidate])
    opened.close()
    show_candidate(candidate.candidate_id, uri, as_json=False)
    said = capsys.readouterr().out
    assert f"opinion     {candidate.placement.energy_above_hull + 0.03:+.4f} eV/atom by ase" in said
    assert "opinion     none by ase" in said
    assert "isolated_atom" in said
    assert "uncertainty 0.0212 eV/atom" in said


def salt_hull(folder):
    vasp = {"run_type": "GGA", "software": "vasp 5.4.4"}
    energies = (({"Na": 1}, -1.31), ({"Cl": 2}, -3.68), ({"Na": 1, "Cl": 1}, -6.78))
    entries = [{"composition": c, "energy": e, "entry_id": str(c), "parameters": vasp} for c, e in energies]
    path = folder / "salt.json.gz"
    path.write_bytes(gzip.compress(json.dumps(entries).encode()))
    return {"source": str(path), "corrections": "mp2020"}


def test_two_published_potentials_on_a_real_hull(tmp_path):
    search = config(
        {"name": "chgnet", "version": "0.2.0"},
        system={"elements": ["Na", "Cl"], "max_atoms": 2},
        potential={"name": "chgnet", "version": "0.3.0"},
        reference=salt_hull(tmp_path),
        relax={"fmax": 0.1},
    )
    (candidate,) = screen([sample_candidate()], build_tools(search), DictCache(), "c")
    placement, crystal = candidate.placement, candidate.relaxation.structure
    direct = {
        version: load_potential("chgnet", version).evaluator().evaluate([to_atoms(crystal)])[0].energy
        for version in ("0.3.0", "0.2.0")
    }
    difference = (direct["0.2.0"] - direct["0.3.0"]) / len(crystal)
    assert 1e-4 < abs(difference) < DISAGREEMENT
    assert placement.opinions == pytest.approx(
        {"chgnet 0.2.0": placement.energy_above_hull + difference}, abs=1e-5
    )
    assert placement.energy_above_hull_uncertainty == pytest.approx(abs(difference) / np.sqrt(2), abs=1e-5)
    assert DISAGREEMENT_FLAG not in candidate.flags


def test_a_hull_of_one_potential_takes_no_other(tmp_path):
    pair = {"potential": {"name": "chgnet"}, "reference": {"source": "embedded"}}
    with pytest.raises(ConfigError, match=r"chgnet 0\.2\.0 cannot be placed on the hull embedded.*mp-gga"):
        build_tools(config({"name": "chgnet", "version": "0.2.0"}, **pair))
    r2scan = {**pair, "system": {"elements": ["Na", "Cl"]}, "reference": salt_hull(tmp_path)}
    with pytest.raises(ConfigError, match=r"chgnet r2scan cannot be placed .*different functionals"):
        build_tools(config({"name": "chgnet", "version": "r2scan"}, **r2scan))


@pytest.mark.parametrize("hull", ["mp2020", "raw"])
def test_one_that_meets_the_hull_through_formation_energies_is_refused(hull, tmp_path):
    reference, first = salt_hull(tmp_path), {"name": "chgnet"}
    if hull == "raw":
        reference |= {"corrections": "none", "scheme": "mp-gga-gga+u-raw"}
        first = other(scheme="mp-gga-gga+u-raw")
    keys = {"potential": first, "system": {"elements": ["Na", "Cl"]}, "reference": reference}
    build_tools(config(other(scheme="mp-gga-gga+u-raw", shift=0.1), **keys))
    with pytest.raises(ConfigError) as caught:
        build_tools(config(other(scheme="gpaw-pbe", shift=0.2), **keys))
    text = str(caught.value)
    assert all(
        part in text for part in ("opinions.0", "gpaw-pbe", f"mp-gga-gga+u-{hull}", "formation energies")
    )
    assert "\n" not in text


def test_so_is_the_first_potential(tmp_path):
    keys = {"system": {"elements": ["Na", "Cl"]}, "reference": salt_hull(tmp_path)}
    with pytest.raises(ConfigError, match=r"^potential: .*gpaw-pbe.*formation energies"):
        build_tools(config(potential=other(scheme="gpaw-pbe"), **keys))
