"""The elements of proposals and parents by generation as a figure: lines for a few of them, a heat map for many."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matsearch.export.report.numbers import ElementShares
from matsearch.export.report.style import COLOURS, MARKERS, new_figure, png, styled, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_LINES = 8
"""Elements that a reader can tell apart as lines."""

_TITLES = ("proposed", "their parents in this campaign")


def elements_of(shares: Sequence[ElementShares]) -> list[str]:
    """Return the elements that occur, sorted."""
    return sorted({symbol for s in shares for part in (s.proposed, s.parents) for symbol in part})


def elements_figure(shares: Sequence[ElementShares]) -> bytes:
    """Return the mean atomic fraction of each element by generation: of proposals, and of their parents (PNG)."""
    symbols = elements_of(shares)
    return _lines(shares, symbols) if len(symbols) <= MOST_LINES else _heat_map(shares, symbols)


def _lines(shares: Sequence[ElementShares], symbols: Sequence[str]) -> bytes:
    with styled():
        figure = new_figure(8, 3.6)
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for i, symbol in enumerate(symbols):
            style = {"color": COLOURS[i], "marker": MARKERS[i], "label": symbol}
            for axes, part in zip(panels, ("proposed", "parents"), strict=True):
                points = [
                    (s.generation, getattr(s, part).get(symbol, 0.0)) for s in shares if getattr(s, part)
                ]
                axes.plot([x for x, _ in points], [y for _, y in points], **style)
        for axes, title in zip(panels, _TITLES, strict=True):
            _label(axes, title)
        panels[0].set_ylabel("mean atomic fraction")
        panels[0].set_ylim(bottom=0)
        panels[1].legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        return png(figure)


def _heat_map(shares: Sequence[ElementShares], symbols: Sequence[str]) -> bytes:
    import numpy as np

    with styled():
        figure = new_figure(8, 1.2 + 0.2 * len(symbols))
        panels = figure.subplots(1, 2, sharey=True)
        tables = [
            np.array([[getattr(s, part).get(symbol, np.nan) for s in shares] for symbol in symbols])
            for part in ("proposed", "parents")
        ]
        highest = max(float(np.nanmax(table, initial=0.0)) for table in tables)
        extent = (shares[0].generation - 0.5, shares[-1].generation + 0.5, len(symbols) - 0.5, -0.5)
        for axes, table, title in zip(panels, tables, _TITLES, strict=True):
            image = axes.imshow(
                table,
                aspect="auto",
                cmap="viridis",
                vmin=0.0,
                vmax=highest,
                extent=extent,
                interpolation="none",
            )
            _label(axes, title)
        panels[0].set_yticks(range(len(symbols)), symbols)
        figure.colorbar(image, ax=panels, label="mean atomic fraction")
        return png(figure)


def _label(axes: "Axes", title: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("generation")
    whole_numbers(axes)
