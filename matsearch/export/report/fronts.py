"""Fronts of several objectives as a figure, with the hypervolume by generation."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from matsearch.core.text import counted
from matsearch.export.report.front_numbers import FrontAxis, FrontLine, FrontPanel, Fronts
from matsearch.export.report.style import (
    COLOURS,
    GREY,
    INK,
    PALE,
    new_figure,
    png,
    say_below,
    styled,
    whole_numbers,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.figure import Figure

_MARGIN = 0.06
_WORDS = {
    "minimize": "lower is better",
    "maximize": "higher is better",
    "target": "near the target is better",
}


def fronts_figure(fronts: Fronts, hypervolumes: Mapping[int, float], sentence: str) -> bytes:
    """Return all crystals by two objectives a panel with their fronts, and the hypervolume by generation (PNG)."""
    n_panels = len(fronts.panels) + bool(hypervolumes)
    columns = min(2, n_panels)
    rows = -(-n_panels // columns)
    with styled():
        figure = new_figure(4.7 * columns, 0.9 + 3.6 * rows)
        grid = list(figure.subplots(rows, columns, squeeze=False).ravel())
        drawn = [_draw_panel(axes, fronts, panel) for axes, panel in zip(grid, fronts.panels, strict=False)]
        if hypervolumes:
            _draw_hypervolume(grid[len(drawn)], hypervolumes)
        for axes in grid[n_panels:]:
            axes.set_axis_off()
        _add_colours(figure, grid[: len(drawn)], drawn[0], fronts)
        _add_legend(figure, grid[: len(drawn)])
        say_below(figure, sentence)
        return png(figure)


def fronts_words(fronts: Fronts) -> str:
    """Return what the figure shows of the objectives and the crystals."""
    shown = "Crystals are those that are distinct and believed."
    if len(fronts.axes) < fronts.n_objectives:
        shown += f" Drawn are the first {len(fronts.axes)} of {fronts.n_objectives} objectives; the first front counts all."
    n = _beyond(fronts)
    edge = (
        f" {counted(n, 'crystal')} beyond the end of an axis {'is' if n == 1 else 'are'} drawn at its edge."
        if n
        else ""
    )
    return (
        f"{shown} Hypervolume: the share of the space between the worst and the best ends of all axes that is dominated by "
        f"the crystals up to a generation that keep all constraints.{edge}"
    )


def _beyond(fronts: Fronts) -> int:
    return sum(
        any(v != _on_axis(v, axis) for v, axis in zip(point.values, fronts.axes, strict=True))
        for point in fronts.points
    )


def _draw_panel(axes: "Axes", fronts: Fronts, panel: FrontPanel) -> "PathCollection":
    pair = (fronts.axes[panel.x], fronts.axes[panel.y])
    shown = sorted(fronts.points, key=lambda p: (p.front == 1, p.generation))  # fronts on top
    places = [tuple(_on_axis(p.values[i], fronts.axes[i]) for i in (panel.x, panel.y)) for p in shown]
    generations = [p.generation for p in fronts.points]
    points = axes.scatter(
        [x for x, _ in places],
        [y for _, y in places],
        c=[p.generation for p in shown],
        s=[42 if p.front == 1 else 18 for p in shown],
        edgecolors=[INK if p.front == 1 else "none" for p in shown],
        zorder=3,
        cmap="viridis",
        vmin=min(generations),
        vmax=max(generations),
    )
    axes.set_xlim(*_limits([x for x, _ in places], pair[0]))
    axes.set_ylim(*_limits([y for _, y in places], pair[1]))
    for i, line in enumerate(panel.lines):
        _draw_line(axes, line, pair, points, last=i == len(panel.lines) - 1)
    _shade(pair[0], axes.axvspan, axes.get_xlim())
    _shade(pair[1], axes.axhspan, axes.get_ylim())
    axes.set_xlabel(f"{pair[0].label}\n{_WORDS[pair[0].direction]}", parse_math=False)
    axes.set_ylabel(f"{pair[1].label}\n{_WORDS[pair[1].direction]}", parse_math=False)
    return points


def _draw_line(
    axes: "Axes", line: FrontLine, pair: tuple[FrontAxis, FrontAxis], points: Any, *, last: bool
) -> None:
    """Draw the border of what is dominated: from the best x, along the worst y, to the worst x at the best y."""
    ends = (axes.get_xlim(), axes.get_ylim())
    worst_x, worst_y = (
        end[1] if axis.direction == "minimize" else end[0] for end, axis in zip(ends, pair, strict=True)
    )
    places = [(_on_axis(x, pair[0]), _on_axis(y, pair[1])) for x, y in line.points]
    steps = [(places[0][0], worst_y), *places, (worst_x, places[-1][1])]
    colour = INK if last else points.cmap(points.norm(line.generation))
    axes.plot(
        [x for x, _ in steps],
        [y for _, y in steps],
        drawstyle="steps-post",
        color=colour,
        linewidth=1.6 if last else 1.0,
        alpha=1.0 if last else 0.55,
        label="front of the two objectives" if last else "after earlier generations",
        zorder=4 if last else 2,
    )


def _shade(axis: FrontAxis, span: Any, ends: tuple[float, float]) -> None:
    not_allowed = {
        "facecolor": PALE,
        "edgecolor": GREY,
        "hatch": "///",
        "linewidth": 0,
        "alpha": 0.5,
        "zorder": 1,
        "label": "against a constraint",
    }
    if axis.at_least is not None and axis.at_least > ends[0]:
        span(ends[0], axis.at_least, **not_allowed)
    if axis.at_most is not None and axis.at_most < ends[1]:
        span(axis.at_most, ends[1], **not_allowed)
    if axis.target is not None:
        low, high = axis.target
        thin = 0.004 * (ends[1] - ends[0])  # a value is a line that can be seen
        span(low - thin, high + thin, color=COLOURS[2], alpha=0.25, linewidth=0, zorder=1, label="wanted")


def _draw_hypervolume(axes: "Axes", hypervolumes: Mapping[int, float]) -> None:
    axes.plot(list(hypervolumes), list(hypervolumes.values()), "o-", color=COLOURS[0])
    axes.set_xlabel("generation")
    axes.set_ylabel("hypervolume up to the generation\n(share of the objectives' box)")
    axes.grid(axis="y", color=PALE, linewidth=0.8)
    axes.set_axisbelow(True)
    whole_numbers(axes)


def _add_colours(
    figure: "Figure", panels: Sequence["Axes"], points: "PathCollection", fronts: Fronts
) -> None:
    if len({p.generation for p in fronts.points}) > 1:
        from matplotlib.ticker import MaxNLocator

        figure.colorbar(
            points, ax=list(panels), label="generation", ticks=MaxNLocator(integer=True), aspect=40, pad=0.02
        )


def _add_legend(figure: "Figure", panels: Sequence["Axes"]) -> None:
    from matplotlib.lines import Line2D

    words = "on the first front"
    handles: dict[str, Any] = {
        words: Line2D([], [], marker="o", linestyle="none", color=PALE, markeredgecolor=INK, label=words)
    }
    for axes in panels:
        drawn, labels = axes.get_legend_handles_labels()
        handles |= dict(zip(labels, drawn, strict=True))
    figure.legend(handles=list(handles.values()), loc="outside upper center", ncols=3, frameon=False)


def _on_axis(value: float, axis: FrontAxis) -> float:
    """Return a value within the absolute axis: its nearer end where it lies beyond."""
    return value if axis.scale is None else float(np.clip(value, min(axis.scale), max(axis.scale)))


def _limits(values: Sequence[float], axis: FrontAxis) -> tuple[float, float]:
    said = [v for v in (axis.at_least, axis.at_most, *(axis.target or ())) if v is not None]
    shown = [*values, *(_on_axis(v, axis) for v in said)]
    low, high = min(shown), max(shown)
    margin = _MARGIN * (high - low) or 0.5
    return low - margin, high + margin
