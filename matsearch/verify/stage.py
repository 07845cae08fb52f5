"""The verify stage: calculations to outcomes. Nothing that ended is computed twice, and no end stops the others."""

from collections.abc import Iterable, Mapping
from functools import partial

from pymatgen.core import Composition

from matsearch.core.boundary import contained
from matsearch.core.dft import DftOutcome, DftTask
from matsearch.core.faults import boundary
from matsearch.core.keys import content_key
from matsearch.core.progress import report
from matsearch.core.protocols import DftBackend, ResultCache
from matsearch.core.verdict import MAX_TRANSIENT_RETRIES, FailureKind, Verdict

STAGE = "verify"


def carry_out(
    tasks: Mapping[str, DftTask], backend: DftBackend, cache: ResultCache, owner: str
) -> dict[str, DftOutcome]:
    """Return the outcome of each task by the name given, computed one after another where the cache has none.

    Calculations that ended for want of time or memory, or were killed, are tried again, as often as their limits say,
    together with those of earlier runs; then they end as ``gave_up``. What failed under other limits is tried again.

    Parameters
    ----------
    tasks : mapping of str to DftTask
        Tasks with the same key are one calculation.
    backend : DftBackend
        Ready: whoever calls asks it first.
    cache : ResultCache
        Asked first; every result is committed to it as soon as it is there.
    owner : str
        The campaign, for counting the work begun.
    """
    by_key = {task.key: task for task in tasks.values()}
    outcomes = known_outcomes(by_key.values(), cache)
    missing = [task for key, task in by_key.items() if key not in outcomes]
    spent = 0.0
    for task in missing:
        outcome = _settled(task, backend, cache, owner)
        outcomes[task.key] = outcome
        spent += outcome.core_hours
        report(
            "verification-calculated",
            label=task.label,
            end="done" if outcome.verdict is None else outcome.verdict.kind.value,
            detail="" if outcome.verdict is None else outcome.verdict.detail,
            core_hours=outcome.core_hours,
            core_hours_so_far=spent,
            done=len(outcomes),
            of=len(by_key),
        )
    return {name: outcomes[task.key] for name, task in tasks.items()}


def end_key(task: DftTask) -> str:
    """Return the key of a task under its limits: of the work on it, and of an end other than a calculation.

    A calculation has the key of the task alone. So other limits try again what failed, and nothing else.
    """
    return content_key("dft-end/1", [task.key, task.settings.limits])


def known_outcomes(tasks: Iterable[DftTask], cache: ResultCache) -> dict[str, DftOutcome]:
    """Return the outcomes that need no further work by task key: what is kept, and what was given up.

    A calculation goes before any other end; of ends under several limits that of the task named last counts.
    """
    asked = list(tasks)
    kept = cache.get_results(key for task in asked for key in (task.key, end_key(task)))
    counts = cache.transient_counts({task.key for task in asked if task.key not in kept})
    known: dict[str, DftOutcome] = {}
    for task in asked:
        document = kept.get(task.key) or kept.get(end_key(task))
        if document is not None:
            known[task.key] = DftOutcome.model_validate(document)
        elif counts.get(task.key, 0) >= _tries(task):
            known[task.key] = _gave_up(task.key, counts[task.key])
    return known


def commit(outcome: DftOutcome, cache: ResultCache, owner: str, task: DftTask) -> DftOutcome:
    """Keep an outcome, and return it as it is kept.

    A transient end and a bug are counted and not kept: a bug must not be remembered as a property of the crystal. The last
    try of a task is kept: as ``gave_up``, with why, what it cost and its steps.

    Parameters
    ----------
    task : DftTask
        What was asked: an answer to something else is kept as a ``wrong_document`` of this task.
    """
    outcome, work = checked(outcome, task), end_key(task)
    if outcome.verdict is not None and outcome.verdict.transient:
        # counted by the task: tries are not had anew under other limits
        cache.put_transient(task.key, outcome.verdict, owner)
        n = cache.transient_counts([task.key])[task.key]
        outcome = outcome if n < _tries(task) else _gave_up(task.key, n, outcome)
    if outcome.verdict is not None and _passing(outcome.verdict):
        cache.put_transient(work, outcome.verdict, owner)
        return outcome
    if outcome.calculation is None:
        new = cache.put_result(work, outcome.document(), owner)
    else:
        new = cache.put_result(task.key, outcome.document(), owner)
        # the work on it ends too, and needs no second copy
        cache.put_result(work, DftOutcome(key=task.key, core_hours=outcome.core_hours).document(), owner)
    # where somebody else was faster, the first answer is everybody's
    return outcome if new else known_outcomes([task], cache)[task.key]


def checked(outcome: DftOutcome, task: DftTask) -> DftOutcome:
    """Return the outcome if it answers the task, else one that says why it does not."""
    calculation = outcome.calculation
    computed = calculation or outcome.unfinished
    asked = task.structure.composition
    why = ""
    if outcome.key != task.key:
        why = f"the outcome of task {outcome.key[:16]} was returned for task {task.key[:16]}"
    elif (calculation is None) == (outcome.verdict is None):
        why = "an outcome is a calculation or a verdict, this is both or neither"
    elif others := [c for c in _compositions(outcome) if c != asked]:
        why = f"a calculation of {others[0].formula} was returned for {asked.formula}"
    elif computed is not None and computed.settings.key != task.settings.key:
        why = "the calculation was made with other settings than the task asks for"
    return outcome if not why else _failed(task.key, FailureKind.WRONG_DOCUMENT, why, outcome.core_hours)


def _compositions(outcome: DftOutcome) -> list[Composition]:
    """Return what was computed, of the end and of every step."""
    calculation = outcome.calculation
    frames = calculation.frames if calculation else outcome.unfinished.frames if outcome.unfinished else ()
    ends = [calculation.structure] if calculation else []
    return [structure.composition for structure in (*ends, *(frame.structure for frame in frames))]


def _settled(task: DftTask, backend: DftBackend, cache: ResultCache, owner: str) -> DftOutcome:
    """Carry a task out until its end will stay, or there is no try left."""
    while True:
        cache.begin(end_key(task), owner)
        report("verification-begun", code=backend.name, label=task.label)
        boundary("dft-begun")
        made = contained(STAGE, partial(backend.run, task))
        outcome = DftOutcome(key=task.key, verdict=made) if isinstance(made, Verdict) else made
        boundary("dft-ended")
        outcome = commit(outcome, cache, owner, task)
        boundary("dft-committed")
        if outcome.verdict is None or not outcome.verdict.transient:
            return outcome


def _tries(task: DftTask) -> int:
    return int(task.settings.limits.get("tries", MAX_TRANSIENT_RETRIES + 1))


def _passing(verdict: Verdict) -> bool:
    return verdict.transient or verdict.kind is FailureKind.INTERNAL_ERROR


def _gave_up(key: str, n: int, last: DftOutcome | None = None) -> DftOutcome:
    detail = f"ended {n} times in a time-out, for lack of memory or in a killed process"
    if last is None or last.verdict is None:
        return _failed(key, FailureKind.GAVE_UP, detail)
    detail = f"{detail}; last: {last.verdict.detail}"
    return last.evolve(verdict=Verdict(kind=FailureKind.GAVE_UP, stage=STAGE, detail=detail))


def _failed(key: str, kind: FailureKind, detail: str, core_hours: float = 0.0) -> DftOutcome:
    return DftOutcome(key=key, verdict=Verdict(kind=kind, stage=STAGE, detail=detail), core_hours=core_hours)
