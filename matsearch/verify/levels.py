"""Limits of energy above hull under which confirmed crystals are counted."""

from collections.abc import Collection, Iterable, Mapping

from matsearch.core.thresholds import METASTABLE, NEAR_STABLE
from matsearch.core.verified import SURVIVOR, Standing, Verified

LEVELS = (METASTABLE, NEAR_STABLE, 0.0)
"""eV/atom, exclusive."""


def levels_of(thresholds: Iterable[float]) -> tuple[float, ...]:
    """Return the limits at which verdicts given at some thresholds can be counted, the highest first.

    They are the lowest of the thresholds and what of ``LEVELS`` lies below it. Over it not all is known: who was refuted
    may lie under a higher limit, but nobody asked whether firmly so.

    Parameters
    ----------
    thresholds : iterable of float
        At least one, in eV/atom.
    """
    lowest = min(thresholds)
    return tuple(sorted({lowest, *(level for level in LEVELS if level < lowest)}, reverse=True))


def confirmed_under(
    verified: Mapping[str, Verified], level: float, known: Collection[str] = frozenset()
) -> frozenset[str]:
    """Return the ids of the confirmed survivors that DFT puts under a limit (eV/atom, exclusive).

    Hints count under none. Nor does a known phase met again at 0 or less: it is on the hull or off it by what two
    relaxations differ.

    Parameters
    ----------
    verified : mapping of str to Verified
        By candidate id.
    known : collection of str
        Ids of the candidates that are known phases.
    """
    return frozenset(
        name
        for name, said in verified.items()
        if said.role == SURVIVOR and said.standing is Standing.CONFIRMED
        if said.energy_above_hull is not None and said.energy_above_hull < level
        if level > 0.0 or name not in known
    )
