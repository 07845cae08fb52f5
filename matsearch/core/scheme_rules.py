"""Which objectives a scheme of selection can work with."""

from collections.abc import Sequence

from matsearch.core.axes import axis_of, reach_of
from matsearch.core.selection_sections import PAPER_SCHEME, Objective

STABILITY = "energy_above_hull"


def check_scheme(objectives: Sequence[Objective], scheme: str) -> None:
    """Refuse objectives that ``selection.scheme`` cannot work with.

    ``lexical`` and ``matllmsearch`` are formulas of the energy above the hull. Fronts, hypervolumes (of several
    objectives) and the extent to which a hard constraint is broken need axes.

    Raises
    ------
    ValueError
        In one line, naming the objective and the remedy.
    """
    names = ", ".join(objective.name for objective in objectives)
    first = objectives[0]
    is_stability = first.name == STABILITY and first.direction == "minimize"
    if scheme == "lexical" and (len(objectives) != 2 or not is_stability):
        raise ValueError(
            f"selection.scheme: lexical needs two objectives, first {STABILITY} to minimize, not {names}: choose pareto"
        )
    if scheme == PAPER_SCHEME and (len(objectives) != 1 or not is_stability):
        raise ValueError(
            f"selection.scheme: matllmsearch needs the one objective {STABILITY} to minimize, not {names}: choose pareto"
        )
    if scheme == PAPER_SCHEME and _is_constrained(first):
        raise ValueError(
            f"selection.scheme: matllmsearch knows no at_least or at_most (of {first.name}): choose best"
        )
    for objective in objectives:
        if scheme == "pareto" or len(objectives) > 1 or _is_constrained(objective):
            axis_of(objective)
            _require_reach(objective)


def _require_reach(objective: Objective) -> None:
    """Refuse a hard constraint that only values beyond the axis keep."""
    low, high = reach_of(objective)
    too_low = objective.at_most is not None and objective.at_most < low
    if too_low or (objective.at_least is not None and objective.at_least > high):
        raise ValueError(
            f"objectives: no {objective.name} between {low:g} and {high:g}, its axis, keeps its hard constraint: "
            "change it, or give the objective a wider scale"
        )


def _is_constrained(objective: Objective) -> bool:
    return objective.at_least is not None or objective.at_most is not None
