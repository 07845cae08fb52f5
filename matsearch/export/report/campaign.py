"""Everything that a report shows of a campaign."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matsearch.core.calls import Usage
from matsearch.core.campaign import CampaignRecord
from matsearch.core.records import Candidate
from matsearch.export.report.front_numbers import Fronts
from matsearch.export.report.numbers import (
    CreditLine,
    DriftNumbers,
    ElementShares,
    FunnelStep,
    GenerationNumbers,
    HullDiagram,
    Line,
    OperatorNumbers,
    VerdictCount,
)
from matsearch.export.report.verification_numbers import VerificationReport


@dataclass(frozen=True)
class RankedCrystal:
    """One crystal of the table: its row, all that is stored of it, and where it came from."""

    row: Mapping[str, Any]
    candidate: Candidate
    line: Line


@dataclass(frozen=True)
class CampaignReport:
    """A campaign, counted and ranked.

    Attributes
    ----------
    hull_sentence : str
        Goes with every figure against the hull.
    diagram : HullDiagram or None
        The phase diagram; None where there is none.
    diagram_note : str
        Why there is none, or what the diagram leaves out.
    written_at : str
        Aware UTC, ISO 8601.
    usage, usage_sentence : Usage or None, str
        What the calls of a language model came to; none where none was asked.
    drift : tuple of DriftNumbers
        Kinds of crystals, distinct formulas and niches by generation.
    fronts : Fronts or None
        The crystals by their objectives; None with one objective.
    credit : tuple of CreditLine
        What each proposer came to, where a language model or several proposers are asked.
    limits : tuple of str
        The limits of the search, a line each, where elements and size do not say them.
    verification : VerificationReport or None
        What DFT said of the crystals sent; None where none was.
    """

    record: CampaignRecord
    hull_sentence: str
    funnel: tuple[FunnelStep, ...]
    verdicts: tuple[VerdictCount, ...]
    generations: tuple[GenerationNumbers, ...]
    operators: tuple[OperatorNumbers, ...]
    elements: tuple[ElementShares, ...]
    crystals: tuple[RankedCrystal, ...]
    n_distinct: int
    diagram: HullDiagram | None
    diagram_note: str
    written_at: str
    usage: Usage | None = None
    usage_sentence: str = ""
    drift: tuple[DriftNumbers, ...] = ()
    fronts: Fronts | None = None
    credit: tuple[CreditLine, ...] = ()
    limits: tuple[str, ...] = ()
    verification: VerificationReport | None = None

    @property
    def scored(self) -> bool:
        """Whether any crystal has a place on the hull."""
        return self.n_distinct > 0

    def document(self) -> dict[str, Any]:
        """Return the numbers as JSON types."""
        record = self.record
        return {
            "campaign_id": record.campaign_id,
            "name": record.name,
            "created_at": record.created_at,
            "written_at": self.written_at,
            "status": record.state.status,
            "hull": record.provenance["hull"],
            "hull_sentence": self.hull_sentence,
            "funnel": [{**step.document(), "share": step.share} for step in self.funnel],
            "verdicts": [count.document() for count in self.verdicts],
            "generations": [_where_known(numbers) for numbers in self.generations],
            "operators": [numbers.document() for numbers in self.operators],
            "elements": [shares.document() for shares in self.elements],
            "crystals": [{**c.row, "line": c.line.document()} for c in self.crystals],
            "diagram": self.diagram.document() if self.diagram else None,
            "diagram_note": self.diagram_note,
            **({"usage": self.usage.document()} if self.usage else {}),
            "drift": [numbers.document() for numbers in self.drift],
            **({"fronts": self.fronts.document()} if self.fronts else {}),
            **({"credit": [line.document() for line in self.credit]} if self.credit else {}),
            **({"limits": list(self.limits)} if self.limits else {}),
            **({"verification": self.verification.document()} if self.verification else {}),
        }


def _where_known(numbers: GenerationNumbers) -> dict[str, Any]:
    """Return the numbers of a generation; hypervolume and arms only where there are any."""
    document = numbers.document()
    return {k: v for k, v in document.items() if k not in ("hypervolume", "arms") or v not in (None, [])}
