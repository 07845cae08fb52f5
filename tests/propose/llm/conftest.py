"""An endpoint, a client and requests for it."""

import threading
from contextlib import contextmanager

import pytest

from matsearch.core.calls import CallRequest, Message
from matsearch.core.language_model import CallsSection
from matsearch.propose.llm.client import Client
from matsearch.testing.language_server import RULE_BASED, LanguageServer

ENVIRONMENT = ("OPENAI_API_KEY", "OPENAI_BASE_URL", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
CLIENT_THREAD = "matsearch language model"


@pytest.fixture(autouse=True)
def _own_endpoint(monkeypatch):
    """No test sees a user's key or endpoint, and none leaves a client's thread behind."""
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    yield
    assert not [thread for thread in threading.enumerate() if thread.name == CLIENT_THREAD]


@pytest.fixture
def request_of():
    """Make the request of a slot."""

    def make(slot=0, **changes):
        values = {
            "campaign_id": "campaign",
            "generation": 0,
            "slot": slot,
            "prompt_id": "csg/1",
            "prompt_sha256": "0" * 64,
            "messages": (Message(role="user", content=f"a crystal for slot {slot}"),),
            "language": "poscar",
            "crystals": 1,
            "model": RULE_BASED,
        }
        return CallRequest(**(values | changes))

    return make


@pytest.fixture
def client_of():
    """Make a client of an address that is quick to wait and to give up."""

    def make(base_url, *, api_key=None, **calls):
        values = {"attempts": 3, "time_limit_s": 8.0, "deadline_s": 10.0, "concurrency": 4}
        section = CallsSection(base_url=base_url, **(values | calls))
        return Client(section, api_key=api_key, backoff_s=0.01)

    return make


@pytest.fixture
def serving(client_of):
    """Open a server and a client of it; the first argument is the faults."""

    @contextmanager
    def opened(faults=(), *, answer=lambda messages, body: "one crystal", calls=None, client=None, **server):
        with LanguageServer(answer, faults, **server) as running:
            yield running, client_of(running.base_url, **(client or {}), **(calls or {}))

    return opened
