"""What an endpoint refuses is found out once, and a prompt is shortened by parents alone."""

import pytest

from matsearch.core.calls import Message
from matsearch.core.errors import LanguageModelError
from matsearch.core.records import Parent
from matsearch.core.verdict import FailureKind as Kind
from matsearch.propose.llm.complaint import complaint_of
from matsearch.propose.llm.dialect import MAX_CHANGES, Dialect
from matsearch.testing.samples import sample_structure

SCHEMA = {"type": "object", "properties": {"crystals": {"type": "array"}}}
ASKED = {"temperature": 0.7, "top_p": 0.9, "max_tokens": 50, "seed": 4}


@pytest.fixture
def full(request_of):
    """A request with all parameters and a schema."""
    return lambda slot=0, **changes: request_of(
        slot, **({"parameters": ASKED, "reply_schema": SCHEMA} | changes)
    )


def test_a_schema_is_asked_for_by_default(serving, full):
    with serving() as (server, client):
        [call] = client.ask([full()])
    sent = server.hits[0].body["response_format"]
    assert sent["type"] == call.sent["response_format"] == "json_schema"
    assert sent["json_schema"] == {"name": "crystals", "strict": True, "schema": SCHEMA}


def test_text_is_asked_for_where_there_is_no_schema(serving, full):
    with serving() as (server, client):
        list(client.ask([full(reply_schema=None)]))
    assert "response_format" not in server.hits[0].body


@pytest.mark.parametrize(
    ("refuses", "sent"),
    [
        (["response_format:json_schema"], ASKED | {"response_format": "json_object"}),
        (["response_format"], ASKED),
        (["temperature"], {"top_p": 0.9, "max_tokens": 50, "seed": 4, "response_format": "json_schema"}),
        (["max_tokens", "seed"], {"temperature": 0.7, "top_p": 0.9, "max_completion_tokens": 50}),
        (["max_tokens", "max_completion_tokens"], {"temperature": 0.7, "top_p": 0.9, "seed": 4}),
        ([*ASKED, "max_completion_tokens", "response_format"], {}),
    ],
)
def test_what_is_refused_is_left_out_from_then_on(serving, full, refuses, sent):
    with serving(refuses=refuses, calls={"attempts": 1}) as (server, client):
        calls = list(client.ask(full(slot) for slot in range(5)))
    assert [call.reply for call in calls] == ["one crystal"] * 5
    for call in calls:
        assert {name: value for name, value in call.sent.items() if name in sent or name in refuses} == sent
    rejected = [attempt for call in calls for attempt in call.attempts if attempt.status == 400]
    assert len(server.hits) == 5 + len(rejected)
    assert len(rejected) <= len(refuses) + 1
    assert all(attempt.kind == Kind.REQUEST_REJECTED.value for attempt in rejected)


def test_the_first_call_goes_alone(serving, full):
    with serving(refuses=["response_format", "max_tokens"], latency_s=0.02, calls={"concurrency": 8}) as (
        server,
        client,
    ):
        calls = list(client.ask(full(slot) for slot in range(16)))
    assert sorted(len(call.attempts) for call in calls) == [1] * 15 + [4]
    assert [hit.in_flight for hit in server.hits[:4]] == [1, 1, 1, 1]
    assert server.max_in_flight > 1


def test_what_was_found_out_is_remembered_over_asks(serving, full):
    with serving(refuses=["response_format"]) as (_, client):
        first, second = ([len(call.attempts) for call in client.ask([full(n)])] for n in range(2))
    assert (first, second) == ([3], [1])


def test_openai_names_the_limit_of_tokens_its_own_way(full):
    assert Dialect(is_openai=True).parameters(full())["max_completion_tokens"] == 50
    assert Dialect(is_openai=False).parameters(full())["max_tokens"] == 50


def test_changes_are_bounded(request_of):
    dialect = Dialect(is_openai=False)
    request = request_of(parameters={f"odd_{n}": n for n in range(20)})
    heeded = 0
    while True:
        sent = dialect.parameters(request)
        complaint = complaint_of(b'{"error": {"message": "unknown field %s"}}' % next(iter(sent)).encode())
        if not dialect.heeds(complaint, sent, request):
            break
        heeded += 1
    assert heeded == MAX_CHANGES


def test_a_complaint_about_what_another_call_changed_costs_no_change(full):
    dialect = Dialect(is_openai=False)
    old = dialect.parameters(full())
    complaint = complaint_of(b'{"error": {"message": "no", "param": "response_format"}}')
    assert dialect.heeds(complaint, old, full())
    assert dialect.heeds(complaint, old, full())
    assert dialect.parameters(full())["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(
    ("body", "given_up"),
    [
        (b'{"error":{"message":"temperature and top_p cannot both be specified for this model."}}', "top_p"),
        (b'{"detail":[{"loc":["body","seed"],"msg":"extra","input":{"temperature":1}}]}', "seed"),
        (b'{"object":"error","message":"guided decoding is off","code":400}', "response_format"),
        (
            b'{"error":{"message":"\'messages\' must hold \'json\' for response_format","param":"messages"}}',
            "response_format",
        ),
        (b'{"error":"unsupported: temperature"}', "temperature"),
        (b'{"error":{"message":"Unsupported value: \'temperature\'","param":"temperature"}}', "temperature"),
    ],
)
def test_complaints_in_the_shapes_of_many_servers(full, body, given_up):
    dialect = Dialect(is_openai=False)
    before = dialect.parameters(full())
    assert dialect.heeds(complaint_of(body), before, full())
    after = dialect.parameters(full())
    assert [name for name in before if after.get(name) != before[name]] == [given_up]


@pytest.mark.parametrize(
    "body",
    [
        b'{"error":{"message":"no","type":"invalid_request_error","code":"context_length_exceeded"}}',
        b'{"error":{"message":"This model\'s maximum context length is 8192 tokens."}}',
        b'{"object":"error","message":"\'max_tokens\' is too large: 8000. This model\'s maximum context length is 4096"}',
        b'{"object":"error","message":"max_tokens must be at least 1, got -186.","code":400}',
        b'{"error":{"code":400,"message":"too big","type":"exceed_context_size_error","n_ctx":512}}',
        b'{"error":{"message":"the request exceeds the available context size, try increasing it"}}',
        b'{"error":"prompt too long; exceeded max context length by 12 tokens"}',
        b'{"error":{"message":"Your input exceeds the context window of this model."}}',
        b'{"error":{"message":"prompt is too long: 210000 tokens > 200000 maximum"}}',
        b'{"error":{"message":"The input token count (90) exceeds the maximum number of tokens allowed (50)."}}',
    ],
)
def test_the_wordings_of_a_prompt_that_is_too_long(body):
    assert complaint_of(body).context_too_long


@pytest.mark.parametrize(
    "body", [b"", b"[1]", b"\xff", b"[" * 50_000, b'{"error": 5}', b'{"error": {"detail": []}}']
)
def test_any_error_body_is_read(body):
    assert not complaint_of(body).context_too_long


@pytest.fixture
def with_parents(request_of):
    """A request that shows two parents of 300 words each."""
    texts = ["propose one crystal" + " word" * 300 * n for n in (2, 1, 0)]
    first, *shorter = [(Message(role="user", content=text),) for text in texts]
    parents = tuple(Parent(parent_id=f"p{n}", structure=sample_structure()) for n in range(2))
    return lambda **changes: request_of(
        messages=first, shorter=tuple(shorter), shown=(1, 0), parents=parents, **changes
    )


@pytest.mark.parametrize(("limit", "shown"), [(1000, 2), (400, 1), (50, 0)])
def test_parents_are_given_up_until_the_prompt_fits(serving, with_parents, limit, shown):
    with serving(max_model_len=limit, calls={"attempts": 1}) as (server, client):
        [call] = client.ask([with_parents()])
    assert call.verdict is None
    assert call.parents_shown == shown
    assert call.messages[0].content == server.hits[-1].body["messages"][0]["content"]
    assert call.messages[0].content.startswith("propose one crystal")
    assert call.key == with_parents().key
    assert len(server.hits) == 3 - shown


@pytest.mark.parametrize(("context", "shown"), [(2000, 2), (1000, 1), (300, 0)])
def test_a_known_context_spares_the_hits(serving, with_parents, context, shown):
    with serving(calls={"context_tokens": context}) as (server, client):
        [call] = client.ask([with_parents(parameters={"max_tokens": 200})])
    assert call.parents_shown == shown
    assert len(server.hits) == 1


def test_a_prompt_that_never_fits_is_refused_with_both_numbers(serving, with_parents):
    with (
        serving(calls={"context_tokens": 256}) as (server, client),
        pytest.raises(LanguageModelError) as raised,
    ):
        list(client.ask([with_parents(parameters={"max_tokens": 8000})]))
    assert "needs about 8008 tokens" in str(raised.value)
    assert "its context has 256" in str(raised.value)
    assert server.hits == []
