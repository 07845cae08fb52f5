"""What a search works with, built once from its configuration."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

from matsearch.core.arms import OPERATORS, RANDOM, arms_of, prompts_of
from matsearch.core.config import (
    BUILT_IN,
    SearchConfig,
    SelectionSection,
    SystemSection,
    parse_config,
)
from matsearch.core.errors import ConfigError
from matsearch.core.keys import canonical_json
from matsearch.core.protocols import Potential, PropertyEvaluator, Proposer, ReferenceHull
from matsearch.core.resources import find
from matsearch.core.schemes import require_comparable
from matsearch.core.slots import Limits
from matsearch.core.system_rules import spacegroup_numbers
from matsearch.crystal.nearest import KnownArrangements
from matsearch.crystal.scope_check import check_limits
from matsearch.hull.library import reference_files
from matsearch.hull.sources import load_hull
from matsearch.pipeline.opinions import load_opinions, refuse_formation_route
from matsearch.pipeline.seeds import Seeds, find_seeds
from matsearch.potentials import load_from
from matsearch.properties import evaluators_for
from matsearch.propose.llm.requests import Requests
from matsearch.propose.operator_proposer import OperatorProposer


@dataclass(frozen=True)
class Tools:
    """The parts a configuration names, ready to use.

    Attributes
    ----------
    proposers : mapping of str to Proposer
        By arm, those that ask no language model.
    requests : mapping of str to Requests
        By the name of the prompt; empty where no language model is asked.
    """

    config: SearchConfig
    limits: Limits
    potential: Potential
    opinions: tuple[Potential, ...]
    hull: ReferenceHull
    evaluators: tuple[PropertyEvaluator, ...]
    selection: SelectionSection
    proposers: Mapping[str, Proposer]
    requests: Mapping[str, Requests]
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
            "take them out (system.exclude), or choose another potential",
        )
    limits = limits_of(config.system)
    check_limits(limits, config.sanity)
    rules, beginning = _selection(config), find_seeds(config)
    hull = load_hull(config.reference, elements, potential.info.scheme_id)
    route = require_comparable(potential.info.scheme_id, hull.info.scheme_id)
    refuse_formation_route(route, potential.info, "potential", hull.info)
    return Tools(
        config=config,
        limits=limits,
        potential=potential,
        opinions=load_opinions(config, potential.info, hull.info),
        hull=hull,
        evaluators=tuple(evaluators_for([o.name for o in config.objectives])),
        selection=rules,
        proposers=_proposers(config),
        requests=_requests(config),
        beginning=beginning,
    )


def _proposers(config: SearchConfig) -> dict[str, Proposer]:
    shares = {str(name): share for name, share in config.propose.operators.items()}
    known: dict[str, Proposer] = {
        OPERATORS: OperatorProposer(shares),
        RANDOM: OperatorProposer({"random_symmetric": 1.0}, RANDOM),
    }
    return {arm: known[arm] for arm in arms_of(config) if arm in known}


def _requests(config: SearchConfig) -> dict[str, Requests]:
    model, predict = config.propose.llm, bool(config.system.formulas)
    if model is None:
        return {}
    requests = {
        name: Requests(model, name=given, predict=predict) for name, given in prompts_of(config).items()
    }
    ids: dict[str, str] = {}
    for name, made in requests.items():
        if (other := ids.setdefault(made.prompt_id.partition("/")[0], name)) != name:
            raise ConfigError(
                f"propose.llm.prompts: {other} and {name} both call themselves {made.prompt_id}",
                "give one of them another id",
            )
    return requests


def _selection(config: SearchConfig) -> SelectionSection:
    """Return the rules of selection: where few formulas are possible, their polymorphs may fill all places."""
    rules, system = config.selection, config.system
    possible = len(system.formulas) or (1 if len(system.elements) == 1 else None)
    if possible is None:
        return rules
    places = math.ceil(config.population.parents / possible)
    return rules.model_copy(update={"polymorphs": max(rules.polymorphs, places)})


def limits_of(system: SystemSection) -> Limits:
    """Return what proposals must keep to."""
    return Limits(
        elements=system.elements,
        max_atoms=system.max_atoms,
        formulas=system.formulas,
        n_elements=system.n_elements,
        anions=system.anions,
        oxidation_states=tuple(sorted(system.oxidation_states.items())),
        spacegroups=spacegroup_numbers(system.spacegroups),
        max_cost=system.max_cost,
    )


def _stamps(config: SearchConfig) -> tuple[tuple[str, int, int], ...]:
    """Return path, time and size of the files that a configuration names: a changed file is read again."""
    seeds = [] if config.seeds.source in BUILT_IN else [Path(config.seeds.source)]
    weights = [Path(p.weights) for p in (config.potential, *config.opinions) if p.weights]
    files = [
        *(find("prompts", given) for given in prompts_of(config).values()),
        *reference_files(config.reference.source),
        *(path for path in weights if path.is_file()),
        *(f for path in seeds for f in (sorted(path.iterdir()) if path.is_dir() else [path]) if f.is_file()),
    ]
    return tuple((str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in files)
