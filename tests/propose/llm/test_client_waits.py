"""Waits: backoff, what the endpoint asks for, the deadline."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.verdict import FailureKind as Kind
from matsearch.propose.llm.answer import retry_after
from matsearch.propose.llm.retry import CAP_S, Gate, backoff


def test_retry_after_is_a_lower_bound(serving, request_of):
    with serving(["429:retry-after=0.2"]) as (_, client):
        started = time.monotonic()
        [call] = client.ask([request_of()])
    assert time.monotonic() - started >= 0.2
    assert call.verdict is None
    assert call.latency_s < 0.2


def test_retry_after_beyond_the_deadline_ends_the_call_at_once(serving, request_of):
    with serving(["429:retry-after=3600"]) as (server, client):
        started = time.monotonic()
        calls = list(client.ask(request_of(slot) for slot in range(3)))
        assert time.monotonic() - started < 2
    assert calls[0].verdict.kind is Kind.RATE_LIMITED
    assert "asks to wait 3600 s, the deadline is 10 s" in calls[0].verdict.detail
    assert not calls[0].answered
    # the others go on
    assert [call.verdict for call in calls[1:]] == [None, None]
    assert len(server.hits) == 3


def test_one_answer_to_wait_holds_all_calls_back(serving, request_of):
    times = []

    def faults(hit):
        times.append(time.monotonic())
        return "429:retry-after=0.25" if hit.number == 0 else None

    with serving(faults, calls={"concurrency": 8}) as (server, client):
        assert all(call.verdict is None for call in client.ask(request_of(slot) for slot in range(8)))
    assert len(server.hits) == 9
    assert min(times[1:]) - times[0] >= 0.25
    # and then all go at once
    assert max(times[1:]) - times[0] < 3


def test_calls_that_were_told_to_wait_come_back_one_by_one(serving, request_of, monkeypatch):
    monkeypatch.setattr("matsearch.propose.llm.calling.backoff", lambda *_: next(waits))
    waits, times = iter([0.05 * n for n in range(8)]), []

    def faults(hit):
        times.append(time.monotonic())
        return "429:retry-after=0.5" if hit.number < 8 else None

    with serving(faults, calls={"concurrency": 8}) as (_, client):
        assert all(call.verdict is None for call in client.ask(request_of(slot) for slot in range(8)))
    assert times[-1] - times[8] > 0.2


def test_the_deadline_bounds_attempts_and_waits_together(serving, request_of):
    with serving(["hang"] * 50, calls={"attempts": 20, "time_limit_s": 0.12, "deadline_s": 0.3}) as (
        server,
        client,
    ):
        started = time.monotonic()
        [call] = client.ask([request_of()])
        assert time.monotonic() - started < 2
    assert call.verdict.kind is Kind.CALL_TIME_OUT
    assert "the deadline is 0.3 s" in call.verdict.detail
    assert 2 <= len(server.hits) <= 5


def test_the_deadline_cuts_an_attempt_short(serving, request_of):
    with serving(["hang"], calls={"attempts": 1, "deadline_s": 0.2}) as (_, client):
        [call] = client.ask([request_of()])
    assert call.verdict.kind is Kind.CALL_TIME_OUT
    assert call.latency_s < 4


def test_a_gate_that_opens_after_the_deadline_is_not_waited_for():
    async def passed():
        now = time.monotonic()
        return (
            await Gate(now + 60).passed(now + 30),
            await Gate(now - 1).passed(now + 30),
            time.monotonic() - now,
        )

    late, open_one, seconds = asyncio.run(passed())
    assert (late, open_one) == (False, True)
    assert seconds < 5


def test_waits_that_outlast_the_deadline_end_a_call(serving, request_of):
    with serving(["429:retry-after=0.25"] * 9, calls={"deadline_s": 0.4}) as (server, client):
        [call] = client.ask([request_of()])
    assert call.verdict.kind is Kind.RATE_LIMITED
    assert len(server.hits) == 2


@given(st.integers(1, 10_000), st.floats(0.001, 10))
def test_backoff_stays_under_its_ceiling(failures, base_s):
    assert 0 <= backoff(failures, base_s) <= min(CAP_S, base_s * 2.0 ** min(failures - 1, 100))


def test_backoff_grows_and_has_jitter():
    means = [sum(backoff(n, 1.0) for _ in range(300)) / 300 for n in (1, 3, 5)]
    assert means[0] < means[1] < means[2]
    assert len({backoff(1, 1.0) for _ in range(10)}) == 10


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"retry-after-ms": "250", "retry-after": "1"}, 0.25),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "-5"}, None),
        ({"Retry-After": "nan"}, None),
        ({"Retry-After": "inf"}, None),
        ({"Retry-After": ""}, None),
        ({"Retry-After": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"Retry-After": "Thu, 99 Jan 1970 00:00:00 GMT"}, None),
        ({}, None),
    ],
)
def test_what_retry_after_says(headers, seconds):
    assert retry_after(headers) == seconds


def test_retry_after_may_be_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert retry_after({"Retry-After": date}) == pytest.approx(60, abs=2)


@given(st.text())
def test_no_retry_after_is_trusted(text):
    seconds = retry_after({"Retry-After": text})
    assert seconds is None or seconds >= 0
