"""Where a search drifts: kinds of crystals, distinct formulas and niches by generation."""

from collections.abc import Sequence

from matsearch.core.element_groups import symbols_of
from matsearch.core.records import Candidate
from matsearch.crystal.balance import ANION_FORMERS
from matsearch.export.report.numbers import DriftNumbers, Mix
from matsearch.pipeline.funnel import believed_scored
from matsearch.select.niches import niche_of


def count_drift(candidates: Sequence[Candidate]) -> list[DriftNumbers]:
    """Return the numbers of each generation that has candidates, in order.

    Parents are the campaign's own candidates that proposals of the generation name as parents, each counted once.
    """
    by_id = {c.candidate_id: c for c in candidates}
    generations: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        generations.setdefault(candidate.generation, []).append(candidate)
    drift, so_far = [], set[object]()
    for generation in sorted(generations):
        children = generations[generation]
        named = {name: by_id[name] for c in children for name in c.lineage.parent_ids if name in by_id}
        niches = {niche_of(c) for c in believed_scored(children)}
        so_far |= niches
        drift.append(
            DriftNumbers(
                generation=generation,
                proposed=mix_of(children),
                parents=mix_of(list(named.values())),
                niches=len(niches),
                niches_so_far=len(so_far),
            )
        )
    return drift


def mix_of(candidates: Sequence[Candidate]) -> Mix | None:
    """Return the shares of those candidates that have a structure; None where none has."""
    crystals = [c for c in candidates if c.structure is not None]
    if not crystals:
        return None
    symbols = [_symbols(c) for c in crystals]
    n = len(crystals)
    return Mix(
        crystals=n,
        precious=sum(not symbols_of("precious").isdisjoint(s) for s in symbols) / n,
        f_block=sum(not symbols_of("f-block").isdisjoint(s) for s in symbols) / n,
        no_anion_former=sum(ANION_FORMERS.isdisjoint(s) for s in symbols) / n,
        formulas=len({c.formula for c in crystals}) / n,
    )


def _symbols(candidate: Candidate) -> frozenset[str]:
    assert candidate.structure is not None  # noqa: S101 - only those with a structure come here
    return frozenset(element.symbol for element in candidate.structure.composition.elements)
