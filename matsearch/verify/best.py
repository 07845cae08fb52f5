"""The most promising survivors, unlike each other, and controls evenly over their range."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from pymatgen.core import Structure

from matsearch.core.verify_section import PromotionSection
from matsearch.verify.options import Option
from matsearch.verify.strata import CONTROL_SPAN

LOOKED_AT = 200
"""Most promising ones among whom the next is chosen, so that a large campaign asks for few distances."""

Distance = Callable[[Structure, Structure], float]


class Choice(NamedTuple):
    """Who was chosen.

    Attributes
    ----------
    options : list of Option
        In the order of choice.
    n_too_dear : int
        How many were not chosen for what was left of the budget.
    core_hours : float
        What they take of the budget.
    """

    options: list[Option]
    n_too_dear: int
    core_hours: float

    def then(self, other: "Choice") -> "Choice":
        """Return both as one."""
        return Choice(
            self.options + other.options,
            self.n_too_dear + other.n_too_dear,
            self.core_hours + other.core_hours,
        )


def most_promising(
    options: Iterable[Option],
    n: int,
    budget: float,
    diversity: float,
    distance: Distance,
    before: Sequence[Option] = (),
) -> Choice:
    """Choose up to ``n``, one after the other, each the best of the lowest front that is left.

    What counts is ``(1 - diversity) * probability + diversity * unlikeness``, where unlikeness is the distance to the
    nearest one chosen before, over the largest such distance; it is 0 for the first. Such a greedy trade of relevance
    against likeness is Carbonell and Goldstein's maximal marginal relevance (SIGIR 1998, 335). One that is too dear is
    passed over, and a cheaper one may follow.

    Parameters
    ----------
    budget : float
        In core-hours; may be infinite.
    before : sequence of Option
        Chosen already: the first is to be unlike them.
    """
    left = sorted(options, key=lambda o: (o.front, -o.probability, o.energy_above_hull, o.candidate_id))
    nearest = _Nearest(distance, before)
    chosen: list[Option] = []
    n_too_dear = 0
    while left and len(chosen) < n:
        looked_at = [option for option in left[:LOOKED_AT] if option.front == left[0].front]
        unlikeness = nearest.shares(looked_at) if diversity > 0.0 else [0.0] * len(looked_at)
        scores = [
            (1.0 - diversity) * option.probability + diversity * share
            for option, share in zip(looked_at, unlikeness, strict=True)
        ]
        best = left.pop(scores.index(max(scores)))
        if best.core_hours > budget:
            n_too_dear += 1
            continue
        budget -= best.core_hours
        chosen.append(best)
        nearest.add(best)
    return Choice(chosen, n_too_dear, sum(option.core_hours for option in chosen))


def evenly_spread(options: Sequence[Option], n: int, budget: float, rule: PromotionSection) -> Choice:
    """Choose up to ``n`` controls, each the nearest to one of ``n`` energies evenly over the controls' range."""
    left = sorted(options, key=lambda option: option.candidate_id)
    chosen: list[Option] = []
    n_too_dear = 0
    while left and len(chosen) < n:
        aim = rule.threshold + (len(chosen) + 0.5) * CONTROL_SPAN / n
        gaps = [round(abs(option.energy_above_hull - aim), 9) for option in left]
        nearest = left.pop(gaps.index(min(gaps)))
        if nearest.core_hours > budget:
            n_too_dear += 1
            continue
        budget -= nearest.core_hours
        chosen.append(nearest)
    return Choice(chosen, n_too_dear, sum(option.core_hours for option in chosen))


class _Nearest:
    """Distances to the nearest of those chosen, each computed once."""

    def __init__(self, distance: Distance, chosen: Sequence[Option]) -> None:
        self._distance = distance
        self._chosen = list(chosen)
        self._known: dict[str, tuple[int, float]] = {}

    def add(self, option: Option) -> None:
        self._chosen.append(option)

    def shares(self, options: Sequence[Option]) -> list[float]:
        """Return each option's distance over the largest of them; 0 where nothing was chosen or all are alike."""
        if not self._chosen:
            return [0.0] * len(options)
        lengths = [self._of(option) for option in options]
        largest = max(lengths)
        return [length / largest if largest > 0.0 else 0.0 for length in lengths]

    def _of(self, option: Option) -> float:
        n_seen, shortest = self._known.get(option.candidate_id, (0, float("inf")))
        for other in self._chosen[n_seen:]:
            shortest = min(shortest, self._distance(option.structure, other.structure))
        self._known[option.candidate_id] = (len(self._chosen), shortest)
        return shortest
