"""Which crystals a reference of one's own is computed from: known ones, given ones, prototypes."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, combinations

from pymatgen.core import Structure

from matsearch.core.errors import InputError
from matsearch.core.slots import Limits
from matsearch.crystal.known import EmbeddedPhase, embedded_set
from matsearch.crystal.limits import electronegativity, usual_volume
from matsearch.crystal.matching import nearly_same
from matsearch.crystal.scope import allows

ALL = "all"
"""Stands for every prototype of the embedded set."""


@dataclass(frozen=True)
class ReferencePhase:
    """A crystal that is to be relaxed for a reference.

    Attributes
    ----------
    hypothetical : bool
        Whether it is a prototype with elements that nobody may ever have put there.
    """

    name: str
    structure: Structure
    hypothetical: bool = False


@dataclass(frozen=True)
class Chosen:
    """What a reference is computed from.

    Attributes
    ----------
    phases : tuple of ReferencePhase
        Known ones first, then given ones, then hypothetical ones; each name once.
    left_out : dict of str to str
        Names of what was asked for and is not among them, and why: a kind, a colon and the detail.
    """

    phases: tuple[ReferencePhase, ...]
    left_out: dict[str, str]


def reference_phases(
    limits: Limits, given: Sequence[tuple[str, Structure]] = (), prototypes: Collection[str] = ()
) -> Chosen:
    """Return the crystals of a chemical system that a reference is computed from.

    Parameters
    ----------
    limits : Limits
        Elements, and the largest cell of a known or a hypothetical phase.
    given : sequence of (str, Structure)
        A user's crystals, each with a name of its own; wanted whatever their size.
    prototypes : collection of str
        Names of prototypes of the embedded set, or ``all``: their sites are given the system's elements, the order of
        electronegativity kept.

    Raises
    ------
    InputError
        If a prototype is not known.
    """
    patterns = _patterns(prototypes)
    made = {prototype: list(_decorated(prototype, of, limits)) for prototype, of in patterns.items()}
    known = [(p.phase_id, p.literature) for p in embedded_set().within(frozenset(limits.elements))]
    wanted = [(f"file:{name}", structure) for name, structure in given]
    left_out = {name: reason for name, s in known if (reason := _too_large(s, limits))}
    left_out |= {name: reason for name, s in wanted if (reason := _outside(s, limits))}
    named = [ReferencePhase(name, s) for name, s in (*known, *wanted) if name not in left_out]
    left_out |= {
        prototype: "no fitting pattern: it has other numbers of elements, or too many atoms"
        for prototype, crystals in made.items()
        if prototype in prototypes and not crystals
    }
    return Chosen(phases=(*named, *chain.from_iterable(made.values())), left_out=left_out)


def _too_large(structure: Structure, limits: Limits) -> str | None:
    excess = len(structure) > limits.max_atoms
    return f"too many atoms: {len(structure)}, at most {limits.max_atoms} are relaxed" if excess else None


def _outside(structure: Structure, limits: Limits) -> str | None:
    others = sorted({element.symbol for element in structure.composition.elements} - set(limits.elements))
    return f"outside the system: it holds {', '.join(others)}" if others else None


def _patterns(prototypes: Collection[str]) -> dict[str, list[EmbeddedPhase]]:
    phases = embedded_set().phases
    unknown = sorted(set(prototypes) - {p.prototype for p in phases} - {ALL})
    if unknown:
        raise InputError(
            f"no prototype {', '.join(unknown)} in the embedded set",
            "give the name of a type as in its `prototype`, such as NaCl, or all",
        )
    patterns: dict[str, list[EmbeddedPhase]] = defaultdict(list)
    for phase in phases:
        if ALL in prototypes or phase.prototype in prototypes:
            patterns[phase.prototype].append(phase)
    return patterns


def _decorated(prototype: str, patterns: Sequence[EmbeddedPhase], limits: Limits) -> Iterator[ReferencePhase]:
    """Return what becomes of a prototype with the system's elements, nearly equal crystals once."""
    found: dict[str, list[Structure]] = defaultdict(list)
    for pattern in patterns:
        for crystal in _with_elements(pattern.literature, limits):
            alike = found[crystal.composition.reduced_formula]
            if not any(nearly_same(crystal, other) for other in alike):
                alike.append(crystal)
    for formula, crystals in found.items():
        for number, crystal in enumerate(crystals, start=1):
            name = f"{prototype}:{formula}" + (f"-{number}" if number > 1 else "")
            yield ReferencePhase(name, crystal, hypothetical=True)


def _with_elements(pattern: Structure, limits: Limits) -> Iterator[Structure]:
    """Return a pattern with each choice of the system's elements, at the volume they usually take."""
    old = sorted((e.symbol for e in pattern.composition.elements), key=electronegativity)
    new = sorted(limits.elements, key=electronegativity)
    if len(pattern) > limits.max_atoms:
        return
    for chosen in combinations(new, len(old)):
        crystal = pattern.copy()
        crystal.replace_species(dict(zip(old, chosen, strict=True)))
        crystal.scale_lattice(usual_volume(site.specie.symbol for site in crystal))
        if allows(limits, crystal.composition):
            yield crystal
