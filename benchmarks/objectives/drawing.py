"""Fronts by generation, and hypervolume against evaluations, as PNG."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Found = Sequence[dict[str, Any]]
COLOURS = {"pareto": "#0072b2", "weighted": "#d55e00", "lexical": "#009e73"}


def draw_fronts(found: Found, path: Path) -> None:
    """Draw the fronts of one case: a row a seed, a column a scheme and a pair of objectives, dark to light by generation.

    With more than two objectives, what is drawn are the crystals of the whole front against two of its objectives; the
    steps join those that no other beats in these two.
    """
    from matplotlib.figure import Figure

    seeds = sorted({one["seed"] for one in found})
    schemes = list(dict.fromkeys(one["scheme"] for one in found))
    last = len(found[0]["objectives"]) - 1
    panels = [(scheme, other) for other in range(last, 0, -1) for scheme in schemes]
    size = (3.3 * len(panels), 2.6 * len(seeds) + 0.6)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(len(seeds), len(panels), squeeze=False, sharex=True)
    for row, seed in zip(grid, seeds, strict=True):
        for axes, (scheme, other) in zip(row, panels, strict=True):
            one = next((o for o in found if (o["scheme"], o["seed"]) == (scheme, seed)), None)
            if one is not None:
                _draw_generations(axes, one, other)
            axes.set_title(f"{scheme}, seed {seed}", fontsize=9)
    for column, (_, other) in zip(grid.T, panels, strict=True):
        column[-1].set_xlabel(_label(found[0], 0), fontsize=8)
        for axes in column:
            axes.set_ylabel(_label(found[0], other), fontsize=8)
    for other in range(1, last + 1):
        alike = [axes for row in grid for axes, panel in zip(row, panels, strict=True) if panel[1] == other]
        ends = [axes.dataLim.intervaly for axes in alike if axes.collections]
        margin = 0.05 * max(np.ptp(ends), 1e-6)
        for axes in alike:
            axes.set_ylim(np.min(ends) - margin, np.max(ends) + margin)
    lines = grid[0][0].get_legend_handles_labels()
    figure.legend(*lines, fontsize=7, title="generation", title_fontsize=7, loc="outside right upper")
    figure.savefig(path, dpi=130)


def draw_hypervolumes(found: Found, path: Path) -> None:
    """Draw the hypervolume against distinct relaxations: a thin line a seed, a thick one the mean over seeds."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.0, 4.0), layout="constrained")
    axes = figure.subplots()
    for scheme in dict.fromkeys(one["scheme"] for one in found):
        group = [one["generations"] for one in found if one["scheme"] == scheme]
        lines = [[(g["evaluations"], g["hypervolume"]) for g in generations] for generations in group]
        for line in lines:
            axes.plot(*zip(*line, strict=True), color=COLOURS[scheme], linewidth=0.7, alpha=0.5)
        mean = np.mean([line[: min(map(len, lines))] for line in lines], axis=0)
        axes.plot(
            *mean.T, color=COLOURS[scheme], linewidth=2.5, marker="o", label=f"{scheme}, {len(lines)} seeds"
        )
    axes.set_xlabel("distinct relaxations")
    axes.set_ylabel("hypervolume (share of the absolute axes)")
    axes.set_title(", ".join(found[0]["objectives"]), fontsize=9)
    axes.legend(fontsize=8)
    figure.savefig(path, dpi=130)


def _draw_generations(axes: "Axes", one: dict[str, Any], other: int) -> None:
    from matplotlib import colormaps

    generations = one["generations"]
    for number, generation in enumerate(generations):
        points = np.array([crystal["values"] for crystal in generation["front"]])
        if not len(points):
            continue
        colour = colormaps["viridis"](number / max(1, len(generations) - 1))
        steps = _steps(points[:, 0], points[:, other], one["directions"][other] == "maximize")
        axes.step(*steps, where="post", color=colour, linewidth=1.2)
        axes.scatter(points[:, 0], points[:, other], color=colour, s=9, label=str(number), zorder=3)


def _steps(x: np.ndarray, y: np.ndarray, more_is_better: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the best y up to each x, where less x is better."""
    order = np.argsort(x, kind="stable")
    best = np.maximum.accumulate(y[order]) if more_is_better else np.minimum.accumulate(y[order])
    return x[order], best


def _label(one: dict[str, Any], index: int) -> str:
    axis = one["axes"][index]
    return f"{axis['label']} ({axis['unit']})" if axis["unit"] else axis["label"]
