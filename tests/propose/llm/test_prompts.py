"""Prompts are data: what is not right with one is said before any call."""

import pytest

from matsearch.core.errors import InputError
from matsearch.core.language_model import LanguageModelSection
from matsearch.core.resources import available
from matsearch.crystal.languages import LANGUAGES
from matsearch.propose.llm.prompts import load_prompt
from matsearch.propose.llm.requests import Requests
from matsearch.propose.llm.script import ANSWERING, DATA, INPUTS, PARTS

FRONT = "---\nid: mine\nversion: 3\ninputs: [n]\n---\n"


@pytest.fixture
def written(tmp_path):
    def write(text: str):
        path = tmp_path / "mine.md"
        path.write_text(text)
        return str(path)

    return write


def test_a_prompt_of_ones_own(written):
    prompt = load_prompt(written(FRONT + "\nPropose {{ n }} crystals.\n"), INPUTS)
    assert prompt.prompt_id == "mine/3"
    assert prompt.render({"n": 4, "elements": ["Li"]}) == "Propose 4 crystals."


def test_its_hash_is_that_of_its_text_wherever_it_lies(written, tmp_path):
    one = load_prompt(written(FRONT + "Propose {{ n }}."), INPUTS).sha256
    elsewhere = tmp_path / "other.md"
    elsewhere.write_text(FRONT + "Propose {{ n }}.")
    assert load_prompt(str(elsewhere), INPUTS).sha256 == one
    assert load_prompt(written(FRONT + "Suggest {{ n }}."), INPUTS).sha256 != one


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Propose.", "front matter"),
        (FRONT + "{{ n }} of {{ colour }}", "uses colour, not among its inputs"),
        (
            FRONT.replace("[n]", "[n, colour]") + "{{ n }}",
            "nobody fills in colour.*inputs can be: .*elements",
        ),
        (FRONT.replace("3", "zero") + "{{ n }}", "integer"),
        (FRONT.replace("mine", "../mine") + "{{ n }}", "pattern"),
        (
            "---\nid: !!python/object/apply:os.system [ls]\nversion: 1\ninputs: []\n---\nx",
            "could not determine a constructor",
        ),
        (FRONT + "{% if n %}", "Unexpected end of template|unknown tag"),
        (FRONT.replace("3", "3\nparents: 3") + "{{ n }}", "parents: .*less than or equal to 2"),
        (FRONT.replace("3", "3\ntools: [x]") + "{{ n }}", "tools: Extra inputs"),
        (
            FRONT.replace("3", "3\nreply_schema: {a: {type: object}}") + "{{ n }}",
            "reply_schema.a.type: .*'string'",
        ),
        (FRONT.replace("3", "3\nreply_schema: {a: {type: array}}") + "{{ n }}", "reply_schema.a: an array"),
        (
            FRONT.replace("3", "3\nreply_schema: {a: {type: array, items: {type: array}}}") + "{{ n }}",
            "reply_schema.a.items.type",
        ),
        (
            FRONT.replace("3", "3\nreply_schema: {a: {type: string, enum: [x]}}") + "{{ n }}",
            "enum: Extra inputs",
        ),
        (FRONT.replace("3", "3\nreply_schema: {Sites: {type: string}}") + "{{ n }}", "'Sites' is no name"),
        (FRONT.replace("3", "3\nreply_schema: {sites: {type: string}}") + "{{ n }}", "part of the crystal"),
        (FRONT.replace("3", "3\nreply_schema: [a]") + "{{ n }}", "reply_schema: .*dictionary"),
        (FRONT.replace("3", "2020-13-45") + "{{ n }}", "month must be in 1..12"),
        (FRONT.replace("[n]", "[" * 5000) + "{{ n }}", "recursion"),
        (FRONT.replace("[n]", '[n, "a\\nb"]') + "{{ n }}", "nobody fills in a b"),
    ],
)
def test_what_is_wrong_is_named(written, text, said):
    with pytest.raises(InputError, match=said) as caught:
        load_prompt(written(text), INPUTS)
    assert "\n" not in str(caught.value)


def test_a_template_cannot_reach_out(written):
    prompt = load_prompt(written(FRONT + "{{ n.__class__.__mro__ }}"), INPUTS)
    with pytest.raises(InputError, match="unsafe"):
        prompt.render({"n": 1})


def test_a_missing_prompt_names_those_there_are():
    with pytest.raises(InputError, match="csg"):
        load_prompt("no-such-prompt")


def test_every_packaged_prompt_can_be_read():
    for name in available("prompts"):
        load_prompt(name, INPUTS)
    answering = [f"parts/{name}" for name in (*LANGUAGES, "reply")]
    assert [load_prompt(name, ANSWERING).front.id for name in answering] == [*LANGUAGES, "reply"]
    assert tuple(load_prompt(f"parts/{name}", DATA).front.id for name in PARTS) == PARTS


@pytest.mark.parametrize("name", sorted(set(available("prompts")) - {"README"}))
def test_every_packaged_prompt_is_called_as_its_file_and_uses_what_it_names(name):
    prompt = load_prompt(name, INPUTS)
    assert prompt.front.id == name
    assert prompt.used == set(prompt.front.inputs)


@pytest.mark.parametrize(
    ("front", "text", "said"),
    [
        ("inputs: []", "Hello.", "mine/1 asks for no crystals"),
        ("inputs: [n]", "Hello.", "mine/1 asks for no crystals"),
        ("inputs: [n]\nparents: 2", "Propose {{ n }}.", "mine/1 needs 2 parents and shows none"),
        ("inputs: [n, cells]", "Propose {{ n }} of {{ cells }}.", "mine/1 is about given formulas"),
        ("inputs: [n]", "Propose {{ n | nosuch }}.", "No filter named 'nosuch'"),
        ("inputs: [n, failure]", "{{ n }} {{ failure.colour }}", "mine/1: .* has no attribute 'colour'"),
        (
            "inputs: [n]",
            "{% macro a() %}{{ a() }}{% endmacro %}{{ n }}{{ a() }}",
            "mine/1: maximum recursion",
        ),
    ],
)
def test_a_prompt_that_cannot_be_asked_is_refused(written, front, text, said):
    section = LanguageModelSection(
        model="m", prompt=written(f"---\nid: mine\nversion: 1\n{front}\n---\n{text}")
    )
    with pytest.raises(InputError, match=said):
        Requests(section, predict=False)
