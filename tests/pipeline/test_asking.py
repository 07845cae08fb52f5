"""Calls and the repository: what is shared between campaigns, and what is asked again."""

import pytest

from matsearch.core.config import load_config
from matsearch.core.errors import LanguageModelError, StoreError
from matsearch.core.resources import find
from matsearch.core.verdict import FailureKind
from matsearch.pipeline.campaign import open_campaign
from matsearch.pipeline.funnel import count_funnel
from matsearch.pipeline.ledger import Ledger
from matsearch.pipeline.steps import plan
from matsearch.pipeline.tools import build_tools
from matsearch.store import open_repository
from matsearch.testing.chemist import Chemist


def toy(**changes):
    overrides = {
        "propose.llm": {"model": "rule-based-chemist", "crystals": 3},
        "population.proposals": 7,
        "execution.calls.attempts": 1,
        **{key.replace("__", "."): value for key, value in changes.items()},
    }
    return load_config(find("configs", "toy"), overrides)


def planned(config, repository):
    record = open_campaign(config, repository)
    return record.campaign_id, plan(record.state, build_tools(config), repository)


def test_a_slot_asks_for_several_crystals_and_the_last_for_the_rest(repository, serve):
    server = serve()
    _, candidates = planned(toy(), repository)
    asked = sorted(hit.body["messages"][0]["content"].split("Propose ")[1][0] for hit in server.hits)
    assert asked == ["1", "3", "3"]
    assert [(c.slot, c.index) for c in candidates] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]


def test_another_campaign_uses_the_same_answers_and_pays_nothing(repository, serve):
    server = serve()
    first, candidates = planned(toy(), repository)
    second, others = planned(toy(relax__fmax=0.2), repository)
    assert second != first
    assert len(server.hits) == 3
    assert [c.structure for c in others] == [c.structure for c in candidates]
    paid, reused = Ledger(repository, first).usage(), Ledger(repository, second).usage()
    assert (paid.calls, paid.reused) == (3, 0)
    assert (reused.calls, reused.reused, reused.input_tokens) == (0, 3, None)


def test_another_prompt_model_or_seed_is_another_question(repository, serve):
    server = serve(models=("rule-based-chemist", "another"))
    planned(toy(), repository)
    planned(toy(propose__llm={"model": "another", "crystals": 3}), repository)
    planned(toy(seed=5), repository)
    assert len(server.hits) == 9


def test_the_order_of_answers_changes_nothing(repository, serve):
    slow_first = serve(lambda hit: None, latency_s=0.05)
    _, candidates = planned(toy(execution__calls__concurrency=1), repository)
    other = open_repository("sqlite://:memory:")
    try:
        _, again = planned(toy(execution__calls__concurrency=8), other)
    finally:
        other.close()
    assert len(slow_first.hits) == 6
    assert again == candidates


def test_a_failed_call_is_a_verdict_and_the_others_go_on(repository, serve):
    serve(["500"])
    campaign, candidates = planned(toy(execution__calls__concurrency=1), repository)
    lost = [c for c in candidates if c.verdict]
    assert [(c.slot, c.verdict.kind) for c in lost] == [(0, FailureKind.SERVER_ERROR)]
    usage = Ledger(repository, campaign).usage()
    assert (usage.calls, usage.answered, usage.failures) == (3, 2, {"server_error": 1})


def test_a_generation_without_an_answer_is_not_committed(repository, serve):
    serve(lambda hit: "503")
    with pytest.raises(LanguageModelError, match="none of the 3 calls of generation 0"):
        planned(toy(), repository)
    serve()
    campaign, candidates = planned(toy(), repository)
    assert all(c.structure is not None for c in candidates)
    usage = Ledger(repository, campaign).usage()
    assert (usage.calls, usage.answered) == (6, 3)


def one_too_many(messages, body):
    prompt = messages[0]["content"].replace("Propose 3", "Propose 4")
    return Chemist()([{"role": "user", "content": prompt}], body)


def test_a_surplus_crystal_is_kept_and_not_counted(repository, serve):
    serve(answer=one_too_many)
    config = toy(population__proposals=3)
    campaign, candidates = planned(config, repository)
    kinds = [c.verdict and c.verdict.kind for c in candidates]
    assert kinds == [None, None, None, FailureKind.SURPLUS]
    assert candidates[3].structure is not None
    again = planned(config, repository)[1]
    assert again == candidates
    funnel = count_funnel(repository.get_campaign(campaign), candidates)
    assert (funnel.asked, funnel.replied, funnel.parsed) == (3, 3, 3)


def test_a_damaged_answer_is_an_error_of_the_store(repository, serve, monkeypatch):
    serve()
    config = toy()
    record = open_campaign(config, repository)
    tools = build_tools(config)
    monkeypatch.setattr(repository, "get_call", lambda key: {"reply": "x"})
    with pytest.raises(StoreError, match="is damaged"):
        plan(record.state, tools, repository)


def test_where_others_propose_one_unanswered_generation_is_survived_and_a_second_ends_it(repository, serve):
    model = {"model": "rule-based-chemist", "crystals": 3}
    config = toy(propose__llm=model, propose__share={"llm": 3, "operators": 4})
    serve()
    campaign, proposals = planned(config, repository)
    state = repository.get_campaign(campaign).state
    assert {c.proposer for c in proposals} == {"llm", "operators"}
    serve(lambda hit: "500")
    survived = plan(state.evolve(generation=1), build_tools(config), repository)
    assert {c.verdict.kind for c in survived if c.proposer == "llm"} == {FailureKind.SERVER_ERROR}
    assert any(c.alive for c in survived if c.proposer == "operators")
    with pytest.raises(LanguageModelError, match="none of the 1 calls of generation 2"):
        plan(state.evolve(generation=2), build_tools(config), repository)
