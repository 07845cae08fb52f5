"""``matsearch report``."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from matsearch.cli.calls import usage_sentence
from matsearch.cli.console import print_json, print_line
from matsearch.cli.lookup import find_campaign, opened
from matsearch.core.calls import CallEntry
from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import parse_config
from matsearch.core.errors import MatsearchError
from matsearch.core.records import Candidate
from matsearch.core.system_section import SystemSection
from matsearch.crystal.scope import limits_lines
from matsearch.export.report.campaign import CampaignReport, RankedCrystal
from matsearch.export.report.diagram import DRAWN, hull_diagram
from matsearch.export.report.folder import write_report
from matsearch.export.report.numbers import FunnelStep, HullDiagram
from matsearch.export.report.verification_numbers import VerificationReport
from matsearch.hull.reference import CompiledReferenceHull
from matsearch.hull.sources import load_reference
from matsearch.pipeline.credit import credit
from matsearch.pipeline.drift import count_drift
from matsearch.pipeline.fronts import count_fronts
from matsearch.pipeline.funnel import Funnel, believed_scored, below_hull_word, hull_sentence
from matsearch.pipeline.history import (
    count_generations,
    count_operators,
    count_verdicts,
    element_shares,
    line_of,
)
from matsearch.pipeline.ledger import Ledger, usage_of
from matsearch.pipeline.result import SearchResult, load_result
from matsearch.pipeline.rounds import calculations_of, plans_of
from matsearch.pipeline.tools import limits_of
from matsearch.pipeline.verification_report import verification_report

_FEW = 20
"""Elements that are listed one by one."""

_SAME_HULL = ("sha256", "scheme_id", "corrections")

_OF_ASKED = {
    "asked": "crystals asked for in all generations begun",
    "replied": "crystals asked for in what was answered",
    "parsed": "candidates with a structure",
    "valid": "candidates that passed sanity",
    "unique": "different cells among them",
    "relaxed": "different cells that were relaxed",
    "scored": "different cells placed on the hull",
    "distinct": "crystals that StructureMatcher tells apart, flagged ones included",
}
_OF_DISTINCT = {
    "metastable": "under 0.1 eV/atom above the hull",
    "near_stable": "under 0.03 eV/atom above the hull",
    "below_hull": "under 0 eV/atom; known phases met again are left out",
    "flagged": "not believed until checked, or refuted by DFT: in none of the other counts of the distinct",
    "rediscovered": "known phases met by a crystal that does not descend from them",
    "kept": "known phases met again by their own descendants",
    "composition_and_energy_matched": "known phases of the same formula within 20 meV/atom, structure not known",
    "unmatched": "crystals that match no known phase",
}
_OF_SENT = {
    "dft_confirmed": "survivors under the threshold by DFT, every phase that matters computed alike",
    "dft_indicative": "survivors of which DFT is no more than a hint",
    "dft_refuted": "survivors at or over the threshold by DFT",
    "dft_failed": "survivors whose calculation ended in a verdict",
}
_SENT = "survivors sent to DFT by the rule that was written down before"


def report_campaign(campaign: str | None, to: Path, n: int, store: str | None, *, as_json: bool) -> None:
    """Write a campaign's report to a folder."""
    with opened(store) as repository:
        result = load_result(repository, find_campaign(repository, campaign))
        campaign_id = result.record.campaign_id
        entries = Ledger(repository, campaign_id).entries()
        plans, outcomes = plans_of(repository, campaign_id), calculations_of(repository, campaign_id)
    verification = verification_report(result.candidates, plans, outcomes)
    written_at = datetime.now(UTC).isoformat(timespec="seconds")
    files = write_report(campaign_report(result, n, written_at, entries, verification), to)
    if as_json:
        print_json({"folder": str(to), "files": files})
        return
    print_line(f"{to / files[0]}: open it in a browser; {len(files) - 1} figures and files beside it")


def campaign_report(
    result: SearchResult,
    n: int,
    written_at: str,
    entries: Sequence[CallEntry] = (),
    verification: VerificationReport | None = None,
) -> CampaignReport:
    """Return all that a report shows.

    Parameters
    ----------
    n : int
        Crystals of the table.
    written_at : str
        Aware UTC, ISO 8601.
    entries : sequence of CallEntry
        The ledger of its calls.
    verification : VerificationReport or None
        What DFT said of the crystals that were sent.
    """
    record, candidates = result.record, result.candidates
    config = parse_config(record.config)
    usage = usage_of(entries) if "language_model" in record.provenance else None
    credited = credit(record, candidates, entries)
    diagram, note = _diagram(record, believed_scored(candidates))
    by_id = {c.candidate_id: c for c in candidates}
    return CampaignReport(
        record=record,
        hull_sentence=hull_sentence(record),
        funnel=tuple(funnel_steps(result.funnel, below_hull_word(record))),
        verdicts=tuple(count_verdicts(candidates)),
        generations=tuple(count_generations(record, candidates)),
        operators=tuple(count_operators(candidates)),
        elements=tuple(element_shares(candidates)),
        crystals=tuple(
            RankedCrystal(row, candidate, line_of(candidate, by_id))
            for row, candidate in zip(result.rows(n), result.ranked, strict=False)
        ),
        n_distinct=len(result.ranked),
        diagram=diagram,
        diagram_note=note,
        written_at=written_at,
        usage=usage,
        usage_sentence=usage_sentence(usage) if usage else "",
        drift=tuple(count_drift(candidates)),
        fronts=count_fronts(candidates, config.objectives),
        credit=tuple(credited) if usage or len(credited) > 1 else (),
        limits=limits_lines(limits_of(config.system)) if _is_limited(config.system) else (),
        verification=verification,
    )


def _is_limited(system: SystemSection) -> bool:
    """Return whether more is to be said of the limits than a few elements and the size of a cell."""
    others = (system.n_elements, system.anions, system.oxidation_states, system.spacegroups, system.max_cost)
    return len(system.elements) > _FEW or any(others)


def funnel_steps(funnel: Funnel, below_hull: str) -> list[FunnelStep]:
    """Return the funnel's counts with their denominators: crystals asked for, distinct ones, those sent to DFT if any."""
    counts = funnel.document()
    of_distinct = _OF_DISTINCT | ({"sent": _SENT} if funnel.sent else {})
    of_sent = _OF_SENT if funnel.sent else {}
    steps = []
    for of, meanings in (("asked", _OF_ASKED), ("distinct", of_distinct), ("sent", of_sent)):
        for name, meaning in meanings.items():
            words = (below_hull if name == "below_hull" else name).replace("_", " ").replace("dft", "DFT")
            step = FunnelStep(name=words, count=counts[name], meaning=meaning)
            steps.append(step if name == of else step.evolve(of=of, total=counts[of]))
    return steps


def _diagram(record: CampaignRecord, crystals: Sequence[Candidate]) -> tuple[HullDiagram | None, str]:
    """Return the phase diagram, or None and why."""
    elements = tuple(record.provenance["hull"]["elements"])
    if len(elements) not in DRAWN:
        return None, f"A phase diagram is drawn for two or three elements; this search has {len(elements)}."
    hull = _same_hull(record)
    if isinstance(hull, str):
        return None, f"The phase diagram is left out: {hull}."
    return hull_diagram(elements, hull.phases(), crystals), ""


def _same_hull(record: CampaignRecord) -> CompiledReferenceHull | str:
    """Return the hull that the campaign was measured against, or why it cannot be had."""
    stated = record.provenance["hull"]
    try:
        hull = load_reference(parse_config(record.config).reference, tuple(stated["elements"]))
    except MatsearchError as error:
        return f"its reference cannot be read now ({error.message})"
    found = hull.info.document()
    changed = [key for key in _SAME_HULL if key in stated and found[key] != stated[key]]
    if changed:
        return f"the reference {stated['name']} is another one now than in the search ({', '.join(changed)})"
    return hull
