"""The funnel: how far the proposals came. Every count names what it counts; denominators never shrink."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import parse_config
from matsearch.core.model import Record
from matsearch.core.records import Candidate
from matsearch.core.thresholds import METASTABLE, NEAR_STABLE, earns_no_reward
from matsearch.core.verdict import UNANSWERED, FailureKind
from matsearch.core.verified import SURVIVOR, Standing
from matsearch.pipeline.portfolio import crystals_by_place

_EMBEDDED = re.compile(r"embedded-v\d+")
"""Names of the embedded set's versions; no set of the library may have one."""

_SENT = {"sent", "dft_confirmed", "dft_indicative", "dft_refuted", "dft_failed"}


class Funnel(Record):
    """Counts of candidates.

    Attributes
    ----------
    asked : int
        Crystals asked for in all generations begun.
    replied, parsed, valid : int
        Those asked for in slots that were answered; candidates with a structure, at most as many as were asked for;
        those that pass sanity.
    unique, relaxed, scored : int
        Distinct structure keys among the valid; those relaxed; those placed on the hull.
    distinct : int
        Scored crystals that StructureMatcher tells apart: the denominator of what follows, flagged ones included.
    metastable, near_stable, below_hull : int
        Distinct crystals under 0.1, under 0.03 and under 0 eV/atom from the reference hull. A known phase met again is
        not counted as below: it is on the hull or off it by what two relaxations differ.
    flagged : int
        Distinct crystals that are not believed until they are checked, or were checked and refuted
        (``core.thresholds.NO_REWARD_FLAGS``). They stay in ``distinct`` and are in no other count of the screening.
    rediscovered : int
        Known phases met again with StructureMatcher by a crystal that does not descend from them.
    kept : int
        Known phases met again by their own descendants: no discovery.
    composition_and_energy_matched : int
        Reference entries without structure, of the same formula and within 20 meV/atom.
    unmatched : int
        Distinct crystals that match no known phase in either way.
    sent : int
        Survivors sent to DFT, those whose calculation failed or has not ended too: the denominator of what follows.
        Controls, predicted to be unstable, are in none of these counts.
    dft_confirmed, dft_indicative, dft_refuted, dft_failed : int
        Of them by what DFT said. Those that wait for an answer are in ``sent`` alone.
    """

    asked: int
    replied: int
    parsed: int
    valid: int
    unique: int
    relaxed: int
    scored: int
    distinct: int
    metastable: int
    near_stable: int
    below_hull: int
    flagged: int
    rediscovered: int
    kept: int
    composition_and_energy_matched: int
    unmatched: int
    sent: int = 0
    dft_confirmed: int = 0
    dft_indicative: int = 0
    dft_refuted: int = 0
    dft_failed: int = 0

    def document(self) -> dict[str, Any]:
        """Return the counts as plain JSON types, those of DFT where any survivor was sent."""
        return self.model_dump(mode="json", exclude=None if self.sent else _SENT)


def count_funnel(record: CampaignRecord, candidates: Sequence[Candidate]) -> Funnel:
    """Count the funnel of a campaign over all its candidates."""
    distinct = distinct_scored(candidates)
    believed = believed_scored(candidates)
    above = [c.placement.energy_above_hull for c in believed if c.placement]
    generations = {c.generation for c in candidates}
    return Funnel(
        asked=len(generations) * int(record.config["population"]["proposals"]),
        replied=_replied(record, candidates),
        parsed=sum(c.structure is not None and not _is_surplus(c) for c in candidates),
        valid=sum(c.structure_key is not None for c in candidates),
        unique=len({c.structure_key for c in candidates if c.structure_key}),
        relaxed=len({c.structure_key for c in candidates if c.relaxation}),
        scored=len({c.structure_key for c in candidates if c.placement}),
        distinct=len(distinct),
        metastable=sum(e < METASTABLE for e in above),
        near_stable=sum(e < NEAR_STABLE for e in above),
        below_hull=sum(_is_new_below_hull(c) for c in believed),
        flagged=len(distinct) - len(believed),
        rediscovered=len(_known(believed, "structure", own_root=False)),
        kept=len(_known(believed, "structure", own_root=True)),
        composition_and_energy_matched=len(_known(believed, "composition_and_energy", own_root=False)),
        unmatched=sum(c.match is None for c in believed),
        **_sent(candidates),
    )


def _sent(candidates: Sequence[Candidate]) -> dict[str, int]:
    """Return how many survivors were sent to DFT, and what came of them."""
    standings = [
        c.verification.standing for c in candidates if c.verification and c.verification.role == SURVIVOR
    ]
    return {
        "sent": len(standings),
        "dft_confirmed": standings.count(Standing.CONFIRMED),
        "dft_indicative": standings.count(Standing.INDICATIVE),
        "dft_refuted": standings.count(Standing.REFUTED),
        "dft_failed": standings.count(Standing.FAILED),
    }


def _replied(record: CampaignRecord, candidates: Sequence[Candidate]) -> int:
    answered = {
        (c.generation, c.slot)
        for c in candidates
        if c.verdict is None or c.structure is not None or c.verdict.kind not in UNANSWERED
    }
    if not record.config.get("propose", {}).get("llm"):
        return len(answered)
    config, history = parse_config(record.config), record.state.history
    asked = crystals_by_place(config, history, {generation for generation, _ in answered})
    return sum(asked[place] for place in answered)


def _is_surplus(candidate: Candidate) -> bool:
    return candidate.verdict is not None and candidate.verdict.kind is FailureKind.SURPLUS


def distinct_scored(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the living candidates with a place on the hull that are the first of their kind."""
    return [c for c in candidates if c.placement and c.duplicate_of is None and c.alive]


def believed_scored(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the distinct scored crystals without a flag that keeps them from reward."""
    return [c for c in distinct_scored(candidates) if not earns_no_reward(c.flags)]


def below_hull_word(record: CampaignRecord) -> str:
    """Return what a crystal below the reference hull may be called: ``stable`` only where the hull is complete."""
    hull = record.provenance["hull"]
    if hull["complete"]:
        return "stable"
    return "below_embedded_hull" if _is_embedded(hull) else "below_reference_hull"


def hull_sentence(record: CampaignRecord) -> str:
    """Return the line that goes with every figure against the campaign's hull."""
    hull = record.provenance["hull"]
    where = f"{hull['n_phases']} phases in {'-'.join(hull['elements'])}"
    if hull["complete"]:
        return f"Hull: {hull['name']}, {where}, said to be complete; {hull['scheme_id']}."
    kind = "embedded hull" if _is_embedded(hull) else f"hull {hull['name']}"
    return f"Hull: {kind}, {where}: not a stability claim; {hull['scheme_id']}."


def _is_embedded(hull: Mapping[str, Any]) -> bool:
    return _EMBEDDED.fullmatch(hull["name"]) is not None


def _is_new_below_hull(candidate: Candidate) -> bool:
    is_known = candidate.match is not None and candidate.match.kind == "structure"
    return candidate.placement is not None and candidate.placement.energy_above_hull < 0 and not is_known


def _known(believed: Sequence[Candidate], kind: str, *, own_root: bool) -> set[str]:
    return {
        c.match.known_id
        for c in believed
        if c.match and c.match.kind == kind and c.match.own_root is own_root
    }
