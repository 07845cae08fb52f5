import json
import os
import resource
import sqlite3
import tempfile
import traceback
from contextlib import closing
from pathlib import Path

import pytest

from matsearch.core.campaign import SCHEMA_VERSION, CandidateQuery
from matsearch.core.errors import StoreError, StoreVersionError
from matsearch.store import mongo, open_repository
from matsearch.store.repository import DocumentRepository
from matsearch.store.sqlite import SqliteBackend
from matsearch.testing.samples import sample_campaign, sample_candidate

NEWER = SCHEMA_VERSION + 1


@pytest.fixture
def path(tmp_path):
    """A store with one campaign, one candidate and one result, closed."""
    path = tmp_path / "store.sqlite"
    repository = open_repository(f"sqlite:///{path}")
    repository.create_campaign(sample_campaign())
    repository.put_candidates([sample_candidate()])
    repository.put_result("key", {"energy": 1.0}, "campaign")
    repository.close()
    return path


def change(path, *statements):
    connection = sqlite3.connect(path)
    with connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def one_line(error):
    text = str(error)
    return "\n" not in text and text.endswith(")") and len(text) < 400


@pytest.mark.parametrize(
    "uri",
    [
        "", "store.sqlite", "/store.sqlite", "sqlite:store.sqlite", "sqlite://", "sqlite:///", "sqlite://store.sqlite",
        "postgresql://user:PASSWORD@host/database", "http://user:PASSWORD@host", "user:PASSWORD@host",
        "mongodb://", "mongodb:///", "mongodb:///database", "mongodb://user:PASSWORD@127.0.0.1:1", "mongodb://127.0.0.1:1/",
        "mongodb://user:PASS/WORD@127.0.0.1:1/database", "mongodb://user:PASSWORD", "mongodb://user:P@SSWORD@127.0.0.1:1/database",
        "mongodb://user:PASSWORD@127.0.0.1:port/database", "mongodb://127.0.0.1:1/data base?tlsCertificateKeyFilePassword=PASSWORD",
        "mongodb://user:PASSWORD@127.0.0.1:1/database?w=PASSWORD&journal=PASSWORD&serverSelectionTimeoutMS=10",
        "mongodb://user:PASSWORD@127.0.0.1:1/database?serverSelectionTimeoutMS=10",
        "mongodb://user:PASSWORD@[::1]:1/database?serverSelectionTimeoutMS=10",
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::UserWarning:pymongo")
def test_a_wrong_uri_is_a_clear_error_without_its_password(uri):
    with pytest.raises(StoreError) as caught:
        open_repository(uri)
    assert one_line(caught.value)
    shown = "".join(traceback.format_exception(caught.value)).replace(uri, "")
    assert "SSWORD" not in shown
    assert "PASS/" not in shown


def test_an_error_of_a_server_does_not_quote_a_password():
    class Rude(mongo.errors.OperationFailure):
        pass

    backend = mongo.MongoBackend("mongodb://user:s%40crt@127.0.0.1:1/database")
    with pytest.raises(StoreError) as caught, backend._guarded():
        raise Rude("no user with s@crt or s%40crt", code=18)
    assert str(caught.value).startswith("mongodb://127.0.0.1:1/database: no user with *** or ***")
    backend.close()


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        (".", "is a folder"),
        ("missing/store.sqlite", "cannot be opened.*folder exists"),
        ("file/store.sqlite", "cannot be opened"),
        ("file", "is not a SQLite database"),
    ],
)
def test_a_place_that_cannot_be_a_store(tmp_path, place, problem):
    (tmp_path / "file").write_text("not a database, but longer than a header of one hundred bytes" * 10)
    with pytest.raises(StoreError, match=problem) as caught:
        open_repository(f"sqlite:///{tmp_path / place}")
    assert one_line(caught.value)
    assert {file.name for file in tmp_path.iterdir()} == {"file"}


def test_another_programs_database_is_left_alone(tmp_path):
    path = tmp_path / "other.sqlite"
    change(path, "CREATE TABLE results (id)")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program's"):
        open_repository(f"sqlite:///{path}")
    assert path.read_bytes() == before


def test_a_newer_store_is_refused_and_left_alone(path):
    change(path, f"PRAGMA user_version={NEWER}")
    before = path.read_bytes()
    with pytest.raises(
        StoreVersionError, match=rf"version {NEWER}, this matsearch knows {SCHEMA_VERSION} \(upgrade"
    ):
        open_repository(f"sqlite:///{path}")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_newer_documents_are_refused_and_left_alone(path):
    candidate, record = sample_candidate(), sample_campaign()
    repository = open_repository(f"sqlite:///{path}")
    repository.save_state(record.state)
    repository.put_call("key", {})
    tables = ("candidates", "results", "states", "calls")
    change(path, *[f"UPDATE {table} SET schema_version={NEWER}" for table in tables])
    for call in (
        lambda: repository.get_candidate(candidate.candidate_id),
        lambda: repository.query_candidates(CandidateQuery()),
        lambda: repository.put_candidates([sample_candidate(1), candidate.evolve(flags=("changed",))]),
        lambda: repository.get_results(["key"]),
        lambda: repository.save_state(record.state.evolve(generation=1)),
        lambda: repository.get_campaign(record.campaign_id),
        repository.list_campaigns,
        lambda: repository.get_call("key"),
    ):
        with pytest.raises(StoreVersionError, match=f"version {NEWER}.* knows {SCHEMA_VERSION}"):
            call()
    assert repository.count_candidates(CandidateQuery()) == 1
    repository.close()


def test_a_damaged_file_is_a_clear_error(path):
    change(path, "VACUUM")
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)
    repository = open_repository(f"sqlite:///{path}")
    for call in (repository.list_campaigns, lambda: repository.put_candidates([sample_candidate()])):
        with pytest.raises(StoreError, match=r"damaged.*copy") as caught:
            call()
        assert one_line(caught.value)
    repository.close()


@pytest.mark.parametrize("length", [50, 100, 4096, 10_000])
def test_a_file_cut_short_is_a_clear_error(path, length):
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(StoreError) as caught, closing(open_repository(f"sqlite:///{path}")) as repository:
        repository.list_campaigns()
    assert one_line(caught.value)


@pytest.mark.parametrize("document", ["{", "null", "[]", "{}", '{"candidate_id": NaN}', '{"@module": "os"}'])
def test_a_damaged_document_is_a_clear_error(path, document):
    candidate = sample_candidate()
    change(path, f"UPDATE candidates SET document='{document}'")
    repository = open_repository(f"sqlite:///{path}")
    for call in (
        lambda: repository.get_candidate(candidate.candidate_id),
        lambda: repository.query_candidates(CandidateQuery()),
    ):
        with pytest.raises(StoreError, match=candidate.candidate_id) as caught:
            call()
        assert one_line(caught.value)
    repository.close()


def test_a_damaged_blob_is_a_clear_error(path):
    repository = open_repository(f"sqlite:///{path}")
    blob = repository.put_blob(b"content")
    change(path, "UPDATE chunks SET content=x'00'")
    with pytest.raises(StoreError, match=f"{blob} is damaged"):
        repository.get_blob(blob)
    repository.close()


def test_a_locked_file_is_a_clear_error(path):
    repository = DocumentRepository(SqliteBackend(path, timeout_s=0.05))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreError, match="locked by another program"):
        repository.put_result("other", {}, "campaign")
    assert repository.get_results(["key"])
    DocumentRepository(SqliteBackend(path, timeout_s=0.05)).close()  # reading and opening wait for no writer
    other.execute("ROLLBACK")
    other.close()
    assert repository.put_result("other", {}, "campaign")
    repository.close()


def test_a_full_disk_is_a_clear_error_and_loses_nothing(path):
    repository = open_repository(f"sqlite:///{path}")
    connection = repository._backend._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count={pages + 5}")
    with pytest.raises(StoreError, match=r"disk is full.*same command again"):
        repository.put_result("large", {"text": "x" * 100_000}, "campaign")
    assert list(repository.get_results(["key", "large"])) == ["key"]
    assert repository.put_result("small", {}, "campaign")
    repository.close()


def test_a_file_that_may_not_grow_is_a_clear_error_and_loses_nothing(path, children):
    def work(pipe):
        repository = open_repository(f"sqlite:///{path}")
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        committed = 0
        try:
            while True:
                repository.put_result(f"key {committed}", {"text": "x" * 10_000}, "campaign")
                committed += 1
        except StoreError as error:
            pipe.send((committed, str(error)))

    _, pipe = children(work)
    committed, message = pipe.recv()
    assert "disk" in message
    assert "\n" not in message
    repository = open_repository(f"sqlite:///{path}")
    keys = [f"key {number}" for number in range(committed)]
    assert committed > 5
    assert list(repository.get_results(keys)) == keys
    repository.close()


def test_a_read_only_folder_is_a_clear_error(children):
    def work(pipe, folder):
        if os.geteuid() == 0:
            os.setuid(65534)  # permissions do not bind root
        said = []
        for name in ("new.sqlite", "old.sqlite"):
            try:
                open_repository(f"sqlite:///{folder}/{name}").put_call("key", {})
            except StoreError as error:
                said.append(str(error))
        pipe.send(said)

    with tempfile.TemporaryDirectory() as folder:
        open_repository(f"sqlite:///{folder}/old.sqlite").close()
        Path(folder).chmod(0o555)
        _, pipe = children(work, folder)
        new, old = pipe.recv()
        Path(folder).chmod(0o755)
    assert new.endswith("new.sqlite cannot be opened (check that its folder exists and may be written)")
    assert "old.sqlite cannot be" in old


def test_a_forked_process_opens_its_own(path, children):
    repository = open_repository(f"sqlite:///{path}")

    def work(pipe):
        try:
            repository.list_campaigns()
        except StoreError as error:
            pipe.send(str(error))

    _, pipe = children(work)
    assert "open the repository in each process" in pipe.recv()
    assert repository.list_campaigns() == [sample_campaign()]
    repository.close()


def test_a_store_holds_no_code(path):
    connection = sqlite3.connect(path)
    (text,) = connection.execute("SELECT document FROM candidates").fetchone()
    connection.close()
    assert "@module" not in text
    assert "@class" not in text
    assert json.loads(text) == sample_candidate().document()
