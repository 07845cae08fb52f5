"""What a search works with, built once from its configuration."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pymatgen.core import Structure

from matsearch.core.config import BUILT_IN, SearchConfig, SeedSection, parse_config
from matsearch.core.errors import ConfigError, InputError
from matsearch.core.keys import canonical_json, content_key
from matsearch.core.protocols import Limits, Potential, PropertyEvaluator, Proposer, ReferenceHull, Selector
from matsearch.core.records import Parent
from matsearch.core.schemes import require_comparable
from matsearch.crystal.canonical import structure_key
from matsearch.crystal.files import read_structures
from matsearch.crystal.known import EmbeddedPhase, embedded_set
from matsearch.hull.library import reference_files
from matsearch.hull.sources import load_hull
from matsearch.pipeline.opinions import load_opinions, refuse_formation_route
from matsearch.potentials import load_from
from matsearch.properties import evaluators_for
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
    selector: Selector
    proposer: Proposer
    seeds: tuple[Parent, ...]
    templates: tuple[Parent, ...]
    origins: dict[str, Structure]

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
    seeds, templates = _seeds(config, frozenset(elements))
    hull = load_hull(config.reference, elements, potential.info.scheme_id)
    route = require_comparable(potential.info.scheme_id, hull.info.scheme_id)
    refuse_formation_route(route, potential.info, "potential", hull.info)
    return Tools(
        config=config,
        limits=Limits(elements=elements, max_atoms=config.system.max_atoms),
        potential=potential,
        opinions=load_opinions(config, potential.info, hull.info),
        hull=hull,
        evaluators=tuple(evaluators_for([o.name for o in config.objectives])),
        selector=BestSelector(config.objectives),
        proposer=OperatorProposer({str(name): share for name, share in config.propose.operators.items()}),
        seeds=seeds,
        templates=templates,
        origins=_origins(seeds),
    )


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


def _seeds(config: SearchConfig, elements: frozenset[str]) -> tuple[tuple[Parent, ...], tuple[Parent, ...]]:
    section, max_atoms = config.seeds, config.system.max_atoms
    known = [
        p
        for p in embedded_set().phases
        if _allowed({p.phase_id, p.formula}, p.literature, section, max_atoms)
    ]
    if section.source == "embedded":
        seeds = tuple(_known_parent(p) for p in known if p.symbols <= elements)
    else:
        files = read_structures(Path(section.source).expanduser())
        seeds = tuple(
            Parent(parent_id=f"file:{name}", structure=s, roots=(f"file:{name}",))
            for name, s in files
            if {e.symbol for e in s.composition.elements} <= elements
            and _allowed({name, s.composition.reduced_formula}, s, section, max_atoms)
        )
    borrows = section.templates and config.propose.operators.get("substitution", 0.0) > 0
    templates = tuple(_known_parent(p) for p in known if len(p.symbols) <= len(elements)) if borrows else ()
    if not seeds and not templates:
        raise InputError(
            f"no parents: no seed of {section.source!r} is made of {', '.join(sorted(elements))} "
            f"within {max_atoms} atoms",
            "give seeds.source a folder of CIF files, raise system.max_atoms, or allow substitution and seeds.templates",
        )
    return seeds, templates


def _allowed(names: set[str], structure: Structure, section: SeedSection, max_atoms: int) -> bool:
    return len(structure) <= max_atoms and not names & set(section.exclude)


def _known_parent(phase: EmbeddedPhase) -> Parent:
    return Parent(parent_id=f"known:{phase.phase_id}", structure=phase.literature, roots=(phase.phase_id,))
