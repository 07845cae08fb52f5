"""From an order of candidates to parents: the best, those of neglected niches, those unlike the others, within limits."""

import math
from collections.abc import Sequence

import numpy as np

from matsearch.core.config import SelectionSection
from matsearch.core.records import Candidate
from matsearch.select.niches import neglected_elites
from matsearch.select.quota import Quota
from matsearch.select.unlikeness import Unlikeness

POOL = 50
"""Candidates for each parent that are looked at for being unlike the others, at most."""


def take_parents(
    ranked: Sequence[Candidate], given: Sequence[Candidate], n: int, rules: SelectionSection
) -> list[Candidate]:
    """Return at most ``n`` of the ranked, in their order; fewer where the limits leave fewer.

    Of the ``n``, the share ``niches`` goes to elites of niches, those with the fewest children first, and the share
    ``diversity`` to those of the better half that are furthest from all chosen before, one after the other. Both are
    rounded down and never all: the best one stays. What they leave free goes to the next best.

    Parameters
    ----------
    given : sequence of Candidate
        Among whom children are counted: the ranked, and those that may not breed.
    """
    quota = Quota(rules, n)
    n_elites, n_unlike = (math.floor(share * n + 1e-9) for share in (rules.niches, rules.diversity))
    chosen = _take(ranked, max(1, n - n_elites - n_unlike), quota)
    n_elites = min(n_elites, n - len(chosen))
    if n_elites > 0:
        chosen += _take(neglected_elites(ranked, given), n_elites, quota)
    better = ranked[: min(math.ceil(len(ranked) / 2), POOL * n)]
    chosen += _take_unlike(_but(better, chosen), chosen, min(n_unlike, n - len(chosen)), quota)
    chosen += _take(_but(ranked, chosen), n - len(chosen), quota)
    ids = {candidate.candidate_id for candidate in chosen}
    return [candidate for candidate in ranked if candidate.candidate_id in ids]


def _but(candidates: Sequence[Candidate], chosen: Sequence[Candidate]) -> list[Candidate]:
    ids = {candidate.candidate_id for candidate in chosen}
    return [candidate for candidate in candidates if candidate.candidate_id not in ids]


def _take(ranked: Sequence[Candidate], n: int, quota: Quota) -> list[Candidate]:
    """Take the first ``n`` that the quota has room for."""
    taken: list[Candidate] = []
    for candidate in ranked:
        if len(taken) >= n:
            break
        if quota.take(candidate.best_structure):
            taken.append(candidate)
    return taken


def _take_unlike(
    better: Sequence[Candidate], chosen: Sequence[Candidate], n: int, quota: Quota
) -> list[Candidate]:
    """Take up to ``n`` crystals, each the furthest from the nearest of those chosen before (Gonzalez, 1985)."""
    if n < 1 or not chosen:
        return []
    crystals = [*chosen, *better]
    unlikeness = Unlikeness([candidate.best_structure for candidate in crystals])
    nearest = np.min([unlikeness.from_one(i) for i in range(len(chosen))], axis=0)
    nearest[: len(chosen)] = -1.0
    taken: list[Candidate] = []
    while len(taken) < n and nearest.max() > 0.0:
        furthest = int(nearest.argmax())  # the first of equals: the better one
        if quota.take(crystals[furthest].best_structure):
            taken.append(crystals[furthest])
            nearest = np.minimum(nearest, unlikeness.from_one(furthest))
        nearest[furthest] = -1.0
    return taken
