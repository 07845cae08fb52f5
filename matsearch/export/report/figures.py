"""All figures of a report, with the words that stand for them where they cannot be seen."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from matsearch.core.rounding import rounded
from matsearch.export.report.arms import arms_figure, arms_of
from matsearch.export.report.campaign import CampaignReport
from matsearch.export.report.charts import funnel_figure, generations_figure, operators_figure
from matsearch.export.report.crystals import draw_crystal
from matsearch.export.report.diagram_figure import hull_figure
from matsearch.export.report.drift import drift_figure, drift_sentence
from matsearch.export.report.elements import elements_figure, elements_of
from matsearch.export.report.front_numbers import Fronts
from matsearch.export.report.fronts import fronts_figure
from matsearch.export.report.verification_figure import parity_figure
from matsearch.export.report.verification_words import parity_sentence, parity_words


@dataclass(frozen=True)
class Figure:
    """A picture as PNG with its text alternative."""

    content: bytes
    alternative: str

    @property
    def address(self) -> str:
        """The picture itself as a data URI."""
        return "data:image/png;base64," + base64.b64encode(self.content).decode("ascii")


def chart_figures(report: CampaignReport) -> dict[str, Figure]:
    """Return the charts by name; those that would be empty are left out."""
    figures = {}
    said = report.hull_sentence
    if report.funnel[0].count:
        counts = ", ".join(f"{step.name} {step.count}" for step in report.funnel)
        figures["funnel"] = Figure(
            funnel_figure(report.funnel, said), f"Bars of the funnel: {counts}. {said}"
        )
    if any(g.best_so_far is not None for g in report.generations):
        figures["generations"] = Figure(
            generations_figure(report.generations, said), f"{_progress_words(report)} {said}"
        )
    if any(o.per_100 is not None for o in report.operators):
        rates = ", ".join(f"{o.operator} {o.per_100:.1f}" for o in report.operators if o.per_100 is not None)
        words = f"Metastable crystals per 100 relaxations by operator: {rates}. {said}"
        figures["operators"] = Figure(operators_figure(report.operators, said), words)
    if symbols := elements_of(report.elements):
        words = f"Mean atomic fractions of {', '.join(symbols)} by generation; numbers in report.json."
        figures["elements"] = Figure(elements_figure(report.elements), words)
    if words := drift_sentence(report.drift):
        figures["drift"] = Figure(drift_figure(report.drift), words)
    return figures | _shared_figures(report)


def _shared_figures(report: CampaignReport) -> dict[str, Figure]:
    figures, said = dict[str, Figure](), report.hull_sentence
    if arms := arms_of(report.generations):
        words = f"Shares of the crystals asked for, and new hits per 100 of them, by generation, of {', '.join(arms)}."
        figures["arms"] = Figure(arms_figure(report.generations, said), f"{words} {said}")
    if report.fronts is not None:
        volumes = {g.generation: g.hypervolume for g in report.generations if g.hypervolume is not None}
        words = _fronts_words(report.fronts, list(volumes.values()))
        figures["fronts"] = Figure(fronts_figure(report.fronts, volumes, said), f"{words} {said}")
    if report.diagram is not None:
        figures["hull"] = Figure(hull_figure(report.diagram, said), f"{_diagram_words(report)} {said}")
    verification = report.verification
    if verification is not None and any(each.volume is not None for each in verification.sent):
        against = parity_sentence(verification, said)
        figures["verification"] = Figure(
            parity_figure(verification.sent, against), f"{parity_words(verification)} {against}"
        )
    return figures


def crystal_figures(report: CampaignReport) -> list[tuple[Figure, Figure] | None]:
    """Return a small and a large drawing of each crystal of the table; None for one without a structure."""
    drawn: list[tuple[Figure, Figure] | None] = []
    for crystal in report.crystals:
        structure = crystal.candidate.best_structure
        if structure is None:
            drawn.append(None)
            continue
        what = f"{crystal.candidate.formula}, {crystal.candidate.spacegroup or 'space group unknown'}"
        small, large = draw_crystal(structure)
        words = f"Crystal of {what}"
        drawn.append(
            (Figure(small, words), Figure(large, f"{words}: from the side with c upwards, and along c"))
        )
    return drawn


def _progress_words(report: CampaignReport) -> str:
    last = report.generations[-1]
    restarts = sum(g.restarted for g in report.generations)
    return (
        f"Best and median energy above hull over {len(report.generations)} generations (restarts: {restarts}); "
        f"at the end the best is {rounded(last.best_so_far or 0.0):+.3f} eV/atom and {last.metastable_so_far} crystals are under "
        "0.1 eV/atom."
    )


def _fronts_words(fronts: Fronts, volumes: Sequence[float]) -> str:
    first = sum(point.front == 1 for point in fronts.points)
    grown = f"; hypervolume {volumes[0]:.4f} at first, {volumes[-1]:.4f} at the end" if volumes else ""
    return (
        f"{len(fronts.points)} crystals by {', '.join(axis.label for axis in fronts.axes)}; "
        f"{first} on the first front{grown}."
    )


def _diagram_words(report: CampaignReport) -> str:
    assert report.diagram is not None  # noqa: S101 - asked only where there is one
    stable = ", ".join(phase.formula for phase in report.diagram.phases if phase.on_hull)
    return (
        f"Phase diagram of {'-'.join(report.diagram.elements)}: {stable} are on the reference hull; "
        f"{len(report.diagram.points)} crystals of this search are shown by energy above it."
    )
