"""Objective values beyond stability, of each screened crystal."""

import logging
from collections.abc import Mapping, Sequence
from functools import partial

from pymatgen.core import Structure

from matsearch.core.boundary import contained
from matsearch.core.config import RelaxSection
from matsearch.core.progress import report
from matsearch.core.protocols import PotentialInfo, ResultCache
from matsearch.core.records import Candidate, PropertyValue, RelaxOutcome
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.pipeline.engines import WhenNeeded
from matsearch.pipeline.tools import Tools
from matsearch.properties.bulk_modulus import NAME, bulk_modulus, settings_of_ions, strained
from matsearch.relax.stage import carry_out_tasks, ions_task
from matsearch.relax.task import RelaxTask

NO_BULK_MODULUS_FLAG = "no_bulk_modulus"
"""On a crystal whose bulk modulus was asked for and could not be had. It keeps its place, and earns its rewards."""

_log = logging.getLogger(__name__)

Curve = dict[float, RelaxTask]
"""One crystal at several volumes, by their ratio to its own."""


def measure(batch: Sequence[Candidate], tools: Tools, cache: ResultCache, owner: str) -> list[Candidate]:
    """Return the batch with the properties that the objectives name: same length, order and ids.

    A living candidate without one of them was not placed, or has a flag (``no_bulk_modulus``): what cannot be measured
    ends no candidate, for how stable it is is known.

    Parameters
    ----------
    cache : ResultCache
        Asked first; every relaxation of strained crystals is committed to it.
    owner : str
        The campaign, for counting the work begun.
    """
    measured = list(batch)
    for evaluator in tools.evaluators:
        measured = evaluator.evaluate(measured)
    if any(objective.name == NAME for objective in tools.config.objectives):
        measured = _with_bulk_moduli(measured, tools, cache, owner)
    return measured


def _with_bulk_moduli(
    batch: Sequence[Candidate], tools: Tools, cache: ResultCache, owner: str
) -> list[Candidate]:
    """Give each living, placed candidate its bulk modulus; all volumes of all crystals are one batch of work."""
    asked = [c for c in batch if c.alive and c.placement is not None]
    crystals = {c.relaxation.relax_key: c.relaxation.structure for c in asked if c.relaxation is not None}
    if not crystals:  # no engine either, whose processes would load their weights for nothing
        return list(batch)
    report("measuring", property=NAME, n=len(crystals))
    config, info = tools.config, tools.potential.info
    settings = settings_of_ions(config.relax)
    curves = {
        key: contained(NAME, partial(_curve, structure, info, settings))
        for key, structure in crystals.items()
    }
    tasks = [task for curve in curves.values() if isinstance(curve, dict) for task in curve.values()]
    outcomes = carry_out_tasks(tasks, WhenNeeded(tools), cache, owner)
    answers = {key: contained(NAME, partial(_answer, curve, outcomes)) for key, curve in curves.items()}
    ids = {c.candidate_id for c in asked}
    return [_judged(c, answers) if c.candidate_id in ids else c for c in batch]


def _curve(structure: Structure, info: PotentialInfo, settings: RelaxSection) -> Curve:
    return {ratio: ions_task(cell, info, settings) for ratio, cell in strained(structure).items()}


def _answer(curve: Curve | Verdict, outcomes: Mapping[str, RelaxOutcome]) -> PropertyValue | Verdict:
    if isinstance(curve, Verdict):
        return curve
    return bulk_modulus({ratio: outcomes[task.key] for ratio, task in curve.items()})


def _judged(candidate: Candidate, answers: Mapping[str, PropertyValue | Verdict]) -> Candidate:
    if candidate.relaxation is None:
        return candidate
    answer = answers[candidate.relaxation.relax_key]
    if isinstance(answer, PropertyValue):
        return candidate.evolve(properties={**candidate.properties, NAME: answer})
    if answer.kind is FailureKind.INTERNAL_ERROR:  # bugs are counted, and stop a run when there are many
        return candidate.evolve(verdict=answer)
    _log.debug("%s: %s of %s: %s", candidate.candidate_id, NAME, candidate.formula, answer.detail)
    report("unmeasured", property=NAME, candidate_id=candidate.candidate_id, reason=answer.detail)
    return candidate.evolve(flags=tuple(sorted({*candidate.flags, NO_BULK_MODULUS_FLAG})))
