import pytest

from matsearch.core.campaign import CandidateQuery
from matsearch.core.config import parse_config
from matsearch.core.errors import ConfigError, InputError, InternalErrorRateError
from matsearch.core.records import KnownMatch
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.pipeline.campaign import changed_settings, open_campaign, similar_campaigns
from matsearch.pipeline.funnel import below_hull_word, count_funnel, hull_sentence
from matsearch.pipeline.steps import advance, as_proposed, plan, screen
from matsearch.pipeline.tools import build_tools
from matsearch.testing.samples import sample_candidate

BASE = {
    "name": "steps",
    "system": {"elements": ["Ti", "Al", "C"], "max_atoms": 4},
    "potential": {"name": "toy"},
    "relax": {"fmax": 0.3, "max_steps": 60},
    "reference": {"source": "toy"},
    "population": {"proposals": 5, "parents": 3},
    "budget": {"generations": 2},
    "execution": {"workers": 0},
}


def config(**changes):
    return parse_config({**BASE, **changes})


def test_proposals_are_committed_once(repository):
    search = config()
    record = open_campaign(search, repository)
    first = plan(record.state, build_tools(search), repository)
    assert repository.count_candidates(CandidateQuery(campaign_id=record.campaign_id)) == 5
    assert plan(record.state, build_tools(search), repository) == first


def test_screening_is_total_and_advance_commits_it(repository):
    search = config()
    record = open_campaign(search, repository)
    tools = build_tools(search)
    proposals = plan(record.state, tools, repository)
    screened = screen(proposals, tools, repository, record.campaign_id)
    assert [c.candidate_id for c in screened] == [c.candidate_id for c in proposals]
    assert all((c.placement is not None) == c.alive for c in screened)
    state = advance(record.state, screened, tools, repository)
    assert (state.generation, state.status) == (1, "running")
    assert repository.get_campaign(record.campaign_id).state == state
    stored = repository.query_candidates(CandidateQuery(campaign_id=record.campaign_id))
    assert {c.candidate_id for c in stored} == {c.candidate_id for c in proposals}
    assert all(c.spacegroup for c in stored if c.alive)
    assert 0 < len(state.parents) <= 3 or not any(c.alive for c in stored)


def test_a_crash_between_candidates_and_state_is_mended_by_doing_it_again(repository):
    search = config()
    record = open_campaign(search, repository)
    tools = build_tools(search)
    screened = screen(plan(record.state, tools, repository), tools, repository, record.campaign_id)
    state = advance(record.state, screened, tools, repository)
    repository.save_state(record.state)
    again = plan(record.state, tools, repository)
    assert all(c.relaxation is None and c.placement is None for c in again)
    rescreened = screen(again, tools, repository, record.campaign_id)
    assert advance(record.state, rescreened, tools, repository) == state


def test_as_proposed_forgets_what_the_stages_found():
    judged = sample_candidate(
        verdict=Verdict(kind=FailureKind.EXPLODED, stage="relax", detail="x"), flags=("f",)
    )
    born = as_proposed(judged)
    assert born.alive
    assert born.flags == ()
    assert born.structure == judged.structure
    hopeless = sample_candidate(verdict=Verdict(kind=FailureKind.NO_PROPOSAL, stage="propose", detail="x"))
    assert not as_proposed(hopeless).alive


def test_a_bug_stops_the_run_and_commits_nothing(repository):
    search = config()
    record = open_campaign(search, repository)
    tools = build_tools(search)
    bug = Verdict(
        kind=FailureKind.INTERNAL_ERROR, stage="relax", detail="ZeroDivisionError: x", traceback="..."
    )
    screened = [c.evolve(verdict=bug) for c in plan(record.state, tools, repository)]
    with pytest.raises(InternalErrorRateError, match=r"5 of 5 .*ZeroDivisionError"):
        advance(record.state, screened, tools, repository)
    assert repository.get_campaign(record.campaign_id).state == record.state


def test_the_same_configuration_is_the_same_campaign(repository):
    first = open_campaign(config(), repository)
    assert open_campaign(config(budget={"generations": 9}), repository).campaign_id == first.campaign_id
    other = config(seed=5, relax={"fmax": 0.2})
    assert open_campaign(other, repository).campaign_id != first.campaign_id
    assert {"seed", "relax.fmax"} <= set(changed_settings(other, first))
    (line,) = similar_campaigns(config(), repository)
    assert "seed" in line


def test_a_raised_budget_reopens_a_finished_campaign(repository):
    record = open_campaign(config(), repository)
    repository.save_state(record.state.evolve(status="finished", generation=2))
    assert open_campaign(config(), repository).state.status == "finished"
    assert open_campaign(config(budget={"generations": 3}), repository).state.status == "running"


def test_unusable_configurations_are_refused_before_any_work(tmp_path):
    with pytest.raises(ConfigError, match="nobody computes 'hardness'"):
        build_tools(config(objectives=[{"name": "hardness"}]))
    with pytest.raises(InputError, match="no parents"):
        build_tools(
            config(
                system={"elements": ["Ti", "Al", "C"], "max_atoms": 1},
                seeds={"exclude": ["Al"], "templates": False},
                propose={"operators": {"substitution": 1.0}},
            )
        )
    with pytest.raises(ConfigError, match="does not know Lr"):
        build_tools(config(system={"elements": ["Lr", "O"]}, potential={"name": "chgnet"}))


def test_the_funnel_counts_each_candidate_once(repository):
    record = open_campaign(config(), repository).evolve(
        config={"population": {"proposals": 6}},
    )
    known = {"match": KnownMatch(kind="structure", known_id="TiC-225")}
    candidates = [
        sample_candidate(0, energy_above_hull=0.05, structure_key="a", **known),
        sample_candidate(1, energy_above_hull=0.02, structure_key="b", **known),
        sample_candidate(2, energy_above_hull=-0.2, structure_key="c", flags=("too_good_to_be_true",)),
        sample_candidate(3, energy_above_hull=0.3, structure_key="c", duplicate_of="x"),
        sample_candidate(4, verdict=Verdict(kind=FailureKind.BAD_VOLUME, stage="parse", detail="x")),
    ]
    funnel = count_funnel(record, candidates)
    assert (funnel.asked, funnel.replied, funnel.parsed, funnel.valid, funnel.unique) == (6, 5, 5, 4, 3)
    assert (funnel.scored, funnel.distinct) == (3, 3)
    assert (funnel.metastable, funnel.near_stable, funnel.below_hull, funnel.flagged) == (2, 1, 0, 1)
    assert (funnel.rediscovered, funnel.kept, funnel.unmatched) == (1, 0, 0)


@pytest.mark.parametrize(
    ("hull", "word", "claim"),
    [
        ({"name": "embedded-v1", "complete": False}, "below_embedded_hull", "embedded hull, 7 phases"),
        ({"name": "mine.json", "complete": False}, "below_reference_hull", "not a stability claim"),
        ({"name": "mine.json", "complete": True}, "stable", "said to be complete"),
    ],
)
def test_stable_is_said_only_of_a_complete_hull(repository, hull, word, claim):
    record = open_campaign(config(), repository)
    facts = {**record.provenance["hull"], "n_phases": 7, **hull}
    record = record.evolve(provenance={**record.provenance, "hull": facts})
    assert below_hull_word(record) == word
    assert claim in hull_sentence(record)


def test_a_search_may_begin_with_templates_alone(repository):
    search = config(
        seeds={"exclude": ["Ti", "Al", "C", "TiC", "TiAl", "TiAl3"]},
        propose={"operators": {"substitution": 1.0, "strain": 1.0}},
    )
    tools = build_tools(search)
    assert tools.beginning.seeds == ()
    record = open_campaign(search, repository)
    proposals = plan(record.state, tools, repository)
    assert {c.lineage.operator for c in proposals} == {"substitution"}
    assert all({e.symbol for e in c.structure.composition.elements} <= {"Ti", "Al", "C"} for c in proposals)
