"""Who the next generation builds on: the selected, an island at a time, then seeds."""

from collections.abc import Sequence

from matsearch.core.axes import AXES
from matsearch.core.campaign import CampaignState
from matsearch.core.config import SearchConfig
from matsearch.core.protocols import Selector
from matsearch.core.records import Candidate, Parent, PropertyValue
from matsearch.core.selection_sections import PAPER_SCHEME
from matsearch.core.thresholds import REFUTED_FLAG, earns_no_reward
from matsearch.crystal.scope import allows
from matsearch.pipeline.breeding import island_of, island_shares
from matsearch.pipeline.tools import Tools
from matsearch.select.quota import Quota
from matsearch.select.schemes import get_selector

FORMATION = "formation_energy_per_atom"
"""The one objective beside stability that the hull gives, and no property."""


def first_parents(tools: Tools, pool: Sequence[Candidate] = ()) -> tuple[Parent, ...]:
    """Return what a search begins with, and begins again with.

    Parameters
    ----------
    pool : sequence of Candidate
        The scored seeds; empty where they are not scored.

    Returns
    -------
    tuple of Parent
        All seeds, those that failed or are not believed left out; with the scheme of MatLLMSearch the best of the pool.
    """
    if tools.config.selection.scheme == PAPER_SCHEME:
        return lowest_parents(pool, 0, tools)
    return dealt_out(_seeds(tools, pool), tools.config)


def next_parents(
    era: Sequence[Candidate], generation: int, tools: Tools, pool: Sequence[Candidate] = ()
) -> tuple[Parent, ...]:
    """Return the selected of each island, filled up with its seeds within the same limits.

    After every ``population.migration`` generations the selected of an island also compete on the next one, the last
    one's on the first.

    Parameters
    ----------
    era : sequence of Candidate
        Candidates since the last restart that are no duplicates, the dead too: children count for their niches.
    generation : int
        In which the last of them were born.
    """
    population, seeds = tools.config.population, first_parents(tools, pool)
    selector = get_selector(tools.config.objectives, tools.selection, generation)
    shares = island_shares(tools.config)
    born: list[list[Candidate]] = [[] for _ in shares]
    for candidate in era:
        born[island_of(candidate, tools.config)].append(candidate)
    chosen = _select(selector, born, shares)
    if len(shares) > 1 and (generation + 1) % population.migration == 0:
        visited = [[*own, *chosen[island - 1]] for island, own in enumerate(born)]
        chosen = _select(selector, visited, shares)
    return tuple(
        parent
        for island, best in enumerate(chosen)
        for parent in _on_island(best, island, shares[island], seeds, tools)
    )


def paper_parents(
    state: CampaignState,
    marked: Sequence[Candidate],
    earlier: Sequence[Candidate],
    pool: Sequence[Candidate],
    tools: Tools,
) -> tuple[Parent, ...]:
    """Return the lowest of the parents, their children and the pool: P(i+1) = TopK(P(i), C(i), R).

    MatLLMSearch (arXiv:2502.20933), the selection step of its algorithm. What a crystal duplicates does not matter: one
    of each full formula is taken.

    Parameters
    ----------
    marked : sequence of Candidate
        The children of the state's parents.
    earlier : sequence of Candidate
        Those of the generations before, among them the parents that were proposed.
    pool : sequence of Candidate
        The scored seeds.
    """
    known = {c.candidate_id: c for c in (*pool, *earlier)}
    parents = [known[p.parent_id] for p in state.parents if p.parent_id in known]
    competing = {c.candidate_id: c for c in (*parents, *marked, *pool)}
    return lowest_parents(list(competing.values()), state.generation, tools)


def lowest_parents(candidates: Sequence[Candidate], generation: int, tools: Tools) -> tuple[Parent, ...]:
    """Return the lowest of the candidates, one of each full formula: of all but those that DFT refuted."""
    selector = get_selector(tools.config.objectives, tools.selection, generation)
    inside = [
        c
        for c in candidates
        if c.structure and allows(tools.limits, c.structure.composition) and REFUTED_FLAG not in c.flags
    ]
    return tuple(as_parent(c, tools) for c in selector.select(inside, tools.config.population.parents))


def dealt_out(seeds: Sequence[Parent], config: SearchConfig) -> tuple[Parent, ...]:
    """Return the seeds dealt out to the islands in turn; where that leaves one short of its share, all go everywhere."""
    islands = config.population.islands
    if islands == 1 or any(len(seeds[i::islands]) < share for i, share in enumerate(island_shares(config))):
        return tuple(seeds)
    return tuple(seed.evolve(island=i % islands) for i, seed in enumerate(seeds))


def as_parent(candidate: Candidate, tools: Tools, island: int | None = None) -> Parent:
    """Return a scored candidate as a parent, with what its proposers may be told of it."""
    placement = candidate.placement
    wanted = {objective.name for objective in tools.config.objectives}
    properties = {name: value for name, value in candidate.properties.items() if name in wanted}
    if placement and FORMATION in wanted:
        properties[FORMATION] = PropertyValue(
            value=placement.formation_energy_per_atom, unit=AXES[FORMATION].unit, source=placement.hull_name
        )
    return Parent(
        parent_id=candidate.candidate_id,
        structure=candidate.best_structure,
        roots=candidate.lineage.roots,
        energy_above_hull=placement.energy_above_hull if placement else None,
        decomposition=placement.decomposition if placement else {},
        properties=properties,
        island=island,
    )


def _select(
    selector: Selector, born: Sequence[Sequence[Candidate]], shares: Sequence[int]
) -> list[list[Candidate]]:
    return [selector.select(own, share) for own, share in zip(born, shares, strict=True)]


def _on_island(
    chosen: Sequence[Candidate], island: int, n: int, seeds: Sequence[Parent], tools: Tools
) -> list[Parent]:
    """Return the parents of an island: the selected, then seeds that it may have, as far as the limits leave room."""
    home = island if tools.config.population.islands > 1 else None
    parents = [as_parent(c, tools, home) for c in chosen]
    quota = Quota(tools.selection, n)
    for parent in parents:
        quota.take(parent.structure)
    own = _in_order([seed for seed in seeds if seed.island in {None, home}], tools)
    return [*parents, *(seed.evolve(island=home) for seed in own if quota.take(seed.structure))]


def _in_order(seeds: Sequence[Parent], tools: Tools) -> list[Parent]:
    """Return the seeds, those first that keep to the formulas asked for, pure elements last, the more stable before."""

    def order(seed: Parent) -> tuple[bool, bool, float]:
        composition = seed.structure.composition
        unasked = not allows(tools.limits, composition)
        return unasked, bool(composition.is_element), seed.energy_above_hull or 0.0

    return sorted(seeds, key=order)


def _seeds(tools: Tools, pool: Sequence[Candidate]) -> list[Parent]:
    if not pool:
        return list(tools.beginning.seeds)
    return [as_parent(c, tools) for c in pool if _is_believed(c)]


def _is_believed(candidate: Candidate) -> bool:
    return candidate.alive and candidate.duplicate_of is None and not earns_no_reward(candidate.flags)
