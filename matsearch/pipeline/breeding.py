"""Where candidates are born, and which parents a slot is given."""

from matsearch.core.campaign import CampaignState
from matsearch.core.config import SearchConfig
from matsearch.core.random import stream
from matsearch.core.records import Candidate, Parent
from matsearch.core.selection_sections import PAPER_SCHEME
from matsearch.pipeline.tools import Tools

PAPER_GROUP = 2
"""Parents of a group where no language model is shown any, as in the paper."""


def island_of(candidate: Candidate, config: SearchConfig) -> int:
    """Return the island on which a candidate was born: that of its slot."""
    return candidate.slot % config.population.islands


def island_shares(config: SearchConfig) -> list[int]:
    """Return how many of the parents each island has; the first ones have one more where they cannot be equal."""
    each, left = divmod(config.population.parents, config.population.islands)
    return [each + (island < left) for island in range(config.population.islands)]


def parents_of_slot(state: CampaignState, slot: int, tools: Tools) -> tuple[Parent, ...]:
    """Return the parents that one of the slots of the state's generation may build on.

    All of them; with several islands those of the slot's own. With the scheme of MatLLMSearch (arXiv:2502.20933) its
    group: all parents in an order drawn for the generation, cut into groups, so that no parent is in two. Where there are
    fewer groups than slots, the slots take them in turn.
    """
    if tools.config.selection.scheme == PAPER_SCHEME:
        return _group(state, slot, tools.config)
    islands = tools.config.population.islands
    if islands == 1:
        return state.parents
    return tuple(parent for parent in state.parents if parent.island in {None, slot % islands})


def _group(state: CampaignState, slot: int, config: SearchConfig) -> tuple[Parent, ...]:
    model = config.propose.llm
    size = (model.parents if model else 0) or PAPER_GROUP
    n_groups = max(1, len(state.parents) // size)  # what is left over is too little for a slot
    order = stream(config.seed, state.generation, 0, "groups").permutation(len(state.parents))
    begin = slot % n_groups * size
    return tuple(state.parents[int(i)] for i in order[begin : begin + size])
