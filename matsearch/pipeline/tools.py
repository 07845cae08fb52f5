"""What a search works with, built once from its configuration."""

import difflib
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pymatgen.core import Composition, Structure

from matsearch.core.config import (
    BUILT_IN,
    SearchConfig,
    SeedSection,
    SelectionSection,
    SystemSection,
    parse_config,
)
from matsearch.core.errors import ConfigError, InputError
from matsearch.core.keys import canonical_json, content_key
from matsearch.core.protocols import Limits, Potential, PropertyEvaluator, Proposer, ReferenceHull, Selector
from matsearch.core.records import Parent
from matsearch.core.schemes import require_comparable
from matsearch.crystal.canonical import structure_key
from matsearch.crystal.files import read_structures
from matsearch.crystal.known import EmbeddedPhase, embedded_set
from matsearch.crystal.matching import isotypic
from matsearch.crystal.nearest import KnownArrangements
from matsearch.hull.library import reference_files
from matsearch.hull.sources import load_hull
from matsearch.pipeline.opinions import load_opinions, refuse_formation_route
from matsearch.potentials import load_from
from matsearch.properties import evaluators_for
from matsearch.propose.operator_proposer import OperatorProposer
from matsearch.select.best import BestSelector

BORROWERS = ("substitution", "decoration")
"""Operators that take patterns of other chemistries."""


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
    seeds: tuple[Parent, ...]
    templates: tuple[Parent, ...]
    origins: dict[str, Structure]
    excluded: frozenset[str]
    arrangements: KnownArrangements

    @property
    def seeds_key(self) -> str:
        """Content key of seeds and templates."""
        crystals = [(p.parent_id, structure_key(p.structure)) for p in (*self.seeds, *self.templates)]
        return content_key("seeds/1", crystals)


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
    rules, excluded = _selection(config), _excluded(config.seeds)
    seeds, templates = _seeds(config, frozenset(elements), excluded)
    origins = _origins(seeds)
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
        seeds=seeds,
        templates=templates,
        origins=origins,
        excluded=excluded,
        arrangements=KnownArrangements(origins),
    )


def _selection(config: SearchConfig) -> SelectionSection:
    """Return the rules of selection: where few formulas are possible, their polymorphs may fill all places."""
    rules, system = config.selection, config.system
    possible = len(system.formulas) or (1 if len(system.elements) == 1 else None)
    if possible is None:
        return rules
    places = math.ceil(config.population.parents / possible)
    return rules.model_copy(update={"polymorphs": max(rules.polymorphs, places)})


def _limits(system: SystemSection) -> Limits:
    formulas = tuple(sorted({Composition(formula).reduced_formula for formula in system.formulas}))
    return Limits(elements=system.elements, max_atoms=system.max_atoms, formulas=formulas)


def _stamps(config: SearchConfig) -> tuple[tuple[str, int, int], ...]:
    """Return path, time and size of the files that a configuration names: a changed file is read again."""
    seeds = [] if config.seeds.source in BUILT_IN else [Path(config.seeds.source)]
    weights = [Path(p.weights) for p in (config.potential, *config.opinions) if p.weights]
    files = [
        *reference_files(config.reference.source),
        *(path for path in weights if path.is_file()),
        *(f for path in seeds for f in (sorted(path.iterdir()) if path.is_dir() else [path]) if f.is_file()),
    ]
    return tuple((str(f), f.stat().st_mtime_ns, f.stat().st_size) for f in files)


def _origins(seeds: tuple[Parent, ...]) -> dict[str, Structure]:
    """Return the crystals that lines may begin with, by root: relaxed ones where the set has them."""
    given = {root: seed.structure for seed in seeds for root in seed.roots}
    return given | {phase.phase_id: phase.relaxed for phase in embedded_set().phases}


def _excluded(section: SeedSection) -> frozenset[str]:
    """Return formulas and ids of what no line may begin with and no relaxation may be led to."""
    phases = {phase.phase_id: phase for phase in embedded_set().phases}
    for name in section.exclude_isotypes:
        if name not in phases:
            near = ", ".join(difflib.get_close_matches(name, phases, n=3)) or "none is near"
            raise ConfigError(
                f"seeds.exclude_isotypes: {name!r} is no embedded phase", f"its id is meant: {near}"
            )
    targets = [phases[name].relaxed for name in section.exclude_isotypes]
    isotypes = {p.phase_id for p in phases.values() if any(isotypic(t, p.relaxed) for t in targets)}
    return frozenset({*section.exclude, *section.exclude_isotypes, *isotypes})


def _seeds(
    config: SearchConfig, elements: frozenset[str], excluded: frozenset[str]
) -> tuple[tuple[Parent, ...], tuple[Parent, ...]]:
    section, max_atoms = config.seeds, config.system.max_atoms
    known = [
        p
        for p in embedded_set().phases
        if len(p.literature) <= max_atoms and not {p.phase_id, p.formula} & excluded
    ]
    if section.source == "embedded":
        seeds = tuple(_known_parent(p) for p in known if p.symbols <= elements)
    else:
        files = read_structures(Path(section.source).expanduser())
        seeds = tuple(
            Parent(parent_id=f"file:{name}", structure=s, roots=(f"file:{name}",))
            for name, s in files
            if {e.symbol for e in s.composition.elements} <= elements
            and len(s) <= max_atoms
            and not {name, s.composition.reduced_formula} & excluded
        )
    shares = {str(name): share for name, share in config.propose.operators.items()}
    borrows = section.templates and any(shares.get(name, 0.0) > 0 for name in BORROWERS)
    templates = tuple(_known_parent(p) for p in known) if borrows else ()
    if not seeds and not templates and not shares.get("random_symmetric", 0.0):
        raise InputError(
            f"no parents: no seed of {section.source!r} is made of {', '.join(sorted(elements))} "
            f"within {max_atoms} atoms",
            "give seeds.source a folder of CIF files, raise system.max_atoms, or allow random_symmetric, or "
            "substitution with seeds.templates",
        )
    return seeds, templates


def _known_parent(phase: EmbeddedPhase) -> Parent:
    return Parent(parent_id=f"known:{phase.phase_id}", structure=phase.literature, roots=(phase.phase_id,))
