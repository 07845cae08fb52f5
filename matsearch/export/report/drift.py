"""Drift as a figure: what kinds of crystals are proposed and bred from, and how various they are."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matsearch.export.report.numbers import DriftNumbers, Mix
from matsearch.export.report.style import COLOURS, INK, MARKERS, new_figure, png, styled, whole_numbers

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KINDS = {
    "precious": "precious metals",
    "f_block": "f-block elements",
    "no_anion_former": "no anion former",
}
_COLOURS = dict(zip(_KINDS, (COLOURS[4], COLOURS[3], COLOURS[0]), strict=True))
_TITLES = {"proposed": "proposed", "parents": "their parents in this campaign"}


def drift_figure(drift: Sequence[DriftNumbers]) -> bytes:
    """Return shares of crystals by kind, distinct formulas, and niches by generation (PNG)."""
    with styled():
        figure = new_figure(9.4, 3.9)
        panels = figure.subplots(1, 3, sharex=True)
        for axes, part in zip(panels, _TITLES, strict=False):
            _draw_shares(axes, drift, part)
        _draw_niches(panels[2], drift)
        panels[0].set_ylabel("per 100 crystals")
        for axes in panels:
            axes.set_xlabel("generation")
            whole_numbers(axes)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=4, frameon=False)
        return png(figure)


def drift_sentence(drift: Sequence[DriftNumbers]) -> str:
    """Return the shares of the proposals of the first and the last generation in words."""
    known = [d for d in drift if d.proposed is not None]
    if not known:
        return ""
    first, last = known[0], known[-1]
    parts = [
        f"{_percent(first, last, kind)} percent {words}"
        for kind, words in (
            ("precious", "hold precious metals"),
            ("f_block", "hold f-block elements"),
            ("no_anion_former", "hold no anion former"),
        )
    ]
    when = (
        f"Of the proposals of generation {first.generation}"
        if first is last
        else f"Of the proposals of generation {first.generation} and of generation {last.generation}"
    )
    return (
        f"{when}, {', '.join(parts)}; distinct formulas per 100 crystals: {_percent(first, last, 'formulas')}. "
        f"Niches occupied up to then: {_both(str(first.niches_so_far), str(last.niches_so_far))}."
    )


def _draw_shares(axes: "Axes", drift: Sequence[DriftNumbers], part: str) -> None:
    known = [(d.generation, mix) for d in drift if (mix := getattr(d, part)) is not None]
    generations = [generation for generation, _ in known]
    for i, kind in enumerate(_shown(drift)):
        shares = [100 * getattr(mix, kind) for _, mix in known]
        axes.plot(generations, shares, color=_COLOURS[kind], marker=MARKERS[i], label=_KINDS[kind])
    formulas = [100 * mix.formulas for _, mix in known]
    axes.plot(generations, formulas, ":", color=INK, marker=".", label="distinct formulas")
    axes.set_ylim(-3, 103)
    axes.set_title(_TITLES[part], fontsize=10)


def _draw_niches(axes: "Axes", drift: Sequence[DriftNumbers]) -> None:
    from matplotlib.ticker import MaxNLocator

    generations = [d.generation for d in drift]
    axes.bar(
        generations, [d.niches for d in drift], color=COLOURS[2], width=0.6, label="born in the generation"
    )
    axes.plot(
        generations, [d.niches_so_far for d in drift], "o-", color=COLOURS[0], label="up to and with it"
    )
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_title("niches of chemistry and structure", fontsize=10, pad=24)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize=9, ncols=2)


def _shown(drift: Sequence[DriftNumbers]) -> list[str]:
    """Return the kinds that tell crystals of this campaign apart: not those that all are of, or none."""
    mixes: list[Mix] = [mix for d in drift for mix in (d.proposed, d.parents) if mix is not None]
    return [kind for kind in _KINDS if {getattr(mix, kind) for mix in mixes} not in ({0.0}, {1.0})]


def _percent(first: DriftNumbers, last: DriftNumbers, key: str) -> str:
    return _both(*(f"{100 * getattr(d.proposed, key):.0f}" for d in (first, last)))


def _both(one: str, other: str) -> str:
    return one if one == other else f"{one} and {other}"
