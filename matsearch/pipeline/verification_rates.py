"""How many of a campaign's crystals DFT confirmed, of how many."""

from collections.abc import Mapping, Sequence

from matsearch.core.verification import VerificationPlan
from matsearch.core.verified import Standing, Verified
from matsearch.export.report.verification_numbers import RateLine
from matsearch.verify.estimate import (
    Rate,
    beside_published,
    dft_verified_rates,
    projected_rates,
    stratified_rate,
    survivor_counts,
)

_STRATIFIED = "stratified"


def count_rates(plans: Sequence[VerificationPlan], sent: Mapping[str, Verified]) -> tuple[RateLine, ...]:
    """Return the rates of confirmed survivors, with the campaign's counts when the last round was planned.

    Where one round drew its survivors at random from strata, the share among all survivors is estimated too. The
    populations of several rounds are what others left over, and allow no such estimate.

    Parameters
    ----------
    plans : sequence of VerificationPlan
        At least one.
    sent : mapping of str to Verified
        By candidate id, of all rounds.
    """
    last = plans[-1]
    rates = list(_verified_rates(last, sent))
    if len(plans) == 1 and last.rule["sample"] == _STRATIFIED:
        counts = survivor_counts(last, sent)
        drawn = stratified_rate(counts)
        population = sum(stratum.population for stratum in counts)
        rates += [drawn, *projected_rates(drawn, population, last.asked, last.valid, last.unique)]
    return tuple(_line(rate) for rate in rates)


def beside(plans: Sequence[VerificationPlan], sent: Mapping[str, Verified]) -> str:
    """Return a sentence that sets confirmed of sent beside the published rate."""
    last = plans[-1]
    return beside_published(_verified_rates(last, sent)[-1], float(last.rule["threshold"])).sentence


def _verified_rates(last: VerificationPlan, sent: Mapping[str, Verified]) -> tuple[Rate, ...]:
    standings = [verified.standing for verified in sent.values() if verified.role == "survivor"]
    return dft_verified_rates(
        last.asked,
        last.valid,
        last.unique,
        len(standings),
        standings.count(Standing.CONFIRMED),
        unsent=_unsent(last),
    )


def _unsent(plan: VerificationPlan) -> int:
    """Return how many survivors, flagged ones where the rule counts them, were left when a plan had chosen."""
    controls = len(plan.rule["strata"]) + 1
    left = sum(s.population - s.sent for i, s in enumerate(plan.strata) if i != controls)
    return left + plan.left_out.get("dearer than the whole budget", 0)


def _line(rate: Rate) -> RateLine:
    return RateLine(
        name=rate.name,
        count=rate.count,
        of=rate.of,
        share=rate.estimate,
        lower=rate.lower,
        upper=rate.upper,
        note=rate.note,
    )
