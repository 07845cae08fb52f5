"""How many of a campaign's crystals DFT confirmed under each limit of energy above hull, of how many."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from matsearch.core.agreement import Rate
from matsearch.core.schemes import get_scheme
from matsearch.core.verification import VerificationPlan
from matsearch.core.verified import SURVIVOR, Verified
from matsearch.verify.estimate import (
    HITS,
    beside_published,
    dft_verified_rates,
    projected_rates,
    stratified_rate,
    survivor_counts,
)
from matsearch.verify.levels import confirmed_under, levels_of
from matsearch.verify.options import DEARER_ALONE

_STRATIFIED = "stratified"


class _Rates(NamedTuple):
    """Rates under one limit: counted, of asked, valid, unique and sent; drawn from strata; projected, as counted but sent."""

    counted: tuple[Rate, ...]
    drawn: tuple[Rate, ...] = ()
    projected: tuple[Rate, ...] = ()


def count_rates(
    plans: Sequence[VerificationPlan], sent: Mapping[str, Verified], known: Collection[str] = frozenset()
) -> tuple[Rate, ...]:
    """Return the rates of confirmed survivors, with the campaign's counts when the last round was planned.

    They are given at the threshold and at each lower limit (:func:`matsearch.verify.levels.levels_of`). Where one round
    drew its survivors at random from strata, the share among all survivors is estimated too. The populations of several
    rounds are what others left over, and allow no such estimate.

    Parameters
    ----------
    plans : sequence of VerificationPlan
        At least one.
    sent : mapping of str to Verified
        By candidate id, of all rounds.
    known : collection of str
        Ids of the candidates that are known phases.
    """
    levels = _levels(plans, sent)
    every = [_rates(plans, sent, known, level) for level in levels]
    return tuple(
        rate.evolve(limit=level)
        for level, rates in zip(levels, every, strict=True)
        for group in rates
        for rate in group
    )


def beside(
    plans: Sequence[VerificationPlan], sent: Mapping[str, Verified], known: Collection[str] = frozenset()
) -> str:
    """Return a sentence that sets confirmed under 0 eV/atom, of sent and of valid, beside the published rate.

    Empty where a threshold is below 0, or where a potential stood in for DFT.
    """
    if 0.0 not in _levels(plans, sent) or not _is_dft(plans):
        return ""
    rates = _rates(plans, sent, known, 0.0)
    *generated, of_sent = rates.counted
    of_valid = (rates.projected or generated)[-2]
    return beside_published([of_sent, of_valid])


def _levels(plans: Sequence[VerificationPlan], sent: Mapping[str, Verified]) -> tuple[float, ...]:
    thresholds = [float(plan.rule["threshold"]) for plan in plans]
    return levels_of([*thresholds, *(verified.threshold for verified in sent.values())])


def _rates(
    plans: Sequence[VerificationPlan], sent: Mapping[str, Verified], known: Collection[str], level: float
) -> _Rates:
    last = plans[-1]
    found = confirmed_under(sent, level, known)
    hits = f"{HITS if _is_dft(plans) else 'confirmed by a stand-in for DFT,'} under {level:g} eV/atom,"
    counted = dft_verified_rates(
        last.asked,
        last.valid,
        last.unique,
        sum(verified.role == SURVIVOR for verified in sent.values()),
        len(found),
        unsent=_unsent(plans, sent),
        hits=hits,
    )
    if len(plans) > 1 or last.rule["sample"] != _STRATIFIED:
        return _Rates(counted)
    strata = survivor_counts(last, found)
    drawn = stratified_rate(strata, hits)
    population = sum(stratum.population for stratum in strata)
    projected = projected_rates(drawn, population, last.asked, last.valid, last.unique, hits)
    return _Rates(counted, (drawn,), projected)


def _is_dft(plans: Sequence[VerificationPlan]) -> bool:
    return all(get_scheme(plan.settings.scheme_id).kind == "dft" for plan in plans)


def _unsent(plans: Sequence[VerificationPlan], sent: Mapping[str, Verified]) -> int:
    """Return how many survivors, flagged ones where the rule counts them, no round had sent when the last had chosen."""
    plan = plans[-1]
    now = {promoted.candidate_id for promoted in plan.promoted}
    earlier = sum(verified.role == SURVIVOR for name, verified in sent.items() if name not in now)
    controls = len(plan.rule["strata"]) + 1
    left = sum(s.population - s.sent for i, s in enumerate(plan.strata) if i != controls)
    before = earlier if _may_be_sent_again(plans) else 0
    return max(left - before, 0) + plan.left_out.get(DEARER_ALONE, 0)


def _may_be_sent_again(plans: Sequence[VerificationPlan]) -> bool:
    """Return whether the last round's population holds what other settings were used for before."""
    return any(plan.settings.key != plans[-1].settings.key for plan in plans)
