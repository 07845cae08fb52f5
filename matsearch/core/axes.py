"""What the objectives are measured in, and where their axes begin and end."""

from typing import NamedTuple

from matsearch.core.selection_sections import Objective
from matsearch.core.thresholds import LOWEST_FORMATION, TOO_GOOD


class Axis(NamedTuple):
    """The axis of an objective.

    Attributes
    ----------
    unit : str
        Empty where it is unknown.
    label : str
        Words for a plot or a prompt.
    worst, best : float
        Its two ends, in the unit; for a hypervolume, values beyond them count as at the end.
    """

    unit: str
    label: str
    worst: float
    best: float

    @property
    def span(self) -> float:
        """Length of the axis, in its unit."""
        return abs(self.worst - self.best)


AXES = {
    "energy_above_hull": Axis("eV/atom", "energy above hull", 0.5, TOO_GOOD),
    "formation_energy_per_atom": Axis("eV/atom", "formation energy", 0.5, LOWEST_FORMATION),
    "deformation_energy": Axis("eV/atom", "deformation energy", -1.0, 0.0),
    "bulk_modulus": Axis("GPa", "bulk modulus", 0.0, 400.0),
    "density": Axis("g/cm^3", "density", 0.0, 23.0),
}
"""By objective. An objective of the other direction has the same axis, turned round.

* ``energy_above_hull``: relaxations end early where they cannot come under 0.5 (default of ``relax.stop_above``), and
  what is below -0.1 is not believed.
* ``formation_energy_per_atom``: 0.5 above the elements as above the hull; no compound is bound more strongly than -5.5.
* ``deformation_energy``: (E_relaxed - E_proposed)/N, maximised as in MatLLMSearch (arXiv:2502.20933); 0 is a proposal
  that was at rest, and one that gave away 1 eV/atom, of the order of a chemical bond, was another crystal.
* ``bulk_modulus``: 0 resists nothing; only diamond, cubic boron nitride, osmium and their like come near 400 or pass it.
* ``density``: osmium, the densest element, has 22.6.
"""


def axis_of(objective: Objective) -> Axis:
    """Return the axis of an objective: its property's, or its ``scale``; the direction says which end is the worst.

    With a target the worst end is that further from it, and the best one is the edge of the target on that side.

    Raises
    ------
    ValueError
        If there is no such axis, or it lies in the target as a whole.
    """
    unit, label, *ends = _as_given(objective)
    low, high = sorted(ends)
    if objective.direction == "minimize":
        return Axis(unit, label, high, low)
    if objective.direction == "maximize":
        return Axis(unit, label, low, high)
    worst = max(low, high, key=lambda end: minimised(objective, end))
    if minimised(objective, worst) == 0.0:
        raise ValueError(
            f"objectives: the axis of {objective.name!r}, {low:g} to {high:g}, lies in its target: nothing is worse"
        )
    lower, upper = _target(objective)
    return Axis(unit, label, worst, upper if worst > upper else lower)


def reach_of(objective: Objective) -> tuple[float, float]:
    """Return the lower and the upper end of an objective's axis.

    Raises
    ------
    ValueError
        If there is no such axis.
    """
    given = _as_given(objective)
    return min(given.worst, given.best), max(given.worst, given.best)


def minimised(objective: Objective, value: float) -> float:
    """Return a value as a number of which less is better: itself, its negative, or its distance to the target.

    The unit is that of the value; inside a target's range the distance is 0.
    """
    if objective.direction == "minimize":
        return value
    if objective.direction == "maximize":
        return -value
    lower, upper = _target(objective)
    return max(lower - value, value - upper, 0.0)


def _as_given(objective: Objective) -> Axis:
    known = AXES.get(objective.name)
    if objective.scale is not None:
        unit, label = known[:2] if known else ("", objective.name.replace("_", " "))
        return Axis(unit, label, *objective.scale)
    if known is None:
        raise ValueError(
            f"objectives: {objective.name!r} has no axis of its own: check the name (known: {', '.join(AXES)}) or "
            "give it scale: [worst, best]"
        )
    return known


def _target(objective: Objective) -> tuple[float, float]:
    target = objective.target
    if target is None:  # the section's validator has seen to it
        raise ValueError(f"objectives: {objective.name!r} has no target")
    return target if isinstance(target, tuple) else (target, target)
