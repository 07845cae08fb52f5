"""Who was asked for how much, and what it earned, by generation, as a figure."""

from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from matsearch.core.campaign import ArmCount
from matsearch.export.report.numbers import GenerationNumbers
from matsearch.export.report.style import COLOURS, MARKERS, new_figure, png, say_below, styled, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def arms_of(generations: Sequence[GenerationNumbers]) -> list[str]:
    """Return the proposers that share the proposals, sorted."""
    return sorted({count.arm for g in generations for count in g.arms})


def count_of(generation: GenerationNumbers, arm: str) -> ArmCount:
    """Return what one proposer earned in a generation; nothing where it was not asked."""
    return next((c for c in generation.arms if c.arm == arm), ArmCount(arm=arm, asked=0, hits=0))


def arms_figure(generations: Sequence[GenerationNumbers], sentence: str) -> bytes:
    """Return the shares of the crystals asked for, and hits per 100 asked so far, by proposer (PNG)."""
    known = [g for g in generations if g.arms]
    with styled():
        figure = new_figure(9.4, 3.6)
        shares, rates = figure.subplots(1, 2)
        base = [0.0] * len(known)
        for i, arm in enumerate(arms_of(known)):
            counts = [count_of(g, arm) for g in known]
            base = _draw_share(shares, known, counts, base, i)
            _draw_rate(rates, known, counts, i)
        shares.set_ylabel("crystals asked for (percent)")
        rates.set_ylabel("new hits per 100 asked, so far")
        rates.set_ylim(bottom=0)
        for axes in (shares, rates):
            axes.set_xlabel("generation")
            whole_numbers(axes)
        handles, _ = shares.get_legend_handles_labels()
        figure.legend(handles, arms_of(known), loc="outside upper center", ncols=4, frameon=False)
        say_below(figure, sentence)
        return png(figure)


def _draw_share(
    axes: "Axes",
    generations: Sequence[GenerationNumbers],
    counts: Sequence[ArmCount],
    base: Sequence[float],
    i: int,
) -> list[float]:
    """Draw an arm's bars on those before it and return where they end."""
    totals = [max(1, sum(count.asked for count in g.arms)) for g in generations]
    heights = [100 * count.asked / total for count, total in zip(counts, totals, strict=True)]
    numbers = [g.generation for g in generations]
    axes.bar(numbers, heights, bottom=list(base), color=_colour(i), width=0.8, label=counts[0].arm)
    return [low + height for low, height in zip(base, heights, strict=True)]


def _draw_rate(
    axes: "Axes", generations: Sequence[GenerationNumbers], counts: Sequence[ArmCount], i: int
) -> None:
    asked = list(accumulate(count.asked for count in counts))
    hits = list(accumulate(count.hits for count in counts))
    points = [(g.generation, 100 * n / of) for g, n, of in zip(generations, hits, asked, strict=True) if of]
    marker = MARKERS[i % len(MARKERS)]
    axes.plot([x for x, _ in points], [y for _, y in points], color=_colour(i), marker=marker, clip_on=False)


def _colour(i: int) -> str:
    return COLOURS[i % len(COLOURS)]
