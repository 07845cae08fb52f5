import pytest

from matsearch.core.config import parse_config
from matsearch.core.errors import ConfigError, InputError
from matsearch.crystal.known import embedded_set
from matsearch.crystal.matching import isotypic
from matsearch.pipeline.aims import aims_of
from matsearch.pipeline.tools import build_tools
from matsearch.testing.samples import sample_candidate, sample_structure


def tools(system=None, **sections):
    document = {
        "name": "tools",
        "system": {"elements": ["Ti", "Al", "C"], "max_atoms": 8, **(system or {})},
        "potential": {"name": "toy"},
        "reference": {"source": "toy"},
    }
    return build_tools(parse_config({**document, **sections}))


def phase(name):
    return next(p for p in embedded_set().phases if p.phase_id == name)


def test_isotypes_are_left_out_of_seeds_and_templates():
    target = phase("TiC-225").relaxed
    everything = tools()
    rest = tools(seeds={"exclude_isotypes": ["TiC-225"]})
    gone = {p.parent_id for p in everything.templates} - {p.parent_id for p in rest.templates}
    assert {"known:TiC-225", "known:NaCl-225", "known:MgO-225"} <= gone
    assert "known:CsCl-221" not in gone
    assert not any(isotypic(target, p.structure) for p in (*rest.seeds, *rest.templates))


def test_no_relaxation_is_led_to_what_is_excluded():
    carbide = sample_candidate(structure=sample_structure("Ti", "C", 4.33))
    [seen] = aims_of([carbide], tools()).values()
    [unseen] = aims_of([carbide], tools(seeds={"exclude_isotypes": ["TiC-225"]})).values()
    assert seen.known
    assert not unseen.known


def test_an_unknown_isotype_is_named_with_what_is_near():
    with pytest.raises(ConfigError, match=r"'TiC-226' is no embedded phase.*TiC-225"):
        tools(seeds={"exclude_isotypes": ["TiC-226"]})


def test_formulas_are_reduced():
    assert tools({"formulas": ["Ti2C2", "Ti2AlC"]}).limits.formulas == ("Ti2AlC", "TiC")


@pytest.mark.parametrize(
    ("system", "polymorphs"),
    [({}, 3), ({"formulas": ["TiC"]}, 10), ({"formulas": ["TiC", "TiAl"]}, 5), ({"elements": ["Ti"]}, 10)],
)
def test_few_formulas_may_fill_all_places_with_their_polymorphs(system, polymorphs):
    assert tools(system).selection.polymorphs == polymorphs


def test_without_seeds_and_templates_random_crystals_are_enough():
    none = {"source": "embedded", "templates": False, "exclude": [p.phase_id for p in embedded_set().phases]}
    begun = tools(seeds=none, propose={"operators": {"random_symmetric": 1}})
    assert begun.seeds == begun.templates == ()
    with pytest.raises(InputError, match="no parents"):
        tools(seeds=none, propose={"operators": {"heredity": 1}})
