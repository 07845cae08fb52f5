"""The objectives benchmark's own arithmetic: fronts, hypervolumes, differences by seed."""

import importlib.util
import sys
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.axes import Axis
from matsearch.core.config import parse_config

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
sys.path.insert(0, str(BENCHMARKS / "objectives"))

from drawing import draw_fronts, draw_hypervolumes
from front_measures import front, hypervolume
from front_tables import differences, mean_hypervolume, report

AXES = [Axis("eV/atom", "energy above hull", 0.5, -0.1), Axis("GPa", "bulk modulus", 0.0, 400.0)]
UP = [False, True]

points = st.lists(st.tuples(st.floats(-1.0, 3.0), st.floats(-100.0, 900.0)), max_size=8)


def loaded():
    spec = importlib.util.spec_from_file_location("objectives_run", BENCHMARKS / "objectives" / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(values):
    return np.array(values, dtype=float).reshape(-1, 2)


def test_a_point_in_the_middle_of_both_axes_fills_a_quarter():
    assert hypervolume(rows([(0.2, 200.0)]), AXES) == pytest.approx(0.25)


def test_beyond_the_ends_counts_as_at_the_ends():
    assert hypervolume(rows([(-3.0, 9000.0)]), AXES) == pytest.approx(1.0)
    assert hypervolume(rows([(0.6, 300.0), (0.0, -5.0)]), AXES) == 0.0
    assert hypervolume(rows([]), AXES) == 0.0


@given(points, points)
def test_more_crystals_never_fill_less_and_the_front_fills_as_much(some, others):
    all_of_them = rows([*some, *others])
    whole = hypervolume(all_of_them, AXES)
    assert whole >= hypervolume(rows(some), AXES) - 1e-12
    assert hypervolume(all_of_them[front(all_of_them, UP)], AXES) == pytest.approx(whole, abs=1e-12)


@given(points)
def test_none_of_the_front_is_beaten(values):
    table = rows(values)
    kept = table[front(table, UP)]
    signed = kept * [1.0, -1.0]
    for one in signed:
        assert not ((signed <= one).all(axis=1) & (signed < one).any(axis=1)).any()


def searched(scheme, seed, *volumes):
    generation = {"evaluations": 20, "campaign_hypervolume": None, "front": [], "best": [0.1, 300.0]}
    crystal = {"formula": "TiN", "spacegroup": "Fm-3m", "values": [0.0, 260.0]}
    stages = [
        generation | {"hypervolume": v, "evaluations": 20 * i, "front": [crystal] * (i > 1)}
        for i, v in enumerate(volumes, 1)
    ]
    return {
        "case": "two",
        "scheme": scheme,
        "seed": seed,
        "objectives": ["energy_above_hull", "bulk_modulus"],
        "directions": ["minimize", "maximize"],
        "axes": [axis._asdict() for axis in AXES],
        "generations": stages,
    }


FOUND = [
    searched("pareto", 0, 0.2, 0.5),
    searched("weighted", 0, 0.2, 0.3),
    searched("weighted", 1, 0.9, 0.9),
    searched("pareto", 2, 0.1, 0.4),
    searched("weighted", 2, 0.1, 0.3),
]


def test_differences_are_of_the_same_seed():
    last = differences(FOUND, "weighted", lambda one: one["generations"][-1]["hypervolume"])
    assert last == pytest.approx([0.2, 0.1])
    assert differences(FOUND, "weighted", mean_hypervolume) == pytest.approx([0.1, 0.05])


def test_the_report_has_means_pairs_and_intervals():
    text = report(FOUND, 25)
    assert "5 of 25 searches done." in text
    assert "| pareto | 2 | 40 | 0.4500 (0.4000 to 0.5000) | 1, 1 | 0.1 | 300 |" in text
    assert "| pareto - weighted | 2 | +0.1500 (-0.4853 to +0.7853) |" in text


def test_a_campaign_that_measures_something_else_is_told():
    other = searched("pareto", 0, 0.2)
    other["generations"][0]["campaign_hypervolume"] = 0.25
    assert "at most 5.0e-02 apart" in report([other], 1)


def test_figures_are_drawn_where_a_search_and_a_front_are_missing(tmp_path):
    draw_fronts(FOUND, tmp_path / "fronts.png")
    draw_hypervolumes(FOUND, tmp_path / "volumes.png")
    assert all((tmp_path / name).stat().st_size > 5000 for name in ("fronts.png", "volumes.png"))


def test_the_searches_of_a_seed_differ_in_the_scheme_alone():
    run = loaded()
    options = Namespace(
        elements=["B", "N"], exclude=[], max_atoms=8, proposals=4, generations=2, property="bulk_modulus"
    )
    for case, schemes in run.SCHEMES.items():
        configs = [parse_config(run.config(case, scheme, 3, options)) for scheme in schemes]
        assert {c.selection.scheme for c in configs} == set(schemes)
        same = {c.model_copy(update={"selection": None}).model_dump_json() for c in configs}
        assert len(same) == 1
        assert sum(o.weight for o in configs[0].objectives) == pytest.approx(1.0)
