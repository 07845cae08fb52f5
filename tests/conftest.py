"""What every test may use."""

import os
from pathlib import Path

# before numpy and torch are imported anywhere: one thread a process
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"
os.environ["MATSEARCH_RERAISE"] = "1"

import pytest
from hypothesis import HealthCheck, settings
from pymatgen.core import Structure

from matsearch.testing.samples import sample_structure

settings.register_profile(
    "matsearch",
    deadline=None,
    derandomize=True,
    max_examples=50,
    # a busy machine is no reason to fail
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("matsearch")


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    """No test reads or writes a user's settings or the current folder's store."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("JOBFLOW_CONFIG_FILE", raising=False)
    monkeypatch.delenv("MATSEARCH_SHARE", raising=False)
    monkeypatch.delenv("MATSEARCH_WORKERS", raising=False)
    monkeypatch.delenv("MATSEARCH_REFERENCES", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    monkeypatch.setenv("MATSEARCH_STORE", f"sqlite:///{tmp_path}/store.sqlite")


@pytest.fixture(scope="session")
def test_data() -> Path:
    """Folder of real reference data; the test is skipped where there is none."""
    folder = os.environ.get("MATSEARCH_TEST_DATA")
    if not folder:
        pytest.skip("MATSEARCH_TEST_DATA is not set: no reference data")
    return Path(folder)


@pytest.fixture(scope="session")
def mongod():
    """URI of a real server, without a database; one a test process."""
    from matsearch.testing.mongo import NO_MONGOD, find_mongod, running_mongod

    if find_mongod() is None:
        pytest.skip(NO_MONGOD)
    with running_mongod() as uri:
        yield uri


@pytest.fixture(scope="session")
def toy_search(tmp_path_factory):
    """A finished search with the toy potential, to be verified: copy its store."""
    from tests.verifying import finished_search

    return finished_search(tmp_path_factory.mktemp("searched"))


@pytest.fixture
def rock_salt() -> Structure:
    """Primitive NaCl."""
    return sample_structure()


@pytest.fixture
def titanium_carbide() -> Structure:
    """Primitive TiC."""
    return sample_structure("Ti", "C", 4.33)
