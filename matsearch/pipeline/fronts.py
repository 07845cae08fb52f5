"""Several objectives at once: the fronts of a campaign's crystals."""

from collections.abc import Sequence
from itertools import combinations

from matsearch.core.axes import axis_of
from matsearch.core.records import Candidate
from matsearch.core.selection_sections import Objective
from matsearch.export.report.front_numbers import FrontAxis, FrontLine, FrontPanel, FrontPoint, Fronts
from matsearch.pipeline.funnel import believed_scored
from matsearch.select.objectives import violation
from matsearch.select.pareto import fronts

MOST_AXES = 3
"""Objectives that a figure shows."""

MOST_LINES = 5
"""Generations whose front a panel shows."""


def rank_fronts(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> dict[str, int]:
    """Return the front of each crystal by id, from 1, by constraint domination; what may not breed is in none."""
    ranked = fronts(candidates, objectives)
    return {c.candidate_id: number for number, front in enumerate(ranked, start=1) for c in front}


def keeps_constraints(candidate: Candidate, objectives: Sequence[Objective]) -> bool:
    """Return whether no hard constraint is broken."""
    return violation(candidate, objectives) == 0.0


def count_fronts(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> Fronts | None:
    """Return the distinct believed crystals by their objectives, with their fronts; None where there is none.

    The fronts of points count all objectives, those of lines the two of a panel, and only crystals that keep all
    constraints. None with one objective, too.
    """
    crystals = believed_scored(candidates) if len(objectives) > 1 else []
    numbers = rank_fronts(crystals, objectives)
    crystals = [c for c in crystals if c.candidate_id in numbers]
    if not crystals:
        return None
    keeping = [c for c in crystals if keeps_constraints(c, objectives)]
    kept = {c.candidate_id: numbers[c.candidate_id] for c in keeping}
    shown = list(objectives[:MOST_AXES])
    return Fronts(
        axes=tuple(_axis(o) for o in shown),
        points=tuple(_point(c, shown, kept.get(c.candidate_id)) for c in crystals),
        panels=tuple(
            FrontPanel(x=x, y=y, lines=tuple(_lines(keeping, shown[x], shown[y])))
            for x, y in combinations(range(len(shown)), 2)
        ),
        n_objectives=len(objectives),
    )


def _point(candidate: Candidate, shown: Sequence[Objective], front: int | None) -> FrontPoint:
    return FrontPoint(
        candidate_id=candidate.candidate_id,
        formula=candidate.formula,
        generation=candidate.generation,
        values=tuple(_value(candidate, o) for o in shown),
        front=front,
    )


def _lines(crystals: Sequence[Candidate], x: Objective, y: Objective) -> list[FrontLine]:
    if not crystals or "target" in (x.direction, y.direction):
        return []
    lines = []
    for generation in _some(sorted({c.generation for c in crystals})):
        first = fronts([c for c in crystals if c.generation <= generation], (x, y))[0]
        places = {(_value(c, x), _value(c, y)) for c in first}
        in_order = sorted(places, reverse=x.direction == "maximize")
        lines.append(FrontLine(generation=generation, points=tuple(in_order)))
    return lines


def _some(generations: Sequence[int]) -> list[int]:
    """Return at most ``MOST_LINES`` of them, evenly spaced, the first and the last among them."""
    last = len(generations) - 1
    places = {round(i * last / (MOST_LINES - 1)) for i in range(MOST_LINES)}
    return [generations[place] for place in sorted(places)]


def _axis(objective: Objective) -> FrontAxis:
    target = objective.target
    axis = axis_of(objective)
    unit = axis.unit.replace("^3", "\N{SUPERSCRIPT THREE}")
    return FrontAxis(
        name=objective.name,
        label=f"{axis.label} ({unit})" if unit else axis.label,
        scale=(axis.worst, axis.best) if target is None else None,
        direction=objective.direction,
        target=target if target is None or isinstance(target, tuple) else (target, target),
        at_least=objective.at_least,
        at_most=objective.at_most,
    )


def _value(candidate: Candidate, objective: Objective) -> float:
    value = candidate.objective(objective.name)
    assert value is not None  # noqa: S101 - who is in a front has all values
    return value
