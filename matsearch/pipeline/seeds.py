"""What a search begins with: seeds, templates, and what is kept from both."""

import difflib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pymatgen.core import Composition, Structure

from matsearch.core.arms import OPERATORS, arms_of
from matsearch.core.config import SearchConfig, SeedSection
from matsearch.core.errors import ConfigError, InputError
from matsearch.core.keys import content_key
from matsearch.core.records import Parent
from matsearch.crystal.canonical import structure_key
from matsearch.crystal.files import read_structures
from matsearch.crystal.known import EmbeddedPhase, embedded_set
from matsearch.crystal.matching import isotypic
from matsearch.propose.operators import BORROWERS

_EMBEDDED = "embedded"


@dataclass(frozen=True)
class Excluded:
    """What no line may begin with and no relaxation may be led to.

    Attributes
    ----------
    names : frozenset of str
        Ids and reduced formulas.
    types : tuple of Structure
        Crystals whose isotypes are left out too.
    """

    names: frozenset[str]
    types: tuple[Structure, ...]

    def has(self, name: str, structure: Structure) -> bool:
        """Return whether a crystal is left out."""
        if not self.names.isdisjoint({name, structure.composition.reduced_formula}):
            return True
        return any(isotypic(target, structure) for target in self.types)


@dataclass(frozen=True)
class Seeds:
    """The beginning of a search.

    Attributes
    ----------
    seeds, templates : tuple of Parent
        First parents; known crystals of any chemistry whose pattern may be borrowed.
    origins : dict of str to Structure
        The crystals that lines may begin with, by root: relaxed ones where the set has them.
    allowed : dict of str to Structure
        Those that are not left out.
    """

    seeds: tuple[Parent, ...]
    templates: tuple[Parent, ...]
    origins: dict[str, Structure]
    allowed: dict[str, Structure]

    @cached_property
    def key(self) -> str:
        """Content key of seeds and templates, and of the embedded set, to which relaxations may be led."""
        crystals = [(p.parent_id, structure_key(p.structure)) for p in (*self.seeds, *self.templates)]
        return content_key("seeds/2", [crystals, embedded_set().sha256])

    @cached_property
    def allowed_by_formula(self) -> dict[str, tuple[Structure, ...]]:
        """The crystals that are not left out by reduced formula, in the order of their ids."""
        found: dict[str, list[Structure]] = defaultdict(list)
        for _, structure in sorted(self.allowed.items()):
            found[structure.composition.reduced_formula].append(structure)
        return {formula: tuple(structures) for formula, structures in found.items()}


def find_seeds(config: SearchConfig) -> Seeds:
    """Return seeds and templates of a configuration.

    Raises
    ------
    InputError
        If a file cannot be read, or there is nothing to begin with.
    ConfigError
        If what is to be left out is neither a name nor a formula.
    """
    section, elements = config.seeds, frozenset(config.system.elements)
    given = [] if section.source == _EMBEDDED else read_structures(Path(section.source).expanduser())
    excluded = _excluded(section, [name for name, _ in given])
    inside = [(name, s) for name, s in given if _within(s, elements, config.system.max_atoms)]
    files = {f"file:{name}": s for name, s in inside if not excluded.has(name, s)}
    known = [p for p in embedded_set().phases if not excluded.has(p.phase_id, p.relaxed)]
    small = [p for p in known if len(p.literature) <= config.system.max_atoms]
    seeds = tuple(Parent(parent_id=name, structure=s, roots=(name,)) for name, s in files.items())
    if section.source == _EMBEDDED:
        seeds = tuple(_known_parent(p) for p in small if p.symbols <= elements)
    templates = tuple(_known_parent(p) for p in small) if _borrows(config) else ()
    _require_beginning(config, seeds, templates)
    everything = files | {p.phase_id: p.relaxed for p in embedded_set().phases}
    allowed = files | {p.phase_id: p.relaxed for p in known}
    return Seeds(seeds=seeds, templates=templates, origins=everything, allowed=allowed)


def _within(structure: Structure, elements: frozenset[str], max_atoms: int) -> bool:
    return {e.symbol for e in structure.composition.elements} <= elements and len(structure) <= max_atoms


def _excluded(section: SeedSection, files: Sequence[str]) -> Excluded:
    phases = {phase.phase_id: phase for phase in embedded_set().phases}
    unknown = [name for name in section.exclude_isotypes if name not in phases]
    if unknown:
        raise ConfigError(
            f"seeds.exclude_isotypes: {unknown[0]!r} is no embedded phase", _near(unknown[0], phases)
        )
    names = {n for name in section.exclude for n in _meant(name, phases, files)} | {*section.exclude_isotypes}
    types = tuple(phases[name].relaxed for name in section.exclude_isotypes)
    return Excluded(frozenset(names), types)


def _meant(name: str, phases: Mapping[str, EmbeddedPhase], files: Sequence[str]) -> set[str]:
    """Return the id or reduced formula that is meant, or both."""
    meant = {name} if name in phases or name in files else set()
    try:
        meant.add(Composition(name, strict=True).reduced_formula)
    except ValueError as error:
        if not meant:
            raise ConfigError(
                f"seeds.exclude: {name!r} is neither a formula nor a known crystal",
                _near(name, [*phases, *files]),
            ) from error
    return meant


def _near(name: str, names: Mapping[str, EmbeddedPhase] | Sequence[str]) -> str:
    near = difflib.get_close_matches(name, names, n=3)
    return f"did you mean {' or '.join(near)}?" if near else "see docs/embedded.md"


def _borrows(config: SearchConfig) -> bool:
    shares = {str(name): share for name, share in config.propose.operators.items()}
    return config.seeds.templates and any(shares.get(name, 0.0) > 0 for name in BORROWERS)


def _require_beginning(
    config: SearchConfig, seeds: tuple[Parent, ...], templates: tuple[Parent, ...]
) -> None:
    from_nothing = config.propose.operators.get("random_symmetric", 0.0) > 0 or set(arms_of(config)) != {
        OPERATORS
    }
    if seeds or templates or from_nothing:
        return
    raise InputError(
        f"no parents: no seed of {config.seeds.source!r} is made of {', '.join(config.system.elements)} "
        f"within {config.system.max_atoms} atoms",
        "give seeds.source a folder of CIF files, raise system.max_atoms, or allow random_symmetric, or "
        "substitution with seeds.templates",
    )


def _known_parent(phase: EmbeddedPhase) -> Parent:
    return Parent(parent_id=f"known:{phase.phase_id}", structure=phase.literature, roots=(phase.phase_id,))
