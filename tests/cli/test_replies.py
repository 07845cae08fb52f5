"""``matsearch parse``, ``calls`` and ``call``."""

import json

import pytest
from pymatgen.core import Structure

from matsearch.testing.chemist import Chemist
from matsearch.testing.language_server import LanguageServer
from tests.commands import commands_in, run_toy, uri

ROCK_SALT = "Na Cl\n1.0\n0 2.8 2.8\n2.8 0 2.8\n2.8 2.8 0\nNa Cl\n1 1\ndirect\n0 0 0 Na\n0.5 0.5 0.5 Cl\n"
WRONG = ROCK_SALT.replace("1 1\n", "2 1\n").replace(" Na\n", "\n").replace(" Cl\n", "\n")
MODEL = {"propose__llm": {"model": "rule-based-chemist", "crystals": 3}, "population__proposals": 6}


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    with commands_in(tmp_path_factory.mktemp("replies")) as commands:
        yield commands


@pytest.fixture
def reply(tmp_path):
    path = tmp_path / "a.reply.txt"
    crystals = [{"formula": "LiCl", "poscar": ROCK_SALT}, {"formula": "Na2Cl", "poscar": WRONG}]
    path.write_text("Sure:\n```json\n" + json.dumps({"crystals": crystals}) + "\n```\n")
    return path


def test_parse_says_what_was_read_and_what_was_not(commands, reply):
    ended = commands.run("parse", reply)
    assert ended.code == 0, ended.err
    assert "1. NaCl, 2 atoms" in ended.out
    assert "LiCl" in ended.out
    assert "2. wrong_counts: " in ended.out
    assert ended.out.splitlines()[-1] == "1 read, 1 wrong counts"


def test_parse_writes_crystals(commands, reply, tmp_path):
    other = tmp_path / "b.txt"
    other.write_text(ROCK_SALT)
    ended = commands.run("parse", reply, other, "--to", tmp_path / "crystals", "--json")
    assert ended.document["written"] == ["a.reply-1.cif", "b-1.cif"]
    for name in ended.document["written"]:
        assert Structure.from_file(tmp_path / "crystals" / name).composition.reduced_formula == "NaCl"
    found = ended.document["replies"][0]["found"]
    assert [f["verdict"] and f["verdict"]["kind"] for f in found] == [None, "wrong_counts"]


def test_files_of_one_name_do_not_overwrite_each_other(commands, tmp_path):
    paths = [tmp_path / folder / "reply.txt" for folder in "ab"]
    for path in paths:
        path.parent.mkdir()
        path.write_text(ROCK_SALT)
    ended = commands.run("parse", *paths, "--to", tmp_path / "crystals", "--json")
    assert ended.document["written"] == ["001-reply-1.cif", "002-reply-1.cif"]


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00\x01" * 50, b"no crystal here", b"{" * 10_000])
def test_parse_of_nonsense_is_an_answer(content, commands, tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(content)
    ended = commands.run("parse", path)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[-1] == "1 no crystal"


def test_parse_of_a_missing_file_is_one_line(commands, tmp_path):
    assert "nowhere.txt" in commands.run("parse", tmp_path / "nowhere.txt").one_line()


@pytest.fixture(scope="module")
def asked(commands):
    store = commands.folder / "asked.sqlite"
    faults = ["refusal", None, "500"]
    with LanguageServer(Chemist(), faults) as server:
        prices = {"execution__calls__input_price": 1, "execution__calls__output_price": 2}
        arguments = run_toy(store, **MODEL, **prices, execution__calls__concurrency=1)
        ended = commands.run(*arguments, env={"OPENAI_BASE_URL": server.base_url})
    assert ended.code == 0, ended.err
    return uri(store), ended.document


def test_calls_are_listed_with_their_end_tokens_and_cost(commands, asked):
    store, run = asked
    ended = commands.run("calls", "--store", store, "--json")
    calls, usage = ended.document["calls"], ended.document["usage"]
    assert usage == run["usage"] == commands.run("status", "--store", store, "--json").document["usage"]
    assert [(c["generation"], c["slot"]) for c in calls] == [(g, s) for g in range(3) for s in range(2)]
    assert calls[0]["kind"] == "refused"
    assert calls[2]["attempts"] == 2
    assert usage["failures"] == {"refused": 1}
    cost = sum(c["input_tokens"] * 1e-6 + c["output_tokens"] * 2e-6 for c in calls)
    assert usage["cost"] == pytest.approx(cost)
    assert len(commands.run("calls", "--store", store, "--json", "-n", "2").document["calls"]) == 2
    table = commands.run("calls", "--store", store).out
    assert "refused" in table
    assert "6 calls, 6 answered (7 requests)" in table


def test_a_call_is_shown_word_for_word(commands, asked):
    store, _ = asked
    [first, second, *_] = commands.run("calls", "--store", store, "--json").document["calls"]
    shown = commands.run("call", second["key"][:12], "--store", store)
    assert "Propose 3 new crystalline materials" in shown.out
    assert '"crystals"' in shown.out
    document = commands.run("call", second["key"], "--store", store, "--json").document
    assert document["messages"][0]["content"] in shown.out
    assert "ended      refused" in commands.run("call", first["key"], "--store", store).out
    assert "`matsearch calls`" in commands.run("call", "nothing", "--store", store).one_line()


def test_a_search_by_operators_has_no_calls(commands):
    store = commands.folder / "operators.sqlite"
    commands.run(*run_toy(store, budget__generations=1))
    assert "asked no language model" in commands.run("calls", "--store", uri(store)).out
    assert "usage" not in commands.run("status", "--store", uri(store), "--json").document


def test_a_candidate_of_a_call_says_where_it_came_from(commands, asked):
    store, run = asked
    best = run["top"][0]["candidate_id"]
    candidate = commands.run("show", best, "--store", store, "--json").document
    details = candidate["lineage"]["details"]
    assert details["prompt"].startswith("csg/")
    assert details["model"] == "rule-based-chemist"
    called = commands.run("call", details["call"], "--store", store, "--json").document
    assert called["prompt_sha256"] == details["prompt_sha256"]
    assert "made by     csg" in commands.run("show", best, "--store", store).out
