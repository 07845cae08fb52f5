"""The best by the objectives, and some for being unlike them, within the limits by formula and element."""

from collections.abc import Sequence

from matsearch.core.config import Objective, SelectionSection
from matsearch.core.records import Candidate
from matsearch.select.orders import best_order, best_rank
from matsearch.select.taking import take_parents

_USUAL = SelectionSection()


class BestSelector:
    """Take the best distinct crystals, then elites of niches and the most unlike of the better half, as the rules ask.

    The order is that of the first objective, ties by the next, last by id; what breaks a hard constraint comes after all
    that keep theirs. A candidate with one of ``core.thresholds.NO_REWARD_FLAGS`` earns no offspring until it is checked.

    Parameters
    ----------
    objectives : sequence of Objective
        In order of importance.
    rules : SelectionSection
        Limits by formula and element, and the shares taken for their niche and for being unlike.
    """

    def __init__(self, objectives: Sequence[Objective], rules: SelectionSection = _USUAL) -> None:
        self._objectives = tuple(objectives)
        self._rules = rules

    def select(self, candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        """Return at most ``n`` candidates, best first, independent of the order given."""
        return take_parents(best_order(candidates, self._objectives), candidates, n, self._rules)

    def rank(self, candidate: Candidate) -> tuple[float | str, ...]:
        """Return the sort key of a candidate; objectives that are not known come last."""
        return best_rank(candidate, self._objectives)
