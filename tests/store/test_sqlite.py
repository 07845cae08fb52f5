import sqlite3

import pytest

from matsearch.core.campaign import SCHEMA_VERSION
from matsearch.core.errors import StoreError
from matsearch.store import absolute_uri, open_repository
from matsearch.testing.repository import RepositoryContract
from matsearch.testing.samples import sample_campaign, sample_candidate


class TestFile(RepositoryContract):
    @pytest.fixture
    def opener(self, tmp_path):
        uri = f"sqlite:///{tmp_path}/what's in a näme.sqlite"
        return lambda: open_repository(uri)


class TestMemory(RepositoryContract):
    persistent = False

    @pytest.fixture
    def opener(self):
        return lambda: open_repository("sqlite://:memory:")


@pytest.mark.parametrize(
    "uri", ["sqlite:///store.sqlite", "sqlite:///./store.sqlite", "sqlite:///~/store.sqlite"]
)
def test_where_the_file_is(uri, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    open_repository(uri).close()
    assert (tmp_path / "store.sqlite").is_file()


def test_a_repository_that_is_missing_is_only_made_where_asked(tmp_path):
    (tmp_path / "empty.sqlite").touch()
    for name in ("missing.sqlite", "empty.sqlite"):
        with pytest.raises(StoreError, match=f"no repository at .*{name}"):
            open_repository(f"sqlite:///{tmp_path}/{name}", create=False)
    assert [file.stat().st_size for file in tmp_path.iterdir()] == [0]
    open_repository(f"sqlite:///{tmp_path}/made.sqlite").close()
    open_repository(f"sqlite:///{tmp_path}/made.sqlite", create=False).close()


def test_an_absolute_uri_is_the_same_store_anywhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    uri = absolute_uri("sqlite:///store.sqlite")
    assert uri == f"sqlite:///{tmp_path}/store.sqlite"
    assert absolute_uri(uri) == uri
    for other in ("sqlite://:memory:", "mongodb://user:word@host/database"):
        assert absolute_uri(other) == other


def test_every_row_has_a_version_and_every_commit_is_synced(tmp_path):
    repository = open_repository(f"sqlite:///{tmp_path}/store.sqlite")
    repository.create_campaign(sample_campaign())
    repository.put_candidates([sample_candidate()])
    repository.put_result("key", {}, "campaign")
    backend = repository._backend
    assert backend._pragma("journal_mode") == "wal"
    assert backend._pragma("synchronous") == 2
    repository.close()
    with sqlite3.connect(tmp_path / "store.sqlite") as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA_VERSION,)
        for table in ("campaigns", "candidates", "results", "counters"):
            rows = connection.execute(f"SELECT schema_version FROM {table}").fetchall()
            assert rows == [(SCHEMA_VERSION,)]
    connection.close()


def test_candidates_are_written_all_or_none(tmp_path, monkeypatch):
    repository = open_repository(f"sqlite:///{tmp_path}/store.sqlite")
    broken = sample_candidate(2, energy_above_hull=0.0).evolve(slot=2**70)
    with pytest.raises(StoreError, match="too large"):
        repository.put_candidates([sample_candidate(0), sample_candidate(1), broken])
    assert repository.changes_since(broken.campaign_id, 0).candidate_ids == ()
    repository.put_candidates([sample_candidate(1)])
    assert repository.changes_since(broken.campaign_id, 0).cursor == 1
    repository.close()


def test_queries_of_a_campaign_use_an_index(tmp_path):
    repository = open_repository(f"sqlite:///{tmp_path}/store.sqlite")
    connection = repository._backend._connection
    for order in ('"generation", "slot", "index", "id"', '"placed" DESC, "energy_above_hull", "id"'):
        sql = f'SELECT * FROM candidates WHERE "campaign_id" IS ? ORDER BY {order}'
        plan = " ".join(row["detail"] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", ("c",)))
        assert "USING INDEX" in plan, plan
    repository.close()
