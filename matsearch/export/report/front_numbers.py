"""The numbers of a figure of fronts: what several objectives came to at once."""

from typing import Literal

from matsearch.core.model import Record


class FrontAxis(Record):
    """One objective.

    Attributes
    ----------
    label : str
        What is written at the axis, with its unit.
    scale : tuple of float or None
        Worst and best value of the absolute axis, in the unit; None with a target, from which worse is both ways.
    direction : str
        Which way is better; ``target``: near it.
    target : tuple of float or None
        Ends of the range that is wanted, the same twice for a value.
    at_least, at_most : float or None
        Hard constraints.
    """

    name: str
    label: str
    scale: tuple[float, float] | None
    direction: Literal["minimize", "maximize", "target"]
    target: tuple[float, float] | None = None
    at_least: float | None = None
    at_most: float | None = None


class FrontPoint(Record):
    """A distinct believed crystal.

    Attributes
    ----------
    values : tuple of float
        In the order of the axes, in their units.
    front : int or None
        From 1, where nothing is better; None where it breaks a hard constraint.
    """

    candidate_id: str
    formula: str
    generation: int
    values: tuple[float, ...]
    front: int | None


class FrontLine(Record):
    """The front of all crystals up to a generation in the two objectives of a panel, from best to worst x."""

    generation: int
    points: tuple[tuple[float, float], ...]


class FrontPanel(Record):
    """Two objectives against each other.

    Attributes
    ----------
    x, y : int
        Positions of the axes.
    lines : tuple of FrontLine
        In these two alone, by generation, the last one of all crystals. Empty where no crystal keeps the constraints,
        and where one of the two is to be near a target: a front then has two sides.
    """

    x: int
    y: int
    lines: tuple[FrontLine, ...]


class Fronts(Record):
    """The crystals of a campaign by their objectives.

    Attributes
    ----------
    axes : tuple of FrontAxis
        The first three objectives at most.
    points : tuple of FrontPoint
        In the order of their birth.
    n_objectives : int
        Of the campaign; fronts of points count all of them.
    """

    axes: tuple[FrontAxis, ...]
    points: tuple[FrontPoint, ...]
    panels: tuple[FrontPanel, ...]
    n_objectives: int
