"""What became of a campaign's proposals, by generation, operator and element. Pure functions over what is stored."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pymatgen.core import Structure

from matsearch.core.campaign import CampaignRecord
from matsearch.core.records import Candidate
from matsearch.core.thresholds import METASTABLE
from matsearch.export.report.numbers import (
    Ancestor,
    ElementShares,
    GenerationNumbers,
    Line,
    OperatorNumbers,
    VerdictCount,
)
from matsearch.pipeline.drift import families
from matsearch.pipeline.funnel import believed_scored, distinct_scored
from matsearch.pipeline.rates import per_100

MOST_ANCESTORS = 30
"""Listed of one line."""

_RELAX = "relax"


def count_verdicts(candidates: Sequence[Candidate]) -> list[VerdictCount]:
    """Return how candidates ended, by stage and kind, the most frequent first."""
    verdicts = [c.verdict for c in candidates if c.verdict]
    counts = Counter((v.stage, v.kind.value) for v in verdicts)
    first = {(v.stage, v.kind.value): v.detail for v in reversed(verdicts)}
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [
        VerdictCount(stage=stage, kind=kind, count=count, example=first[stage, kind])
        for (stage, kind), count in ordered
    ]


def count_generations(record: CampaignRecord, candidates: Sequence[Candidate]) -> list[GenerationNumbers]:
    """Return the numbers of each generation begun, in order."""
    summaries = {summary.generation: summary for summary in record.state.history}
    begun = {c.generation for c in candidates} | set(summaries)
    proposed = Counter(c.generation for c in candidates if c.structure is not None)
    born: dict[int, list[float]] = {generation: [] for generation in begun}
    for candidate in believed_scored(candidates):
        born[candidate.generation].append(_above_hull(candidate))
    numbers, so_far = [], list[float]()
    for generation in sorted(begun):
        energies, ended = born[generation], summaries.get(generation)
        so_far += energies
        numbers.append(
            GenerationNumbers(
                generation=generation,
                proposed=proposed[generation],
                distinct=len(energies),
                best_so_far=min(so_far, default=None),
                best=min(energies, default=None),
                median=statistics.median(energies) if energies else None,
                metastable=_metastable(energies),
                metastable_so_far=_metastable(so_far),
                restarted=bool(ended and ended.restarted),
                hypervolume=ended.hypervolume if ended else None,
                arms=ended.arms if ended else (),
            )
        )
    return numbers


def count_operators(candidates: Sequence[Candidate]) -> list[OperatorNumbers]:
    """Return the numbers of each operator, by name.

    A crystal that is its own root, the known phase it descends from, is no success of its operator.
    The interval is that of Wilson, J. Am. Stat. Assoc. 22, 209 (1927), for metastable crystals among relaxations.
    """
    made: dict[str, list[Candidate]] = {}
    for candidate in candidates:
        made.setdefault(candidate.lineage.operator, []).append(candidate)
    return [_operator(operator, made[operator]) for operator in sorted(made)]


def element_shares(candidates: Sequence[Candidate]) -> list[ElementShares]:
    """Return the mean atomic fractions of the elements by generation, each crystal of weight one.

    Parents are the campaign's own candidates that proposals of the generation name as parents, each counted once;
    the first generation builds on known crystals and so has none.
    """
    return [
        ElementShares(
            generation=generation,
            proposed=_mean_fractions(child.structure for child in children),
            parents=_mean_fractions(parent.best_structure for parent in parents),
        )
        for generation, children, parents in families(candidates)
    ]


def line_of(candidate: Candidate, by_id: Mapping[str, Candidate]) -> Line:
    """Return a candidate's line back to its roots.

    Parameters
    ----------
    by_id : mapping of str to Candidate
        The campaign's candidates.
    """
    found: dict[str, Candidate] = {}
    waiting = list(candidate.lineage.parent_ids)
    while waiting:
        name = waiting.pop()
        if name in by_id and name not in found and name != candidate.candidate_id:
            found[name] = by_id[name]
            waiting.extend(by_id[name].lineage.parent_ids)
    ordered = sorted(found.values(), key=lambda c: (-c.generation, c.slot, c.index, c.candidate_id))
    return Line(
        ancestors=tuple(_ancestor(c) for c in ordered[:MOST_ANCESTORS]),
        left_out=len(ordered[MOST_ANCESTORS:]),
        roots=candidate.lineage.roots,
    )


def _operator(operator: str, made: Sequence[Candidate]) -> OperatorNumbers:
    cells = {_cell(c) for c in made if _was_relaxed(c)}
    found = [c for c in believed_scored(made) if not _is_own_root(c)]
    energies = [_above_hull(c) for c in found]
    hits = {_cell(c) for c in found if _above_hull(c) < METASTABLE}
    rate, low, high = per_100(len(hits), len(cells))
    return OperatorNumbers(
        operator=operator,
        proposed=len(made),
        valid=sum(c.structure_key is not None for c in made),
        relaxations=len(cells),
        distinct=len(distinct_scored(made)),
        metastable=len(hits),
        per_100=rate,
        per_100_low=low,
        per_100_high=high,
        best=min(energies, default=None),
    )


def _was_relaxed(candidate: Candidate) -> bool:
    ended_there = candidate.verdict is not None and candidate.verdict.stage == _RELAX
    return bool(candidate.relaxation or candidate.placement or ended_there)


def _is_own_root(candidate: Candidate) -> bool:
    return candidate.match is not None and candidate.match.own_root


def _cell(candidate: Candidate) -> str:
    return candidate.structure_key or candidate.candidate_id


def _above_hull(candidate: Candidate) -> float:
    assert candidate.placement is not None  # noqa: S101 - only scored candidates come here
    return candidate.placement.energy_above_hull


def _metastable(energies: Sequence[float]) -> int:
    return sum(energy < METASTABLE for energy in energies)


def _mean_fractions(structures: Iterable[Structure | None]) -> dict[str, float]:
    total: Counter[str] = Counter()
    n = 0
    for structure in structures:
        if structure is not None:
            n += 1
            for element, amount in structure.composition.fractional_composition.items():
                total[element.symbol] += amount
    return {symbol: total[symbol] / n for symbol in sorted(total)}


def _ancestor(candidate: Candidate) -> Ancestor:
    placement = candidate.placement
    return Ancestor(
        candidate_id=candidate.candidate_id,
        generation=candidate.generation,
        operator=candidate.lineage.operator,
        formula=candidate.formula,
        energy_above_hull=placement.energy_above_hull if placement else None,
        parent_ids=candidate.lineage.parent_ids,
        details=candidate.lineage.details,
    )
