"""Fronts and hypervolumes of a search by generation, on absolute axes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from searches import distinct_relaxations

from matsearch.core.axes import Axis, axis_of
from matsearch.core.config import Objective, parse_config
from matsearch.core.records import Candidate
from matsearch.pipeline.result import SearchResult
from matsearch.select.objectives import may_breed, violation


def measure(result: SearchResult, relaxations: int) -> dict[str, Any]:
    """Return fronts, hypervolumes and best values by generation."""
    config = parse_config(result.record.config)
    objectives = config.objectives
    names = [objective.name for objective in objectives]
    work = distinct_relaxations(result)
    stages = [
        {
            "evaluations": sum(c.generation <= summary.generation for c in work),
            "campaign_hypervolume": summary.hypervolume,
            **stage([c for c in result.candidates if c.generation <= summary.generation], objectives),
        }
        for summary in result.record.state.history
    ]
    return {
        "case": config.name.rpartition("-")[2],
        "scheme": config.selection.scheme,
        "seed": config.seed,
        "objectives": names,
        "directions": [objective.direction for objective in objectives],
        "axes": [axis_of(objective)._asdict() for objective in objectives],
        "relaxations_begun": relaxations,
        "generations": stages,
    }


def stage(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> dict[str, Any]:
    """Return the front, its hypervolume and the best of each objective of these crystals.

    The front holds distinct crystals, believed, with a finite value of every objective, that keep all hard constraints.
    """
    crystals = [c for c in candidates if _is_compared(c, objectives)]
    values = np.array([[c.objective(o.name) for o in objectives] for c in crystals], dtype=float)
    values = values.reshape(len(crystals), len(objectives))
    maximised = [objective.direction == "maximize" for objective in objectives]
    kept = front(values, maximised)
    ends = [max if up else min for up in maximised]
    return {
        "believed": len(crystals),
        "hypervolume": hypervolume(values, [axis_of(objective) for objective in objectives]),
        "front": [
            {
                "formula": crystals[i].formula,
                "spacegroup": crystals[i].spacegroup,
                "values": values[i].tolist(),
            }
            for i in kept
        ],
        "best": [end(column) for end, column in zip(ends, values.T.tolist(), strict=True)]
        if crystals
        else [],
    }


def front(values: np.ndarray, maximised: Sequence[bool]) -> list[int]:
    """Return the rows that no other row dominates.

    Parameters
    ----------
    values : array, shape (n, m)
        A row a crystal, a column an objective.
    maximised : sequence of bool
        Whether more is better, of each objective.
    """
    import moocore

    if not len(values):
        return []
    is_best = moocore.is_nondominated(values, maximise=list(maximised), keep_weakly=True)
    return [int(i) for i in np.flatnonzero(is_best)]


def hypervolume(values: np.ndarray, axes: Sequence[Axis]) -> float:
    """Return the share of the box between all worst and all best ends that the rows dominate.

    Zitzler and Thiele, IEEE Trans. Evol. Comput. 3, 257 (1999), with the worst ends as reference point. Values beyond
    the end of an axis count as at the end.
    """
    import moocore

    worst, best = (np.array([getattr(axis, end) for axis in axes]) for end in ("worst", "best"))
    if not len(values):
        return 0.0
    shares = np.clip((values - worst) / (best - worst), 0.0, 1.0)
    return float(moocore.hypervolume(shares, ref=np.zeros(len(axes)), maximise=True))


def _is_compared(candidate: Candidate, objectives: Sequence[Objective]) -> bool:
    """Return whether a crystal is distinct, believed, wholly measured, and keeps all hard constraints."""
    is_distinct = candidate.duplicate_of is None and may_breed(candidate, objectives)
    return is_distinct and violation(candidate, objectives) == 0.0
