import logging

import pytest

from matsearch.core.campaign import CandidateQuery
from matsearch.core.errors import InternalErrorRateError
from matsearch.core.progress import LOGGER_NAME
from matsearch.pipeline.campaign import open_campaign
from matsearch.pipeline.parents import first_parents
from matsearch.pipeline.pool import scored_seeds, with_first_parents
from matsearch.pipeline.steps import advance, plan
from matsearch.pipeline.tools import build_tools
from matsearch.relax import stage
from matsearch.testing.samples import sample_structure, sample_verdict
from tests.pipeline.evolution import crystal, ids, tools_for

SEARCH = {
    "seeds": {"score": True, "templates": False},
    "population": {"proposals": 3, "parents": 3},
    "objectives": [{}, {"name": "density", "direction": "maximize"}],
    "budget": {"generations": 2},
}


@pytest.fixture
def folder(tmp_path):
    """A good crystal, the same one again, and one whose atoms lie upon each other."""
    broken = crystal("TiAl")
    broken.translate_sites([1], [-0.499, 0.0, 0.0])
    seeds = {"a-good": sample_structure("Ti", "C", 4.4), "b-twin": sample_structure("Ti", "C", 4.3)}
    for name, structure in (seeds | {"c-broken": broken}).items():
        structure.to(filename=str(tmp_path / f"{name}.cif"))
    return tmp_path


def given(folder):
    return tools_for(**{**SEARCH, "seeds": {"score": True, "templates": False, "source": str(folder)}})


def test_each_seed_is_placed_from_its_relaxed_geometry_and_is_no_candidate(repository):
    tools = tools_for(**SEARCH)
    pool = scored_seeds(tools, repository, "c")
    assert [c.candidate_id for c in pool] == ids(tools.beginning.seeds)
    assert all(c.alive and c.placement and "density" in c.properties for c in pool)
    assert all(c.structure == tools.beginning.origins[c.lineage.roots[0]] for c in pool)
    assert repository.count_candidates(CandidateQuery()) == 0


def test_they_are_computed_once(repository, monkeypatch):
    tools = tools_for(**SEARCH)
    first = scored_seeds(tools, repository, "c")
    before = repository.work_summary("c")
    assert before.finished == before.started == len(first)

    def refuse(*_):
        raise AssertionError("all of it is in the cache")

    monkeypatch.setattr("matsearch.pipeline.engines.get_engine", refuse)
    assert scored_seeds(tools, repository, "c") == first
    assert repository.work_summary("c") == before


def test_what_was_interrupted_goes_on(repository, monkeypatch):
    tools = tools_for(**SEARCH)
    commit, done = stage._commit, []

    def third_is_lost(cache, key, outcome, owner):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(key)
        commit(cache, key, outcome, owner)

    monkeypatch.setattr(stage, "_commit", third_is_lost)
    with pytest.raises(KeyboardInterrupt):
        scored_seeds(tools, repository, "c")
    monkeypatch.undo()
    pool = scored_seeds(tools, repository, "c")
    work = repository.work_summary("c")
    assert (work.finished, work.lost) == (len(pool), 1)


def test_one_that_fails_is_no_parent_and_is_reported(repository, folder, caplog):
    record = open_campaign(given(folder).config, repository)
    with caplog.at_level(logging.INFO, LOGGER_NAME):
        state = with_first_parents(record.state, given(folder), repository)
    assert ids(state.parents) == ["file:a-good"]
    (event,) = [line.fields for line in caplog.records if line.message == "seeds"]
    assert (event["n"], event["scored"], event["failed"]) == (3, 2, 1)
    assert event["first"].startswith("file:c-broken: ")


def test_the_same_crystal_is_one_parent(repository, folder):
    good, twin, broken = scored_seeds(given(folder), repository, "c")
    assert (good.duplicate_of, twin.duplicate_of) == (None, "file:a-good")
    assert not broken.alive


def test_the_first_generation_builds_on_scored_seeds_wherever_it_is_planned(repository):
    config = tools_for(**SEARCH).config
    record = open_campaign(config, repository)
    assert record.state.parents == ()
    tools = build_tools(config)
    proposals = plan(record.state, tools, repository)
    stored = repository.get_campaign(record.campaign_id).state
    assert stored.parents == first_parents(tools, scored_seeds(tools, repository, record.campaign_id))
    assert all(p.energy_above_hull is not None and p.properties.keys() == {"density"} for p in stored.parents)
    assert {name for c in proposals for name in c.lineage.parent_ids} <= set(ids(stored.parents))
    assert with_first_parents(stored, tools, repository) is stored
    assert plan(stored, tools, repository) == proposals
    assert plan(record.state, tools, repository) == proposals


def test_the_next_generation_is_filled_up_with_scored_seeds(repository):
    tools = tools_for(**SEARCH)
    record = open_campaign(tools.config, repository)
    failed = [c.evolve(verdict=sample_verdict()) for c in plan(record.state, tools, repository)]
    state = repository.get_campaign(record.campaign_id).state
    ended = advance(state, failed, tools, repository)
    assert len(ended.parents) == 3
    assert all(p.energy_above_hull is not None and p.decomposition for p in ended.parents)
    assert ended.history[-1].hypervolume == 0.0  # seeds are no finds
    assert advance(state, failed, tools, repository) == ended


def test_unasked_they_are_not_scored(repository):
    tools = tools_for()
    record = open_campaign(tools.config, repository)
    assert record.state.parents == tools.beginning.seeds
    assert with_first_parents(record.state, tools, repository) is record.state
    assert repository.work_summary(record.campaign_id).started == 0


def test_the_papers_scheme_always_scores_them(repository):
    tools = tools_for(selection={"scheme": "matllmsearch"}, population={"proposals": 3, "parents": 2})
    record = open_campaign(tools.config, repository)
    state = with_first_parents(record.state, tools, repository)
    pool = scored_seeds(tools, repository, record.campaign_id)
    placed = [c for c in pool if c.alive]
    lowest = sorted(placed, key=lambda c: (c.placement.energy_above_hull, c.candidate_id))
    assert ids(state.parents) == [c.candidate_id for c in lowest[:2]]


def test_a_bug_is_no_property_of_a_seed(repository, monkeypatch):
    def broken(*_):
        raise ZeroDivisionError

    tools = tools_for(**SEARCH)
    record = open_campaign(tools.config, repository)
    monkeypatch.delenv("MATSEARCH_RERAISE", raising=False)
    monkeypatch.setattr(stage, "standard_cell", broken)
    with pytest.raises(InternalErrorRateError, match="ended in unexpected errors, the first known:"):
        plan(record.state, tools, repository)
    assert repository.get_campaign(record.campaign_id).state.parents == ()
    monkeypatch.undo()
    assert plan(record.state, tools, repository)
