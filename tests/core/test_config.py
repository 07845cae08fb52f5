import pytest

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
