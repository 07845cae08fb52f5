"""A new round of verification: who is sent by the rule, and what must be computed for their verdicts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from pymatgen.core import Structure

from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import SearchConfig, parse_config
from matsearch.core.dft import DftSettings
from matsearch.core.keys import content_key
from matsearch.core.protocols import ReferenceHull
from matsearch.core.records import Candidate
from matsearch.core.verification import NeededPhase, VerificationPlan
from matsearch.crystal.fingerprint import distance, fingerprint
from matsearch.pipeline.campaign import PACKAGES, installed_version
from matsearch.pipeline.fronts import rank_fronts
from matsearch.pipeline.funnel import count_funnel, distinct_scored
from matsearch.pipeline.own_hull import energies_above_own_hull
from matsearch.verify.cost import CostModel
from matsearch.verify.needed import meets_directly, needed_phases
from matsearch.verify.promotion import promote


@dataclass(frozen=True)
class RoundInputs:
    """What a round is planned from.

    Attributes
    ----------
    config : SearchConfig
        Whose ``verify`` section counts.
    candidates : sequence of Candidate
        Of the campaign's finished generations, those of earlier rounds marked as sent.
    hull : ReferenceHull
        Against which they were placed.
    cost : CostModel
        Fitted to what the campaign has computed.
    """

    record: CampaignRecord
    config: SearchConfig
    settings: DftSettings
    candidates: Sequence[Candidate]
    hull: ReferenceHull
    cost: CostModel


def new_plan(inputs: RoundInputs, number: int, sent: frozenset[str]) -> VerificationPlan:
    """Return the plan of a new round; its predicted core-hours are still to be counted.

    Of candidates equally good by the rule's fronts, those that confirmed finds push over the threshold
    (:mod:`matsearch.pipeline.own_hull`) come after all others. Classes and strata are of the reference hull alone: so
    is what DFT is asked.

    Parameters
    ----------
    number : int
        Of the round, from 0.
    sent : frozenset of str
        Ids of candidates that were sent with these settings before. What other settings said keeps nobody from it.
    """
    rule, cost, settings = inputs.config.verify.promotion, inputs.cost, inputs.settings
    distinct = distinct_scored(inputs.candidates)
    given = [c if c.candidate_id in sent else c.evolve(verification=None) for c in distinct]
    promotion = promote(
        given,
        rule,
        lambda structure: cost.core_hours(structure, settings),
        _seed(inputs.config, number),
        distance=unlikeness(),
        fronts=_fronts(inputs, given),
    )
    chosen = {promoted.candidate_id for promoted in promotion.promoted}
    funnel = count_funnel(inputs.record, inputs.candidates)
    return VerificationPlan(
        campaign_id=inputs.record.campaign_id,
        round=number,
        generation=inputs.record.state.generation,
        rule=rule.model_dump(mode="json"),
        settings=settings,
        promoted=promotion.promoted,
        phases=tuple(phases_for(chosen, inputs)),
        strata=promotion.strata,
        left_out=promotion.left_out,
        asked=funnel.asked,
        valid=funnel.valid,
        unique=funnel.unique,
        hull=inputs.hull.info.document(),
        predicted_core_hours=0.0,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        seed=inputs.config.seed,
        packages={name: installed_version(name) for name in PACKAGES},
    )


def phases_for(ids: set[str], inputs: RoundInputs) -> list[NeededPhase]:
    """Return the phases to compute for some candidates.

    None where the reference hull itself was computed with these settings, or the configuration wants none.
    """
    verify, hull = inputs.config.verify, inputs.hull
    if not verify.phases or meets_directly(inputs.settings, hull.info):
        return []
    chosen = [c for c in inputs.candidates if c.candidate_id in ids]
    return needed_phases(
        {c.candidate_id: c.placement for c in chosen if c.placement},
        {c.candidate_id: c.best_structure.composition for c in chosen if c.best_structure is not None},
        hull,
        verify.polymorph_window,
        substitutes=verify.substitutes,
    )


def unlikeness() -> Callable[[Structure, Structure], float]:
    """Return a distance between crystals that remembers fingerprints: of arrangement and composition, without unit.

    The distance of the fingerprints (:mod:`matsearch.crystal.fingerprint`) and the Euclidean one of the atomic
    fractions, added, so that neither isotypic crystals of other elements nor polymorphs are alike.
    """
    known: dict[int, tuple[Structure, np.ndarray]] = {}

    def print_of(structure: Structure) -> np.ndarray:
        # the structure is kept with its print, so that no other one gets its id
        if id(structure) not in known:
            known[id(structure)] = structure, fingerprint(structure)
        return known[id(structure)][1]

    def between(one: Structure, other: Structure) -> float:
        mine, theirs = (s.composition.fractional_composition for s in (one, other))
        elements = set(mine.elements) | set(theirs.elements)
        apart = math.sqrt(sum((mine[e] - theirs[e]) ** 2 for e in elements))
        return distance(print_of(one), print_of(other)) + apart

    return between


def _fronts(inputs: RoundInputs, given: Sequence[Candidate]) -> dict[str, int]:
    """Return the fronts by which the rule takes candidates, those that confirmed finds beat behind all others."""
    objectives = parse_config(inputs.record.config).objectives
    fronts = rank_fronts(given, objectives) if len(objectives) > 1 else {}
    beaten = _beaten(inputs, given)
    if not beaten:
        return fronts
    last = max(fronts.values(), default=0) + 1
    numbers = {c.candidate_id: fronts.get(c.candidate_id, last) for c in given}
    return {name: number + last * (name in beaten) for name, number in numbers.items()}


def _beaten(inputs: RoundInputs, given: Sequence[Candidate]) -> set[str]:
    """Return those under the threshold of the reference hull that are over it with the confirmed finds in the hull."""
    threshold = inputs.config.verify.promotion.threshold
    own = energies_above_own_hull(inputs.record, inputs.candidates, inputs.hull)
    return {
        c.candidate_id
        for c in given
        if c.placement and c.candidate_id in own
        if c.placement.energy_above_hull < threshold <= own[c.candidate_id]
    }


def _seed(config: SearchConfig, number: int) -> int:
    return int(content_key("verification-seed/1", [config.seed, number])[:15], 16)
