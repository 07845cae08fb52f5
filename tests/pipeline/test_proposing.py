"""A generation of several proposers, over real HTTP: who is asked, what is counted, what is asked again."""

from collections import Counter

import pytest

from matsearch.core.config import load_config
from matsearch.core.errors import BudgetSpentError, ConfigError, LanguageModelError
from matsearch.core.resources import find
from matsearch.core.verdict import FailureKind
from matsearch.pipeline.campaign import open_campaign
from matsearch.pipeline.credit import credit
from matsearch.pipeline.funnel import count_funnel
from matsearch.pipeline.ledger import Ledger
from matsearch.pipeline.portfolio import slots_of
from matsearch.pipeline.proposing import propose_generation, slots_for
from matsearch.pipeline.steps import plan
from matsearch.pipeline.tools import build_tools

MODEL = "rule-based-chemist"


def mixed(**changes):
    overrides = {
        "propose.llm": {"model": MODEL, "crystals": 3},
        "propose.share": {"llm": 5, "operators": 3, "random": 2},
        "population.proposals": 10,
        "execution.calls.attempts": 1,
        "execution.calls.concurrency": 1,
        "execution.calls.input_price": 1.0,
        "execution.calls.output_price": 1.0,
        **{key.replace("__", "."): value for key, value in changes.items()},
    }
    return load_config(find("configs", "toy"), overrides)


def planned(config, repository):
    record = open_campaign(config, repository)
    return record, plan(record.state, build_tools(config), repository)


def test_each_slot_asks_its_own_proposer(repository, serve):
    server = serve()
    config = mixed()
    record, candidates = planned(config, repository)
    plans = slots_of(config, [], 0)
    assert Counter(plan.arm for plan in plans) == {"llm:csg": 2, "operators": 3, "random": 2}
    assert [(c.slot, c.index) for c in candidates] == [
        (slot, index) for slot, plan in enumerate(plans) for index in range(plan.crystals)
    ]
    assert [c.proposer for c in candidates] == [plans[c.slot].arm.removesuffix(":csg") for c in candidates]
    assert {c.lineage.operator for c in candidates if c.proposer == "random"} == {"random_symmetric"}
    assert len({c.candidate_id for c in candidates}) == 10
    assert len(server.hits) == Ledger(repository, record.campaign_id).usage().calls == 2
    assert planned(config, repository)[1] == candidates
    assert len(server.hits) == 2


def test_the_controls_are_the_same_crystals_beside_a_model_and_alone(repository, serve):
    serve()
    record, candidates = planned(mixed(), repository)
    tools = build_tools(mixed(propose__llm=None, propose__share={"operators": 1, "random": 1}))
    slots = slots_for(record.state, build_tools(mixed()), repository)
    for candidate in candidates:
        if candidate.proposer != "llm":
            assert tools.proposers[candidate.proposer].propose(slots[candidate.slot]) == [candidate]


def test_calls_that_fail_lose_their_own_slots_alone(repository, serve):
    serve(["500"])
    record, candidates = planned(mixed(), repository)
    lost = [c for c in candidates if c.verdict]
    assert [c.verdict.kind for c in lost] == [FailureKind.SERVER_ERROR]
    funnel = count_funnel(repository.get_campaign(record.campaign_id), candidates)
    missing = slots_of(mixed(), [], 0)[lost[0].slot].crystals
    assert (funnel.asked, funnel.replied, funnel.parsed) == (10, 10 - missing, 10 - missing)


def test_without_an_answer_nothing_is_committed_and_answers_are_not_asked_again(repository, serve):
    serve(lambda hit: "503")
    config = mixed()
    with pytest.raises(LanguageModelError, match="none of the 2 calls of generation 0"):
        planned(config, repository)
    half = serve(lambda hit: "503" if hit.number else None)
    record = open_campaign(config, repository)
    first = propose_generation(record.state, build_tools(config), repository)
    assert sum(c.verdict is not None for c in first) == 1
    rest = serve()
    _, candidates = planned(config, repository)
    assert [len(half.hits), len(rest.hits)] == [2, 1], "the one that was answered is kept"
    assert all(c.structure is not None for c in candidates)


def test_budgets_count_calls_of_the_model_alone(repository, serve):
    serve()
    config = mixed(budget__calls=3)
    record, _ = planned(config, repository)
    tools = build_tools(config)
    with pytest.raises(BudgetSpentError, match=r"1 of 3 left, and the 2 calls of generation 1"):
        propose_generation(record.state.evolve(generation=1), tools, repository)


def test_credit_adds_up(repository, serve):
    serve(["500"])
    record, candidates = planned(mixed(), repository)
    ledger = Ledger(repository, record.campaign_id)
    lines = {line.proposer: line for line in credit(record, candidates, ledger.entries())}
    usage = ledger.usage()
    model, operators, chance = lines["llm"], lines["operators"], lines["random"]
    assert [line.asked for line in (model, operators, chance)] == [5, 3, 2]
    assert (model.prompt.partition("/")[0], model.model) == ("csg", MODEL), "failed calls are its own too"
    assert (model.calls, model.cost, model.input_tokens) == (2, usage.cost, usage.input_tokens)
    assert ledger.costs(0) == dict.fromkeys(ledger.costs(0), usage.cost)
    assert len(ledger.costs(0)) == 1
    assert ledger.costs(1) == {}
    assert (operators.prompt, operators.model, operators.calls, operators.cost) == (None, None, 0, None)
    assert (model.hits, model.per_100, model.per_100_low, model.cost_per_hit) == (0, 0.0, 0.0, None)
    assert 40 < model.per_100_high < 45


def test_answers_of_another_campaign_cost_a_bandit_the_same(repository, serve):
    serve()
    first, _ = planned(mixed(), repository)
    second, candidates = planned(mixed(relax__fmax=0.2), repository)
    others = Ledger(repository, second.campaign_id)
    assert others.usage().calls == 0
    assert others.costs(0) == Ledger(repository, first.campaign_id).costs(0) != {}
    [model] = [line for line in credit(second, candidates, others.entries()) if line.proposer == "llm"]
    assert (model.asked, model.calls, model.cost) == (5, 0, None)


def prompt_file(folder, name, identity):
    text = find("prompts", "csg").read_text()
    path = folder / name
    path.write_text(text.replace("id: csg\n", f"id: {identity}\n"))
    return str(path)


def test_prompts_are_arms_named_after_their_files(repository, serve, tmp_path):
    server = serve()
    mine = prompt_file(tmp_path, "mine.md", "my-own")
    (tmp_path / "elsewhere").mkdir()
    moved = prompt_file(tmp_path / "elsewhere", "mine.md", "my-own")
    ids = set()
    for path in (mine, moved):
        config = mixed(propose__llm={"model": MODEL, "crystals": 3, "prompts": {"csg": 1, path: 1}})
        record, candidates = planned(config, repository)
        ids.add(record.campaign_id)
    assert len(ids) == 1, "where a file lies does not matter"
    assert {plan.arm for plan in slots_of(config, [], 0)} >= {"llm:csg", "llm:mine"}
    assert {c.lineage.operator for c in candidates if c.proposer == "llm"} == {"csg", "my-own"}
    assert len(server.hits) == 2
    assert set(record.provenance["language_model"]["prompts"]) == {
        made.prompt_id for made in build_tools(config).requests.values()
    }


def test_one_prompt_is_the_same_campaign_however_it_is_said(serve):
    serve()
    base = {"model": MODEL, "crystals": 3}
    said = [base, {**base, "prompt": "csg"}, {**base, "prompts": {"csg": 2}}]
    keys = {build_and_name(mixed(propose__llm=model)) for model in said}
    assert len(keys) == 1
    assert build_and_name(mixed(propose__llm={**base, "prompts": {"csg": 1, "mutate": 1}})) not in keys


def build_and_name(config):
    from matsearch.pipeline.campaign import campaign_id

    return campaign_id(config, build_tools(config))


def test_two_prompts_of_one_id_are_refused(tmp_path):
    twin = prompt_file(tmp_path, "twin.md", "csg")
    config = mixed(propose__llm={"model": MODEL, "crystals": 3, "prompts": {"csg": 1, twin: 1}})
    with pytest.raises(ConfigError, match=r"csg and twin both call themselves csg/\d"):
        build_tools(config)
