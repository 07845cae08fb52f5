"""Second opinions: other potentials place each relaxed crystal, and their spread is the uncertainty."""

from collections.abc import Sequence
from statistics import stdev
from typing import TYPE_CHECKING

from matsearch.core.config import PotentialSection, SearchConfig
from matsearch.core.errors import ConfigError, PotentialError, SchemeMismatchError
from matsearch.core.keys import content_key
from matsearch.core.progress import report
from matsearch.core.protocols import HullInfo, Potential, PotentialInfo, ResultCache
from matsearch.core.records import Candidate, RelaxOutcome
from matsearch.core.schemes import Route, require_comparable
from matsearch.core.thresholds import DISAGREEMENT, DISAGREEMENT_FLAG
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.hull.stage import STAGE, place
from matsearch.potentials import load_from
from matsearch.relax.engine import get_engine
from matsearch.relax.stage import evaluate

if TYPE_CHECKING:
    from matsearch.pipeline.tools import Tools

Answer = float | Verdict
"""An energy above hull in eV/atom, or why there is none."""


def load_opinions(config: SearchConfig, first: PotentialInfo, hull: HullInfo) -> tuple[Potential, ...]:
    """Return the other potentials of a configuration.

    Parameters
    ----------
    first : PotentialInfo
        The potential that relaxes.

    Raises
    ------
    ConfigError
        If one cannot be used, is asked twice, does not know an element, or may not be compared with the hull by its
        total energies.
    PotentialError
        If one cannot be loaded.
    """
    loaded: list[Potential] = []
    for number, section in enumerate(config.opinions):
        key = f"opinions.{number}"
        potential = _load(section, key)
        _require_usable(potential.info, key, config, hull)
        if potential.info.sha256 in {first.sha256, *(other.info.sha256 for other in loaded)}:
            raise ConfigError(
                f"{key}: {_name(potential.info)} is asked already, and would only agree with itself",
                "leave it out, or choose another potential",
            )
        loaded.append(potential)
    return tuple(loaded)


def opinions_key(opinions: Sequence[Potential]) -> str:
    """Return the content key of the potentials asked, whatever their order."""
    return content_key("opinions/1", sorted([p.info.sha256, p.info.scheme_id] for p in opinions))


def ask_others(batch: Sequence[Candidate], tools: "Tools", cache: ResultCache, owner: str) -> list[Candidate]:
    """Let the other potentials place each living, placed candidate at its relaxed geometry.

    The uncertainty is the sample standard deviation of all answers, the first potential's included. A candidate whose
    answers spread over more than ``core.thresholds.DISAGREEMENT``, or one of whose potentials has no answer, gets the
    flag ``potentials_disagree``. No candidate ends here.

    Parameters
    ----------
    cache : ResultCache
        Asked first; every evaluation is committed to it.
    owner : str
        The campaign, for counting the work begun.

    Returns
    -------
    list of Candidate
        Same length, order and ids.
    """
    asked = [c for c in batch if c.alive and c.placement is not None and c.relaxation is not None]
    if not asked:  # no engine either, whose processes would load their weights for nothing
        return list(batch)
    answers: dict[str, dict[str, Answer]] = {c.candidate_id: {} for c in asked}
    names = _names([tools.potential.info, *(p.info for p in tools.opinions)])[1:]
    for name, section, potential in zip(names, tools.config.opinions, tools.opinions, strict=True):
        report("asking", potential=name, n=len(asked))
        for candidate_id, answer in _ask(asked, section, potential.info, tools, cache, owner).items():
            answers[candidate_id][name] = answer
    return [_judged(c, answers.get(c.candidate_id, {})) for c in batch]


def _load(section: PotentialSection, key: str) -> Potential:
    try:
        return load_from(section)
    except (ConfigError, PotentialError) as error:
        raise type(error)(f"{key}: {error.message}", error.remedy) from error


def _require_usable(info: PotentialInfo, key: str, config: SearchConfig, hull: HullInfo) -> None:
    unknown = set(config.system.elements) - (info.elements or set(config.system.elements))
    if unknown:
        raise ConfigError(
            f"{key}: {_name(info)} does not know {', '.join(sorted(unknown))}",
            "choose another potential, or leave it out",
        )
    try:
        route = require_comparable(info.scheme_id, hull.scheme_id)
    except SchemeMismatchError as error:
        raise ConfigError(
            f"{key}: {_name(info)} cannot be placed on the hull {hull.name}: {error.message}",
            f"{error.remedy}, or another potential",
        ) from error
    refuse_formation_route(route, info, key, hull)


def refuse_formation_route(route: Route, info: PotentialInfo, key: str, hull: HullInfo) -> None:
    """Refuse what meets a hull only through the energies of its elements, which a search does not have.

    Raises
    ------
    ConfigError
        Naming the key, both schemes and what would do.
    """
    if route in {Route.FORMATION, Route.FORMATION_MP2020}:
        raise ConfigError(
            f"{key}: {_name(info)} cannot be placed on the hull {hull.name}: energies of {info.scheme_id} meet one of "
            f"{hull.scheme_id} through formation energies alone, and a search has no energies of the elements for that",
            f"use a hull of {info.scheme_id}, or another potential",
        )


def _ask(
    asked: Sequence[Candidate],
    section: PotentialSection,
    info: PotentialInfo,
    tools: "Tools",
    cache: ResultCache,
    owner: str,
) -> dict[str, Answer]:
    """Return one potential's answers by candidate id."""
    config = tools.config
    structures = {c.candidate_id: c.relaxation.structure for c in asked if c.relaxation}
    outcomes = evaluate(structures, info, config.relax, get_engine(section, config.execution), cache, owner)
    evaluated = [_as_seen(c, outcomes[c.candidate_id]) for c in asked]
    return {c.candidate_id: _answer(c) for c in place(evaluated, tools.hull)}


def _as_seen(candidate: Candidate, outcome: RelaxOutcome) -> Candidate:
    """Return the candidate as if another potential had relaxed it."""
    return candidate.evolve(relaxation=outcome.relaxation, placement=None, verdict=outcome.verdict)


def _answer(candidate: Candidate) -> Answer:
    if candidate.placement is not None:
        return candidate.placement.energy_above_hull
    none = Verdict(kind=FailureKind.NO_REFERENCE, stage=STAGE, detail="not placed")
    return candidate.verdict or none


def _judged(candidate: Candidate, answers: dict[str, Answer]) -> Candidate:
    if candidate.placement is None or not answers:
        return candidate
    given = {name: answer for name, answer in answers.items() if isinstance(answer, float)}
    failed = {name: answer for name, answer in answers.items() if isinstance(answer, Verdict)}
    values = [candidate.placement.energy_above_hull, *given.values()]
    disagree = bool(failed) or max(values) - min(values) > DISAGREEMENT
    return candidate.evolve(
        placement=candidate.placement.evolve(
            opinions=given,
            failed_opinions=failed,
            energy_above_hull_uncertainty=stdev(values) if given else None,
        ),
        flags=tuple(sorted({*candidate.flags, *([DISAGREEMENT_FLAG] if disagree else [])})),
    )


def _names(infos: Sequence[PotentialInfo]) -> list[str]:
    """Return name and version of each, told apart by their weights where that is the same."""
    names = [_name(info) for info in infos]
    return [
        name if names.count(name) == 1 else f"{name} ({info.sha256[:8]})"
        for name, info in zip(names, infos, strict=True)
    ]


def _name(info: PotentialInfo) -> str:
    return f"{info.name} {info.version}"
