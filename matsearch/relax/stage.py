"""The relax stage: a batch of candidates in, the same candidates relaxed or ended out. Nothing is computed twice."""

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

from pymatgen.core import Structure

from matsearch.core.boundary import contained
from matsearch.core.config import RelaxSection
from matsearch.core.faults import boundary
from matsearch.core.progress import report
from matsearch.core.protocols import PotentialInfo, ResultCache
from matsearch.core.records import Candidate, RelaxOutcome
from matsearch.core.verdict import MAX_TRANSIENT_RETRIES, FailureKind, Verdict
from matsearch.crystal.canonical import sorted_sites, structure_key
from matsearch.crystal.standard import standard_cell
from matsearch.relax.engine import Engine
from matsearch.relax.task import Aim, RelaxTask, ions_key, relax_key, static_key


def relax(
    batch: Sequence[Candidate],
    info: PotentialInfo,
    settings: RelaxSection,
    engine: Engine,
    cache: ResultCache,
    owner: str,
    aims: Mapping[str, Aim] | None = None,
) -> list[Candidate]:
    """Relax the living candidates of a batch, each distinct structure once.

    Parameters
    ----------
    cache : ResultCache
        Asked first; every result is committed to it as soon as it is there.
    owner : str
        The campaign, for counting the work begun.
    aims : mapping of str to Aim, optional
        By candidate id: what the relaxation is for. Without one it runs to its end.

    Returns
    -------
    list of Candidate
        Same length, order and ids.
    """
    aims = aims or {}
    made = {
        c.candidate_id: contained(
            "relax", partial(relaxation_task, c.structure, info, settings, aims.get(c.candidate_id))
        )
        for c in batch
        if c.alive and c.structure is not None
    }
    tasks = [task for task in made.values() if isinstance(task, RelaxTask)]
    outcomes = carry_out_tasks(tasks, engine, cache, owner)
    return [_apply(c, made[c.candidate_id], outcomes) if c.candidate_id in made else c for c in batch]


def evaluate(
    structures: Mapping[str, Structure],
    info: PotentialInfo,
    settings: RelaxSection,
    engine: Engine,
    cache: ResultCache,
    owner: str,
) -> dict[str, RelaxOutcome]:
    """Return one evaluation of each structure as it is, by the names given: a relaxation of no steps, or a verdict."""
    tasks = {
        name: RelaxTask(
            key=static_key(structure_key(structure), info, settings),
            structure=sorted_sites(structure),
            settings=settings,
            static=True,
        )
        for name, structure in structures.items()
    }
    outcomes = carry_out_tasks(tasks.values(), engine, cache, owner)
    return {name: outcomes[task.key] for name, task in tasks.items()}


def carry_out_tasks(
    tasks: Iterable[RelaxTask], engine: Engine, cache: ResultCache, owner: str
) -> dict[str, RelaxOutcome]:
    """Return the outcome of each task by key, computed only where the cache has none."""
    by_key = {task.key: task for task in tasks}
    known = cache.get_results(by_key)
    outcomes = {key: RelaxOutcome.model_validate(document) for key, document in known.items()}
    missing = {key: task for key, task in by_key.items() if key not in outcomes}
    gone = {key for key, n in cache.transient_counts(missing).items() if n > MAX_TRANSIENT_RETRIES}
    outcomes |= {key: _gave_up() for key in gone}
    outcomes |= _compute_until_settled(
        {k: t for k, t in missing.items() if k not in gone}, engine, cache, owner
    )
    return outcomes


def relaxation_task(
    structure: Structure, info: PotentialInfo, settings: RelaxSection, aim: Aim | None = None
) -> RelaxTask:
    """Return the task of relaxing a proposal, in the cell that is relaxed, under the key of its answer."""
    aim = aim or Aim()
    cell = sorted_sites(standard_cell(structure) if settings.standard_cell else structure)
    key = relax_key(structure_key(cell), info, settings, aim)
    return RelaxTask(key=key, structure=cell, settings=settings, aim=aim)


def ions_task(structure: Structure, info: PotentialInfo, settings: RelaxSection) -> RelaxTask:
    """Return the task of relaxing the ions of a crystal in the cell that it has, under the key of its answer."""
    key = ions_key(structure_key(structure), info, settings)
    return RelaxTask(key=key, structure=sorted_sites(structure), settings=settings, fixed_cell=True)


def _compute_until_settled(
    tasks: dict[str, RelaxTask], engine: Engine, cache: ResultCache, owner: str
) -> dict[str, RelaxOutcome]:
    outcomes: dict[str, RelaxOutcome] = {}
    while tasks:
        outcomes |= _compute(list(tasks.values()), engine, cache, owner)
        counts = cache.transient_counts(tasks)
        again = {k for k in tasks if (v := outcomes[k].verdict) is not None and v.transient}
        tasks = {
            k: t.evolve(alone=True)
            for k, t in tasks.items()
            if k in again and counts.get(k, 0) <= MAX_TRANSIENT_RETRIES
        }
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
            report(_done(tasks[0]), done=len(outcomes), of=len(tasks), verdict=kind)
    return outcomes


def _done(task: RelaxTask) -> str:
    if task.static:
        return "evaluated"
    return "strained" if task.fixed_cell else "relaxed"


def _commit(cache: ResultCache, key: str, outcome: RelaxOutcome, owner: str) -> None:
    verdict = outcome.verdict
    # a bug must not be remembered as a property of the crystal
    if verdict and (verdict.transient or verdict.kind is FailureKind.INTERNAL_ERROR):
        cache.put_transient(key, verdict, owner)
    else:
        cache.put_result(key, outcome.document(), owner)


def _apply(
    candidate: Candidate, made: RelaxTask | Verdict, outcomes: Mapping[str, RelaxOutcome]
) -> Candidate:
    if isinstance(made, Verdict):
        return candidate.evolve(verdict=made)
    outcome = outcomes[made.key]
    return candidate.evolve(relaxation=outcome.relaxation, verdict=outcome.verdict)


def _gave_up() -> RelaxOutcome:
    detail = (
        f"ended {MAX_TRANSIENT_RETRIES + 1} times in a time-out, for lack of memory or in a killed process"
    )
    return RelaxOutcome(verdict=Verdict(kind=FailureKind.GAVE_UP, stage="relax", detail=detail))
