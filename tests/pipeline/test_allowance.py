"""Budgets of calls, tokens and money."""

from types import SimpleNamespace

import pytest

from matsearch.core.calls import CallEntry, Usage
from matsearch.core.config import BudgetSection
from matsearch.core.errors import BudgetSpentError
from matsearch.pipeline.allowance import Allowance

BORN = {
    "generation": 0,
    "slot": 0,
    "key": "k",
    "created_at": "2026-01-01",
    "prompt_id": "csg/1",
    "model": "m",
}
ENTRY = {**BORN, "paid": True, "answered": True, "kind": None, "attempts": 1, "latency_s": 0.1, "cost": 0.5}


def entry(tokens: int | None = 100, **changes) -> CallEntry:
    return CallEntry(**{**ENTRY, "input_tokens": tokens, "output_tokens": tokens, **changes})


def used(*entries) -> Usage:
    usage = Usage()
    for line in entries:
        usage = usage.with_entry(line)
    return usage


def test_usage_adds_up_and_unknown_stays_unknown():
    usage = used(
        entry(),
        entry(None, cost=None),
        entry(paid=False),
        entry(answered=False, kind="server_error", tokens=None, cost=None),
    )
    assert (usage.calls, usage.answered, usage.reused, usage.attempts) == (3, 2, 1, 3)
    assert (usage.input_tokens, usage.unknown_tokens, usage.cost, usage.unknown_cost) == (100, 1, 0.5, 1)
    assert usage.failures == {"server_error": 1}
    assert used(entry(None, cost=None)).input_tokens is None
    assert used(entry(None, cost=None)).cost is None


@pytest.mark.parametrize(
    ("budget", "enough"),
    [
        ({}, True),
        ({"calls": 6}, True),
        ({"calls": 5}, False),
        ({"tokens": 1200}, True),
        ({"tokens": 1199}, False),
        ({"cost": 3.0}, True),
        ({"cost": 2.9}, False),
    ],
)
def test_a_generation_is_begun_only_if_it_can_be_finished(budget, enough):
    allowance = Allowance(BudgetSection(**budget), used(entry(), entry()))
    if enough:
        allowance.require(4, 7)
        return
    with pytest.raises(BudgetSpentError, match=f"budget.{next(iter(budget))}.*generation 7"):
        allowance.require(4, 7)


def test_what_a_generation_needs_is_the_mean_of_what_is_known():
    some = used(entry(), entry(None, cost=None))
    for budget in ({"tokens": 999}, {"cost": 2.4}):
        with pytest.raises(BudgetSpentError, match="need about"):
            Allowance(BudgetSection(**budget), some).require(4, 1)
    Allowance(BudgetSection(tokens=1000, cost=2.5), some).require(4, 1)


@pytest.mark.parametrize("budget", [{"tokens": 9000}, {"cost": 9.0}])
def test_a_limit_that_no_endpoint_helps_to_keep_ends_the_search(budget):
    with pytest.raises(BudgetSpentError, match=r"cannot be kept.*budget\.calls"):
        Allowance(BudgetSection(**budget), used(entry(None, cost=None))).require(4, 1)
    Allowance(BudgetSection(**budget), used()).require(4, 0)


def test_calls_are_counted_when_they_begin():
    allowance = Allowance(BudgetSection(calls=3), used(entry()))
    assert list(allowance.allowed(["a", "b", "c"])) == ["a", "b"]
    assert "budget.calls: 3 of 3 spent" in str(allowance.spent)


def test_tokens_are_counted_when_they_are_known():
    allowance = Allowance(BudgetSection(tokens=300), used())
    requests = allowance.allowed("abcd")
    assert next(requests) == "a"
    assert next(requests) == "b"
    allowance.add(entry())
    assert next(requests) == "c"
    allowance.add(entry())
    assert list(requests) == []
    assert "budget.tokens: 400 of 300" in str(allowance.spent)


def test_enough_is_no_end():
    allowance = Allowance(BudgetSection(calls=2), used())
    assert len(list(allowance.allowed([SimpleNamespace()] * 2))) == 2
    assert allowance.spent is None
