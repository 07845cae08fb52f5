"""Binary and ternary phase diagrams as figures."""

from typing import TYPE_CHECKING, Any

import numpy as np

from matsearch.export.report.labels import Label, add_labels
from matsearch.export.report.numbers import HullDiagram, HullPhase
from matsearch.export.report.style import COLOURS, GREY, INK, new_figure, png, say_below, styled

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

HIGHEST = 0.2
"""Energy above hull (eV/atom) at which the colours end."""

BELOW = COLOURS[1]
"""Colour of what is below the hull: not among those of the map."""

_SHOWN_ABOVE = 0.5  # eV/atom of formation; what is higher is drawn at the edge of a binary diagram
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(3) / 2]])
_OUTWARD = ((-12, -10, "right", "top"), (12, -10, "left", "top"), (0, 10, "center", "bottom"))


def hull_figure(diagram: HullDiagram, sentence: str) -> bytes:
    """Return the phase diagram of two or three elements (PNG)."""
    with styled():
        figure = new_figure(8, 5.6 if len(diagram.elements) == 2 else 6.8)
        axes = figure.subplots()
        if len(diagram.elements) == 2:
            _draw_binary(axes, diagram)
        else:
            _draw_ternary(axes, diagram)
        _add_legend(figure, diagram)
        say_below(figure, edge_words(diagram) + sentence)
        figure.draw_without_rendering()  # labels are placed where the axes really are
        add_labels(axes, _labels(diagram))
        return png(figure)


def _draw_binary(axes: "Axes", diagram: HullDiagram) -> None:
    xy = np.array([_place(diagram, phase) for phase in diagram.phases])
    for pair in diagram.tie_lines:
        axes.plot(*xy[list(pair)].T, "-", color=INK, linewidth=1.2, zorder=2)
    points = np.array([(p.fractions[1], p.formation_energy_per_atom) for p in diagram.points]).reshape(-1, 2)
    lowest = min([0.0, *xy[:, 1], *points[:, 1]])
    top = min(_SHOWN_ABOVE, max([0.05, *xy[:, 1], *points[:, 1]]))
    _draw_points(axes, diagram, np.minimum(points, [1.0, top]), points[:, 1] > top)
    _draw_phases(axes, diagram, np.minimum(xy, [1.0, top]))
    margin = 0.12 * (top - lowest)
    axes.set_xlim(-0.06, 1.06)
    axes.set_ylim(lowest - 1.3 * margin, top + margin)
    axes.set_xlabel(f"atomic fraction of {diagram.elements[1]} in {'-'.join(diagram.elements)}")
    axes.set_ylabel("formation energy (eV/atom)")


def _draw_ternary(axes: "Axes", diagram: HullDiagram) -> None:
    xy = np.array([_place(diagram, phase) for phase in diagram.phases])
    axes.plot(*_CORNERS[[0, 1, 2, 0]].T, "-", color=INK, linewidth=1.2, zorder=1)
    for pair in diagram.tie_lines:
        axes.plot(*xy[list(pair)].T, "-", color=GREY, linewidth=1.0, zorder=2)
    points = np.array([p.fractions for p in diagram.points]).reshape(-1, 3) @ _CORNERS
    _draw_points(axes, diagram, points, np.zeros(len(points), dtype=bool))
    _draw_phases(axes, diagram, xy)
    for corner, symbol, (dx, dy, horizontal, vertical) in zip(
        _CORNERS, diagram.elements, _OUTWARD, strict=True
    ):
        axes.annotate(
            symbol,
            corner,
            (dx, dy),
            textcoords="offset points",
            ha=horizontal,
            va=vertical,
            fontsize=13,
            weight="bold",
        )
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.margins(0.08)


def _draw_points(axes: "Axes", diagram: HullDiagram, xy: np.ndarray, clipped: np.ndarray) -> None:
    energies = np.round(
        [p.energy_above_hull for p in diagram.points], 3
    )  # as written: noise is not below the hull
    for marker, chosen in (("^", clipped), ("o", ~clipped)):
        drawn = axes.scatter(
            xy[chosen, 0],
            xy[chosen, 1],
            c=energies[chosen],
            cmap=_colours(),
            vmin=0.0,
            vmax=HIGHEST,
            s=70,
            marker=marker,
            edgecolors="white",
            linewidths=0.8,
            zorder=4,
        )
    axes.figure.colorbar(
        drawn, ax=axes, label="energy above hull (eV/atom)", extend="both", shrink=0.7, fraction=0.06
    )


def _colours() -> "Colormap":
    from matplotlib import colormaps

    return colormaps["viridis_r"].with_extremes(under=BELOW)


def _draw_phases(axes: "Axes", diagram: HullDiagram, xy: np.ndarray) -> None:
    on_hull = np.array([phase.on_hull for phase in diagram.phases])
    axes.plot(*xy[~on_hull].T, "x", color=GREY, markersize=6, zorder=3)
    axes.plot(
        *xy[on_hull].T, "s", color=INK, markersize=9, markerfacecolor="none", markeredgewidth=1.6, zorder=5
    )


def _add_legend(figure: "Figure", diagram: HullDiagram) -> None:
    open_square: dict[str, Any] = {"markerfacecolor": "none", "markeredgewidth": 1.6}
    handles = [
        _handle("s", INK, "reference phase on the hull", **open_square),
        _handle("x", GREY, "reference phase above it"),
        _handle("o", "#35b779", "crystal of this search"),
    ]
    if any(round(p.energy_above_hull, 3) < 0 for p in diagram.points):
        handles.append(_handle("o", BELOW, "below the hull"))
    figure.legend(
        handles=handles,
        loc="outside upper center",
        ncols=len(handles),
        frameon=False,
        fontsize=9,
        columnspacing=1.2,
        handletextpad=0.2,
    )


def _handle(marker: str, colour: str, label: str, **changes: Any) -> "Line2D":
    from matplotlib.lines import Line2D

    return Line2D([], [], color=colour, marker=marker, linestyle="none", markersize=8, label=label, **changes)


def edge_words(diagram: HullDiagram) -> str:
    """Return how many marks of a binary diagram are drawn lower than they are; nothing where there are none."""
    if len(diagram.elements) != 2:
        return ""
    parts = []
    for what, drawn in (("crystal", diagram.points), ("reference phase", diagram.phases)):
        n = sum(mark.formation_energy_per_atom > _SHOWN_ABOVE for mark in drawn)
        if n:
            parts.append(f"{n} {what}{'s' if n > 1 else ''}")
    if not parts:
        return ""
    verb = "is" if parts[0].startswith("1 ") and len(parts) == 1 else "are"
    return f"{' and '.join(parts)} above {_SHOWN_ABOVE} eV/atom {verb} drawn at the edge. "


def _labels(diagram: HullDiagram) -> list[Label]:
    """Return the formulas on the hull: under it for two elements, outside the triangle's edges for three."""
    ternary = len(diagram.elements) == 3
    labels = []
    for phase in diagram.phases:
        if phase.on_hull and not (
            ternary and max(phase.fractions) == 1.0
        ):  # corners have labels of their own
            x, y = _place(diagram, phase)
            direction: tuple[float, float] | None = (0.0, -1.0)
            if ternary:
                outward = np.array([x, y]) - _CORNERS.mean(axis=0)
                direction = (float(outward[0]), float(outward[1])) if min(phase.fractions) == 0.0 else None
            labels.append(Label(phase.formula, (float(x), float(y)), direction))
    return labels


def _place(diagram: HullDiagram, phase: HullPhase) -> np.ndarray:
    if len(diagram.elements) == 2:
        return np.array([phase.fractions[1], phase.formation_energy_per_atom])
    return np.asarray(np.array(phase.fractions) @ _CORNERS)
