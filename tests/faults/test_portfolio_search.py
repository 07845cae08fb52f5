"""The whole loop of the language-model search over real HTTP: several proposers, a bandit, faults and kills."""

import math
import random
import signal
import time

import pytest

from matsearch.testing.chemist import Chemist
from matsearch.testing.language_server import LanguageServer
from tests.commands import commands_in, run_toy, stored, uri, wait_until

MODEL = "rule-based-chemist"
PROMPTS = {"csg": 2, "mutate": 1, "cross": 1, "repair": 1}
SEARCH = {
    "propose__llm": {"model": MODEL, "crystals": 2, "parents": 2, "prompts": PROMPTS},
    "propose__share": {"llm": 3, "operators": 2, "random": 1},
    "propose__bandit": {"floor": 0.05},
    "seeds__score": True,
    "selection__niches": 0.3,
    "population__islands": 2,
    "population__proposals": 24,
    "population__parents": 8,
    "execution__calls__concurrency": 8,
    "execution__calls__attempts": 4,
    "execution__calls__time_limit_s": 5.0,
    "execution__calls__input_price": 1.0,
    "execution__calls__output_price": 2.0,
}
LONG_S = 600.0
"""Ten generations, on a machine that does other things too."""

FAULTS = ("500", "429", "reset", "reset-midway", "broken-json", "html")
"""None of them is charged for: with and without them the same is spent."""


@pytest.fixture
def server():
    def one_in_ten(hit):
        """Return the fault of a request: every tenth question has one when it is asked first, each kind in turn."""
        asked = {other.fingerprint for other in server.hits}
        turn, left = divmod(len(asked), 10)
        return FAULTS[turn % len(FAULTS)] if left == 0 and hit.fingerprint not in asked else None

    with LanguageServer(Chemist(mistakes=0.2), one_in_ten, latency_s=0.05) as server:
        yield server


def search(store, generations):
    return run_toy(store, **{**SEARCH, "budget__generations": generations})


def environment(server):
    return {"OPENAI_BASE_URL": server.base_url}


def require_faults(server):
    """One question in ten met a fault."""
    faults = [hit.fault for hit in server.hits if hit.fault is not None]
    assert len(faults) == math.ceil(len({hit.fingerprint for hit in server.hits}) / 10)
    assert set(faults) == set(FAULTS[: len(faults)])


def require_sums(ended, commands, store, server):
    """Tokens, calls, crystals and cost are the same wherever they are added up."""
    usage, funnel = ended.document["usage"], ended.document["funnel"]
    lines = commands.run("calls", "--store", uri(store), "--json", "-n", "10000").document["calls"]
    answered = [line for line in lines if line["answered"]]
    assert usage["calls"] == len(lines)
    questions = {hit.fingerprint: server.words(hit.body) for hit in server.hits if hit.answered}
    assert usage["answered"] == len(answered) == len(questions)
    assert usage["input_tokens"] == sum(questions.values()), "as the server counts them"
    for side in ("input_tokens", "output_tokens"):
        assert usage[side] == sum(line[side] or 0 for line in lines) > 0
    price = (usage["input_tokens"] + 2.0 * usage["output_tokens"]) / 1e6
    assert usage["cost"] == pytest.approx(price)
    (state,), candidates = stored(store)
    arms = [arm for summary in state["history"] for arm in summary["arms"]]
    assert sum(arm["asked"] for arm in arms) == funnel["asked"]
    assert sum(arm["cost"] or 0.0 for arm in arms) == pytest.approx(usage["cost"])
    assert {c["proposer"] for c in candidates} == {"llm", "operators", "random"}
    slots = {(c["generation"], c["slot"]) for c in candidates if c["proposer"] == "llm"}
    assert {(line["generation"], line["slot"]) for line in lines} == slots


def test_several_proposers_share_a_search_and_all_adds_up(commands, server, tmp_path):
    store = tmp_path / "s.sqlite"
    ended = commands.run(*search(store, 2), env=environment(server))
    assert ended.code == 0, ended.err
    assert ended.document["funnel"]["asked"] == 2 * 24
    require_faults(server)
    require_sums(ended, commands, store, server)
    again = commands.run(*search(store, 2), env=environment(server))
    assert again.document["top"] == ended.document["top"]
    assert again.document["usage"] == ended.document["usage"]
    report = commands.run("report", "--store", uri(store), "--to", str(tmp_path / "r"))
    assert report.code == 0, report.err
    page = (tmp_path / "r" / "report.html").read_text()
    assert all(word in page for word in ("mutate", "random", "operators"))


@pytest.mark.slow
def test_ten_generations_with_kills_end_like_an_undisturbed_run(commands, server, tmp_path):
    rng = random.Random(7)
    store = tmp_path / "s.sqlite"
    ends = []
    for _ in range(12):
        before = len(server.hits)
        running = commands.start(*search(store, 10), env=environment(server))
        wait_until(
            lambda: len(server.hits) > before or running.poll() is not None,  # noqa: B023 - called at once
            60,
            running.err,
        )
        time.sleep(rng.uniform(0.0, 2.0))
        ends.append(running.kill().code)
    assert ends.count(-signal.SIGKILL) >= 4, "a machine so fast that it ended first"
    ended = commands.run(*search(store, 10), env=environment(server), limit_s=LONG_S)
    assert ended.code == 0, ended.err
    assert server.max_in_flight == 8
    require_faults(server)
    require_sums(ended, commands, store, server)
    undisturbed = tmp_path / "u.sqlite"
    with commands_in(tmp_path) as others:
        whole = others.run(*search(undisturbed, 10), env=environment(server), limit_s=LONG_S)
    assert whole.document["top"] == ended.document["top"]
    assert whole.document["funnel"] == ended.document["funnel"]
    assert [s["history"] for s in stored(store)[0]] == [s["history"] for s in stored(undisturbed)[0]]
