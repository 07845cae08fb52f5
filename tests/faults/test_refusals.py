"""A language-model search that cannot be is refused in one line before anything is asked, relaxed or stored."""

import json

import pytest

from matsearch.testing.chemist import Chemist
from matsearch.testing.language_server import LanguageServer
from tests.commands import commands_in, run_toy

MODEL = {"model": "rule-based-chemist", "crystals": 2}
THREE = {"llm": 1, "operators": 1, "random": 1}
STABLE = {"name": "energy_above_hull"}
STIFF = {"name": "bulk_modulus", "direction": "maximize"}

LIMITS = {
    "a formula of other elements": ({"system__formulas": ["NaCl"]}, "NaCl has Cl, Na"),
    "no formula": ({"system__formulas": ["hello"]}, "'hello' is not a formula"),
    "a formula larger than the cell": ({"system__formulas": ["Ti3AlC2"]}, "Ti3AlC2 has 6 atoms"),
    "a formula of too few elements": (
        {"system__formulas": ["TiC"], "system__n_elements": [3, 3]},
        "2 elements",
    ),
    "a formula of another anion": (
        {"system__formulas": ["TiAl"], "system__anions": ["C"]},
        "Al is the most electronegative element, not C",
    ),
    "a formula that costs too much": (
        {"system__formulas": ["TiC"], "system__max_cost": 0.01},
        "USD per kg, over 0.01",
    ),
    "an excluded element": ({"system__exclude": ["Ti"]}, "Ti is asked for and excluded"),
    "more elements than there are": ({"system__n_elements": [4, 5]}, "n_elements [4, 5]"),
    "an anion that cannot be one": (
        {"system__elements": ["Ti", "C"], "system__anions": ["Ti"]},
        "Ti cannot be the most electronegative",
    ),
    "charges that never balance": (
        {"system__oxidation_states": {"Ti": [4], "Al": [3], "C": [4]}},
        "is balanced by no other element",
    ),
    "a space group that is none": ({"system__spacegroups": [231]}, "231 is no space group"),
    "elements that all cost more": ({"system__max_cost": 0.0001}, "system.max_cost 0.0001"),
}

AIMS = {
    "an objective nobody computes": (
        {"objectives": [STABLE, {"name": "hardness", "direction": "maximize", "scale": [0, 100]}]},
        "nobody computes 'hardness'",
    ),
    "a range that ends before it begins": (
        {"objectives": [STABLE, {"name": "density", "direction": "target", "target": [4, 2]}]},
        "density: target [4.0, 2.0]",
    ),
    "a constraint no value keeps": (
        {"objectives": [{"name": "density", "at_least": 5, "at_most": 2}]},
        "no value is at_least 5 and at_most 2",
    ),
    "a scale against its direction": (
        {"objectives": [{**STIFF, "scale": [400, 0]}]},
        "scale [400, 0]",
    ),
    "the paper's scheme with two": (
        {"selection__scheme": "matllmsearch", "objectives": [STABLE, STIFF]},
        "matllmsearch needs the one objective",
    ),
    "the paper's scheme with niches": (
        {"selection__scheme": "matllmsearch", "selection__niches": 0.5},
        "without niches",
    ),
    "a cap on what is not there": ({"selection__element_caps": {"precious": 0.5}}, "precious"),
}

PROPOSERS = {
    "a model without a share": ({"propose__share": {"operators": 1}}, "llm is not asked"),
    "a share without a model": (
        {"propose__llm": None, "propose__share": {"llm": 1, "operators": 1}},
        "there is no propose.llm",
    ),
    "a share of no crystal": (
        {"propose__share": {"llm": 100, "operators": 1}},
        "less than one crystal of operators",
    ),
    "a choice of one": ({"propose__bandit": {}}, "one proposer leaves no choice"),
    "floors above the whole": (
        {"propose__share": THREE, "propose__bandit": {"floor": 0.4}},
        "3 proposers at 0.4 each",
    ),
    "costs without prices": (
        {"propose__share": THREE, "propose__bandit": {"crystal_cost": 0.1}},
        "execution.calls.input_price",
    ),
    "a budget under one generation": ({"budget__calls": 1}, "1 is less than the 3 calls"),
    "islands without parents": ({"population__islands": 4}, "population.islands: 4"),
    "a prediction of nothing": ({"propose__llm": {**MODEL, "prompt": "csp"}}, "is about given formulas"),
}

TEMPLATES = {
    "an unknown input": ("inputs: [n, reply, mood]", "{{ n }} in {{ mood }} {{ reply }}", "fills in mood"),
    "an unknown field of parents": (
        "inputs: [n, reply, parents]",
        "{{ n }} {% for p in parents %}{{ p.colour }}{% endfor %} {{ reply }}",
        "colour",
    ),
    "an unknown field of failures": (
        "inputs: [n, reply, failures]",
        "{{ n }} {% for f in failures %}{{ f.colour }}{% endfor %} {{ reply }}",
        "colour",
    ),
    "a way out of the sandbox": ("inputs: [n, reply]", "{{ n.__class__.__mro__ }} {{ reply }}", "__class__"),
}


@pytest.fixture(scope="module")
def server():
    with LanguageServer(Chemist()) as server:
        yield server


@pytest.fixture(scope="module")
def run(server, tmp_path_factory):
    """Return a function that runs a small search by the model, with changes."""
    with commands_in(tmp_path_factory.mktemp("refusals")) as commands:

        def run(store, **changes):
            asked = {"propose__llm": MODEL, "seeds__score": True, "budget__generations": 1} | changes
            arguments = run_toy(store, **{key: json.dumps(value) for key, value in asked.items()})
            return commands.run(*arguments, env={"OPENAI_BASE_URL": server.base_url})

        yield run


def require_refused(run, server, store, changes, reason):
    """Assert that a search is refused with a reason and a remedy, and that nothing was asked, relaxed or stored."""
    hits = len(server.hits)
    ended = run(store, **changes)
    (line,) = ended.err.splitlines()
    problem = json.loads(line)
    assert ended.code == 2
    assert ended.out == ""
    assert reason in problem["error"]
    assert problem["remedy"]
    assert len(server.hits) == hits
    assert not store.exists(), "relaxations are kept there"


def test_the_search_of_these_tests_is_fine(run, server, tmp_path):
    """Else the refusals would say nothing about their reasons."""
    ended = run(tmp_path / "s.sqlite")
    assert ended.code == 0, ended.err
    assert len(server.hits) >= 3
    assert '"relaxed"' in ended.err


@pytest.mark.parametrize("case", [*LIMITS, *AIMS, *PROPOSERS])
def test_what_contradicts_itself_is_refused(case, run, server, tmp_path):
    changes, reason = {**LIMITS, **AIMS, **PROPOSERS}[case]
    require_refused(run, server, tmp_path / "s.sqlite", changes, reason)


@pytest.mark.parametrize("case", TEMPLATES)
def test_a_prompt_that_cannot_be_filled_in_is_refused(case, run, server, tmp_path):
    inputs, text, reason = TEMPLATES[case]
    prompt = tmp_path / "mine.md"
    prompt.write_text(f"---\nid: mine\nversion: 1\n{inputs}\n---\nPropose {text}\n")
    changes = {"propose__llm": {**MODEL, "prompt": str(prompt)}}
    require_refused(run, server, tmp_path / "s.sqlite", changes, reason)
