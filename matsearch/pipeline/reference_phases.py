"""Which crystals a reference of one's own is computed from: known ones, given ones, prototypes."""

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

from pymatgen.core import Structure

from matsearch.core.errors import InputError
from matsearch.core.protocols import Limits
from matsearch.crystal.known import EmbeddedPhase, embedded_set
from matsearch.crystal.limits import atomic_volume, electronegativity

ALL = "all"
"""Stands for every prototype of the embedded set."""

Named = tuple[str, Structure]


def reference_phases(
    limits: Limits, given: Sequence[Named] = (), prototypes: Collection[str] = ()
) -> list[Named]:
    """Return the crystals of a chemical system by name, each name once.

    Parameters
    ----------
    limits : Limits
        Elements, and the largest cell.
    given : sequence of (str, Structure)
        A user's crystals; those outside the limits are left out.
    prototypes : collection of str
        Names of prototypes of the embedded set, or ``all``: their sites are given the system's elements, the order of
        electronegativity kept.

    Raises
    ------
    InputError
        If a prototype is not known.
    """
    known = [p for p in embedded_set().phases if limits.allow(p.literature.composition)]
    phases = [(p.phase_id, p.literature) for p in known]
    phases += [(f"file:{name}", s) for name, s in given if limits.allow(s.composition)]
    phases += [named for phase in _patterns(prototypes) for named in _decorated(phase, limits)]
    return list(dict(phases).items())


def _patterns(prototypes: Collection[str]) -> list[EmbeddedPhase]:
    phases = embedded_set().phases
    unknown = sorted(set(prototypes) - {p.prototype for p in phases} - {ALL})
    if unknown:
        raise InputError(
            f"no prototype {', '.join(unknown)} in the embedded set",
            "give the name of a type as in its `prototype`, such as NaCl, or all",
        )
    return [p for p in phases if ALL in prototypes or p.prototype in prototypes]


def _decorated(phase: EmbeddedPhase, limits: Limits) -> Iterator[Named]:
    """Return the pattern of a phase with each choice of the system's elements, at the volume they usually take."""
    old = sorted(phase.symbols, key=electronegativity)
    new = sorted(limits.elements, key=electronegativity)
    if len(phase.literature) > limits.max_atoms:
        return
    for chosen in combinations(new, len(old)):
        crystal = phase.literature.copy()
        crystal.replace_species(dict(zip(old, chosen, strict=True)))
        crystal.scale_lattice(sum(atomic_volume(site.specie.symbol) for site in crystal))
        if limits.allow(crystal.composition):
            yield f"{phase.phase_id}:{crystal.composition.reduced_formula}", crystal
