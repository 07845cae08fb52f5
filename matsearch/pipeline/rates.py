"""Rates with their uncertainty."""

_CONFIDENCE = 0.95


def per_100(hits: int, trials: int) -> tuple[float, float, float] | tuple[None, None, None]:
    """Return hits per 100 trials and the two ends of the 95 percent interval; None three times without a trial.

    The interval is Wilson's (J. Am. Stat. Assoc. 22, 209 (1927)).
    """
    if not trials:
        return None, None, None
    from scipy.stats import binomtest

    interval = binomtest(hits, trials).proportion_ci(_CONFIDENCE, method="wilson")
    return 100 * hits / trials, 100 * float(interval.low), 100 * float(interval.high)
