"""A report on disk: the page, its figures as files, its numbers, and the search to run again."""

import json
import re
from pathlib import Path

import yaml
from pymatgen.core import Composition

from matsearch.core.config import parse_config
from matsearch.core.writing import write_whole
from matsearch.export.report.asked import config_said
from matsearch.export.report.campaign import CampaignReport
from matsearch.export.report.figures import chart_figures, crystal_figures
from matsearch.export.report.page import render_page
from matsearch.export.writing import writing_to

_OURS = re.compile(
    r"crystal-\d{3,}-[A-Za-z0-9().]+\.png|(funnel|generations|operators|arms|elements|drift|fronts|hull|verification)\.png"
)


def write_report(report: CampaignReport, folder: Path) -> list[str]:
    """Write a report and return the names of the files written, the page first.

    Figures of an earlier report in the folder that this one does not have are removed.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    with writing_to(folder):
        folder.mkdir(parents=True, exist_ok=True)
    files = _files(report)
    with writing_to(folder):
        for name, content in files.items():
            write_whole(folder / name, content)
        for path in folder.glob("*.png"):
            if _OURS.fullmatch(path.name) and path.name not in files:
                path.unlink()
    return list(files)


def crystal_name(rank: int, of: int, formula: str) -> str:
    """Return the file name of a drawing: names sort by rank, and brackets, which shells take for theirs, are resolved."""
    amounts = sorted(Composition(formula).items())
    plain = "".join(f"{element.symbol}{'' if n == 1 else f'{n:g}'}" for element, n in amounts)
    return f"crystal-{rank:0{max(3, len(str(of)))}d}-{plain}.png"


def _files(report: CampaignReport) -> dict[str, bytes]:
    charts, drawings = chart_figures(report), crystal_figures(report)
    asked = parse_config(report.record.config)
    config = yaml.safe_dump(config_said(report.record.config, asked), sort_keys=False, allow_unicode=True)
    numbers = json.dumps(report.document(), indent=2, allow_nan=False)
    files = {
        "report.html": render_page(report, charts, drawings, config).encode(),
        "report.json": numbers.encode(),
        "search.yaml": config.encode(),
        **{f"{name}.png": figure.content for name, figure in charts.items()},
    }
    for crystal, drawn in zip(report.crystals, drawings, strict=True):
        if drawn is not None:
            name = crystal_name(crystal.row["rank"], len(drawings), crystal.candidate.formula)
            files[name] = drawn[1].content
    return files
