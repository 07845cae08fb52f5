"""Labels beside marks: each where it covers no mark and no other label, a little further off where it is crowded."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from matsearch.export.report.style import GREY

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SUBSCRIPTS = {ord("0") + digit: ord("\N{SUBSCRIPT ZERO}") + digit for digit in range(10)}
_DIRECTIONS = ((1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (0, -1), (1, 0), (-1, 0))
_DISTANCES = (9, 24, 42, 60)  # points; beyond the first a thin line leads to the mark
_MARK = 10  # points a side
_LETTER, _LINE = 6.4, 12.0  # points


class Label(NamedTuple):
    """A formula, where its mark is (data coordinates), and the direction to try first (None: any)."""

    formula: str
    place: tuple[float, float]
    direction: tuple[float, float] | None


def add_labels(axes: "Axes", labels: Sequence[Label]) -> None:
    """Write the labels; one for which there is no room is left out."""
    marks = [_in_points(axes, label) for label in labels]
    taken = [_box(x, y, (0.0, 0.0), _MARK, _MARK) for x, y in marks]
    for label, (x, y) in zip(labels, marks, strict=True):
        for offset in _offsets(label):
            box = _box(x, y, offset, _LETTER * len(label.formula), _LINE)
            if not any(_overlap(box, other) for other in taken):
                taken.append(box)
                _write(axes, label, offset)
                break


def _write(axes: "Axes", label: Label, offset: tuple[float, float]) -> None:
    from matplotlib.patheffects import withStroke

    far = max(map(abs, offset)) > _DISTANCES[0]
    axes.annotate(
        label.formula.translate(_SUBSCRIPTS),
        label.place,
        offset,
        textcoords="offset points",
        ha=_side(offset[0], "left", "right"),
        va=_side(offset[1], "bottom", "top"),
        zorder=6,
        path_effects=[withStroke(linewidth=3, foreground="white")],
        arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 5}
        if far
        else None,
    )


def _offsets(label: Label) -> list[tuple[float, float]]:
    directions = list(_DIRECTIONS)
    if label.direction is not None:
        wanted = np.array(label.direction)
        directions.sort(key=lambda d: -float(wanted @ d) / np.hypot(*d))
    return [(distance * dx, distance * dy) for distance in _DISTANCES for dx, dy in directions]


def _in_points(axes: "Axes", label: Label) -> tuple[float, float]:
    x, y = axes.transData.transform(label.place) * 72 / axes.figure.dpi
    return float(x), float(y)


def _box(
    x: float, y: float, offset: tuple[float, float], width: float, height: float
) -> tuple[float, float, float, float]:
    dx, dy = offset
    left = x + dx - (width if dx < 0 else width / 2 if dx == 0 else 0.0)
    low = y + dy - (height if dy < 0 else height / 2 if dy == 0 else 0.0)
    return left, low, left + width, low + height


def _overlap(one: Sequence[float], other: Sequence[float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _side(offset: float, positive: str, negative: str) -> str:
    return "center" if offset == 0 else positive if offset > 0 else negative
