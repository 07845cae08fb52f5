"""Prompts are data: what is not right with one is said before any call."""

import pytest

from matsearch.core.errors import InputError
from matsearch.core.language_model import LanguageModelSection
from matsearch.core.resources import available
from matsearch.crystal.languages import LANGUAGES
from matsearch.propose.llm.prompts import load_prompt
from matsearch.propose.llm.requests import INPUTS, Requests

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
    ],
)
def test_what_is_wrong_is_named(written, text, said):
    with pytest.raises(InputError, match=said):
        load_prompt(written(text), INPUTS)


def test_a_template_cannot_reach_out(written):
    prompt = load_prompt(written(FRONT + "{{ n.__class__.__mro__ }}"), INPUTS)
    with pytest.raises(InputError, match="unsafe"):
        prompt.render({"n": 1})


def test_a_missing_prompt_names_those_there_are():
    with pytest.raises(InputError, match="csg"):
        load_prompt("no-such-prompt")


def test_every_packaged_prompt_can_be_read():
    for name in available("prompts"):
        load_prompt(name, INPUTS | {"key"})
    parts = [f"parts/{name}" for name in (*LANGUAGES, "reply")]
    assert [load_prompt(name, frozenset({"key"})).front.id for name in parts] == [*LANGUAGES, "reply"]


def test_a_prompt_that_asks_for_nothing_is_refused(written):
    section = LanguageModelSection(
        model="m", prompt=written("---\nid: mine\nversion: 1\ninputs: []\n---\nHello.")
    )
    with pytest.raises(InputError, match="mine/1 asks for no crystals"):
        Requests(section, predict=False)
