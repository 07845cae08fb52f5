"""``matsearch prompt``: what there is, what would be asked, and one real question."""

import pytest

from matsearch.testing.chemist import Chemist
from matsearch.testing.language_server import LanguageServer
from tests.commands import commands_in, run_toy, sets, stored, uri

MODEL = "rule-based-chemist"
SECTION = {"model": MODEL, "crystals": 2, "prompts": {"csg": 1, "mutate": 1, "repair": 1}}
LLM = {"propose.llm": {"model": MODEL, "crystals": 3}}
PRICES = {"execution.calls.input_price": 1, "execution.calls.output_price": 2}
KNOWN = ["cross", "csg", "csg-zero-shot", "csp", "matllmsearch", "multi-objective", "mutate", "repair"]


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    with commands_in(tmp_path_factory.mktemp("prompts")) as commands:
        yield commands


@pytest.fixture
def own(tmp_path):
    def write(front, text):
        path = tmp_path / "own.md"
        path.write_text(f"---\nid: own\nversion: 7\n{front}\n---\n{text}")
        return path

    return write


def test_list_names_every_prompt_and_what_it_needs(commands):
    rows = commands.run("prompt", "list", "--json").document["prompts"]
    assert [row["name"] for row in rows] == KNOWN
    assert {row["name"]: row["needs"] for row in rows if row["needs"] != "nothing"} == {
        "cross": "2 parents",
        "csp": "formulas",
        "mutate": "1 parent",
        "repair": "a failed proposal",
    }
    lines = commands.run("prompt", "list").out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == KNOWN


def test_list_says_which_one_cannot_be_used(commands, tmp_path):
    (tmp_path / "configs").mkdir()
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "broken.md").write_text("Propose {{ n }}.")
    (tmp_path / "prompts" / "empty.md").write_text("---\nid: empty\nversion: 1\ninputs: []\n---\nHello.")
    env = {"MATSEARCH_SHARE": str(tmp_path)}
    ended = commands.run("prompt", "list", env=env)
    assert (ended.code, ended.err) == (0, "")
    [line] = [line for line in ended.out.splitlines() if line.startswith("broken")]
    assert "does not begin with front matter" in line
    rows = commands.run("prompt", "list", "--json", env=env).document["prompts"]
    assert [row["name"] for row in rows if row["error"]] == ["broken", "empty"]


def test_show_prints_the_file_and_what_it_needs(commands):
    document = commands.run("prompt", "show", "mutate", "--json").document
    assert (document["prompt"], document["parents"], document["needs"]) == ("mutate/1", 1, "1 parent")
    assert list(document["reply_schema"]) == ["change", "formula"]
    text = commands.run("prompt", "show", "mutate").out
    assert document["text"].rstrip() in text
    assert document["path"] in text
    assert "parts" not in commands.run("prompt", "show", "parts/shown").err


def test_show_names_what_there_is(commands):
    assert "csg-zero-shot" in commands.run("prompt", "show", "nothing").one_line()


def test_preview_is_what_a_run_asks_word_for_word(commands):
    store = commands.folder / "run.sqlite"
    changes = {"propose__llm": SECTION, "population__proposals": 6, "budget__generations": 2}
    changes["relax__max_steps"] = 1  # something fails, whatever is proposed
    with LanguageServer(Chemist()) as server:
        ended = commands.run(*run_toy(store, **changes), env={"OPENAI_BASE_URL": server.base_url})
    assert ended.code == 0, ended.err
    campaign, before = ended.document["campaign_id"], stored(store)
    calls = commands.run("calls", "--store", uri(store), "--json").document["calls"]
    asked = {(call["generation"], call["slot"]): call for call in calls}
    arguments = [part for part in run_toy(store, **changes)[5:] if part != "--json"]
    first = [
        commands.run("prompt", "preview", "toy", "--json", "--slot", i, *arguments).document for i in range(3)
    ]
    assert [d["slots"] for d in first] == [3] * 3
    for slot, document in enumerate(first):
        call = asked[0, slot]
        sent = commands.run("call", call["key"], "--store", uri(store), "--json").document
        assert document["campaign_id"] == campaign
        assert document["messages"] == sent["messages"]
        assert document["prompt"] == sent["prompt_id"] == call["prompt_id"]
    assert {d["asked"] for d in first} == {"csg/3", "mutate/1", "repair/1"}
    assert {d["prompt"] for d in first} == {"csg/3", "mutate/1"}, "nothing has failed yet"
    of_campaign = ("--campaign", campaign, "--store", uri(store))
    following = commands.run(
        "prompt", "preview", "toy", "--json", "--prompt", "repair", *of_campaign, *arguments
    )
    assert following.document["generation"] == 2
    failed = [c for c in before[1] if c["verdict"] and c["structure"] and c["generation"] == 1]
    assert following.document["prompt"] == "repair/1"
    assert following.document["parents"][0] in {c["candidate_id"] for c in failed}
    assert following.document["notes"] == []
    assert stored(store) == before


def test_preview_of_another_configuration_says_so(commands):
    store = commands.folder / "other.sqlite"
    commands.run(*run_toy(store, budget__generations=1))
    arguments = ["prompt", "preview", "toy", "--campaign", "toy", "--store", uri(store), *sets(LLM)]
    ended = commands.run(*arguments)
    assert (ended.code, ended.err) == (0, "")
    assert "note: the configuration is not that of toy-" in ended.out
    assert "generation 1, slot 0" in ended.out
    assert "energy above hull" in ended.out


def test_preview_says_what_is_sent_in_place_of_a_prompt(commands):
    ended = commands.run("prompt", "preview", "toy", "--prompt", "repair", *sets(LLM))
    assert "csg/3 to rule-based-chemist" in ended.out
    assert "note: this slot has not what repair/1 needs, and is asked by csg/3" in ended.out
    assert "3 crystals asked for, 2 parents shown, about " in ended.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "asks no language model"),
        ([*sets(LLM), "--slot", 99], "no slot 99"),
        ([*sets(LLM), "--prompt", "nowhere"], "no such file: nowhere"),
        ([*sets(LLM), "--prompt", "csp"], "about given formulas"),
        ([*sets(LLM), "--store", "sqlite:///x.sqlite"], "--store without --campaign"),
        (
            [*sets({**LLM, "propose.share": {"llm": 1, "operators": 5}}), "--slot", 0],
            "slot 0 asks operators, no language model; name a --prompt, or take slot",
        ),
    ],
)
def test_what_cannot_be_asked_is_one_line(arguments, said, commands):
    with LanguageServer(Chemist()) as server:
        ended = commands.run("prompt", "test", "toy", *arguments, env={"OPENAI_BASE_URL": server.base_url})
    assert said in ended.one_line()
    assert server.hits == []


@pytest.mark.parametrize(
    ("front", "text", "said"),
    [
        ("inputs: [n, colour]", "{{ n }} of {{ colour }}", "nobody fills in colour"),
        ("inputs: [n]\nreply_schema: {cif: {type: string}}", "{{ n }}", "'cif' would be taken for a part"),
        ("inputs: [n]", "{{ n / 0 }}", "own/7: division by zero"),
    ],
)
def test_a_prompt_that_cannot_be_used_asks_nothing(front, text, said, commands, own):
    path = own(front, text)
    with LanguageServer(Chemist()) as server:
        environment = {"OPENAI_BASE_URL": server.base_url}
        ended = commands.run("prompt", "test", "toy", "--prompt", path, *sets(LLM), env=environment)
    assert said in ended.one_line()
    assert server.hits == []


def test_test_asks_once_and_stores_nothing(commands):
    arguments = ["prompt", "test", "toy", "-n", 2, *sets({**LLM, **PRICES})]
    files = sorted(commands.folder.glob("*.sqlite*"))
    with LanguageServer(Chemist()) as server:
        environment = {"OPENAI_BASE_URL": server.base_url}
        document = commands.run(*arguments, "--json", env=environment).document
        assert len(server.hits) == 1
        text = commands.run(*arguments, env=environment)
    assert (text.code, text.err) == (0, "")
    assert document["messages"] == server.hits[0].body["messages"]
    assert document["cost"] == pytest.approx(
        document["input_tokens"] * 1e-6 + document["output_tokens"] * 2e-6
    )
    assert [c["verdict"] for c in document["candidates"]] == [None, None]
    assert document["reply"] in text.out
    assert text.out.count(": passes\n") == 2
    assert "nothing was stored" in text.out.splitlines()[-1]
    assert sorted(commands.folder.glob("*.sqlite*")) == files


@pytest.mark.parametrize("verb", ["preview", "test"])
def test_what_a_short_context_leaves_out_is_not_shown(verb, commands):
    changes = {
        **LLM,
        "propose.llm.max_tokens": 100,
        "propose.llm.parents": 10,
        "execution.calls.context_tokens": 1200,
    }
    with LanguageServer(Chemist()) as server:
        environment = {"OPENAI_BASE_URL": server.base_url}
        document = commands.run("prompt", verb, "toy", *sets(changes), "--json", env=environment).document
    assert 0 < len(document["parents"]) < 10
    assert document["tokens"] <= 1100
    assert document["notes"] == [
        "failures or parents are left out, as execution.calls.context_tokens is 1200"
    ]
    if verb == "test":
        assert document["messages"] == server.hits[0].body["messages"]
        assert document["candidates"][0]["lineage"]["parent_ids"] == document["parents"]


def test_test_shows_what_an_endpoint_had_room_for(commands):
    changes = {**LLM, "propose.llm.max_tokens": 100, "propose.llm.parents": 10}
    with LanguageServer(Chemist(), ["context_length_exceeded"]) as server:
        environment = {"OPENAI_BASE_URL": server.base_url}
        document = commands.run("prompt", "test", "toy", *sets(changes), "--json", env=environment).document
    assert document["messages"] == server.hits[-1].body["messages"] != server.hits[0].body["messages"]
    assert len(document["parents"]) == 9


def test_test_says_what_sanity_says_and_what_cannot_be_read(commands):
    crystal = "x\n1.0\n2.8 0 0\n0 2.8 0\n0 0 2.8\nXe O\n1 1\ndirect\n0 0 0 Xe\n0.5 0.5 0.5 O\n"

    def answer(*_):
        escaped = crystal.replace("\n", "\\n")
        return f'\x1b[2J{{"crystals": [{{"poscar": "{escaped}"}}, {{"poscar": "no crystal"}}]}}'

    with LanguageServer(answer) as server:
        ended = commands.run("prompt", "test", "toy", *sets(LLM), env={"OPENAI_BASE_URL": server.base_url})
    assert (ended.code, ended.err) == (0, "")
    assert "1. XeO, 2 atoms: element_not_allowed: O, Xe not in the search's elements" in ended.out
    assert "\n  2. " in ended.out
    assert "\x1b" not in ended.out


def test_test_without_an_answer_is_one_line(commands):
    changes = {**LLM, "execution.calls.attempts": 1}
    with LanguageServer(Chemist(), ["500"]) as server:
        ended = commands.run(
            "prompt", "test", "toy", *sets(changes), env={"OPENAI_BASE_URL": server.base_url}
        )
    assert "status 500" in ended.one_line()


@pytest.mark.parametrize("verb", ["list", "show", "preview", "test"])
def test_help(verb, commands):
    ended = commands.run("prompt", verb, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert f"Usage: matsearch prompt {verb}" in " ".join(ended.out.split())
