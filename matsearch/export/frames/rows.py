"""Which steps are written, in which order, and to which file: settings are never mixed."""

import re
from collections.abc import Iterable, Sequence

from matsearch.core.dft import DftSettings, IonicSteps
from matsearch.core.keys import content_key
from matsearch.core.model import Record
from matsearch.core.records import Frame


class FrameSource(Record):
    """A calculation whose steps are exported.

    Attributes
    ----------
    key : str
        Of its task.
    names : tuple of str
        What it was computed for, such as ``candidate:0123456789abcdef`` or ``phase:LiAl-227``; at least one.
    converged : bool
        Whether it ended well. Each step's electrons converged in any case.
    """

    key: str
    names: tuple[str, ...]
    steps: IonicSteps
    converged: bool = True

    @property
    def formula(self) -> str:
        """Reduced formula."""
        return self.steps.frames[0].structure.composition.reduced_formula


class Row(Record):
    """One ionic step of a calculation.

    Attributes
    ----------
    step : int
        From 0, within its calculation.
    """

    source: FrameSource
    step: int
    frame: Frame

    @property
    def row_id(self) -> str:
        """Distinct among all steps of all calculations."""
        return f"{self.source.key[:16]}-{self.step:04d}"


class SettingsRows(Record):
    """All steps that were computed with the same settings: they may stand in one file.

    Attributes
    ----------
    n_repeats : int
        Steps left out because the same structure with the same labels is there already.
    """

    settings: DftSettings
    rows: tuple[Row, ...]
    n_repeats: int

    @property
    def stem(self) -> str:
        """Name of its files: code, functional and the beginning of the settings' key."""
        words = re.sub(r"[^a-z0-9+]+", "-", f"{self.settings.code} {self.settings.functional}".lower())
        return f"{words.strip('-')}-{self.settings.key[:8]}"


def by_settings(sources: Sequence[FrameSource]) -> list[SettingsRows]:
    """Return the steps by settings, in an order that depends on nothing but their content.

    Steps with equal structure, energy, forces, stress and moments are one: an optimizer that restarts repeats its last.
    """
    groups: dict[str, list[FrameSource]] = {}
    for source in sorted(sources, key=_order):
        groups.setdefault(source.steps.settings.key, []).append(source)
    found = [_distinct(group) for group in groups.values()]
    return sorted(
        found, key=lambda group: (group.settings.code, group.settings.functional, group.settings.key)
    )


def _order(source: FrameSource) -> tuple[str, tuple[str, ...], str]:
    return source.formula, source.names, source.key


def _distinct(sources: Iterable[FrameSource]) -> SettingsRows:
    rows: dict[str, Row] = {}
    n = 0
    for source in sources:
        for step, frame in enumerate(source.steps.frames):
            n += 1
            rows.setdefault(_content(frame), Row(source=source, step=step, frame=frame))
    settings = next(iter(rows.values())).source.steps.settings
    return SettingsRows(settings=settings, rows=tuple(rows.values()), n_repeats=n - len(rows))


def _content(frame: Frame) -> str:
    return content_key("frame/1", frame.model_dump(mode="json", exclude={"source"}))
