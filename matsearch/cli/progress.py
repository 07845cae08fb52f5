"""Live progress: a bar on a terminal, JSON lines elsewhere, both on standard error."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from matsearch.core.progress import LOGGER_NAME
from matsearch.core.rounding import figures, rounded
from matsearch.core.text import one_line


class JsonLines(logging.Handler):
    """One JSON object an event on standard error."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the event."""
        event = {"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": record.getMessage()}
        sys.stderr.write(json.dumps({**event, **getattr(record, "fields", {})}) + "\n")
        sys.stderr.flush()


class Bars(logging.Handler):
    """A bar for the relaxations of the generation or the calculations of a round, and a line for each thing done."""

    def __init__(self, progress: Progress) -> None:
        super().__init__()
        self._progress = progress
        self._task = progress.add_task("starting", total=None)
        self._generation = 0

    def emit(self, record: logging.LogRecord) -> None:
        """Move the bar."""
        fields: dict[str, Any] = getattr(record, "fields", {})
        event = record.getMessage()
        if event == "campaign":
            self._generation = fields["generation"]
            word = "resuming" if self._generation else "starting"
            self._progress.console.print(
                f"{word} campaign {fields['campaign_id']} at generation {self._generation}"
            )
        elif event == "seeds":
            failed = f", first failure {fields['first']}" if fields["failed"] else ""
            self._progress.console.print(f"{fields['scored']} of {fields['n']} seeds scored{failed}")
        elif event == "called":
            self._progress.update(
                self._task,
                description=f"generation {self._generation}: calls",
                completed=fields["done"],
                total=fields["of"],
            )
        elif event == "measuring":
            self._progress.update(
                self._task,
                description=f"generation {self._generation}: {fields['property'].replace('_', ' ')}",
                total=None,
            )
        elif event == "proposed":
            self._progress.update(
                self._task, description=f"generation {self._generation}: relaxing", total=None
            )
        elif event in {"relaxed", "strained"}:
            self._progress.update(self._task, completed=fields["done"], total=fields["of"])
        elif event == "generation":
            self._generation = fields["generation"] + 1
            self._progress.console.print(_generation_line(fields))
            self._progress.update(self._task, completed=0)
        elif event.startswith("verification"):
            self._verification(event, fields)

    def _verification(self, event: str, fields: dict[str, Any]) -> None:
        if event == "verification-planned":
            self._progress.console.print(_round_line(fields))
            self._progress.update(self._task, completed=fields["known"], total=fields["calculations"])
        elif event == "verification-begun":
            self._progress.update(self._task, description=f"{fields['code']}: {fields['label']}")
        elif event == "verification-calculated":
            self._progress.console.print(_calculation_line(fields))
            self._progress.update(self._task, completed=fields["done"], total=fields["of"])


@contextmanager
def shown_progress() -> Iterator[None]:
    """Show events on standard error while the block runs."""
    logger = logging.getLogger(LOGGER_NAME)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    if not sys.stderr.isatty():
        yield from _with_handler(logger, JsonLines())
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield from _with_handler(logger, Bars(progress))


def _with_handler(logger: logging.Logger, handler: logging.Handler) -> Iterator[None]:
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _generation_line(fields: dict[str, Any]) -> str:
    best = fields["best_energy_above_hull"]
    text = "none scored yet" if best is None else f"best {rounded(best):+.3f} eV/atom above hull"
    return (
        f"generation {fields['generation'] + 1}/{fields['generations']}: "
        f"{fields['relaxed']} of {fields['asked']} relaxed, {text}"
    )


def _round_line(fields: dict[str, Any]) -> str:
    return (
        f"round {fields['round']} of {fields['campaign_id']}: {fields['candidates']} candidates and "
        f"{fields['phases']} phases by {fields['code']}, {fields['known']} of {fields['calculations']} calculations "
        f"are there; {figures(fields['predicted_core_hours'])} core-hours predicted"
    )


def _calculation_line(fields: dict[str, Any]) -> str:
    why = f" ({one_line(fields['detail'])})" if fields["detail"] else ""
    return f"{fields['label']}: {fields['end'].replace('_', ' ')}{why}, {figures(fields['core_hours'])} core-hours"
