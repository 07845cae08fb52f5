"""What a campaign may still spend on its language model."""

from collections.abc import Iterable, Iterator

from matsearch.core.calls import CallEntry, CallRequest, Usage
from matsearch.core.config import BudgetSection
from matsearch.core.errors import BudgetSpentError

_REMEDY = "nothing is lost: raise it and run the same command again"


class Allowance:
    """A budget, and what was spent of it.

    Calls count when they begin, tokens and cost when the call has ended: calls in flight may pass these two limits by
    what they cost.
    """

    def __init__(self, budget: BudgetSection, usage: Usage) -> None:
        self._budget = budget
        self._usage = usage
        self._in_flight = 0
        self.spent: BudgetSpentError | None = None

    def require(self, n_calls: int, generation: int) -> None:
        """Refuse to begin a generation that is not likely to be finished.

        Its tokens and cost are taken to be the mean of the campaign's calls so far of which they are known.

        Raises
        ------
        BudgetSpentError
            Naming the limit, what is left of it and what the generation needs; or a limit that cannot be kept, as the
            endpoint tells of no call what it took.
        """
        usage = self._usage
        needs = {
            "calls": float(n_calls),
            "tokens": usage.tokens / max(1, usage.answered - usage.unknown_tokens) * n_calls,
            "cost": (usage.cost or 0.0) / max(1, usage.answered - usage.unknown_cost) * n_calls,
        }
        for name, limit, spent in self._limits():
            if name != "calls" and 0 < usage.answered == usage.unknown_tokens:
                raise BudgetSpentError(
                    f"budget.{name}: {limit:g} cannot be kept, the endpoint does not tell what a call took",
                    "nothing is lost: set budget.calls in its place and run the same command again",
                )
            if spent >= limit or needs[name] > limit - spent:
                raise BudgetSpentError(
                    f"budget.{name}: {max(0.0, limit - spent):.6g} of {limit:g} left, and the {n_calls} calls of "
                    f"generation {generation} need about {needs[name]:.6g}",
                    _REMEDY,
                )

    def allowed(self, requests: Iterable[CallRequest]) -> Iterator[CallRequest]:
        """Yield requests until a limit is reached; ``spent`` then says which."""
        for request in requests:
            for name, limit, spent in self._limits():
                if spent >= limit:
                    self.spent = BudgetSpentError(f"budget.{name}: {spent:.6g} of {limit:g} spent", _REMEDY)
                    return
            self._in_flight += 1
            yield request

    def add(self, entry: CallEntry) -> None:
        """Count a call that ended."""
        self._in_flight -= 1
        self._usage = self._usage.with_entry(entry)

    def _limits(self) -> list[tuple[str, float, float]]:
        """Return name, limit and what was spent of it, of those that are set."""
        budget, usage = self._budget, self._usage
        limits = (
            ("calls", budget.calls, usage.calls + self._in_flight),
            ("tokens", budget.tokens, usage.tokens),
            ("cost", budget.cost, usage.cost or 0.0),
        )
        return [(name, float(limit), float(spent)) for name, limit, spent in limits if limit is not None]
