"""Exact confidence intervals of proportions: few calculations allow wide ones, and no formula for many helps."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

LEVEL = 0.95
"""Of confidence."""

_CELLS = 1_000_000


class StratumCount(NamedTuple):
    """What a sample of a stratum came to.

    Attributes
    ----------
    population : int
        Those that could have been drawn.
    sent : int
        Those drawn, whatever became of them.
    confirmed : int
        Of those drawn.
    """

    population: int
    sent: int
    confirmed: int


def exact_interval(count: int, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the two ends of the exact interval of a proportion; (0, 1) without a trial.

    Clopper and Pearson, Biometrika 26, 404 (1934): the lower end is 0 with no hit, the upper one 1 with hits alone.
    """
    if n == 0:
        return 0.0, 1.0
    from scipy.stats import binomtest

    interval = binomtest(count, n).proportion_ci(level, method="exact")
    return float(interval.low), float(interval.high)


def stratified_interval(strata: Sequence[StratumCount], level: float = LEVEL) -> tuple[float, float]:
    """Return the two ends of the exact interval of a proportion of a finite population, drawn from stratum by stratum.

    Wendell and Schmee, J. Am. Stat. Assoc. 91, 825 (1996): a total of hits is kept when there is some way to spread it
    over the strata with which neither ``p <= p_found`` nor ``p >= p_found`` is rarer than half of ``1 - level``, where
    ``p`` is the estimate weighted by population. It covers the truth at least as often as ``level`` says, whatever the
    strata are like. Of a stratum of which nobody was drawn nothing is known but its size. (0, 1) without a population.

    Of one stratum it is the interval of a hypergeometric sample (Buonaccorsi, Am. Stat. 41, 215 (1987)): once all are drawn
    the two ends meet.

    Parameters
    ----------
    strata : sequence of StratumCount
        Simple random samples without replacement, independent of each other.
    """
    total = sum(s.population for s in strata)
    if total == 0:
        return 0.0, 1.0
    found = sum(s.confirmed for s in strata)
    missed = sum(s.sent - s.confirmed for s in strata)
    unknown = sum(s.population for s in strata if s.sent == 0)
    all_known = [s for s in strata if 0 < s.sent == s.population]
    sampled = [s for s in strata if 0 < s.sent < s.population]
    lower = upper = sum(s.confirmed for s in all_known)
    if sampled:
        # misses counted as hits make a lower tail of an upper one
        upper += _most_hits(sampled, level)
        reverse = [s._replace(confirmed=s.sent - s.confirmed) for s in sampled]
        lower += sum(s.population for s in sampled) - _most_hits(reverse, level)
    return max(lower, found) / total, min(upper + unknown, total - missed) / total


def _most_hits(strata: Sequence[StratumCount], level: float) -> int:
    """Return the largest total of hits with which ``p <= p_found`` is not too rare.

    Hits make that tail rarer, in every stratum: where there are too many ways to spread them to look at each, a block of
    ways counts as kept when its corner with the fewest hits is. The end moves outward by a block at most.
    """
    edges = [_block_edges(s.population, _blocks(len(strata))) for s in strata]
    weights = [s.population * (math.lcm(*(s.sent for s in strata)) // s.sent) for s in strata]
    tail = _is_no_higher(strata, weights).astype(float)
    for s, edge in zip(strata, edges, strict=True):
        tail = np.tensordot(tail, _chances(s, edge[:-1]), axes=(0, 1))  # the stratum's axis goes last
    last = np.zeros((), dtype=int)
    for edge in edges:
        last = np.add.outer(last, edge[1:] - 1)
    # with chances just on the limit, rounding must not narrow the interval
    return int(last[tail > (1.0 - level) / 2.0 - 1e-12].max())


def _blocks(n_strata: int) -> int:
    return max(1, int(_CELLS ** (1.0 / n_strata)))


def _block_edges(population: int, n_blocks: int) -> np.ndarray:
    """Return the limits of blocks of 0 ... population hits, shape (m + 1,); block i is ``edges[i] <= K < edges[i + 1]``."""
    m = min(population + 1, n_blocks)
    return np.array([i * (population + 1) // m for i in range(m + 1)])


def _is_no_higher(strata: Sequence[StratumCount], weights: Sequence[int]) -> np.ndarray:
    """Return which results estimate no more than what was found, shape (sent + 1, ...), in integers without rounding."""
    score = np.zeros((), dtype=object)
    for s, weight in zip(strata, weights, strict=True):
        score = np.add.outer(score, np.array([k * weight for k in range(s.sent + 1)], dtype=object))
    found = sum(s.confirmed * weight for s, weight in zip(strata, weights, strict=True))
    return np.asarray(score <= found, dtype=bool)


def _chances(stratum: StratumCount, hits: np.ndarray) -> np.ndarray:
    """Return the hypergeometric chance of each result for each number of hits, shape (len(hits), sent + 1)."""
    from scipy.stats import hypergeom

    results = np.arange(stratum.sent + 1)
    return np.asarray(hypergeom.pmf(results[None, :], stratum.population, hits[:, None], stratum.sent))
