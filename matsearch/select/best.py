"""The best by the objectives, and some for being unlike them, within the limits by formula and element."""

import math
from collections.abc import Sequence

import numpy as np

from matsearch.core.config import Objective, SelectionSection
from matsearch.core.records import Candidate
from matsearch.core.thresholds import earns_no_reward
from matsearch.select.quota import Quota
from matsearch.select.unlikeness import Unlikeness

POOL = 50
"""Candidates for each parent that are looked at for being unlike the others, at most."""

_USUAL = SelectionSection()


class BestSelector:
    """Take the best distinct crystals, then the most unlike of the better half, as the rules ask.

    The order is that of the first objective, ties by the next, last by id. A candidate with one of
    ``core.thresholds.NO_REWARD_FLAGS`` earns no offspring until it is checked.

    Parameters
    ----------
    objectives : sequence of Objective
        In order of importance.
    rules : SelectionSection
        Limits by formula and element, and the share taken for being unlike.
    """

    def __init__(self, objectives: Sequence[Objective], rules: SelectionSection = _USUAL) -> None:
        self._objectives = tuple(objectives)
        self._rules = rules

    def select(self, candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        """Return at most ``n`` candidates, best first, independent of the order given.

        Fewer where the limits leave fewer. Of the ``n``, the share ``diversity`` (rounded down, never all) goes to
        those of the better half that are furthest from all chosen before, one after the other.
        """
        ranked = sorted(filter(self.may_breed, candidates), key=self.rank)
        quota = Quota(self._rules, n)
        n_best = max(1, n - math.floor(self._rules.diversity * n + 1e-9))
        chosen = _take(ranked, n_best, quota)
        better = ranked[: min(math.ceil(len(ranked) / 2), POOL * n)]
        chosen += _take_unlike(better, chosen, n - len(chosen), quota)
        ids = {candidate.candidate_id for candidate in chosen}
        chosen += _take([c for c in ranked if c.candidate_id not in ids], n - len(chosen), quota)
        return sorted(chosen, key=self.rank)

    def rank(self, candidate: Candidate) -> tuple[float | str, ...]:
        """Return the sort key of a candidate whose objectives are all known."""
        values = [(o, candidate.objective(o.name)) for o in self._objectives]
        signed = [(-v if o.direction == "maximize" else v) for o, v in values if v is not None]
        return (*signed, candidate.candidate_id)

    def may_breed(self, candidate: Candidate) -> bool:
        """Return whether a candidate is alive, believed, and has a finite value of every objective."""
        values = [candidate.objective(o.name) for o in self._objectives]
        known = all(v is not None and math.isfinite(v) for v in values)
        return candidate.alive and known and not earns_no_reward(candidate.flags)


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
