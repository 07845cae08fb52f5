"""The best by the objectives, in their order, without the same crystal twice."""

import math
from collections.abc import Sequence

from matsearch.core.config import Objective
from matsearch.core.records import Candidate
from matsearch.core.thresholds import earns_no_reward
from matsearch.crystal.matching import same_crystal


class BestSelector:
    """Sort by the first objective, ties by the next, last by id; take distinct crystals from the top.

    A candidate with one of ``core.thresholds.NO_REWARD_FLAGS`` earns no offspring until it is checked.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = tuple(objectives)

    def select(self, candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        """Return at most ``n`` candidates, best first, independent of the order given."""
        chosen: list[Candidate] = []
        for candidate in sorted(filter(self._eligible, candidates), key=self.rank):
            if len(chosen) == n:
                break
            if not any(_same(candidate, other) for other in chosen):
                chosen.append(candidate)
        return chosen

    def rank(self, candidate: Candidate) -> tuple[float | str, ...]:
        """Return the sort key of a candidate whose objectives are all known."""
        values = [(o, candidate.objective(o.name)) for o in self._objectives]
        signed = [(-v if o.direction == "maximize" else v) for o, v in values if v is not None]
        return (*signed, candidate.candidate_id)

    def _eligible(self, candidate: Candidate) -> bool:
        values = [candidate.objective(o.name) for o in self._objectives]
        known = all(v is not None and math.isfinite(v) for v in values)
        return candidate.alive and known and not earns_no_reward(candidate.flags)


def _same(first: Candidate, second: Candidate) -> bool:
    return (
        first.best_structure is not None
        and second.best_structure is not None
        and same_crystal(first.best_structure, second.best_structure)
    )
