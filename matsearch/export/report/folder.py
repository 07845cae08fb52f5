"""A report on disk: the page, its figures as files, its numbers, and the search to run again."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from matsearch.core.errors import InputError
from matsearch.export.report.campaign import CampaignReport
from matsearch.export.report.figures import chart_figures, crystal_figures
from matsearch.export.report.page import render_page


def write_report(report: CampaignReport, folder: Path) -> list[str]:
    """Write a report and return the names of the files written, the page first.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    files = _files(report)
    with _writing(folder):
        for name, content in files.items():
            (folder / name).write_bytes(content)
    return list(files)


def _files(report: CampaignReport) -> dict[str, bytes]:
    charts, drawings = chart_figures(report), crystal_figures(report)
    config = yaml.safe_dump(report.record.config, sort_keys=False, allow_unicode=True)
    numbers = json.dumps(report.document(), indent=2, allow_nan=False)
    files = {
        "report.html": render_page(report, charts, drawings, config).encode(),
        "report.json": numbers.encode(),
        "search.yaml": config.encode(),
        **{f"{name}.png": figure.content for name, figure in charts.items()},
    }
    for crystal, drawn in zip(report.crystals, drawings, strict=True):
        if drawn is not None:
            rank, formula = crystal.row["rank"], crystal.candidate.formula
            files[f"crystal-{rank:03d}-{formula}.png"] = drawn[1].content
    return files


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error}", "choose another folder with --to") from error
