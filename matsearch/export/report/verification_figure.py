"""The potential beside DFT as parity plots."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from matsearch.export.report.labels import Label, add_labels
from matsearch.export.report.style import (
    COLOURS,
    GREY,
    INK,
    PALE,
    new_figure,
    png,
    say_below,
    styled,
)
from matsearch.export.report.verification_numbers import SentCrystal

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

STANDING_COLOURS = {
    "confirmed": COLOURS[2],
    "indicative": COLOURS[4],
    "refuted": COLOURS[1],
}
ROLE_MARKERS = {"survivor": "o", "control": "s"}

_MARGIN = 0.12
_MOST_LABELS = 30


class _Panel(NamedTuple):
    title: str
    predicted: str
    found: str


_PANELS = (
    _Panel("energy above hull (eV/atom)", "predicted_energy_above_hull", "energy_above_hull"),
    _Panel("formation energy (eV/atom)", "predicted_formation_energy", "formation_energy"),
    _Panel("volume (Å³/atom)", "predicted_volume", "volume"),
)


def parity_figure(sent: Sequence[SentCrystal], sentence: str) -> bytes:
    """Return energy above hull, formation energy and volume by the potential and by DFT (PNG).

    Colours are standings, markers roles. Crystals of which DFT says nothing are not drawn.
    """
    with styled():
        figure = new_figure(9.4, 8.4)
        wide, *small = figure.subplot_mosaic("AA;BC", height_ratios=[1.25, 1]).values()
        for axes, panel in zip((wide, *small), _PANELS, strict=True):
            _draw_panel(axes, sent, panel)
        if drawn := _pairs(sent, _PANELS[0]):
            thresholds = sorted({each.threshold for each, *_ in drawn})
            _draw_quadrants(wide, thresholds)
            figure.draw_without_rendering()  # labels are placed in points
            add_labels(wide, [Label(each.formula, (x, y), None) for each, x, y in drawn[:_MOST_LABELS]])
        _add_legend(figure, sent)
        say_below(figure, sentence)
        return png(figure)


def _pairs(sent: Sequence[SentCrystal], panel: _Panel) -> list[tuple[SentCrystal, float, float]]:
    pairs = [(each, getattr(each, panel.predicted), getattr(each, panel.found)) for each in sent]
    return [(each, x, y) for each, x, y in pairs if x is not None and y is not None]


def _draw_panel(axes: "Axes", sent: Sequence[SentCrystal], panel: _Panel) -> None:
    pairs = _pairs(sent, panel)
    for each, x, y in pairs:
        axes.plot(
            x,
            y,
            ROLE_MARKERS.get(each.role, "D"),
            color=STANDING_COLOURS.get(each.standing, GREY),
            markeredgecolor=INK,
            markeredgewidth=0.7,
            markersize=8,
            zorder=4,
        )
    low, high = _limits([value for _, x, y in pairs for value in (x, y)])
    axes.plot([low, high], [low, high], color=GREY, linewidth=0.9, zorder=1)
    axes.set(xlim=(low, high), ylim=(low, high))
    axes.set_xlabel(f"potential: {panel.title}")
    axes.set_ylabel("DFT")
    axes.grid(color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)


def _limits(values: Sequence[float]) -> tuple[float, float]:
    if not values:
        return -0.5, 0.5
    low, high = min(values), max(values)
    margin = _MARGIN * (high - low) or 0.05 * max(abs(high), 1.0)
    return low - margin, high + margin


def _draw_quadrants(axes: "Axes", thresholds: Sequence[float]) -> None:
    """Draw the thresholds, and the two quadrants where the potential was wrong at the highest of them."""
    low, high = axes.get_xlim()
    for threshold in thresholds:
        for line in (axes.axvline, axes.axhline):
            line(threshold, color=INK, linestyle=":", linewidth=1.2, zorder=2)
    limit = thresholds[-1]
    for (left, right), (bottom, top), words, where in (
        ((low, limit), (limit, high), "false stable", (0.01, 0.97)),
        ((limit, high), (low, limit), "false unstable", (0.99, 0.03)),
    ):
        if left < right and bottom < top:
            axes.fill_between([left, right], bottom, top, color=COLOURS[1], alpha=0.07, linewidth=0, zorder=0)
            axes.text(
                *where,
                words,
                transform=axes.transAxes,
                color=GREY,
                ha="left" if where[0] < 0.5 else "right",
                va="top" if where[1] > 0.5 else "bottom",
            )


def _add_legend(figure: "Figure", sent: Sequence[SentCrystal]) -> None:
    from matplotlib.lines import Line2D

    drawn = [each for each, *_ in _pairs(sent, _PANELS[0])]
    handles = [
        Line2D([], [], marker="o", linestyle="none", color=colour, markeredgecolor=INK, label=name)
        for name, colour in STANDING_COLOURS.items()
        if any(each.standing == name for each in drawn)
    ]
    handles += [
        Line2D([], [], marker=marker, linestyle="none", color="white", markeredgecolor=INK, label=name)
        for name, marker in ROLE_MARKERS.items()
        if any(each.role == name for each in drawn)
    ]
    handles += [
        Line2D([], [], color=INK, linestyle=":", label="threshold"),
        Line2D([], [], color=GREY, label="potential and DFT agree"),
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=4, frameon=False)
