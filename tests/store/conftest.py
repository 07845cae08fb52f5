"""Databases of the test process's mongod."""

import multiprocessing
import uuid

import pytest

for _suite in ("repository", "repository_candidates", "repository_work", "result_cache"):
    pytest.register_assert_rewrite(f"matsearch.testing.{_suite}")


@pytest.fixture
def mongo_uri(mongod):
    """URI of a database that does not exist yet, dropped after the test."""
    from pymongo import MongoClient

    name = f"test-{uuid.uuid4().hex}"
    yield f"{mongod}/{name}"
    with MongoClient(mongod) as client:
        client.drop_database(name)


@pytest.fixture
def emptied_mongo_uri(mongod):
    """URI of a database that is emptied after the test: much faster than another one."""
    from pymongo import MongoClient

    yield f"{mongod}/emptied"
    with MongoClient(mongod) as client:
        database = client["emptied"]
        for name in set(database.list_collection_names()) - {"store"}:
            database[name].delete_many({})


@pytest.fixture
def children():
    """Return a function that starts another process with a pipe to it; all are killed in the end."""
    # forked: they need not import everything again, and their target may be defined anywhere
    context = multiprocessing.get_context("fork")
    started = []

    def start(target, *args):
        ours, theirs = context.Pipe()
        process = context.Process(target=target, args=(theirs, *args))
        process.start()
        theirs.close()
        started.append((process, ours))
        return process, ours

    yield start
    for process, ours in started:
        process.kill()
        process.join()
        ours.close()
