"""What a search works with, built once from its configuration."""

import math
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from matsearch.core.config import (
    BUILT_IN,
    SearchConfig,
    SelectionSection,
    SystemSection,
    parse_config,
)
from matsearch.core.errors import ConfigError
from matsearch.core.keys import canonical_json
from matsearch.core.protocols import Limits, Potential, PropertyEvaluator, Proposer, ReferenceHull, Selector
from matsearch.core.resources import find
from matsearch.core.schemes import require_comparable
from matsearch.crystal.nearest import KnownArrangements
from matsearch.hull.library import reference_files
from matsearch.hull.sources import load_hull
from matsearch.pipeline.opinions import load_opinions, refuse_formation_route
from matsearch.pipeline.seeds import Seeds, find_seeds
from matsearch.potentials import load_from
from matsearch.properties import evaluators_for
from matsearch.propose.llm.requests import Requests
from matsearch.propose.operator_proposer import OperatorProposer
from matsearch.select.best import BestSelector


@dataclass(frozen=True)
class Tools:
    """The parts a configuration names, ready to use."""

    config: SearchConfig
    limits: Limits
    potential: Potential
    opinions: tuple[Potential, ...]
    hull: ReferenceHull
    evaluators: tuple[PropertyEvaluator, ...]
    selection: SelectionSection
    selector: Selector
    proposer: Proposer
    requests: Requests | None
    beginning: Seeds

    @cached_property
    def arrangements(self) -> KnownArrangements:
        """The crystals that lines may begin with, by fingerprint; needed where a generation ends, not to begin."""
        return KnownArrangements(self.beginning.origins)


def build_tools(config: SearchConfig) -> Tools:
    """Return the tools of a configuration; the same one gives the same object.

    Raises
    ------
    ConfigError, InputError, ReferenceHullError, SchemeMismatchError, PotentialError
        If something it names cannot be used.
    """
    return _build(canonical_json(config.model_dump(mode="json")), _stamps(config))


@lru_cache(maxsize=4)
def _build(text: str, stamps: tuple[tuple[str, int, int], ...]) -> Tools:  # noqa: ARG001 - part of the cache's key
    import json

    config = parse_config(json.loads(text))
    potential = load_from(config.potential)
    elements = config.system.elements
    unknown = set(elements) - (potential.info.elements or set(elements))
    if unknown:
        raise ConfigError(
            f"system.elements: {potential.info.name} {potential.info.version} does not know {', '.join(sorted(unknown))}",
            "take them out, or choose another potential",
        )
    rules, beginning = _selection(config), find_seeds(config)
    hull = load_hull(config.reference, elements, potential.info.scheme_id)
    route = require_comparable(potential.info.scheme_id, hull.info.scheme_id)
    refuse_formation_route(route, potential.info, "potential", hull.info)
    return Tools(
        config=config,
        limits=_limits(config.system),
        potential=potential,
        opinions=load_opinions(config, potential.info, hull.info),
        hull=hull,
        evaluators=tuple(evaluators_for([o.name for o in config.objectives])),
        selection=rules,
        selector=BestSelector(config.objectives, rules),
        proposer=OperatorProposer({str(name): share for name, share in config.propose.operators.items()}),
        requests=_requests(config),
        beginning=beginning,
    )


def _requests(config: SearchConfig) -> Requests | None:
    model = config.propose.llm
    return None if model is None else Requests(model, predict=bool(config.system.formulas))


def _selection(config: SearchConfig) -> SelectionSection:
    """Return the rules of selection: where few formulas are possible, their polymorphs may fill all places."""
    rules, system = config.selection, config.system
    possible = len(system.formulas) or (1 if len(system.elements) == 1 else None)
    if possible is None:
        return rules
    places = math.ceil(config.population.parents / possible)
    return rules.model_copy(update={"polymorphs": max(rules.polymorphs, places)})


def _limits(system: SystemSection) -> Limits:
    return Limits(elements=system.elements, max_atoms=system.max_atoms, formulas=system.formulas)


def _stamps(config: SearchConfig) -> tuple[tuple[str, int, int], ...]:
    """Return path, time and size of the files that a configuration names: a changed file is read again."""
    seeds = [] if config.seeds.source in BUILT_IN else [Path(config.seeds.source)]
    weights = [Path(p.weights) for p in (config.potential, *config.opinions) if p.weights]
    model = config.propose.llm
    files = [
        *([find("prompts", model.prompt)] if model and model.prompt else []),
        *reference_files(config.reference.source),
        *(path for path in weights if path.is_file()),
        *(f for path in seeds for f in (sorted(path.iterdir()) if path.is_dir() else [path]) if f.is_file()),
    ]
    return tuple((str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in files)
