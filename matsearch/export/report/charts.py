"""The funnel, the generations and the operators as figures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matsearch.core.thresholds import METASTABLE
from matsearch.export.report.numbers import FunnelStep, GenerationNumbers, OperatorNumbers
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

_BLUE, _ORANGE, _GREEN = COLOURS[:3]


def funnel_figure(steps: Sequence[FunnelStep], sentence: str) -> bytes:
    """Return the funnel as horizontal bars, each labelled with its count and share (PNG)."""
    with styled():
        figure = new_figure(8, 0.6 + 0.31 * len(steps))
        axes = figure.subplots()
        places = range(len(steps))
        of_others = {"distinct": _ORANGE, "sent": _GREEN}
        colours = [of_others.get(step.of or "", _BLUE) for step in steps]
        counts = [step.count for step in steps]
        axes.barh(places, counts, color=colours, height=0.72)
        axes.set_yticks(places, [step.name for step in steps])
        for place, step in zip(places, steps, strict=True):
            axes.annotate(_count(step), (step.count, place), (4, 0), textcoords="offset points", va="center")
        axes.set_xlim(0, 1.3 * max([*counts, 1]))
        axes.invert_yaxis()
        axes.set_xlabel("candidates")
        say_below(figure, sentence)
        return png(figure)


def generations_figure(generations: Sequence[GenerationNumbers], sentence: str) -> bytes:
    """Return best and median energy above hull, and crystals under 0.1 eV/atom, by generation (PNG)."""
    with styled():
        figure = new_figure(8, 6)
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
        _draw_energies(upper, generations)
        _draw_metastable(lower, generations)
        _mark_restarts((upper, lower), generations)
        upper.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        lower.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
        lower.set_xlabel("generation")
        whole_numbers(lower)
        say_below(figure, sentence)
        return png(figure)


def operators_figure(operators: Sequence[OperatorNumbers], sentence: str) -> bytes:
    """Return metastable crystals per 100 relaxations of each operator, with 95 percent intervals (PNG)."""
    tried = [o for o in operators if o.per_100 is not None]
    with styled():
        figure = new_figure(8, 1.2 + 0.42 * len(tried))
        axes = figure.subplots()
        for place, numbers in enumerate(tried):
            low, rate, high = numbers.per_100_low or 0.0, numbers.per_100 or 0.0, numbers.per_100_high or 0.0
            axes.plot(
                [low, high], [place, place], color=_BLUE, linewidth=5, alpha=0.35, solid_capstyle="butt"
            )
            axes.plot(rate, place, "o", color=_BLUE, markersize=8)
            label = f"{numbers.metastable} of {numbers.relaxations}"
            axes.annotate(label, (high, place), (6, 0), textcoords="offset points", va="center")
        axes.set_yticks(range(len(tried)), [o.operator.replace("_", " ") for o in tried], parse_math=False)
        axes.set_ylim(len(tried) - 0.4, -0.6)
        axes.set_xlim(
            0, 1.2 * max(o.per_100_high or 0.0 for o in tried)
        )  # room for the words beside the bars
        axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= 100])
        axes.grid(axis="x", color=PALE, linewidth=0.8)
        axes.set_axisbelow(True)
        axes.set_xlabel(f"crystals under {METASTABLE} eV/atom per 100 relaxations, 95 percent interval")
        say_below(figure, sentence)
        return png(figure)


def _count(step: FunnelStep) -> str:
    return f"{step.count}" if step.share is None else f"{step.count}  ({step.share:.0%} of {step.of})"


def _draw_energies(axes: "Axes", generations: Sequence[GenerationNumbers]) -> None:
    median = {g.generation: g.median for g in generations if g.median is not None}
    best = {g.generation: g.best_so_far for g in generations if g.best_so_far is not None}
    axes.plot(list(median), list(median.values()), "s--", color=_ORANGE, label="median of the\ngeneration")
    axes.plot(list(best), list(best.values()), "o-", color=_BLUE, label="best so far")
    axes.axhline(METASTABLE, color=GREY, linestyle=":", label=f"{METASTABLE} eV/atom")
    axes.axhline(0.0, color=INK, linewidth=0.8, label="reference hull")
    axes.set_ylabel("energy above hull (eV/atom)")


def _draw_metastable(axes: "Axes", generations: Sequence[GenerationNumbers]) -> None:
    from matplotlib.ticker import MaxNLocator

    numbers = [g.generation for g in generations]
    axes.bar(
        numbers, [g.metastable for g in generations], color=_GREEN, width=0.6, label="born in the\ngeneration"
    )
    axes.plot(
        numbers, [g.metastable_so_far for g in generations], "o-", color=_BLUE, label="up to and\nwith it"
    )
    axes.set_ylabel(f"crystals under {METASTABLE} eV/atom")
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _mark_restarts(panels: Sequence["Axes"], generations: Sequence[GenerationNumbers]) -> None:
    restarts = [g.generation + 0.5 for g in generations if g.restarted]
    for axes in panels:
        for i, place in enumerate(restarts):
            label = None if i else "restart from seeds"
            axes.axvline(place, color=COLOURS[3], linestyle="-.", label=label)
