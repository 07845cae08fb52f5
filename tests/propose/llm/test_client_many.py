"""Many calls: how many at once, in what order, and how they end."""

import asyncio
import os
import signal
import threading
import time

import pytest

from matsearch.core.errors import BudgetSpentError


@pytest.mark.parametrize("concurrency", [1, 3])
def test_no_more_are_in_flight_than_allowed(serving, request_of, concurrency):
    with serving(latency_s=0.03, calls={"concurrency": concurrency}) as (server, client):
        calls = list(client.ask(request_of(slot) for slot in range(7)))
    assert server.max_in_flight == concurrency
    assert sorted(call.slot for call in calls) == list(range(7))


def test_calls_are_yielded_as_they_end(serving, request_of):
    def answer(messages, body):
        time.sleep(0.25 if "slot 1" in messages[0]["content"] else 0.0)
        return "one crystal"

    with serving(answer=answer) as (_, client):
        slots = [call.slot for call in client.ask(request_of(slot) for slot in range(4))]
    assert slots[-1] == 1


def test_requests_are_drawn_only_for_a_free_place_in_the_thread_of_the_caller(serving, request_of):
    drawn, threads, ended = [], set(), 0

    def requests():
        for slot in range(9):
            drawn.append(slot)
            threads.add(threading.current_thread())
            assert len(drawn) - ended <= 3
            yield request_of(slot)

    with serving(calls={"concurrency": 3}) as (_, client):
        for _ in client.ask(requests()):
            ended += 1
    assert ended == 9
    assert threads == {threading.current_thread()}


def test_the_iterator_may_end_when_a_budget_is_spent(serving, request_of):
    spent = 0

    def requests():
        slot = 0
        while spent < 4:
            yield request_of(slot)
            slot += 1

    with serving(calls={"concurrency": 2}) as (server, client):
        for call in client.ask(requests()):
            spent += call.output_tokens
    assert len(server.hits) <= 3


def test_an_iterator_that_raises_loses_no_answer(serving, request_of):
    def requests():
        yield request_of(0)
        yield request_of(1)
        raise BudgetSpentError("the budget of calls is spent")

    slots = []
    with serving(latency_s=0.05) as (server, client), pytest.raises(BudgetSpentError):
        slots.extend(call.slot for call in client.ask(requests()))
    assert len(server.hits) == 2
    # extend() keeps what came before the error
    assert sorted(slots) == [0, 1]


def test_nothing_to_ask_asks_nothing(serving):
    with serving() as (server, client):
        assert list(client.ask([])) == []
    assert server.hits == []


def test_it_works_under_a_running_event_loop(serving, request_of):
    async def notebook(client):
        return [call.slot for call in client.ask([request_of(0)])], client.check("rule-based-chemist").name

    with serving() as (_, client):
        assert asyncio.run(notebook(client)) == ([0], "rule-based-chemist")


def test_a_client_asks_again(serving, request_of):
    with serving() as (server, client):
        for slot in range(3):
            assert [call.slot for call in client.ask([request_of(slot)])] == [slot]
    assert len(server.hits) == 3


def test_closing_cancels_what_is_in_flight(serving, request_of):
    with serving([None, *["hang"] * 9], calls={"time_limit_s": 60, "deadline_s": 60}) as (_, client):
        calls = client.ask(request_of(slot) for slot in range(9))
        next(calls)
        started = time.monotonic()
        calls.close()
        assert list(calls) == []
        assert time.monotonic() - started < 2


def test_an_interrupt_leaves_no_thread(serving, request_of):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with serving(["hang"] * 9, calls={"time_limit_s": 60, "deadline_s": 60}) as (_, client):
            timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
            timer.start()
            started = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                list(client.ask([request_of()]))
            assert time.monotonic() - started < 5
    finally:
        signal.signal(signal.SIGINT, before)
