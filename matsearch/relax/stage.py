"""The relax stage: a batch of candidates in, the same candidates relaxed or ended out. Nothing is computed twice."""

import contextlib
from collections.abc import Iterator, Sequence

from matsearch.core.config import RelaxSection
from matsearch.core.faults import boundary
from matsearch.core.progress import report
from matsearch.core.protocols import PotentialInfo, ResultCache
from matsearch.core.records import Candidate, RelaxOutcome
from matsearch.core.verdict import MAX_TRANSIENT_RETRIES, FailureKind, Verdict
from matsearch.crystal.canonical import sorted_sites
from matsearch.relax.engine import Engine, RelaxTask
from matsearch.relax.single import relax_key


def relax(
    batch: Sequence[Candidate],
    info: PotentialInfo,
    settings: RelaxSection,
    engine: Engine,
    cache: ResultCache,
    owner: str,
) -> list[Candidate]:
    """Relax the living candidates of a batch, each distinct structure once.

    Parameters
    ----------
    cache : ResultCache
        Asked first; every result is committed to it as soon as it is there.
    owner : str
        The campaign, for counting the work begun.

    Returns
    -------
    list of Candidate
        Same length, order and ids.
    """
    keys = {
        c.candidate_id: relax_key(c.structure_key, info, settings)
        for c in batch
        if c.alive and c.structure_key
    }
    outcomes = _from_cache(cache, list(keys.values()))
    tasks = _missing_tasks(batch, keys, outcomes, settings)
    gone = {key for key, n in cache.transient_counts(tasks).items() if n > MAX_TRANSIENT_RETRIES}
    outcomes |= {key: _gave_up() for key in gone}
    outcomes |= _compute_until_settled(
        {k: t for k, t in tasks.items() if k not in gone}, engine, cache, owner
    )
    return [_apply(c, outcomes[keys[c.candidate_id]]) if c.candidate_id in keys else c for c in batch]


def _from_cache(cache: ResultCache, keys: list[str]) -> dict[str, RelaxOutcome]:
    return {key: RelaxOutcome.model_validate(document) for key, document in cache.get_results(keys).items()}


def _missing_tasks(
    batch: Sequence[Candidate],
    keys: dict[str, str],
    outcomes: dict[str, RelaxOutcome],
    settings: RelaxSection,
) -> dict[str, RelaxTask]:
    tasks: dict[str, RelaxTask] = {}
    for candidate in batch:
        key = keys.get(candidate.candidate_id)
        if key and candidate.structure is not None and key not in outcomes and key not in tasks:
            tasks[key] = RelaxTask(key=key, structure=sorted_sites(candidate.structure), settings=settings)
    return tasks


def _compute_until_settled(
    tasks: dict[str, RelaxTask], engine: Engine, cache: ResultCache, owner: str
) -> dict[str, RelaxOutcome]:
    outcomes: dict[str, RelaxOutcome] = {}
    while tasks:
        outcomes |= _compute(list(tasks.values()), engine, cache, owner)
        counts = cache.transient_counts(tasks)
        again = {k for k in tasks if (v := outcomes[k].verdict) is not None and v.transient}
        tasks = {k: t for k, t in tasks.items() if k in again and counts.get(k, 0) <= MAX_TRANSIENT_RETRIES}
    return outcomes


def _compute(
    tasks: list[RelaxTask], engine: Engine, cache: ResultCache, owner: str
) -> dict[str, RelaxOutcome]:
    def beginning() -> Iterator[RelaxTask]:
        for task in tasks:
            cache.begin(task.key, owner)
            boundary("relax-begun")
            yield task

    outcomes: dict[str, RelaxOutcome] = {}
    # closed at once when something goes wrong here: an engine must not keep answers for its next user
    with contextlib.closing(engine.run(beginning())) as ended:
        for key, outcome in ended:
            boundary("relax-ended")
            _commit(cache, key, outcome, owner)
            boundary("relax-committed")
            outcomes[key] = outcome
            kind = outcome.verdict.kind.value if outcome.verdict else None
            report("relaxed", done=len(outcomes), of=len(tasks), verdict=kind)
    return outcomes


def _commit(cache: ResultCache, key: str, outcome: RelaxOutcome, owner: str) -> None:
    verdict = outcome.verdict
    # a bug must not be remembered as a property of the crystal
    if verdict and (verdict.transient or verdict.kind is FailureKind.INTERNAL_ERROR):
        cache.put_transient(key, verdict, owner)
    else:
        cache.put_result(key, outcome.document(), owner)


def _apply(candidate: Candidate, outcome: RelaxOutcome) -> Candidate:
    return candidate.evolve(relaxation=outcome.relaxation, verdict=outcome.verdict)


def _gave_up() -> RelaxOutcome:
    detail = (
        f"ended {MAX_TRANSIENT_RETRIES + 1} times in a time-out, for lack of memory or in a killed process"
    )
    return RelaxOutcome(verdict=Verdict(kind=FailureKind.GAVE_UP, stage="relax", detail=detail))
