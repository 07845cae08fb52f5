"""What ``config check`` says of a search of several proposers."""

import json

import pytest

from matsearch.cli.configs import check
from matsearch.pipeline.asking import close_clients
from matsearch.testing.chemist import Chemist
from matsearch.testing.language_server import LanguageServer

MIXED = {
    "propose.llm": {"model": "rule-based-chemist", "crystals": 4},
    "propose.share": {"llm": 2, "operators": 1, "random": 1},
    "population.proposals": 12,
    "budget.generations": 3,
}


@pytest.fixture
def endpoint(monkeypatch):
    with_crystals = LanguageServer(Chemist())
    close_clients()
    monkeypatch.setenv("OPENAI_BASE_URL", with_crystals.base_url)
    yield with_crystals
    close_clients()
    with_crystals.close()


@pytest.mark.parametrize(
    ("changes", "calls", "said"),
    [
        (
            {},
            6,
            [
                "each generation asks llm:csg for 6, operators for 3, random for 3 crystals",
                "; 6 calls in all\n",
            ],
        ),
        (
            {"propose.bandit": {}, "budget.calls": 6},
            2 + 3 + 3,
            [
                "the first generation asks llm:csg for 6, operators for 3, random for 3 crystals",
                "at most 8 calls in all, and budget.calls ends it at the earliest after 2 generations",
            ],
        ),
        ({"budget.calls": 4}, 6, ["6 calls in all, and budget.calls ends it after 2 generations"]),
    ],
)
def test_it_says_who_is_asked_and_how_many_calls_there_are_at_most(changes, calls, said, endpoint, capsys):
    check("toy", {**MIXED, **changes}, as_json=False)
    text = capsys.readouterr().out
    assert all(part in text for part in said), text
    check("toy", {**MIXED, **changes}, as_json=True)
    facts = json.loads(capsys.readouterr().out)
    assert facts["calls"] == calls
    assert facts["first_generation"] == {"llm:csg": 6, "operators": 3, "random": 3}
    assert endpoint.hits == [], "a check costs nothing"
