import pytest

from matsearch.core.arms import arms_of, prompts_of
from matsearch.core.config import SearchConfig, load_config, parse_config
from matsearch.core.errors import ConfigError
from matsearch.core.resources import available, find
from matsearch.graph.api import resolve_config

MINIMAL = {"name": "x", "system": {"elements": ["O", "Li"]}}


@pytest.mark.parametrize("name", available("configs"))
def test_packaged_configs_are_valid(name):
    assert isinstance(load_config(find("configs", name)), SearchConfig)


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        ({"relaxx": 1}, ["relaxx", "unknown key", "'relax'"]),
        ({"relax": {"fmx": 0.1}}, ["relax.fmx", "unknown key", "'fmax'"]),
        ({"relax": {"fmax": -1}}, ["relax.fmax", "greater than 0", "-1"]),
        ({"relax": {"optimizer": "bfgs"}}, ["relax.optimizer", "'lbfgs' or 'fire'", "bfgs"]),
        ({"system": {"elements": ["Xx"]}}, ["system.elements", "'Xx' is no element"]),
        ({"system": {"elements": []}}, ["system.elements", "at least 1"]),
        ({"system": {}}, ["system.elements", "missing"]),
        ({"propose": {"operators": {"magic": 1}}}, ["propose.operators", "magic"]),
        ({"propose": {"operators": {"strain": 0}}}, ["propose.operators", "above 0"]),
        ({"objectives": []}, ["objectives", "at least 1"]),
        ({"objectives": [{"name": "density"}, {"name": "density"}]}, ["objectives", "twice"]),
        ({"name": "a/b"}, ["name"]),
        ({"population": {"proposals": 0}}, ["population.proposals", "0"]),
        ({"relax": {"fmax": float("nan")}}, ["relax.fmax"]),
    ],
)
def test_errors_name_path_value_and_remedy(change, parts):
    with pytest.raises(ConfigError) as caught:
        parse_config({**MINIMAL, **change})
    text = str(caught.value)
    assert all(part in text for part in parts), text
    assert "\n" not in text


def test_overrides_by_dotted_key(tmp_path):
    path = tmp_path / "c.yaml"
    path.write_text("name: x\nsystem: {elements: [Li]}\n")
    config = load_config(path, {"relax.fmax": 0.05, "seed": 9})
    assert (config.relax.fmax, config.seed) == (0.05, 9)
    with pytest.raises(ConfigError, match="not a section"):
        load_config(path, {"name.first": 1})


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "name: !!python/object/apply:os.system ['true']", ""])
def test_files_that_are_no_config(tmp_path, text):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"c\.yaml"):
        load_config(path)


def test_execution_and_budget_change_no_key():
    base = parse_config(MINIMAL)
    same = parse_config(
        {**MINIMAL, "execution": {"workers": 7}, "budget": {"generations": 99}, "description": "d"}
    )
    other = parse_config({**MINIMAL, "relax": {"fmax": 0.05}})
    assert base.physics_key() == same.physics_key()
    assert base.physics_key() != other.physics_key()
    assert base.physics_key(hull="a") != base.physics_key(hull="b")


def test_where_a_file_lies_does_not_matter(tmp_path, monkeypatch):
    path = tmp_path / "c.yaml"
    path.write_text("name: x\nsystem: {elements: [Li]}\nreference: {source: hull.json}\n")
    monkeypatch.chdir(tmp_path)
    config = load_config(path)
    assert config.reference.source == str(tmp_path / "hull.json")
    assert config.physics_key() == parse_config({**MINIMAL, "system": {"elements": ["Li"]}}).physics_key()


def test_overrides_of_the_interface_are_checked_like_files():
    config = parse_config(MINIMAL)
    assert resolve_config(config, {"seed": 3, "relax.fmax": 0.2}).relax.fmax == 0.2
    with pytest.raises(ConfigError, match=r"relax\.fmax"):
        resolve_config(config, {"relax.fmax": -1})


def test_elements_are_a_set():
    assert parse_config({**MINIMAL, "system": {"elements": ["O", "Li", "O"]}}).system.elements == ("Li", "O")


LLM = {"model": "m"}


@pytest.mark.parametrize(
    ("propose", "others", "said"),
    [
        ({"share": {"llm": 1, "operators": 1}}, {}, "there is no propose.llm to ask"),
        ({"llm": LLM, "share": {"operators": 1}}, {}, "llm is not asked"),
        ({"llm": {**LLM, "prompt": "csg", "prompts": {"csp": 1}}}, {}, "prompt and prompts are both given"),
        ({"llm": {**LLM, "prompts": {"csg": 1, "/a/csg.md": 1}}}, {}, "the same name twice"),
        ({"bandit": {}}, {}, "one proposer leaves no choice"),
        ({"llm": LLM, "bandit": {}}, {}, "one proposer leaves no choice"),
        ({"share": {"random": 1}, "bandit": {}}, {}, "one proposer leaves no choice"),
        (
            {
                "llm": {**LLM, "prompts": {"csg": 1, "csp": 1}},
                "share": {"llm": 1, "random": 1},
                "bandit": {"floor": 0.4},
            },
            {},
            "3 proposers at 0.4 each are more than all",
        ),
        (
            {"share": {"operators": 1, "random": 1}, "bandit": {}},
            {"population": {"proposals": 1}},
            "1 are too few for one of each of 2 proposers",
        ),
        (
            {"share": {"operators": 99, "random": 1}},
            {"population": {"proposals": 20}},
            "0.01 of 20 proposals is less than one crystal of random",
        ),
        (
            {"llm": LLM, "share": {"llm": 1, "random": 1}, "bandit": {"crystal_cost": 0.01}},
            {},
            "propose.bandit.crystal_cost: what a call costs is unknown",
        ),
        ({"share": {"operators": 0}}, {}, "greater than 0"),
        ({"share": {"magic": 1}}, {}, "magic"),
        (
            {"llm": {**LLM, "crystals": 2}, "share": {"llm": 1, "operators": 1}},
            {"population": {"proposals": 10}, "budget": {"calls": 2}},
            "budget.calls: 2 is less than the 3 calls of one generation",
        ),
    ],
)
def test_proposers_that_contradict_each_other_are_refused_in_one_line(propose, others, said):
    with pytest.raises(ConfigError) as caught:
        parse_config({**MINIMAL, "propose": propose, **others})
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("propose", "arms"),
    [
        ({}, {"operators": 1}),
        ({"llm": LLM}, {"llm:csg": 1}),
        ({"llm": {**LLM, "prompts": {"mutate": 1, "/a/b.md": 3}}}, {"llm:b": 0.75, "llm:mutate": 0.25}),
        (
            {
                "llm": {**LLM, "prompts": {"csg": 1, "mutate": 1}},
                "share": {"llm": 2, "random": 6, "operators": 2},
            },
            {"llm:csg": 0.1, "llm:mutate": 0.1, "operators": 0.2, "random": 0.6},
        ),
    ],
)
def test_shares_of_proposers_and_prompts_come_to_one(propose, arms):
    found = arms_of(parse_config({**MINIMAL, "propose": propose}))
    assert found == pytest.approx(arms)
    assert list(found) == sorted(arms)


def test_prompts_are_files_that_are_found_wherever_a_job_runs(tmp_path, monkeypatch):
    path = tmp_path / "c.yaml"
    path.write_text(
        "name: x\nsystem: {elements: [Li]}\npropose: {llm: {model: m, prompts: {mine.md: 1, csg: 1}}}\n"
    )
    monkeypatch.chdir(tmp_path)
    config = load_config(path)
    assert prompts_of(config) == {"csg": "csg", "mine": str(tmp_path / "mine.md")}
    assert str(tmp_path) not in str(config.physics())


def test_who_is_not_asked_is_no_part_of_the_question():
    def key(**propose):
        return parse_config({**MINIMAL, "propose": propose}).physics_key()

    other = {"operators": {"strain": 1}}
    assert key() == key(share={}, bandit=None) != key(**other)
    assert key(llm=LLM) == key(llm=LLM, **other) == key(llm={**LLM, "prompt": "csg"})
    assert key(share={"random": 1}) == key(share={"random": 1}, **other)
    both = {"llm": LLM, "share": {"llm": 1, "operators": 1}}
    assert len({key(**both), key(**both, **other), key(**both, bandit={}), key(llm=LLM), key()}) == 5


def with_bandit(**changes):
    model = {"model": "any", **changes}
    shared = {"llm": model, "share": {"llm": 1, "operators": 1}, "bandit": {"crystal_cost": 0.01}}
    calls = {"calls": {"input_price": 1.0, "output_price": 2.0}}
    return {**MINIMAL, "propose": shared, "execution": calls}


def test_what_decides_who_is_asked_is_part_of_the_question():
    base = with_bandit(prompt="csg")
    dearer = {**base, "execution": {"calls": {"input_price": 5.0, "output_price": 2.0}}}
    others = [with_bandit(prompt="mine.md"), dearer]
    keys = [parse_config(document).physics_key() for document in (base, *others)]
    assert len(set(keys)) == 3
    cheap = {**base, "propose": {**base["propose"], "bandit": {}}}
    same = {**cheap, "execution": dearer["execution"]}
    assert parse_config(cheap).physics_key() == parse_config(same).physics_key()


def test_what_the_published_scheme_does_not_know_is_no_part_of_it():
    paper = [
        {"scheme": "matllmsearch", "diversity": share, "polymorphs": n} for share, n in ((0.0, 1), (0.5, 9))
    ]
    keys = {parse_config({**MINIMAL, "selection": section}).physics_key() for section in paper}
    assert len(keys) == 1


def test_an_error_in_a_list_is_not_said_twice():
    with pytest.raises(ConfigError) as raised:
        parse_config({**MINIMAL, "objectives": [{"name": "density", "direction": "up"}]})
    assert "at least 1 item" not in str(raised.value)
