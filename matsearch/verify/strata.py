"""Classes of energy above hull, and how many of each are sent."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from matsearch.core.thresholds import METASTABLE
from matsearch.core.verification import Stratum
from matsearch.core.verify_section import PromotionSection

CONTROL_SPAN = 2 * METASTABLE
"""eV/atom above the threshold within which controls are taken: a crystal further up tells nothing about the screening."""


def stratum_of(energy_above_hull: float, rule: PromotionSection) -> int:
    """Return the number of the stratum, from 0, that an energy above hull (eV/atom) lies in."""
    return bisect_right((*rule.strata, rule.threshold), energy_above_hull)


def control_stratum(rule: PromotionSection) -> int:
    """Return the number of the controls' stratum, after those of the survivors; flagged ones are in the next."""
    return len(rule.strata) + 1


def make_strata(
    rule: PromotionSection, populations: Sequence[int], sent: Sequence[int]
) -> tuple[Stratum, ...]:
    """Return the strata of a rule: those of the survivors, that of the controls and, where asked, the flagged.

    Parameters
    ----------
    populations, sent : sequence of int
        One a stratum: those that could be chosen, and those that were.
    """
    highest = None if rule.sample == "all" else rule.threshold + CONTROL_SPAN
    limits = [None, *rule.strata, rule.threshold, highest]
    pairs = list(pairwise(limits))
    if rule.flagged:
        pairs.append((None, rule.threshold))
    return tuple(
        Stratum(lower=lower, upper=upper, population=population, sent=n)
        for (lower, upper), population, n in zip(pairs, populations, sent, strict=True)
    )


def allocate(populations: Sequence[int], n: int) -> list[int]:
    """Share places out over strata: equally as far as they reach, the rest to the fullest.

    Where a stratum has fewer than its equal share, what it leaves free goes with the rest: one by one to the stratum
    with the most left, the lower one of equals.
    """
    if not populations:
        return []
    share = n // len(populations)
    places = [min(share, population) for population in populations]
    left = min(n, sum(populations)) - sum(places)
    for _ in range(left):
        fullest = max(range(len(places)), key=lambda h: (populations[h] - places[h], -h))
        places[fullest] += 1
    return places


def affordable_places(places: Sequence[int], mean_costs: Sequence[float], budget: float) -> list[int]:
    """Return places whose expected cost keeps a budget, taken away before anybody is drawn.

    One after the other is taken from the stratum with the most, the dearer one of equals and then the lower: the draw
    stays random, and its cost keeps the budget on average.

    Parameters
    ----------
    mean_costs : sequence of float
        Of a stratum's whole population, in the budget's unit.
    """
    kept = list(places)
    while sum(kept) and sum(n * cost for n, cost in zip(kept, mean_costs, strict=True)) > budget:
        kept[max(range(len(kept)), key=lambda h: (kept[h], mean_costs[h], -h))] -= 1
    return kept
