"""Which share of the predictions DFT confirms: every rate with its denominator and an exact interval."""

from collections.abc import Collection, Sequence

from matsearch.core.agreement import Rate
from matsearch.core.verification import VerificationPlan
from matsearch.verify.intervals import LEVEL, StratumCount, exact_interval, stratified_interval

PUBLISHED_DFT_STABLE = 0.317
"""Share of MatLLMSearch's crystals that DFT puts under 0 eV/atom from the hull (arXiv:2502.20933, abstract)."""

HITS = "DFT-confirmed"
"""What is counted, unless something else is said."""


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


def stratified_rate(strata: Sequence[StratumCount], hits: str = HITS, level: float = LEVEL) -> Rate:
    """Return the share among the whole population of strata from which random samples were sent.

    The estimate is ``sum_h (N_h / N) k_h / n_h`` (Cochran, Sampling Techniques, 3rd ed., 1977, equation 5.1), the interval
    that of :func:`stratified_interval`. Whoever was sent and was not confirmed counts against it, failed and pending too.

    Parameters
    ----------
    hits : str
        What is counted, in words.

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
        name=f"{hits} of {population} survivors, estimated from those sent",
        denominator="survivors",
        note=f"nobody was sent of strata that hold {unseen} of them" if unseen else "",
    )


def survivor_counts(plan: VerificationPlan, hits: Collection[str]) -> list[StratumCount]:
    """Return what the samples of a round's survivors came to, stratum by stratum; controls and flagged ones left out.

    Parameters
    ----------
    hits : collection of str
        Ids of the candidates that count (:func:`matsearch.verify.levels.confirmed_under`).
    """
    n_strata = len(plan.rule["strata"]) + 1
    found = [0] * n_strata
    for promoted in plan.promoted:
        if promoted.stratum < n_strata and promoted.candidate_id in hits:
            found[promoted.stratum] += 1
    return [StratumCount(s.population, s.sent, k) for s, k in zip(plan.strata, found, strict=False)]


def dft_verified_rates(
    asked: int,
    valid: int,
    unique: int,
    sent: int,
    confirmed: int,
    *,
    unsent: int = 0,
    hits: str = HITS,
    level: float = LEVEL,
) -> tuple[Rate, ...]:
    """Return the confirmed of asked, valid, unique and sent.

    Parameters
    ----------
    sent, confirmed : int
        Survivors sent, failed and pending ones included; of them confirmed.
    unsent : int
        Survivors that were not sent. With any, the first three rates are lower bounds: the lower end counts none of them
        as confirmed, the upper one all.
    hits : str
        What is counted, in words.

    Returns
    -------
    tuple of Rate
        In the order asked, valid, unique, sent.
    """
    rates = []
    for word, of in {"asked": asked, "valid": valid, "unique": unique}.items():
        rate = plain_rate(confirmed, of, f"{hits} of {word}", level=level).evolve(denominator=word)
        if unsent:
            _, upper = exact_interval(min(confirmed + unsent, of), of, level)
            rate = rate.evolve(
                name=f"at least, {hits} of {word}",
                upper=upper,
                is_lower_bound=True,
                note=f"a lower bound: {unsent} more survivors were not sent, and the interval allows for all of them",
            )
        rates.append(rate)
    of_sent = plain_rate(confirmed, sent, f"{hits} of sent", level=level)
    return (*rates, of_sent.evolve(denominator="sent"))


def projected_rates(
    rate: Rate, population: int, asked: int, valid: int, unique: int, hits: str = HITS
) -> tuple[Rate, ...]:
    """Return an estimate for all survivors as a share of asked, valid and unique, of this campaign alone.

    Who could not be drawn, as the flagged, known phases and those dearer than the budget, counts as not confirmed.

    Parameters
    ----------
    rate : Rate
        Of :func:`stratified_rate`.
    population : int
        Survivors it is of.
    hits : str
        What is counted, in words.
    """
    note = (
        f"from {rate.of} of {population} survivors drawn at random; of this campaign's crystals; who could not be drawn "
        "counts as not confirmed"
    )
    return tuple(
        rate.evolve(
            estimate=None if rate.estimate is None else rate.estimate * population / of,
            lower=rate.lower * population / of,
            upper=rate.upper * population / of,
            name=f"{hits} of {word}, estimated from those sent",
            denominator=word,
            note="; ".join(filter(None, [note, rate.note])),
        )
        for word, of in {"asked": asked, "valid": valid, "unique": unique}.items()
        if of
    )


def beside_published(rates: Sequence[Rate]) -> str:
    """Return rates beside MatLLMSearch's 31.7 percent (arXiv:2502.20933), in a sentence.

    Parameters
    ----------
    rates : sequence of Rate
        Of crystals confirmed under 0 eV/atom from the hull, as the published ones are; of sent and of what was generated.
    """
    said = "; ".join(f"{rate.name}: {_beside_words(rate)}" for rate in rates)
    return (
        f"Beside the {100 * PUBLISHED_DFT_STABLE:.1f} percent of MatLLMSearch's generated crystals that DFT puts under "
        f"0 eV/atom (arXiv:2502.20933): {said}. Hints count as not confirmed, who was sent was chosen by the rule, and "
        "chemistry, hull and DFT settings are others."
    )


def _beside_words(rate: Rate) -> str:
    found = "no estimate" if rate.estimate is None else f"{100 * rate.estimate:.1f} percent"
    where = "inside" if rate.lower <= PUBLISHED_DFT_STABLE <= rate.upper else "outside"
    ends = f"{100 * rate.lower:.1f} to {100 * rate.upper:.1f}"
    return f"{found} ({rate.count} of {rate.of}; the published one is {where} the interval, {ends})"
