"""Each fault is its own kind, is tried as often as it makes sense, and is paid for once."""

import pytest

from matsearch.core.verdict import FailureKind as Kind
from matsearch.testing.language_faults import FAULTS

ATTEMPTS = 2
RETRIED = {
    "429": Kind.RATE_LIMITED,
    "500": Kind.SERVER_ERROR,
    "503": Kind.SERVER_ERROR,
    "hang": Kind.CALL_TIME_OUT,
    "drip": Kind.SLOW_REPLY,
    "reset": Kind.CONNECTION_LOST,
    "reset-midway": Kind.CONNECTION_LOST,
    "html": Kind.NOT_AN_API,
    "broken-json": Kind.BROKEN_JSON,
    "empty-choices": Kind.EMPTY_CHOICES,
    "wrong-schema": Kind.WRONG_SCHEMA,
    "invalid-utf8": Kind.BAD_ENCODING,
}
PAID = {
    "null-content": Kind.NULL_CONTENT,
    "length": Kind.CUT_OFF,
    "refusal": Kind.REFUSED,
    "content-filter": Kind.REFUSED,
    "5mb": Kind.REPLY_TOO_LARGE,
}
WELL = ["missing-usage", "partial-usage"]
ELSEWHERE = {  # waits in test_client_waits, ends of a run in test_client_ends
    "429:retry-after=1",
    "429:retry-after=3600",
    "429:http-date",
    "429:insufficient_quota",
    "401",
    "404",
    "model_not_found",
    "context_length_exceeded",
}


def test_every_fault_of_the_server_is_tested():
    assert set(FAULTS) <= {*RETRIED, *PAID, *WELL, *ELSEWHERE}


@pytest.mark.parametrize("fault", RETRIED)
def test_what_may_pass_is_tried_again_until_attempts_are_spent_and_the_run_goes_on(
    serving, request_of, fault
):
    limits = {"attempts": ATTEMPTS, "concurrency": 1}
    # a busy machine may take its time, except where time is what runs out
    limits |= {"time_limit_s": 0.3} if fault in {"hang", "drip"} else {}
    with serving([fault] * ATTEMPTS, calls=limits) as (server, client):
        failed, answered = client.ask([request_of(0), request_of(1)])
    assert failed.verdict.kind is RETRIED[fault]
    assert {attempt.kind for attempt in failed.attempts} == {failed.verdict.kind.value}
    assert len(failed.attempts) == ATTEMPTS
    assert not failed.answered
    assert failed.reply is None
    assert failed.verdict.detail.endswith(f"; {ATTEMPTS} attempts")
    assert "\n" not in failed.verdict.detail
    assert answered.verdict is None
    assert len(server.hits) == ATTEMPTS + 1


def test_after_a_fault_the_answer_counts(serving, request_of):
    with serving(["500"]) as (_, client):
        [call] = client.ask([request_of()])
    assert call.verdict is None
    assert call.reply == "one crystal"
    assert [attempt.kind for attempt in call.attempts] == ["server_error", None]


@pytest.mark.parametrize("fault", PAID)
def test_what_may_have_been_paid_is_never_asked_twice(serving, request_of, fault):
    with serving([fault] * 9) as (server, client):
        [call] = client.ask([request_of()])
    assert call.verdict.kind is PAID[fault]
    assert call.answered
    assert len(server.hits) == 1


def test_a_cut_text_is_kept(serving, request_of):
    with serving(["length"]) as (_, client):
        [call] = client.ask([request_of()])
    assert call.reply == "one c"
    assert call.finish_reason == "length"


@pytest.mark.parametrize(
    ("fault", "tokens", "cost"),
    [("missing-usage", (None, None), None), ("partial-usage", (5, None), None), (None, (5, 2), 25e-6)],
)
def test_unknown_tokens_are_not_zero(serving, request_of, fault, tokens, cost):
    with serving([fault], calls={"input_price": 1.0, "output_price": 10.0}) as (_, client):
        [call] = client.ask([request_of()])
    assert (call.input_tokens, call.output_tokens) == tokens
    assert call.cost == (cost if cost is None else pytest.approx(cost))
    assert call.verdict is None


def test_without_a_price_there_is_no_cost(serving, request_of):
    with serving(calls={"input_price": 1.0}) as (_, client):
        [call] = client.ask([request_of()])
    assert call.cost is None


def test_an_endless_reply_is_not_read_to_its_end(serving, request_of, monkeypatch):
    def endless(exchange):
        exchange.begin(10**15)
        while not exchange.abandoned(0.0):
            exchange.write(b" " * 100_000)

    monkeypatch.setitem(FAULTS, "endless", endless)
    with serving(["endless"]) as (_, client):
        [call] = client.ask([request_of()])
    assert "2000000 bytes" in call.verdict.detail
    assert call.input_tokens is None


def test_a_closed_port_is_a_lost_connection(client_of, request_of):
    [call] = client_of("http://127.0.0.1:9/v1").ask([request_of()])
    assert call.verdict.kind is Kind.CONNECTION_LOST
    assert call.attempts[0].status is None
    assert "connection refused" in call.verdict.detail


def test_an_unknown_host_is_a_lost_connection(client_of, request_of):
    [call] = client_of("http://no-such-host.invalid/v1", attempts=1).ask([request_of()])
    assert call.verdict.kind is Kind.CONNECTION_LOST


def test_what_nobody_expected_is_an_internal_error(serving, request_of, monkeypatch):
    def broken(self, *_):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("matsearch.propose.llm.wire.Wire.complete", broken)
    monkeypatch.delenv("MATSEARCH_RERAISE")
    with serving() as (_, client):
        calls = list(client.ask(request_of(slot) for slot in range(3)))
    assert {call.verdict.kind for call in calls} == {Kind.INTERNAL_ERROR}
    assert "ZeroDivisionError" in calls[0].verdict.traceback


def test_a_call_says_all_about_itself(serving, request_of):
    request = request_of(7, parameters={"temperature": 0.5, "max_tokens": 90, "seed": 3, "top_p": None})
    with serving(latency_s=0.05) as (server, client):
        [call] = client.ask([request])
    assert (call.key, call.slot, call.generation) == (request.key, 7, 0)
    assert call.messages == request.messages
    assert call.sent == {"temperature": 0.5, "max_tokens": 90, "seed": 3}
    assert server.hits[0].body["seed"] == 3
    assert call.endpoint == server.base_url
    assert (call.resolved_model, call.finish_reason) == (request.model, "stop")
    assert call.latency_s >= 0.05
    assert call.created_at.endswith("+00:00")


def test_tokens_of_an_attempt_that_was_made_again_are_counted(serving, request_of):
    prices = {"input_price": 1.0, "output_price": 1.0}
    with serving(["empty-choices"], calls=prices) as (_, client):
        calls = client.ask(request_of(slot, messages=request_of().messages) for slot in range(2))
        once, again = sorted(calls, key=lambda call: len(call.attempts))
    assert (len(once.attempts), len(again.attempts)) == (1, 2)
    assert again.input_tokens == 2 * once.input_tokens
    assert again.cost == pytest.approx(2 * once.cost)
