"""What must not matter does not: order, processes, batches, database, transport. What must matter does."""

import uuid
from contextlib import contextmanager
from itertools import pairwise

import pytest
from jobflow import JobStore, run_locally
from maggma.stores import MemoryStore

from matsearch.core.campaign import CandidateQuery
from matsearch.graph.api import resolve_config
from matsearch.graph.local import run_campaign
from matsearch.graph.makers import CampaignMaker
from matsearch.pipeline.result import load_result
from matsearch.relax.engine import close_engines
from matsearch.store import open_repository
from matsearch.testing.mongo import NO_MONGOD, find_mongod, running_mongod
from tests.commands import SMALL

GENERATIONS = 3
SIZES = SMALL | {"population.proposals": 5, "budget.generations": GENERATIONS}


def toy(**changes):
    return resolve_config("toy", SIZES | {key.replace("__", "."): value for key, value in changes.items()})


def memory():
    return JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})


@contextmanager
def opened(store):
    repository = open_repository(store)
    try:
        yield repository
    finally:
        repository.close()


def answer(store, campaign_id):
    """Return the table, the state and every candidate's document."""
    with opened(store) as repository:
        record = repository.get_campaign(campaign_id)
        candidates = repository.query_candidates(CandidateQuery(campaign_id=campaign_id))
        rows = load_result(repository, record).rows()
        work = repository.work_summary(campaign_id)
    assert (work.lost, work.transient) == (0, 0)
    return rows, record.state.document(), [candidate.document() for candidate in candidates]


def run(store, **changes):
    record = run_campaign(toy(**changes), store, memory())
    return answer(store, record.campaign_id)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The answer with one process, whole generations, SQLite, one go."""
    rows, state, candidates = run(f"sqlite:///{tmp_path_factory.mktemp('plain')}/store.sqlite")
    assert len(rows) > GENERATIONS
    assert {c["generation"] for c in candidates} == set(range(GENERATIONS))
    assert state["status"] == "finished"
    return rows, state, candidates


@pytest.fixture
def store(tmp_path):
    return f"sqlite:///{tmp_path}/other.sqlite"


def test_the_same_seed_gives_the_same_answer(plain, tmp_path, monkeypatch):
    """From any folder: a relative path of a store is meant where the command was given."""
    monkeypatch.chdir(tmp_path)
    assert run("sqlite:///here.sqlite") == plain
    assert (tmp_path / "here.sqlite").is_file()
    transport = memory()
    record = run_campaign(toy(), "sqlite:///here.sqlite", transport)
    transport.connect()
    assert transport.count() == 0, "a finished campaign starts no job"
    assert answer("sqlite:///here.sqlite", record.campaign_id) == plain


def test_another_seed_gives_another_answer(plain, store):
    rows, state, candidates = run(store, seed=2, budget__generations=1)
    assert state["campaign_id"] != plain[1]["campaign_id"]
    assert not {c["candidate_id"] for c in candidates} & {c["candidate_id"] for c in plain[2]}
    first = [c["structure"] for c in plain[2] if c["generation"] == 0]
    assert [c["structure"] for c in candidates] != first
    assert [row["energy_above_hull"] for row in rows] != [row["energy_above_hull"] for row in plain[0]]


def test_worker_processes_change_nothing(plain, store):
    try:
        assert run(store, execution__workers=2) == plain
    finally:
        close_engines()


def test_batches_change_nothing(plain, store):
    assert run(store, execution__batch_size=2) == plain


@pytest.mark.mongo
def test_the_database_changes_nothing(plain):
    if find_mongod() is None:
        pytest.skip(NO_MONGOD)
    with running_mongod() as server:
        assert run(f"{server}/test-{uuid.uuid4().hex}") == plain


def test_wiping_the_job_store_between_generations_changes_nothing(plain, store):
    for generations in range(1, GENERATIONS + 1):
        transport = memory()
        record = run_campaign(toy(budget__generations=generations), store, transport)
        assert record.state.generation == generations
        assert transport.count() > 0
    assert answer(store, record.campaign_id) == plain


@pytest.mark.parametrize("batch_size", [0, 3])
def test_one_dynamic_flow_gives_the_same_answer(batch_size, plain, store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = toy(execution__batch_size=batch_size).model_dump(mode="json")
    flow = CampaignMaker(store=store).make(config)
    responses = run_locally(flow, store=memory(), log=False, ensure_success=True, create_folders=True)
    outputs = [r.output for runs in responses.values() for r in runs.values() if hasattr(r.output, "status")]
    assert outputs[-1].status == "finished"
    assert answer(store, outputs[-1].campaign_id) == plain


def test_two_campaigns_share_a_store_and_what_is_known(plain, store):
    run(store, seed=2, budget__generations=1)
    assert run(store) == plain
    with opened(store) as repository:
        newest, _ = repository.list_campaigns()
        assert {r.config["seed"] for r in repository.list_campaigns()} == {1, 2}
        assert newest.state.status == "finished"


def test_generations_build_on_each_other(plain):
    """Else equal answers would say little."""
    born = {c["candidate_id"]: c["generation"] for c in plain[2]}
    parents = [(c["generation"], born[p]) for c in plain[2] for p in c["lineage"]["parent_ids"] if p in born]
    assert parents
    assert all(earlier < later for later, earlier in parents)
    best = [summary["best_energy_above_hull"] for summary in plain[1]["history"]]
    assert all(later <= earlier for earlier, later in pairwise(best))
