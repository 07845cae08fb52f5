"""Fronts, crowding and hypervolume: NSGA-II's order of candidates (Deb et al., IEEE Trans. Evol. Comput. 6, 182 (2002)).

Who may not breed (dead, flagged, without a finite value of every objective) is in no front.
"""

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from matsearch.core.config import Objective
from matsearch.core.records import Candidate
from matsearch.select.objectives import eligible, places, table, violation


def pareto_order(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> list[Candidate]:
    """Return the candidates that may breed by front, within one the least crowded first, ties by id.

    The crowded-comparison operator of NSGA-II (section III-B).

    Raises
    ------
    ValueError
        If an objective has no axis.
    """
    ordered: list[Candidate] = []
    for front in _fronts(candidates, objectives):
        crowding = crowding_distances(places(front, objectives))
        ordered += [front[i] for i in np.argsort(-crowding, kind="stable")]
    return ordered


def fronts(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> list[list[Candidate]]:
    """Return the fronts, the best one first; in each, by the first objective, the best first.

    By constraint domination (NSGA-II, section VI): those that keep all hard constraints by Pareto domination, then the
    others by how much they break, a front for each amount.

    Raises
    ------
    ValueError
        If a constrained objective has no axis.
    """
    found = _fronts(candidates, objectives)
    return [
        [front[i] for i in np.lexsort(table(front, objectives).T[::-1])]  # the last key counts most
        for front in found
    ]


def hypervolume(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> float:
    """Return the share of the space between the ends of all axes that the candidates dominate, from 0 to 1, exact.

    The hypervolume indicator (Zitzler and Thiele, IEEE Trans. Evol. Comput. 3, 257 (1999)) against the worst ends, values
    beyond an end counting as at the end. Only candidates that may breed and keep all hard constraints count. Axes are
    absolute, so that it can be compared between generations, campaigns and schemes.

    Raises
    ------
    ValueError
        If an objective has no axis.
    """
    from moocore import hypervolume as measure

    feasible = [c for c in eligible(candidates, objectives) if violation(c, objectives) == 0.0]
    if not feasible:
        return 0.0
    return float(measure(places(feasible, objectives).clip(0.0, 1.0), ref=1.0))


def crowding_distances(points: np.ndarray) -> np.ndarray:
    """Return how alone each point of a front is: the sum over the objectives of the gap between its two neighbours.

    The crowding distance of NSGA-II (section III-B) on axes that are given, instead of the front's own range. The ends of an
    objective are infinitely alone. Of points that are the same the first one stands for all, and the others have 0: they add
    nothing to the front.

    Parameters
    ----------
    points : numpy.ndarray of shape (n, number of objectives)
        In units of the axes.

    Returns
    -------
    numpy.ndarray of shape (n,)
    """
    if len(points) == 0:
        return np.zeros(0)
    distinct, firsts = np.unique(points, axis=0, return_index=True)
    alone = np.zeros(len(distinct))
    for column in distinct.T:
        order = np.argsort(column, kind="stable")
        sorted_column = column[order]
        alone[order[1:-1]] += sorted_column[2:] - sorted_column[:-2]
        alone[order[[0, -1]]] = np.inf
    distances = np.zeros(len(points))
    distances[firsts] = alone
    return distances


def _fronts(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> list[list[Candidate]]:
    """Return the fronts, the best one first; in each, by id."""
    from moocore import pareto_rank

    compared = eligible(candidates, objectives)
    broken = np.array([violation(candidate, objectives) for candidate in compared])
    ranks, keeping = np.zeros(len(compared)), broken == 0.0
    if keeping.any():
        ranks[keeping] = pareto_rank(table(compared, objectives)[keeping])
    order = np.lexsort((ranks, broken))  # the last key counts most; stable
    return [[compared[i] for i in front] for _, front in groupby(order, lambda i: (broken[i], ranks[i]))]
