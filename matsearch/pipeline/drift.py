"""Where a search drifts: kinds of crystals, distinct formulas and niches by generation."""

from collections.abc import Sequence
from typing import NamedTuple

from matsearch.core.element_groups import symbols_of
from matsearch.core.records import Candidate
from matsearch.crystal.balance import ANION_FORMERS
from matsearch.export.report.numbers import DriftNumbers, Mix
from matsearch.pipeline.funnel import believed_scored
from matsearch.select.niches import Niche, niche_of


class Family(NamedTuple):
    """A generation's candidates, and those of the campaign that they name as parents, each once, by id."""

    generation: int
    children: list[Candidate]
    parents: list[Candidate]


def families(candidates: Sequence[Candidate]) -> list[Family]:
    """Return the family of each generation that has candidates, in order."""
    by_id = {c.candidate_id: c for c in candidates}
    born: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        born.setdefault(candidate.generation, []).append(candidate)
    found = []
    for generation, children in sorted(born.items()):
        names = sorted({name for child in children for name in child.lineage.parent_ids if name in by_id})
        found.append(Family(generation, children, [by_id[name] for name in names]))
    return found


def count_drift(candidates: Sequence[Candidate]) -> list[DriftNumbers]:
    """Return the numbers of each generation that has candidates, in order."""
    drift, so_far = [], set[Niche]()
    for generation, children, parents in families(candidates):
        niches = {niche_of(c) for c in believed_scored(children)}
        so_far |= niches
        drift.append(
            DriftNumbers(
                generation=generation,
                proposed=mix_of(children),
                parents=mix_of(parents),
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
