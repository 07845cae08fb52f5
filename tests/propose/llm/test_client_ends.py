"""Answers that leave no hope end a run; what is known before a call is paid for."""

import time

import pytest
from pydantic import SecretStr

from matsearch.core.errors import LanguageModelError
from matsearch.core.language_model import CallsSection
from matsearch.core.verdict import FailureKind as Kind
from matsearch.propose.llm.client import Client
from matsearch.testing.language_faults import FAULTS, error_document
from matsearch.testing.language_server import RULE_BASED

KEY = "key-that-nobody-may-see-0123456789"
TEAPOT = "418"


@pytest.fixture(autouse=True)
def _teapot(monkeypatch):
    """One more fault: a status that no dialect mends."""
    body = error_document("I'm a teapot", "invalid_request_error")
    monkeypatch.setitem(FAULTS, TEAPOT, lambda exchange: exchange.send(418, body))


def ended(client, requests):
    """Return the calls that were yielded, and the error."""
    calls = []
    with pytest.raises(LanguageModelError) as raised:
        calls.extend(client.ask(requests))
    return calls, raised.value


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("401", "set OPENAI_API_KEY"),
        ("404", "does not know the model"),
        ("model_not_found", "does not know the model 'rule-based-chemist'"),
        ("429:insufficient_quota", "is spent"),
        ("context_length_exceeded", "too long"),
    ],
)
def test_an_answer_without_hope_ends_the_run_after_one_hit(serving, request_of, fault, words):
    with serving([fault] * 99) as (server, client):
        calls, error = ended(client, (request_of(slot) for slot in range(20)))
    assert words in str(error)
    assert error.remedy
    assert len(server.hits) == len(calls) == 1
    assert not calls[0].answered


def test_what_is_in_flight_is_yielded_before_the_end(serving, request_of):
    drawn = []

    def requests():
        for slot in range(50):
            drawn.append(slot)
            yield request_of(slot)

    def answer(messages, body):
        time.sleep(0.0 if body["messages"][0]["content"].endswith("slot 0") else 0.2)
        return "one crystal"

    with serving([None, None, None, "401"], answer=answer) as (server, client):
        calls, error = ended(client, requests())
    assert "OPENAI_API_KEY" in str(error)
    assert len(drawn) >= len(calls) == len(server.hits)
    assert sum(call.answered for call in calls) == sum(hit.answered for hit in server.hits) >= 3


def test_a_run_without_hope_does_not_wait_for_the_next_attempt(serving, request_of):
    faults = [None, "429:retry-after=8", "401"]
    with serving(faults, latency_s=0.1, calls={"concurrency": 2}) as (server, client):
        started = time.monotonic()
        calls, _ = ended(client, (request_of(slot) for slot in range(9)))
        assert time.monotonic() - started < 4
    assert len(server.hits) == len(calls) == 3
    assert {call.verdict and call.verdict.kind for call in calls} == {
        None,
        Kind.RATE_LIMITED,
        Kind.REQUEST_REJECTED,
    }


def test_a_request_that_is_rejected_ends_a_run(serving, request_of):
    with serving([TEAPOT] * 9) as (server, client):
        calls, error = ended(client, (request_of(slot) for slot in range(9)))
    assert "rejects the request: status 418: I'm a teapot" in str(error)
    assert len(server.hits) == len(calls) == 1


def test_after_an_answer_a_rejection_is_about_one_request(serving, request_of):
    with serving([None, TEAPOT], calls={"concurrency": 1}) as (server, client):
        calls = list(client.ask(request_of(slot) for slot in range(3)))
    assert [call.verdict and call.verdict.kind for call in calls] == [None, Kind.REQUEST_REJECTED, None]
    assert len(server.hits) == 3


@pytest.mark.parametrize(("status", "code"), [(400, "content_filter"), (403, "invalid_prompt")])
def test_a_prompt_that_is_refused_for_what_it_says_ends_no_run(
    serving, request_of, monkeypatch, status, code
):
    def refusing(exchange):
        exchange.send(status, error_document("not this", "invalid_request_error", "messages", code))

    monkeypatch.setitem(FAULTS, "policy", refusing)
    with serving(["policy"]) as (server, client):
        calls = list(client.ask(request_of(slot) for slot in range(2)))
    assert [call.verdict and call.verdict.kind for call in calls] == [Kind.REFUSED, None]
    assert calls[0].answered
    assert len(server.hits) == 2


def test_check_names_the_model_and_its_context_without_a_completion(serving):
    with serving(max_model_len=4096) as (server, client):
        model = client.check(RULE_BASED)
    assert (model.name, model.context_tokens) == (RULE_BASED, 4096)
    assert server.hits == []
    assert len(server.lookups) == 1


def test_check_finds_an_unknown_model_and_what_is_near(serving):
    names = ["llama-3.1-8b", "qwen-72b", *(f"other-{n}" for n in range(20))]
    with serving(models=names) as (_, client), pytest.raises(LanguageModelError) as raised:
        client.check("llama-3.1-80b")
    assert "'llama-3.1-80b'" in raised.value.message
    assert "it lists: llama-3.1-8b" in raised.value.remedy
    assert "and 14 more" in raised.value.remedy


@pytest.mark.parametrize(
    ("listed", "asked"), [("llama3:latest", "llama3"), ("models/gemini-flash", "gemini-flash")]
)
def test_check_knows_the_short_names_of_models(serving, listed, asked):
    with serving(models=[listed]) as (_, client):
        assert client.check(asked).name == asked


@pytest.mark.parametrize("fault", ["404", "500", "html", "broken-json", "5mb", "invalid-utf8"])
def test_an_endpoint_that_does_not_tell_its_models_is_asked_anyway(serving, fault):
    with serving(lookup_faults=[fault]) as (_, client):
        assert client.check("any-model").context_tokens is None


@pytest.mark.parametrize(
    ("status", "message"),
    [(401, "You have insufficient permissions. Missing scopes: api.model.read."), (403, "no list for you")],
)
def test_a_key_that_may_not_list_models_may_ask(serving, monkeypatch, status, message):
    body = error_document(message, "invalid_request_error")
    monkeypatch.setitem(FAULTS, "unlisted", lambda exchange: exchange.send(status, body))
    with serving(lookup_faults=["unlisted"]) as (_, client):
        assert client.check("any-model").name == "any-model"


def test_an_empty_list_of_models_says_nothing(serving):
    with serving(models=[]) as (_, client):
        assert client.check("any-model").name == "any-model"


def test_a_wrong_key_is_found_before_a_call(serving):
    client = {"api_key": SecretStr(KEY)}
    with (
        serving(key="another", client=client) as (server, client),
        pytest.raises(LanguageModelError) as raised,
    ):
        client.check(RULE_BASED)
    assert "OPENAI_API_KEY" in str(raised.value)
    assert server.base_url in str(raised.value)
    assert KEY not in str(raised.value)


def test_a_missing_key_is_named(serving):
    with serving(key="another") as (_, client), pytest.raises(LanguageModelError, match="set OPENAI_API_KEY"):
        client.check(RULE_BASED)


@pytest.mark.parametrize("method", ["check", "ask"])
def test_openai_is_not_asked_without_a_key(request_of, monkeypatch, method):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("a connection was made"))
    client = Client(CallsSection())
    with pytest.raises(LanguageModelError, match=r"no key for https://api\.openai\.com/v1"):
        client.check("gpt") if method == "check" else list(client.ask([request_of()]))


def test_an_endpoint_that_is_down_is_named(client_of):
    with pytest.raises(LanguageModelError, match=r"no answer from http://127\.0\.0\.1:9/v1"):
        client_of("http://127.0.0.1:9/v1").check("any")


def test_an_endpoint_that_hangs_is_down(serving, monkeypatch):
    monkeypatch.setattr("matsearch.propose.llm.client.CHECK_S", 0.2)
    with (
        serving(lookup_faults=["hang"]) as (_, client),
        pytest.raises(LanguageModelError, match=r"within 0\.2 s"),
    ):
        client.check("any")


def test_key_and_address_come_from_the_environment(serving, request_of, monkeypatch):
    def faults(hit):
        headers = {name.lower(): value for name, value in hit.headers.items()}
        return None if headers["authorization"] == f"Bearer {KEY}" else "401"

    with serving(faults) as (server, _):
        monkeypatch.setenv("OPENAI_API_KEY", f"{KEY}\n")
        monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
        assert [call.reply for call in Client(CallsSection()).ask([request_of()])] == ["one crystal"]


@pytest.mark.parametrize(
    "url", ["localhost:8000/v1", "ftp://host/v1", "http://", "http://host:port/v1", "http://[::1/v1"]
)
def test_what_is_no_address_is_refused(monkeypatch, url):
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with pytest.raises(LanguageModelError, match="no address of an endpoint"):
        Client(CallsSection())


@pytest.mark.parametrize("key", ["two words", "kéy", "line\nbreak"])
def test_what_is_no_key_is_refused_without_showing_it(key):
    with pytest.raises(LanguageModelError) as raised:
        Client(CallsSection(), api_key=SecretStr(key))
    assert key not in str(raised.value)


def test_the_list_of_models_sets_the_context(serving, request_of):
    with serving(max_model_len=50) as (server, client):
        client.check(RULE_BASED)
        calls, error = ended(client, [request_of(parameters={"max_tokens": 90})])
    assert calls == []
    assert server.hits == []
    assert "its context has 50" in str(error)
    assert "(90 of them for the reply)" in str(error)
