import os
import signal
import subprocess
import sys
import time

import pytest
from pymongo import MongoClient

from matsearch.core.campaign import SCHEMA_VERSION, WorkSummary
from matsearch.core.errors import StoreError, StoreVersionError
from matsearch.store import mongo, open_repository
from matsearch.testing.mongo import running_mongod
from matsearch.testing.repository import RepositoryContract
from matsearch.testing.samples import sample_campaign, sample_candidate

pytestmark = pytest.mark.mongo


class TestMongo(RepositoryContract):
    @pytest.fixture
    def opener(self, emptied_mongo_uri):
        return lambda: open_repository(emptied_mongo_uri)


@pytest.fixture
def database(mongo_uri):
    with MongoClient(mongo_uri) as client:
        yield client.get_default_database()


def test_a_repository_that_is_missing_is_only_made_where_asked(mongo_uri, database):
    with pytest.raises(StoreError, match="no repository at mongodb://127"):
        open_repository(mongo_uri, create=False)
    assert database.list_collection_names() == []


def test_documents_can_be_queried_in_the_database(mongo_uri, database):
    repository = open_repository(mongo_uri)
    repository.create_campaign(sample_campaign())
    repository.put_candidates([sample_candidate(energy_above_hull=0.1)])
    repository.close()
    found = database.candidates.find_one(
        {"document.placement.energy_above_hull": {"$lt": 0.2}, "alive": True}
    )
    assert found["schema_version"] == SCHEMA_VERSION
    assert found["formula"] == "NaCl"


def test_a_crash_between_a_result_and_its_count_loses_no_count(emptied_mongo_uri, monkeypatch):
    repository = open_repository(emptied_mongo_uri)
    repository.begin("key", "campaign")
    repository.begin("lost", "campaign")
    with monkeypatch.context() as crash:
        crash.setattr(repository._ledger, "finish", lambda attempt: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            repository.put_result("key", {}, "campaign")
    assert repository.work_summary("campaign") == WorkSummary(started=2, finished=1, transient=0)
    again = open_repository(emptied_mongo_uri)
    assert again.put_result("key", {}, "campaign") is False
    assert again.work_summary("campaign") == WorkSummary(started=2, finished=1, transient=0)
    again.close()
    repository.close()


def test_a_newer_store_is_refused_and_left_alone(mongo_uri, database):
    database.store.insert_one({"_id": "store", "schema_version": SCHEMA_VERSION + 1})
    with pytest.raises(StoreVersionError, match=f"{SCHEMA_VERSION + 1}.*{SCHEMA_VERSION}"):
        open_repository(mongo_uri)
    assert database.list_collection_names() == ["store"]


def test_a_newer_document_is_refused_and_left_alone(mongo_uri, database):
    repository = open_repository(mongo_uri)
    candidate = sample_candidate()
    repository.put_candidates([candidate])
    database.candidates.update_one({}, {"$set": {"schema_version": SCHEMA_VERSION + 1}})
    before = database.candidates.find_one()
    with pytest.raises(StoreVersionError):
        repository.get_candidate(candidate.candidate_id)
    with pytest.raises(StoreVersionError):
        repository.put_candidates([candidate.evolve(flags=("changed",))])
    assert database.candidates.find_one() == before
    repository.close()


def test_queries_of_a_campaign_use_an_index(mongo_uri, database):
    open_repository(mongo_uri).close()
    sort = [("placed", -1), ("energy_above_hull", 1), ("_id", 1)]
    for order in ([("generation", 1), ("slot", 1), ("index", 1), ("_id", 1)], sort):
        plan = database.candidates.find({"campaign_id": "c"}).sort(order).explain()
        assert "IXSCAN" in str(plan["queryPlanner"]["winningPlan"]), plan


def test_too_large_a_document_is_a_clear_error(emptied_mongo_uri):
    repository = open_repository(emptied_mongo_uri)
    with pytest.raises(StoreError, match="16 MB"):
        repository.put_result("key", {"text": "x" * 17_000_000}, "campaign")
    assert repository.get_results(["key"]) == {}
    repository.close()


@pytest.mark.usefixtures("mongod")
def test_a_server_that_went_away_is_a_clear_error():
    with running_mongod() as uri:
        repository = open_repository(f"{uri}/database?serverSelectionTimeoutMS=300")
    start = time.monotonic()
    for call in (repository.list_campaigns, lambda: repository.put_result("key", {}, "campaign")):
        with pytest.raises(StoreError, match=r"cannot be reached.*sqlite"):
            call()
    assert time.monotonic() - start < 5
    repository.close()


def test_an_old_server_is_refused(emptied_mongo_uri, monkeypatch):
    monkeypatch.setattr(mongo, "OLDEST_SERVER", 999)
    with pytest.raises(StoreError, match="use MongoDB 999 or later"):
        open_repository(emptied_mongo_uri)


@pytest.mark.usefixtures("mongod")
def test_the_server_dies_with_the_test(tmp_path):
    script = (
        "import sys, time\n"
        "from matsearch.testing.mongo import running_mongod\n"
        "with running_mongod() as uri:\n"
        "    print(uri, flush=True)\n"
        "    time.sleep(600)\n"
    )
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=env
    ) as process:
        uri = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
    with MongoClient(uri, serverSelectionTimeoutMS=100) as client:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                client.admin.command("ping")
            except mongo.errors.PyMongoError:
                return
    pytest.fail("mongod outlived the process that started it")
