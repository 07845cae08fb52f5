"""What tests of the loop share: a repository in memory, and language models over real HTTP."""

import pytest

from matsearch.pipeline.asking import close_clients
from matsearch.store import open_repository
from matsearch.testing.chemist import Chemist
from matsearch.testing.language_server import LanguageServer


@pytest.fixture
def repository():
    opened = open_repository("sqlite://:memory:")
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def one_reader():
    """All tests of a module share the process that reads replies; each server has an address and so its own client."""
    yield
    close_clients()


@pytest.fixture
def serve(monkeypatch, one_reader):
    servers = []

    def start(*faults, answer=None, **options):
        server = LanguageServer(answer or Chemist(), *faults, **options)
        servers.append(server)
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        return server

    yield start
    for server in servers:
        server.close()
