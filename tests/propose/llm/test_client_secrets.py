"""The key is in no record, error, log or representation, whatever an endpoint sends back."""

import json
import logging
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from matsearch.core.errors import LanguageModelError
from matsearch.core.language_model import CallsSection
from matsearch.propose.llm.client import Client
from matsearch.propose.llm.completion import reply_of
from matsearch.propose.llm.endpoint import HIDDEN, Endpoint, endpoint_of

KEY = "key-that-nobody-may-see-0123456789"


def shown(error):
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.__context__)


def test_a_key_that_comes_back_is_hidden_everywhere(serving, request_of, caplog):
    caplog.set_level(logging.DEBUG)
    client = {"api_key": SecretStr(KEY)}
    with serving(answer=lambda messages, body: f"Authorization: Bearer {KEY}!", client=client) as (
        server,
        client,
    ):
        [call] = client.ask([request_of()])
    assert f"Bearer {KEY}" in server.hits[0].headers.values()
    assert call.reply == f"Authorization: Bearer {HIDDEN}!"
    assert KEY not in json.dumps(call.document())
    assert KEY not in repr(call) + repr(client) + repr(vars(client))
    assert KEY not in caplog.text


def test_a_refused_key_is_hidden_in_call_error_and_trace(serving, request_of, caplog):
    caplog.set_level(logging.DEBUG)
    client, calls = {"api_key": SecretStr(KEY)}, []
    with serving(key="another", client=client) as (_, client):
        with pytest.raises(LanguageModelError) as raised:
            calls.extend(client.ask([request_of()]))
        with pytest.raises(LanguageModelError) as checked:
            client.check("any")
    assert "Incorrect API key provided" in calls[0].verdict.detail
    for text in (json.dumps(calls[0].document()), shown(raised.value), shown(checked.value), caplog.text):
        assert KEY not in text


def test_an_unexpected_error_hides_the_key_in_its_traceback(serving, request_of, monkeypatch):
    def broken(self, *_):
        raise RuntimeError(f"headers: {KEY}")

    monkeypatch.setattr("matsearch.propose.llm.wire.Wire.complete", broken)
    monkeypatch.delenv("MATSEARCH_RERAISE")
    with serving(client={"api_key": SecretStr(KEY)}) as (_, client):
        [call] = client.ask([request_of()])
    assert "RuntimeError" in call.verdict.traceback
    assert KEY not in json.dumps(call.document())


def test_an_endpoint_is_named_without_credentials_and_query(serving, request_of, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    with serving() as (server, _):
        host = server.base_url.removeprefix("http://")
        url = f"http://user-of-it:password-of-it@{host}/?api-key=secret-of-it"
        monkeypatch.setenv("OPENAI_BASE_URL", url)
        client = Client(CallsSection())
        [call] = client.ask([request_of()])
    assert call.endpoint == server.base_url
    assert server.hits[0].path.endswith("?api-key=secret-of-it")
    assert "of-it" not in repr(vars(client)) + caplog.text + client.endpoint.told(url)


@pytest.mark.parametrize(
    "url", ["http://user:word@host/v1", "http://user:wo/rd@host/v1", "http://host/v1?api-key=secret-of-it"]
)
def test_a_configuration_holds_no_secret_in_an_address(url):
    with pytest.raises(ValidationError, match="OPENAI_BASE_URL"):
        CallsSection(base_url=url)
    assert CallsSection(base_url="http://host/v1?api-version=2024-10-21").base_url


@pytest.mark.parametrize(
    "text",
    [
        "Incorrect API key provided: sk-proj-ab******wxyz.",
        "Incorrect API key provided: abcd****wxyz.",
        "got header Authorization: Bearer abcd.efgh-wxyz",
        "token sk-wxyz is not known",
    ],
)
def test_what_looks_like_a_key_is_hidden(text):
    told = endpoint_of("http://host/v1", None).told(text)
    assert "wxyz" not in told
    assert HIDDEN in told


def test_stand_ins_for_a_key_stay_words():
    endpoint = Endpoint("http://host/v1", (), SecretStr("ollama"))
    assert endpoint.hidden("ollama run") == "ollama run"


@given(st.text(), st.integers(10, 200))
def test_what_is_told_is_one_printable_line(text, length):
    told = endpoint_of("http://host/v1", SecretStr(KEY)).told(f"{text}{KEY}{text}", length)
    assert told.isprintable()
    assert len(told) <= length
    assert KEY not in told


@given(st.binary(max_size=200))
def test_any_bytes_are_a_reply_or_its_kind(body):
    reply = reply_of(body)
    assert reply.kind is not None or reply.text


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "message", "content", "usage", "text", "refusal", "error"]), inner
        )
    ),
    max_leaves=12,
)


@given(documents, documents)
def test_any_document_is_a_reply_or_its_kind(document, content):
    whole = {"choices": [{"message": {"content": content}, "finish_reason": document}], "usage": document}
    for body in (document, whole):
        reply = reply_of(json.dumps(body).encode())
        assert reply.kind is not None or reply.text.strip()


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "thinking", "thinking": []}, {"type": "text", "text": "b"}], "b"),
        ("  a\n", "  a\n"),
    ],
)
def test_content_may_be_text_or_parts(content, text):
    message = {"content": content, "reasoning_content": "long"}
    assert reply_of(json.dumps({"choices": [{"message": message}]}).encode()).text == text


@pytest.mark.parametrize("content", ['"a crystal \\ud800"', '[{"text": "a crystal \\ud800"}]'])
def test_half_a_surrogate_pair_loses_no_reply(content):
    body = f'{{"choices": [{{"message": {{"content": {content}}}}}]}}'
    reply = reply_of(body.encode())
    assert (reply.kind, reply.text) == (None, "a crystal ?")


@pytest.mark.parametrize(
    "usage", [None, 5, {"prompt_tokens": -1}, {"prompt_tokens": "7"}, {"prompt_tokens": True}]
)
def test_odd_counts_of_tokens_are_unknown(usage):
    reply = reply_of(json.dumps({"choices": [{"message": {"content": "a"}}], "usage": usage}).encode())
    assert (reply.kind, reply.input_tokens, reply.output_tokens) == (None, None, None)


def test_an_error_with_status_200_says_so():
    reply = reply_of(b'{"error": {"message": "upstream is busy", "code": 502}}')
    assert reply.kind == "wrong_schema"
    assert "upstream is busy" in reply.detail
