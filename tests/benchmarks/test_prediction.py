"""The prediction benchmark's own arithmetic: what counts as a relaxation, as found, as lower."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from matsearch.core.records import Candidate, Lineage, Relaxation
from matsearch.core.verdict import FailureKind, Verdict

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
sys.path.insert(0, str(BENCHMARKS / "prediction"))

import outcomes
from searches import distinct_relaxations, interval, paired_interval
from targets import phase

TARGET = phase("NaCl-225")
ENERGY = TARGET.energy / len(TARGET.relaxed)
CSCL = phase("CsCl-221").relaxed.copy()
CSCL.replace_species({"Cs": "Na"})


def relaxation(structure, difference):
    """A relaxation that ends so many meV/atom above the target."""
    energy = ENERGY + difference / 1000.0
    return Relaxation(
        structure=structure,
        energy=energy * len(structure),
        energy_per_atom=energy,
        initial_energy_per_atom=energy,
        n_steps=1,
        fmax=0.01,
        volume_ratio=1.0,
        potential="chgnet",
        potential_sha256="0" * 64,
        scheme_id="scheme",
        relax_key="key",
    )


def born(slot, structure, difference=None, kind=None, stage="relax", **fields):
    verdict = Verdict(kind=kind, stage=stage, detail="so") if kind else None
    return Candidate.born(
        "campaign",
        0,
        "operators",
        slot,
        lineage=Lineage(operator="heredity"),
        structure=structure,
        relaxation=None if difference is None else relaxation(structure, difference),
        verdict=verdict,
        **fields,
    )


def result_of(*candidates, shares=("heredity", "random_symmetric")):
    config = {
        "seed": 7,
        "seeds": {"exclude_isotypes": ["NaCl-225"]},
        "propose": {"operators": dict.fromkeys(shares, 1.0)},
    }
    return SimpleNamespace(record=SimpleNamespace(config=config), candidates=candidates)


def numbers(target="NaCl-225", arm="operators", seed=0, found_after=None, **others):
    return {
        "target": target,
        "arm": arm,
        "seed": seed,
        "counted": 100,
        "found_after": found_after,
        "operator": None,
        "best": 1.5,
        "best_is": "the target",
        "lower": [],
    } | others


def test_one_cell_counts_once_and_failed_work_counts():
    larger = CSCL.copy().apply_strain(0.02)
    first, last = born(0, CSCL, 3.0), born(5, larger, kind=FailureKind.NOT_CONVERGED)
    refused = born(2, TARGET.relaxed, kind=FailureKind.BAD_VOLUME, stage="sanity")
    again, supercell = born(1, CSCL, 3.0), born(3, CSCL * (2, 1, 1), 3.0)
    found = distinct_relaxations(result_of(first, again, refused, supercell, last))
    assert [c.slot for c in found] == [0, 5]


def test_found_is_the_target_at_its_place_in_the_order():
    other = CSCL.copy().apply_strain(0.02)
    failed = born(0, other, kind=FailureKind.NOT_CONVERGED)
    measured = outcomes.measure(result_of(failed, born(1, CSCL, 60.0), born(2, TARGET.relaxed, 0.4)), 9)
    assert measured["found_after"] == 3
    assert (measured["counted"], measured["relaxed_to_the_end"], measured["hits"]) == (3, 2, 1)
    assert (measured["best"], measured["best_is"], measured["operator"]) == (0.4, "the target", "heredity")
    assert measured["lower"] == []


def test_what_comes_after_the_last_relaxation_that_counts_is_not_seen(monkeypatch):
    monkeypatch.setattr(outcomes, "RELAXATIONS", 1)
    measured = outcomes.measure(result_of(born(0, CSCL, 60.0), born(1, TARGET.relaxed, 0.0)), 2)
    assert (measured["found_after"], measured["distinct_relaxations"], measured["counted"]) == (None, 2, 1)


def test_lower_is_by_more_than_five_each_crystal_once_and_believed():
    strained = [CSCL.copy().apply_strain(0.01 * i) for i in range(4)]
    lowest = born(1, strained[1], -9.0)
    candidates = [
        born(0, strained[0], -4.9),
        lowest,
        born(2, strained[2], -12.0, duplicate_of=lowest.candidate_id),
        born(3, strained[3], -40.0, flags=("far_from_known_geometry",)),
    ]
    measured = outcomes.measure(result_of(*candidates, shares=["random_symmetric"]), 4)
    assert [(one["difference"], one["is"]) for one in measured["lower"]] == [(-12.0, "no known phase")]
    assert (measured["lower_not_believed"], measured["best"], measured["arm"]) == (1, -12.0, "random")


def test_another_formula_of_the_same_pattern_is_not_the_target():
    measured = outcomes.measure(result_of(born(0, phase("KF-225").relaxed, 0.0)), 1)
    assert measured["found_after"] is None


@pytest.mark.parametrize(("known", "stops"), [("KF-225", True), ("CsCl-221", False)])
def test_a_known_isotype_that_relaxations_may_be_led_to_stops(monkeypatch, known, stops):
    allowed = {known: phase(known).relaxed}
    tools = SimpleNamespace(beginning=SimpleNamespace(allowed=allowed))
    monkeypatch.setattr(outcomes, "build_tools", lambda config: tools)
    document = {"name": "a", "system": {"elements": ["Na", "Cl"]}}
    if stops:
        with pytest.raises(SystemExit, match="KF-225"):
            outcomes.require_nothing_leads_there("NaCl-225", document)
    else:
        outcomes.require_nothing_leads_there("NaCl-225", document)


def test_wilson_of_all_and_of_none():
    assert outcomes.wilson(3, 3) == "3 of 3 (0.44 to 1.00)"
    assert outcomes.wilson(0, 3) == "0 of 3 (0.00 to 0.56)"


def test_arms_are_paired_by_target_and_seed():
    found = [numbers(seed=seed, found_after=4) for seed in range(6)]
    found += [numbers(seed=seed, arm="random") for seed in range(5)]
    assert outcomes.paired(found) == (
        "5 pairs: both 0, operators alone 5, random alone 0, neither 0; McNemar's exact test: p = 0.062"
    )


def test_the_report_says_how_many_are_done_and_what_is_lower():
    lower = {"difference": -8.25, "spacegroup": "P1", "atoms": 4, "is": "no known phase"}
    found = [
        numbers(found_after=12, operator="heredity"),
        numbers(arm="random", counted=93, best=-8.25, best_is="no known phase", lower=[lower]),
    ]
    text = outcomes.report(found, 30)
    assert "2 of 30 searches done" in text
    assert (
        "| NaCl-225 | operators | 1 of 1 (0.21 to 1.00) | 12 | heredity | +1.5 | 0 of 1 seeds | - |" in text
    )
    assert "-8.2 (no known phase) | 1 of 1 seeds | -8.2: P1, 4 atoms, no known phase |" in text
    assert "NaCl-225 random seed 0: 93 relaxations" in text


def test_intervals_of_differences_may_be_negative_and_rates_may_not():
    values = [-0.2, 0.0, 0.2]
    assert paired_interval(values) == pytest.approx((-0.4968, 0.4968), abs=1e-3)
    assert interval(values) == pytest.approx((0.0, 0.0, 0.4968), abs=1e-3)
