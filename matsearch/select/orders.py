"""Orders of candidates, best first: one for each scheme that has no file of its own.

Each returns those candidates that may breed. Those that keep all hard constraints come
before the others, which follow by how much they break; ties are decided by id.
"""

from collections.abc import Sequence

import numpy as np

from matsearch.core.config import Objective
from matsearch.core.records import Candidate
from matsearch.select.objectives import eligible, minimised_values, table, violation

WINSORISED_AT = 95.0
"""Percentile of the first objective beyond which all are alike, in scheme weighted."""

STABLE_ENOUGH = 0.03
"""eV/atom above the hull, inclusive: up to here the second objective counts, in scheme lexical."""


def best_order(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> list[Candidate]:
    """Order by the first objective, ties by the next."""
    return sorted(eligible(candidates, objectives), key=lambda c: best_rank(c, objectives))


def best_rank(candidate: Candidate, objectives: Sequence[Objective]) -> tuple[float | str, ...]:
    """Return the key of that order; an objective that is not known is as bad as can be."""
    return (
        violation(candidate, objectives),
        *minimised_values(candidate, objectives),
        candidate.candidate_id,
    )


def weighted_order(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> list[Candidate]:
    """Order by the weighted sum of the objectives, each scaled by its range among the candidates.

    The scheme ``weighted`` of MatLLMSearch (arXiv:2502.20933): 0.7 norm(E_d) + 0.3 (1 - norm(B)), where the E_d are cut off at
    their 95th percentile first. Here the first objective is cut off at its bad end, and the weights are the objectives' own.
    The sums of two sets of candidates cannot be compared.
    """
    compared = eligible(candidates, objectives)
    values = table(compared, objectives)
    if len(compared) > 0:
        values[:, 0] = values[:, 0].clip(max=np.percentile(values[:, 0], WINSORISED_AT))
        low, high = values.min(axis=0), values.max(axis=0)
        values = (values - low) / np.where(high > low, high - low, 1.0)
    return _by_score(compared, objectives, values @ [objective.weight for objective in objectives])


def lexical_order(candidates: Sequence[Candidate], objectives: Sequence[Objective]) -> list[Candidate]:
    """Order two objectives, the first one energy above hull: by stability until it is enough, then by the other one.

    The scheme ``lexical`` of MatLLMSearch (arXiv:2502.20933), of E_d in eV/atom and B in GPa: 0.01 E_d - 0.001 B where
    E_d <= 0.03, else E_d + 1. Of another second objective -B is its minimised value, in its own unit.
    """
    compared = eligible(candidates, objectives)
    energies, others = table(compared, objectives).T
    stable = 0.01 * energies + 0.001 * others
    return _by_score(compared, objectives, np.where(energies <= STABLE_ENOUGH, stable, energies + 1.0))


def alternating_order(
    candidates: Sequence[Candidate], objectives: Sequence[Objective], generation: int
) -> list[Candidate]:
    """Order by one objective in one generation and by the next one in the next, ties by those after it.

    The scheme ``multi-turn`` of MatLLMSearch (arXiv:2502.20933): generation 0 is selected by the first objective.
    """
    turn = generation % len(objectives)
    return best_order(candidates, [*objectives[turn:], *objectives[:turn]])


def _by_score(
    compared: Sequence[Candidate], objectives: Sequence[Objective], scores: np.ndarray
) -> list[Candidate]:
    """Return candidates that are sorted by id by their scores, the lowest first."""
    broken = np.array([violation(candidate, objectives) for candidate in compared])
    return [compared[i] for i in np.lexsort((scores, broken))]  # the last key counts most; stable
