"""Which share of the predictions DFT confirms: every rate with its denominator and an exact interval."""

from collections.abc import Mapping, Sequence

from matsearch.core.model import Record
from matsearch.core.verification import VerificationPlan
from matsearch.core.verified import Standing, Verified
from matsearch.verify.intervals import LEVEL, StratumCount, exact_interval, stratified_interval

__all__ = [
    "PublishedRate",
    "Rate",
    "StratumCount",
    "beside_published",
    "dft_verified_rates",
    "exact_interval",
    "plain_rate",
    "projected_rates",
    "stratified_rate",
    "survivor_counts",
]

PUBLISHED_DFT_STABLE = 0.317
"""Share of MatLLMSearch's crystals that DFT puts under 0 eV/atom from the hull (arXiv:2502.20933, abstract)."""

PUBLISHED_METASTABLE = (0.768, 0.784)
"""Shares of the same under 0.1 eV/atom by CHGNet alone: all elements, and without the f-block (arXiv:2502.20933)."""


class Rate(Record):
    """A share, with its denominator and its interval.

    Attributes
    ----------
    count, of : int
        Hits and denominator, as they were counted.
    estimate : float or None
        Of the share; ``count / of`` unless strata weigh it. None where nothing allows one.
    lower, upper : float
        Ends of the exact interval.
    name : str
        ``DFT-confirmed of asked``.
    note : str
        What must be said with it; empty if nothing.
    """

    count: int
    of: int
    estimate: float | None
    lower: float
    upper: float
    name: str
    note: str = ""


class PublishedRate(Record):
    """A rate beside a published one.

    Attributes
    ----------
    published : float
    inside : bool
        Whether the published one lies in the rate's interval.
    sentence : str
        For people.
    """

    rate: Rate
    published: float
    inside: bool
    sentence: str


def plain_rate(count: int, of: int, name: str, note: str = "", level: float = LEVEL) -> Rate:
    """Return ``count / of`` with its Clopper-Pearson interval."""
    lower, upper = exact_interval(count, of, level)
    return Rate(
        count=count,
        of=of,
        estimate=count / of if of else None,
        lower=lower,
        upper=upper,
        name=name,
        note=note,
    )


def stratified_rate(strata: Sequence[StratumCount], level: float = LEVEL) -> Rate:
    """Return the share among the whole population of strata from which random samples were sent.

    The estimate is ``sum_h (N_h / N) k_h / n_h`` (Cochran, Sampling Techniques, 3rd ed., 1977, equation 5.1), the interval
    that of :func:`stratified_interval`. Whoever was sent and was not confirmed counts against it, failed and pending too.

    Returns
    -------
    Rate
        Its denominator is who was sent; its estimate is of the population, None where of a stratum nobody was sent.
    """
    population = sum(s.population for s in strata)
    unseen = sum(s.population for s in strata if s.sent == 0)
    lower, upper = stratified_interval(strata, level)
    estimate = None
    if population and not unseen:
        estimate = sum(s.population * s.confirmed / s.sent for s in strata if s.sent) / population
    return Rate(
        count=sum(s.confirmed for s in strata),
        of=sum(s.sent for s in strata),
        estimate=estimate,
        lower=lower,
        upper=upper,
        name=f"DFT-confirmed of {population} survivors, estimated from those sent",
        note=f"nobody was sent of strata that hold {unseen} of them" if unseen else "",
    )


def survivor_counts(plan: VerificationPlan, verified: Mapping[str, Verified]) -> list[StratumCount]:
    """Return what the samples of a round's survivors came to, stratum by stratum; controls and flagged ones left out.

    Parameters
    ----------
    verified : mapping of str to Verified
        By candidate id; who is missing counts as not confirmed.
    """
    n_strata = len(plan.rule["strata"]) + 1
    confirmed = [0] * n_strata
    for promoted in plan.promoted:
        said = verified.get(promoted.candidate_id)
        if promoted.stratum < n_strata and said is not None and said.standing is Standing.CONFIRMED:
            confirmed[promoted.stratum] += 1
    return [StratumCount(s.population, s.sent, k) for s, k in zip(plan.strata, confirmed, strict=False)]


def dft_verified_rates(
    asked: int,
    valid: int,
    unique: int,
    sent: int,
    confirmed: int,
    *,
    unsent: int = 0,
    level: float = LEVEL,
) -> tuple[Rate, ...]:
    """Return DFT-confirmed of asked, valid, unique and sent.

    Parameters
    ----------
    sent, confirmed : int
        Survivors sent, failed and pending ones included; of them confirmed.
    unsent : int
        Survivors that were not sent. With any, the first three rates are lower bounds: the lower end counts none of them
        as confirmed, the upper one all.

    Returns
    -------
    tuple of Rate
        In the order asked, valid, unique, sent.
    """
    rates = []
    for word, of in {"asked": asked, "valid": valid, "unique": unique}.items():
        rate = plain_rate(confirmed, of, f"DFT-confirmed of {word}", level=level)
        if unsent:
            _, upper = exact_interval(min(confirmed + unsent, of), of, level)
            rate = rate.evolve(
                name=f"at least, DFT-confirmed of {word}",
                upper=upper,
                note=f"a lower bound: {unsent} more survivors were not sent, and the interval allows for all of them",
            )
        rates.append(rate)
    return (*rates, plain_rate(confirmed, sent, "DFT-confirmed of sent", level=level))


def projected_rates(rate: Rate, population: int, asked: int, valid: int, unique: int) -> tuple[Rate, ...]:
    """Return an estimate for all survivors as a share of asked, valid and unique, of this campaign alone.

    Parameters
    ----------
    rate : Rate
        Of :func:`stratified_rate`.
    population : int
        Survivors it is of.
    """
    note = f"from {rate.of} of {population} survivors drawn at random; of this campaign's crystals"
    return tuple(
        rate.evolve(
            estimate=None if rate.estimate is None else rate.estimate * population / of,
            lower=rate.lower * population / of,
            upper=rate.upper * population / of,
            name=f"DFT-confirmed of {word}, estimated from those sent",
            note="; ".join(filter(None, [note, rate.note])),
        )
        for word, of in {"asked": asked, "valid": valid, "unique": unique}.items()
        if of
    )


def beside_published(rate: Rate, threshold: float) -> PublishedRate:
    """Return a rate beside MatLLMSearch's 31.7 percent (arXiv:2502.20933).

    Parameters
    ----------
    threshold : float
        In eV/atom: what was confirmed. The published crystals are under 0.
    """
    inside = rate.lower <= PUBLISHED_DFT_STABLE <= rate.upper
    found = "no estimate" if rate.estimate is None else f"{100 * rate.estimate:.1f} percent"
    where = "inside" if inside else "outside"
    sentence = (
        f"{rate.name}: {found} ({rate.count} of {rate.of}; interval {100 * rate.lower:.1f} to {100 * rate.upper:.1f}). "
        f"The {100 * PUBLISHED_DFT_STABLE:.1f} percent published for MatLLMSearch (arXiv:2502.20933) is {where}"
    )
    if threshold != 0.0:
        sentence += f"; it is of crystals under 0 eV/atom from the hull, these are under {threshold:g}"
    sentence += "; its chemistry, hull and DFT settings are others."
    return PublishedRate(rate=rate, published=PUBLISHED_DFT_STABLE, inside=inside, sentence=sentence)
