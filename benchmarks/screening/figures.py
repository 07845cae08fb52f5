"""From the journal's lines to figures: speed, energies, verdicts. An arm is compared over the chunks it shares."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from arms import ARMS, EVALUATIONS, ONE_THREAD, REFERENCES

from matsearch.core.thresholds import METASTABLE

Line = Mapping[str, Any]
Results = Mapping[str, Mapping[str, Any]]
Crystals = Mapping[str, Mapping[str, Any]]
Ratio = Callable[[np.ndarray], float | None]
DECIDED = (None, "cannot_win")
"""Ends that say whether a crystal is metastable: finished, or stopped because it no longer could be."""

APART = 0.01
"""eV/atom: two ends that differ by more than this are different crystals."""


def figures(lines: Sequence[Line], crystals: Crystals, cores: int) -> list[dict[str, Any]]:
    """Return one row of figures an arm.

    Parameters
    ----------
    lines : sequence of mapping
        The journal's, one each (chunk, arm).
    crystals : mapping
        Facts of each crystal by id: ``formula``, ``hull_energy_per_atom``.
    cores : int
        Allotted to every arm alike, whatever it used of them.
    """
    by_arm: dict[str, dict[int, Line]] = {}
    for line in lines:
        by_arm.setdefault(line["arm"], {})[line["chunk"]] = line
    references = {name: by_arm[name] for name in REFERENCES if name in by_arm}
    one_thread = results_of(by_arm.get(ONE_THREAD, {}).values())
    costs = {name: r["seconds"] for name, r in results_of(by_arm.get(EVALUATIONS, {}).values()).items()}
    rows = []
    for arm in ARMS:
        if arm.way == "evaluations" or arm.name not in by_arm:
            continue
        shared = sorted(set(by_arm[arm.name]).intersection(*references.values()))
        own = [by_arm[arm.name][chunk] for chunk in shared]
        theirs = [[chunks[chunk] for chunk in shared] for chunks in references.values()]
        results = results_of(own)
        row = {"arm": arm.name, **speed(own, cores), **times_faster(own, theirs)}
        row |= work(own, costs, cores)
        if arm.name != ONE_THREAD:
            row |= {
                "energies": energy_differences(results, one_thread),
                "verdicts": verdicts(results, one_thread, crystals),
                "decided_by_one": decided_by_one(results, one_thread, crystals),
            }
        rows.append(row)
    return rows


def results_of(lines: Any) -> dict[str, Mapping[str, Any]]:
    """Return the results of all lines by id of the crystal."""
    return {result["id"]: result for line in lines for result in line["results"]}


def speed(lines: Sequence[Line], cores: int) -> dict[str, Any]:
    """Return what was done in which time; seconds of a core are wall seconds times the cores allotted."""
    results = results_of(lines)
    wall = sum(line["wall_s"] for line in lines)
    ends = Counter(r["verdict"] for r in results.values() if r["verdict"])
    decided = sum(is_decided(result) for result in results.values())
    return {
        "chunks": len(lines),
        "crystals": len(results),
        "finished": len(results) - sum(ends.values()),
        "decided": decided,
        "ended": dict(ends.most_common()),
        "wall_s": wall,
        "cpu_s": _sum(line["cpu_s"] for line in lines),
        "other_cpu_s": _sum(line["other_cpu_s"] for line in lines),
        "crystals_per_core_s": len(results) / (wall * cores) if wall else None,
        "decided_per_core_s": decided / (wall * cores) if wall else None,
    }


def times_faster(own: Sequence[Line], references: Sequence[Sequence[Line]]) -> dict[str, Any]:
    """Return crystals a second over those of the better reference, with 95 percent intervals over chunks.

    Once counting every crystal that was dealt with, once only those that it decided.
    """
    if not references or not own:
        return {}
    rows = [own, *references]
    walls = np.array([[line["wall_s"] for line in row] for row in rows])
    dealt = np.array([[len(line["results"]) for line in row] for row in rows])
    decided = np.array([[sum(map(is_decided, line["results"])) for line in row] for row in rows])

    def ratio(counts: np.ndarray) -> Ratio:
        def of(chunks: np.ndarray) -> float | None:
            rates = counts[:, chunks].sum(axis=1) / walls[:, chunks].sum(axis=1)
            return float(rates[0] / rates[1:].max()) if rates[1:].any() else None

        return of

    return {
        "times_faster": _with_interval(ratio(dealt), len(own)),
        "times_faster_decided": _with_interval(ratio(decided), len(own)),
    }


def work(lines: Sequence[Line], costs: Mapping[str, float], cores: int) -> dict[str, Any]:
    """Return steps, force evaluations and their cost, and the limit that they set.

    One evaluation gives energy, forces and stress; a relaxation of n steps has n + 1. The limit is the wall time that
    the evaluations alone would take at the price of matsearch's potential, one thread a core and all cores always
    busy. Crystals whose number of steps is not known, because they ended in a guard, are in the times but not in the
    evaluations; ``steps_unknown`` counts them.
    """
    results = results_of(lines)
    steps = {name: r["steps"] for name, r in results.items() if r["steps"] is not None}
    cpu = _sum(line["cpu_s"] for line in lines)
    evaluations = sum(n + 1 for n in steps.values())
    atoms = sum((n + 1) * results[name]["n_atoms"] for name, n in steps.items())
    finished = [n for name, n in steps.items() if not results[name]["verdict"]]
    priced = [(steps[name] + 1) * costs[name] for name in steps if name in costs]
    limit = sum(priced) / cores if steps and len(priced) == len(steps) else None
    wall = sum(line["wall_s"] for line in lines)
    return {
        "steps_mean": float(np.mean(finished)) if finished else None,
        "steps_median": float(np.median(finished)) if finished else None,
        "evaluations": evaluations,
        "steps_unknown": len(results) - len(steps),
        "cpu_ms_per_evaluation": 1e3 * cpu / evaluations if cpu is not None and evaluations else None,
        "cpu_us_per_evaluation_and_atom": 1e6 * cpu / atoms if cpu is not None and atoms else None,
        "limit_s": limit,
        "limit_share": limit / wall if limit is not None and wall else None,
    }


def energy_differences(results: Results, others: Results) -> dict[str, Any]:
    """Return statistics of the energies' differences (eV/atom) over the crystals that both finished."""
    both = [i for i in results if i in others and not results[i]["verdict"] and not others[i]["verdict"]]
    if not both:
        return {"n": 0}
    signed = np.array([results[i]["energy_per_atom"] - others[i]["energy_per_atom"] for i in both])
    return {
        "n": len(both),
        "median": float(np.median(np.abs(signed))),
        "p95": float(np.percentile(np.abs(signed), 95)),
        "max": float(np.abs(signed).max()),
        "max_id": both[int(np.abs(signed).argmax())],
        "lower": int((signed < -APART).sum()),
        "higher": int((signed > APART).sum()),
    }


def verdicts(results: Results, others: Results, crystals: Crystals) -> dict[str, Any]:
    """Return how often two arms agree on what is metastable, and the flips both ways.

    ``n`` and ``agree`` count the crystals with a hull energy that both decided; one that was stopped early has no
    energy above the hull. In ``n_all`` and ``agree_all``, which count all with a hull energy that both dealt with, what
    an arm did not decide is not metastable.
    """
    placed = [
        name for name in results if name in others and crystals[name]["hull_energy_per_atom"] is not None
    ]
    both = [name for name in placed if is_decided(results[name]) and is_decided(others[name])]
    flips = [
        {
            **_ends(name, results, others, crystals),
            "metastable": is_metastable(results[name], crystals[name]),
        }
        for name in both
        if is_metastable(results[name], crystals[name]) != is_metastable(others[name], crystals[name])
    ]
    agree_all = sum(
        is_metastable(results[name], crystals[name]) == is_metastable(others[name], crystals[name])
        for name in placed
    )
    return {
        "n": len(both),
        "agree": len(both) - len(flips),
        "metastable": sum(is_metastable(results[name], crystals[name]) for name in both),
        "metastable_reference": sum(is_metastable(others[name], crystals[name]) for name in both),
        "n_all": len(placed),
        "agree_all": agree_all,
        "flips": flips,
    }


def decided_by_one(results: Results, others: Results, crystals: Crystals) -> list[dict[str, Any]]:
    """Return the crystals that one arm decided and the other did not, with the word for how each ended.

    Where an unfinished relaxation has an energy nevertheless, its distance from the hull is given too.
    """
    return [
        _ends(name, results, others, crystals)
        for name in results
        if name in others and is_decided(results[name]) != is_decided(others[name])
    ]


def above_hull(result: Mapping[str, Any], crystal: Mapping[str, Any]) -> float | None:
    """Return the signed energy above the crystal's hull in eV/atom, where there is an energy and a hull."""
    if result["energy_per_atom"] is None or crystal["hull_energy_per_atom"] is None:
        return None
    return float(result["energy_per_atom"] - crystal["hull_energy_per_atom"])


def is_decided(result: Mapping[str, Any]) -> bool:
    """Return whether the end of a relaxation says if the crystal is metastable."""
    return result["verdict"] in DECIDED


def is_metastable(result: Mapping[str, Any], crystal: Mapping[str, Any]) -> bool:
    """Return whether the relaxation finished under the metastability limit."""
    height = above_hull(result, crystal)
    return not result["verdict"] and height is not None and height < METASTABLE


def _ends(name: str, results: Results, others: Results, crystals: Crystals) -> dict[str, Any]:
    return {
        "id": name,
        "formula": crystals[name]["formula"],
        "ended": results[name]["verdict"],
        "energy_above_hull": above_hull(results[name], crystals[name]),
        "reference_ended": others[name]["verdict"],
        "reference": above_hull(others[name], crystals[name]),
    }


def _sum(values: Any) -> float | None:
    found = list(values)
    return None if any(value is None for value in found) else float(sum(found))


def _with_interval(of: Ratio, n: int, draws: int = 2000) -> dict[str, float | None]:
    whole = of(np.arange(n))
    if n < 2 or whole is None:
        return {"value": whole, "low": None, "high": None}
    random = np.random.default_rng(0)
    drawn = [of(random.integers(0, n, n)) for _ in range(draws)]
    low, high = np.percentile([x for x in drawn if x is not None], [2.5, 97.5])
    return {"value": whole, "low": float(low), "high": float(high)}
