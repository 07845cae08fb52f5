"""Whom each scheme of selection makes a parent, and how the elements shift by it."""

from collections import Counter
from collections.abc import Sequence

from matsearch.core.config import Objective, SelectionSection
from matsearch.core.records import Candidate
from matsearch.select.schemes import get_selector

STABILITY = Objective(name="energy_above_hull", direction="minimize")
DEFORMATION = Objective(name="deformation_energy", direction="maximize")
SCHEMES = {
    "best": (STABILITY,),
    "pareto": (STABILITY, DEFORMATION),
    "matllmsearch": (STABILITY,),
}
"""With the objectives of each."""


def chosen_by_scheme(distinct: Sequence[Candidate], n: int) -> dict[str, list[str]]:
    """Return the ids of the parents that each scheme chooses from distinct crystals, best first."""
    return {
        scheme: [
            c.candidate_id
            for c in get_selector(objectives, SelectionSection(scheme=scheme)).select(distinct, n)
        ]
        for scheme, objectives in SCHEMES.items()
    }


def element_shares(candidates: Sequence[Candidate]) -> dict[str, float]:
    """Return the share of the crystals that hold each element, the commonest first."""
    counts = Counter(symbol for candidate in candidates for symbol in _symbols(candidate))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {symbol: n / len(candidates) for symbol, n in ordered}


def _symbols(candidate: Candidate) -> set[str]:
    structure = candidate.best_structure
    return {element.symbol for element in structure.composition.elements} if structure is not None else set()
