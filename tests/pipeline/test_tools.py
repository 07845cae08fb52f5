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
    gone = {p.parent_id for p in everything.beginning.templates} - {
        p.parent_id for p in rest.beginning.templates
    }
    assert {"known:TiC-225", "known:NaCl-225", "known:MgO-225"} <= gone
    assert "known:CsCl-221" not in gone
    assert not any(isotypic(target, p.structure) for p in (*rest.beginning.seeds, *rest.beginning.templates))


def test_no_relaxation_is_led_to_what_is_excluded():
    carbide = sample_candidate(structure=sample_structure("Ti", "C", 4.33))
    [seen] = aims_of([carbide], tools()).values()
    [unseen] = aims_of([carbide], tools(seeds={"exclude_isotypes": ["TiC-225"]})).values()
    assert seen.known
    assert not unseen.known


def test_an_unknown_isotype_is_named_with_what_is_near():
    with pytest.raises(ConfigError, match=r"'TiC-226' is no embedded phase.*TiC-225"):
        tools(seeds={"exclude_isotypes": ["TiC-226"]})


def test_formulas_are_reduced_and_mean_the_same_in_any_order():
    assert tools({"formulas": ["Ti2C2", "Ti2AlC"]}).limits.formulas == ("Ti2AlC", "TiC")
    assert (
        tools({"formulas": ["AlCTi2", "TiC", "CTi"]}).config == tools({"formulas": ["TiC", "Ti2AlC"]}).config
    )


@pytest.mark.parametrize("name", ["CuAl2", "Al2Cu", "Cu2Al4", "CuAl2-140"])
def test_what_is_excluded_is_nowhere_however_it_is_written(name):
    document = {"elements": ["Al", "Cu"], "max_atoms": 8}
    config = parse_config({"name": "tools", "system": document, "seeds": {"exclude": [name]}})
    begun = build_tools(config).beginning
    assert "known:CuAl2-140" not in {p.parent_id for p in (*begun.seeds, *begun.templates)}
    assert "CuAl2-140" not in begun.allowed


def test_what_is_excluded_must_mean_something():
    with pytest.raises(ConfigError, match="'nonsense' is neither a formula nor a known crystal"):
        tools(seeds={"exclude": ["nonsense"]})


def test_isotypes_among_a_users_files_are_left_out_too(tmp_path):
    sample_structure("Ti", "C", 4.33).to(filename=str(tmp_path / "mine.cif"))
    begun = tools(seeds={"source": str(tmp_path), "exclude_isotypes": ["MgO-225"]}).beginning
    assert begun.seeds == ()
    assert "TiC" not in begun.allowed_by_formula


@pytest.mark.parametrize(
    ("caps", "reason"), [({"Pt": 0.5}, "Pt is not among the elements"), ({"C": 0.05}, "less than one")]
)
def test_caps_that_hold_no_parent_are_refused(caps, reason):
    with pytest.raises(ConfigError, match=reason):
        tools(selection={"element_caps": caps})


@pytest.mark.parametrize(
    ("system", "polymorphs"),
    [({}, 3), ({"formulas": ["TiC"]}, 10), ({"formulas": ["TiC", "TiAl"]}, 5), ({"elements": ["Ti"]}, 10)],
)
def test_few_formulas_may_fill_all_places_with_their_polymorphs(system, polymorphs):
    assert tools(system).selection.polymorphs == polymorphs


def test_without_seeds_and_templates_random_crystals_are_enough():
    none = {"source": "embedded", "templates": False, "exclude": [p.phase_id for p in embedded_set().phases]}
    begun = tools(seeds=none, propose={"operators": {"random_symmetric": 1}})
    assert begun.beginning.seeds == begun.beginning.templates == ()
    with pytest.raises(InputError, match="no parents"):
        tools(seeds=none, propose={"operators": {"heredity": 1}})
