"""The page: a template filled with a report, everything in it escaped."""

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matsearch.core.config import parse_config
from matsearch.core.rounding import rounded
from matsearch.export.report.arms import arms_of, count_of
from matsearch.export.report.asked import (
    islands_words,
    objectives_words,
    portfolio_words,
    selection_words,
    unit_words,
)
from matsearch.export.report.campaign import CampaignReport, RankedCrystal
from matsearch.export.report.crystals import drawn_cell, element_colours
from matsearch.export.report.drift import drift_sentence
from matsearch.export.report.figures import Figure
from matsearch.export.report.fronts import fronts_words
from matsearch.export.report.parameters import parameter_words
from matsearch.export.report.stand_in import stand_in_words
from matsearch.export.report.verification_words import (
    APART,
    PARITY_NOTE,
    core_hours_words,
    standing_counts,
    standing_words,
)

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

NOTHING = "\N{EN DASH}"
_MATCH_WORDS = {
    "rediscovery": "rediscovered",
    "kept": "kept by its own descendants",
    "composition_and_energy_match": "same composition and energy",
}


def render_page(
    report: CampaignReport,
    charts: Mapping[str, Figure],
    drawings: Sequence[tuple[Figure, Figure] | None],
    config_yaml: str,
) -> str:
    """Return the report as one HTML page that refers to nothing outside itself."""
    template = _environment().get_template("page.html")
    return template.render(
        report=report,
        record=report.record,
        config=parse_config(report.record.config),  # with what older campaigns did not know yet
        provenance=report.record.provenance,
        charts=charts,
        arms=arms_of(report.generations),
        crystals=list(zip(report.crystals, drawings, strict=True)),
        fronts_caption=fronts_words(report.fronts) if report.fronts else "",
        ranks={crystal.candidate.candidate_id: crystal.row["rank"] for crystal in report.crystals},
        config_yaml=config_yaml,
    )


def formula_markup(formula: str) -> "Markup":
    """Return a formula with its numbers as subscripts."""
    from markupsafe import Markup, escape

    parts = re.split(r"(\d+(?:\.\d+)?)", formula)
    return Markup("").join(
        Markup("<sub>{}</sub>").format(part) if i % 2 else escape(part) for i, part in enumerate(parts)
    )


def spacegroup_markup(symbol: str | None) -> "Markup":
    """Return a Hermann-Mauguin symbol with screw axes as subscripts and bars over rotoinversions."""
    from markupsafe import Markup, escape

    parts = re.split(r"(_\d|-\d)", symbol or NOTHING)
    marks = {"_": Markup("<sub>{}</sub>"), "-": Markup('<span class="bar">{}</span>')}
    return Markup("").join(
        marks[part[0]].format(part[1:]) if i % 2 else escape(part) for i, part in enumerate(parts)
    )


def known_words(crystal: RankedCrystal) -> str:
    """Return which known phase a crystal is, and how that is known."""
    row = crystal.row
    return f"{_MATCH_WORDS[row['match']]}: {row['known_phase']}" if row["match"] else NOTHING


def nearest_words(crystal: RankedCrystal) -> str:
    """Return the known crystal most like this one."""
    nearest = crystal.candidate.nearest_known
    if nearest is None:
        return NOTHING
    how = f"distance {nearest.distance:.3f}"
    if nearest.isotypic:
        how = "isotypic"
    elif _stoichiometry(nearest.formula) != _stoichiometry(crystal.candidate.formula):
        how = f"another composition, {how}"
    return f"{nearest.formula} ({nearest.known_id}), {how}"


def breakable_label(label: str | None) -> "Markup":
    """Return a prototype label that a narrow column may break after its underscores."""
    from markupsafe import Markup, escape

    return Markup("_<wbr>").join(escape(part) for part in (label or NOTHING).split("_"))


def _stoichiometry(formula: str) -> str:
    from pymatgen.core import Composition

    return Composition(formula).anonymized_formula


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("matsearch.export.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "formula": formula_markup,
        "spacegroup": spacegroup_markup,
        "known": known_words,
        "nearest": nearest_words,
        "colours": element_colours,
        "drawn": drawn_cell,
        "breakable": breakable_label,
        "objectives": objectives_words,
        "selection": selection_words,
        "islands": islands_words,
        "portfolio": portfolio_words,
        "signed": lambda value, digits=3: _number(value, digits, "+"),
        "fixed": lambda value, digits=1: _number(value, digits),
        "percent": lambda share: NOTHING if share is None else f"{share:.0%}",
        "words": lambda text: str(text).replace("_", " "),
        "drifted": drift_sentence,
        "unit": unit_words,
        "figures": lambda value: NOTHING if value is None else f"{rounded(value, 6):.4g}",
        "cost": lambda value: NOTHING if value is None else f"{value:,.3g}",
        "counted": lambda value: NOTHING if value is None else f"{value:,}",
        "said": lambda value: NOTHING if value in (None, "") else value,
        "share": lambda share: NOTHING if share is None else f"{rounded(share, 3):.1%}",
        "parameter": parameter_words,
        "standings": standing_counts,
        "standing": standing_words,
        "core_hours": core_hours_words,
        "stand_in": stand_in_words,
    }
    environment.globals |= {
        "nothing": NOTHING,
        "count_of": count_of,
        "dft_apart": APART,
        "parity_note": PARITY_NOTE,
    }
    return environment


def _number(value: float | None, digits: int, sign: str = "-") -> str:
    if value is None:
        return NOTHING
    return format(rounded(value, digits), f"{sign}.{digits}f")
