"""Objectives: what a configuration may say of them, their axes, and the gate before any comparison."""

import math

import pytest
from pydantic import ValidationError

from matsearch.core.axes import AXES, axis_of, minimised
from matsearch.core.config import Objective, SelectionSection
from matsearch.core.scheme_rules import check_scheme
from matsearch.core.thresholds import NO_REWARD_FLAGS
from matsearch.properties import EVALUATORS, HULL_OBJECTIVES
from matsearch.select.objectives import eligible, may_breed, minimised_values, places, violation
from matsearch.testing.samples import sample_verdict
from tests.select.pools import scored

HULL = Objective()
BULK = Objective(name="bulk_modulus", direction="maximize")
DENSITY = Objective(name="density", direction="target", target=(2.0, 4.0))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"direction": "target"}, "direction: target and target"),
        ({"target": 1.0}, "direction: target and target"),
        ({"direction": "target", "target": (3.0, 1.0)}, "lower end"),
        ({"at_least": 2.0, "at_most": 1.0}, "no value is at_least 2 and at_most 1"),
        ({"direction": "target", "target": (1.0, 2.0), "at_least": 2.1}, "all of the target breaks at_least"),
        ({"direction": "target", "target": 3.0, "at_most": 2.9}, "all of the target breaks at_most"),
        ({"scale": (1.0, 1.0)}, "must differ"),
        ({"scale": (0.0, 1.0)}, "agree with direction: minimize"),
        ({"direction": "maximize", "scale": (1.0, 0.0)}, "agree with direction: maximize"),
        ({"direction": "target", "target": 1.0, "scale": (2.0, 2.0)}, "must differ"),
    ],
)
def test_objectives_that_contradict_themselves_are_refused(fields, says):
    with pytest.raises(ValidationError, match=says) as refused:
        Objective(**fields)
    assert "\n" not in refused.value.errors()[0]["msg"]


@pytest.mark.parametrize(
    "fields",
    [
        {"scale": (1.0, 0.0), "at_least": 1.0, "at_most": 1.0},
        {"direction": "maximize", "scale": (-1.0, 1.0)},
        {"direction": "target", "target": (1.0, 1.0), "scale": (3.0, 0.0), "at_least": 1.0, "at_most": 1.0},
    ],
)
def test_others_are_not(fields):
    assert Objective(**fields).scale == fields["scale"]


@pytest.mark.parametrize(
    ("objective", "values", "expected"),
    [
        (HULL, [-0.05, 0.0, 0.3], [-0.05, 0.0, 0.3]),
        (BULK, [0.0, 120.0], [0.0, -120.0]),
        (DENSITY, [1.5, 2.0, 3.0, 4.0, 6.0], [0.5, 0.0, 0.0, 0.0, 2.0]),
        (Objective(name="density", direction="target", target=3.0), [2.0, 3.0, 5.0], [1.0, 0.0, 2.0]),
    ],
)
def test_less_is_better_in_every_direction(objective, values, expected):
    assert [minimised(objective, value) for value in values] == expected


@pytest.mark.parametrize(
    ("objective", "worst", "best"),
    [
        (HULL, 0.5, -0.1),
        (Objective(direction="maximize"), -0.1, 0.5),
        (Objective(name="deformation_energy", direction="maximize"), -1.0, 0.0),
        (Objective(name="deformation_energy"), 0.0, -1.0),
        (BULK, 0.0, 400.0),
        (Objective(name="bulk_modulus", direction="maximize", scale=(50, 300)), 50.0, 300.0),
        (Objective(name="hardness", scale=(9, 1)), 9.0, 1.0),
        (DENSITY, 23.0, 4.0),
        (Objective(name="density", direction="target", target=20.0), 0.0, 20.0),
        (Objective(name="density", direction="target", target=(2.0, 4.0), scale=(5.0, 0.5)), 0.5, 2.0),
    ],
)
def test_an_axis_runs_from_the_worst_to_the_best(objective, worst, best):
    axis = axis_of(objective)
    assert (axis.worst, axis.best) == (worst, best)
    assert axis.span == pytest.approx(minimised(objective, worst) - minimised(objective, best))


def test_whoever_computes_an_objective_has_given_it_an_axis_and_its_unit():
    assert set(HULL_OBJECTIVES) | set(EVALUATORS) <= set(AXES)
    assert all(AXES[name].unit == evaluator.unit for name, evaluator in EVALUATORS.items())


@pytest.mark.parametrize(
    ("objectives", "scheme", "says"),
    [
        ([HULL], "lexical", "lexical needs two objectives"),
        ([BULK, HULL], "lexical", "lexical needs two objectives"),
        ([HULL, BULK, DENSITY], "lexical", "lexical needs two objectives"),
        ([HULL, BULK], "matllmsearch", "the one objective"),
        ([Objective(direction="maximize")], "matllmsearch", "the one objective"),
        ([Objective(at_most=0.1)], "matllmsearch", "knows no at_least"),
        ([HULL, Objective(name="hardness")], "pareto", "'hardness' has no axis"),
        ([HULL, Objective(name="hardness")], "best", "'hardness' has no axis"),
        ([Objective(name="hardness", at_least=3.0)], "best", "'hardness' has no axis"),
        ([Objective(at_most=-5.0)], "best", "no energy_above_hull between -0.1 and 0.5"),
        ([Objective(name="density", at_least=30.0)], "best", "give the objective a wider scale"),
        (
            [Objective(name="density", direction="target", target=(-1.0, 99.0))],
            "pareto",
            "lies in its target",
        ),
    ],
)
def test_schemes_refuse_objectives_they_cannot_work_with(objectives, scheme, says):
    with pytest.raises(ValueError, match=says) as refused:
        check_scheme(objectives, scheme)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["best", "pareto", "weighted", "lexical", "alternating"])
def test_schemes_take_the_objectives_they_are_for(scheme):
    check_scheme([HULL, BULK], scheme)
    check_scheme([HULL, Objective(name="hardness", scale=(9, 1))], scheme)
    if scheme != "lexical":
        check_scheme([BULK, HULL, DENSITY], scheme)


def test_one_objective_in_its_order_needs_no_axis():
    check_scheme([Objective(name="hardness")], "best")


@pytest.mark.parametrize("fields", [{"niches": 0.2}, {"element_caps": {"Pt": 0.2}}])
def test_the_paper_has_no_niches_and_caps(fields):
    with pytest.raises(ValidationError, match="as published, without"):
        SelectionSection(scheme="matllmsearch", **fields)


def test_caps_name_elements_or_groups():
    assert SelectionSection(element_caps={"precious": 0.2, "O": 0.5}).element_caps["precious"] == 0.2
    with pytest.raises(ValidationError, match="neither an element nor a group"):
        SelectionSection(element_caps={"precios": 0.2})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_who_has_no_finite_value_does_not_breed(number):
    objectives = [HULL, BULK]
    assert may_breed(scored(0, bulk_modulus=100.0), objectives)
    assert not may_breed(scored(0, bulk_modulus=number), objectives)
    assert not may_breed(scored(0, energy_above_hull=number, bulk_modulus=1.0), objectives)
    assert not may_breed(scored(0), objectives)


def test_the_dead_the_flagged_and_the_shapeless_do_not_breed():
    assert not may_breed(scored(0).evolve(verdict=sample_verdict()), [HULL])
    assert not may_breed(scored(0).evolve(structure=None), [HULL])
    for flag in NO_REWARD_FLAGS:
        assert not may_breed(scored(0).evolve(flags=(flag,)), [HULL])


def test_one_candidate_given_twice_is_one():
    first, second = sorted((scored(0), scored(1)), key=lambda c: c.candidate_id)
    assert eligible([second, first, second], [HULL]) == [first, second]


def test_what_is_unknown_comes_last():
    known, unknown = scored(0, 0.3, bulk_modulus=5.0), scored(1, 0.3)
    wrong = scored(2, 0.3, bulk_modulus=math.nan)
    values = [minimised_values(c, [HULL, BULK]) for c in (known, unknown, wrong)]
    assert values == [(0.3, -5.0), (0.3, math.inf), (0.3, math.inf)]


def test_violations_add_up_in_lengths_of_their_axes():
    """0.06 of 0.6 eV/atom too high, 40 of 400 GPa too soft, 0.5 of 19 g/cm^3 too light: of a target, the longer side."""
    objectives = [
        Objective(at_most=0.1),
        Objective(name="bulk_modulus", direction="maximize", at_least=100.0, at_most=300.0),
        Objective(name="density", direction="target", target=(2.0, 4.0), at_least=3.5),
    ]
    broken = scored(0, 0.16, bulk_modulus=60.0, density=3.0)
    assert violation(broken, objectives) == pytest.approx(0.1 + 0.1 + 0.5 / 19.0)
    assert violation(scored(0, 0.1, bulk_modulus=340.0, density=9.0), objectives) == pytest.approx(0.1)
    assert violation(scored(0, 0.1, bulk_modulus=300.0, density=5.0), objectives) == 0.0
    assert violation(scored(0, 0.1, bulk_modulus=200.0), objectives) == math.inf


def test_places_are_0_at_the_best_end_and_1_at_the_worst():
    candidates = [scored(0, -0.1, bulk_modulus=0.0), scored(1, 0.2, bulk_modulus=500.0)]
    assert places(candidates, [HULL, BULK]).tolist() == [
        pytest.approx([0.0, 1.0]),
        pytest.approx([0.5, -0.25]),
    ]
    assert places([], [HULL, BULK]).shape == (0, 2)
