"""A finished search, to be verified."""

import shutil
from types import SimpleNamespace

import pytest

from matsearch.graph.api import verification_config
from tests.verifying import VERIFY


@pytest.fixture
def begun(toy_search, tmp_path):
    """The search in a store of its own, and its configuration with a verify section."""
    shutil.copy(toy_search.store, tmp_path / "store.sqlite")
    return SimpleNamespace(
        id=toy_search.id,
        uri=f"sqlite:///{tmp_path}/store.sqlite",
        config=verification_config(toy_search.record, VERIFY),
        record=toy_search.record,
    )
