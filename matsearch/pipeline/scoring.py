"""What relaxed crystals are worth: their place on the hull, what others say of it, and the other objectives."""

from collections.abc import Sequence

from matsearch.core.protocols import ResultCache
from matsearch.core.records import Candidate
from matsearch.hull.stage import place
from matsearch.pipeline.measuring import measure
from matsearch.pipeline.opinions import ask_others
from matsearch.pipeline.tools import Tools


def score(relaxed: Sequence[Candidate], tools: Tools, cache: ResultCache, owner: str) -> list[Candidate]:
    """Return relaxed candidates with place, opinions and properties: same length, order and ids.

    Parameters
    ----------
    owner : str
        The campaign, for counting the work begun.
    """
    placed = place(relaxed, tools.hull, tools.potential.info.elements)
    return measure(ask_others(placed, tools, cache, owner), tools, cache, owner)
