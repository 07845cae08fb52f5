"""Schemes of selection by name."""

from collections.abc import Callable, Sequence
from functools import partial

from pymatgen.core import Structure

from matsearch.core.config import Objective, SelectionSection
from matsearch.core.protocols import Selector
from matsearch.core.records import Candidate
from matsearch.core.scheme_rules import check_scheme
from matsearch.core.selection_sections import PAPER_SCHEME
from matsearch.select.objectives import is_comparable
from matsearch.select.orders import (
    alternating_order,
    best_order,
    best_rank,
    lexical_order,
    weighted_order,
)
from matsearch.select.pareto import pareto_order
from matsearch.select.taking import take_parents

Order = Callable[[Sequence[Candidate]], list[Candidate]]


def get_selector(
    objectives: Sequence[Objective], rules: SelectionSection, generation: int | None = None
) -> Selector:
    """Return the selector of a scheme.

    Parameters
    ----------
    rules : SelectionSection
        Scheme, limits and shares.
    generation : int, optional
        The one whose crystals are selected from, 0 is the first; only scheme ``alternating`` needs it.

    Raises
    ------
    ValueError
        If the scheme cannot work with the objectives, or is not told the generation that it needs.
    """
    check_scheme(objectives, rules.scheme)
    if rules.scheme == PAPER_SCHEME:
        return PaperSelector(objectives)
    return OrderSelector(get_order(objectives, rules.scheme, generation), rules)


def get_order(objectives: Sequence[Objective], scheme: str, generation: int | None = None) -> Order:
    """Return the order of candidates in a scheme, without limits and shares.

    Raises
    ------
    ValueError
        If the scheme is not told the generation that it needs.
    """
    wanted = tuple(objectives)
    if scheme == "alternating":
        if generation is None:
            raise ValueError("selection.scheme: alternating needs to be told the generation")
        return partial(alternating_order, objectives=wanted, generation=generation)
    orders = {"pareto": pareto_order, "weighted": weighted_order, "lexical": lexical_order}
    return partial(orders.get(scheme, best_order), objectives=wanted)


class OrderSelector:
    """Take parents in an order, elites of niches and the unlike among them, within the limits that the rules ask for.

    Parameters
    ----------
    order : callable
        Candidates to those that may breed, best first.
    """

    def __init__(self, order: Order, rules: SelectionSection) -> None:
        self._order = order
        self._rules = rules

    def select(self, candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        """Return at most ``n`` candidates, best first, independent of the order given."""
        return take_parents(self._order(candidates), candidates, n, self._rules)


class PaperSelector:
    """The selection of MatLLMSearch (arXiv:2502.20933): the lowest of parents, children and pool, one of each formula.

    Sorted by E_d, the lowest of each *full* formula of a cell (``Na2 Cl2`` is another one than ``Na1 Cl1``) is kept; the first
    ``n`` are the next parents. Nothing else is asked: no limits, no diversity, no comparison of structures, and, unlike
    all other schemes, no belief: a crystal far below the hull breeds, as it did there.
    """

    def __init__(self, objectives: Sequence[Objective]) -> None:
        self._objectives = tuple(objectives)

    def select(self, candidates: Sequence[Candidate], n: int) -> list[Candidate]:
        """Return at most ``n`` candidates, lowest first, ties by id, independent of the order given."""
        comparable = [c for c in candidates if is_comparable(c, self._objectives)]
        lowest: dict[str, Candidate] = {}
        for candidate in sorted(comparable, key=lambda c: best_rank(c, self._objectives)):
            lowest.setdefault(_full_formula(candidate.best_structure), candidate)
        return list(lowest.values())[:n]


def _full_formula(structure: Structure) -> str:
    return str(structure.composition.formula)
