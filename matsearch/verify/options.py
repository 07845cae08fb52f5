"""Who may be sent to DFT, and why somebody may not."""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import NamedTuple

from pymatgen.core import Structure

from matsearch.core.records import Candidate, HullPlacement
from matsearch.core.thresholds import earns_no_reward
from matsearch.core.verification import Promoted
from matsearch.core.verified import CONTROL, SURVIVOR
from matsearch.core.verify_section import PromotionSection
from matsearch.verify.strata import CONTROL_SPAN, control_stratum, stratum_of

OVER_BUDGET = "over budget"
DEARER_ALONE = "dearer than the whole budget"


class Option(NamedTuple):
    """A candidate that may be sent.

    Attributes
    ----------
    energy_above_hull : float
        In eV/atom.
    probability : float
        Of lying under the rule's threshold.
    core_hours : float
        Predicted.
    front : float
        Pareto front from 1; infinite without one.
    """

    candidate_id: str
    structure: Structure
    role: str
    stratum: int
    energy_above_hull: float
    probability: float
    core_hours: float
    front: float

    def promoted(self, rank: int) -> Promoted:
        """Return the record of the choice, ``rank`` from 1."""
        return Promoted(
            candidate_id=self.candidate_id,
            role=self.role,
            rank=rank,
            stratum=self.stratum,
            energy_above_hull=self.energy_above_hull,
            probability=self.probability,
            core_hours=self.core_hours,
        )


def option_of(
    candidate: Candidate, rule: PromotionSection, cost: Callable[[Structure], float], front: int | None
) -> Option | str:
    """Return a candidate as an option, or the reason why it is none."""
    placement, structure = candidate.placement, candidate.best_structure
    if placement is None or structure is None or not candidate.alive:
        return "not scored"
    unfit = _unfit(candidate, placement.energy_above_hull, rule)
    if unfit:
        return unfit
    core_hours = cost(structure)
    if rule.core_hours is not None and core_hours > rule.core_hours:
        return DEARER_ALONE
    stratum = stratum_of(placement.energy_above_hull, rule)
    return Option(
        candidate_id=candidate.candidate_id,
        structure=structure,
        role=CONTROL if stratum == control_stratum(rule) else SURVIVOR,
        stratum=control_stratum(rule) + 1
        if earns_no_reward(candidate.flags) and rule.sample != "all"
        else stratum,
        energy_above_hull=placement.energy_above_hull,
        probability=probability_below(placement, rule),
        core_hours=core_hours,
        front=math.inf if front is None else float(front),
    )


def probability_below(placement: HullPlacement, rule: PromotionSection) -> float:
    """Return the probability that an energy above hull lies under the rule's threshold.

    Normal, with the spread of the opinions as standard deviation; where there are none, or all say the same to the last
    digit, with the rule's uncertainty. The default of the latter, 0.05 eV/atom, is of the size of CHGNet's mean absolute
    error of energies above hull of new crystals (0.06 eV/atom: Matbench Discovery, Riebesell et al., Nat. Mach. Intell.
    7, 836 (2025)).
    """
    deviation = placement.energy_above_hull_uncertainty or rule.uncertainty
    return NormalDist().cdf((rule.threshold - placement.energy_above_hull) / deviation)


def _unfit(candidate: Candidate, energy_above_hull: float, rule: PromotionSection) -> str:
    """Return why a scored candidate is not sent, in this order; empty if nothing stands against it."""
    is_control = energy_above_hull >= rule.threshold
    is_flagged = earns_no_reward(candidate.flags)
    is_anybody = rule.sample == "all"
    reasons = {
        "duplicate": candidate.duplicate_of is not None,
        "sent before": candidate.verification is not None,
        "known phase": not is_anybody and candidate.match is not None and candidate.match.kind == "structure",
        "flagged": not is_anybody and is_flagged and (is_control or not rule.flagged),
        "far above the hull": not is_anybody and energy_above_hull >= rule.threshold + CONTROL_SPAN,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")
