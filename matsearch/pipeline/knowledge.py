"""What a screened crystal turns out to be: a duplicate, a known phase, a space group, a prototype."""

from collections.abc import Sequence

from matsearch.core.boundary import contained
from matsearch.core.protocols import KnownPhase
from matsearch.core.records import Candidate, KnownMatch
from matsearch.core.thresholds import ENERGY_MATCH, NO_REWARD_FLAGS, REFUTED_FLAG
from matsearch.core.verdict import Verdict
from matsearch.core.verified import Standing
from matsearch.crystal.known import embedded_set
from matsearch.crystal.matching import first_match, mark_duplicates, same_crystal
from matsearch.crystal.symmetry import prototype_label, spacegroup_symbol
from matsearch.pipeline.tools import Tools

_UNREAL = frozenset(NO_REWARD_FLAGS) - {REFUTED_FLAG}
"""Flags of geometries and energies that may not be real; what DFT refuted is a real crystal."""


def mark_all(screened: Sequence[Candidate], earlier: Sequence[Candidate], tools: Tools) -> list[Candidate]:
    """Return the screened candidates with duplicates, known phases, space groups and prototypes marked.

    A copy of a crystal that DFT refuted is its duplicate, and refuted as well.

    Parameters
    ----------
    earlier : sequence of Candidate
        Distinct living crystals of the generations before.
    """
    living = [c for c in screened if c.alive]
    duplicate_of: dict[str, str] = {}
    # the matcher scales volumes, so a crystal like a flagged, exploded one must not vanish behind it
    for unreal in (False, True):
        duplicate_of |= _twins(
            [c for c in earlier if _is_unreal(c) is unreal or _is_confirmed(c)],
            [c for c in living if _is_unreal(c) is unreal],
        )
    refuted = {c.candidate_id for c in earlier if REFUTED_FLAG in c.flags}
    marked = [_mark_one(c, duplicate_of.get(c.candidate_id), tools) if c.alive else c for c in screened]
    return [with_refuted_flag(c) if c.duplicate_of in refuted else c for c in marked]


def with_refuted_flag(candidate: Candidate) -> Candidate:
    """Return the candidate with the flag of those that DFT refuted."""
    return candidate.evolve(flags=tuple(sorted({*candidate.flags, REFUTED_FLAG})))


def without_refuted_flag(candidate: Candidate) -> Candidate:
    """Return the candidate without the flag of those that DFT refuted."""
    return candidate.evolve(flags=tuple(flag for flag in candidate.flags if flag != REFUTED_FLAG))


def _is_confirmed(candidate: Candidate) -> bool:
    """Return whether a crystal was found to be real: its flags are gone, those of its copies are not."""
    return candidate.verification is not None and candidate.verification.standing is Standing.CONFIRMED


def _is_unreal(candidate: Candidate) -> bool:
    return not _UNREAL.isdisjoint(candidate.flags)


def _twins(earlier: Sequence[Candidate], living: Sequence[Candidate]) -> dict[str, str]:
    known = [c for c in (*earlier, *living) if c.best_structure is not None]
    structures = [c.best_structure for c in known if c.best_structure is not None]
    n_new = sum(c.best_structure is not None for c in living)
    twins = mark_duplicates(structures, n_distinct=len(known) - n_new)
    return {
        c.candidate_id: known[twin].candidate_id
        for c, twin in zip(known, twins, strict=True)
        if twin is not None
    }


def _mark_one(candidate: Candidate, duplicate_of: str | None, tools: Tools) -> Candidate:
    # what cannot be named must not stop a campaign
    marked = contained("mark", lambda: _mark(candidate, duplicate_of, tools))
    return candidate.evolve(duplicate_of=duplicate_of) if isinstance(marked, Verdict) else marked


def _mark(candidate: Candidate, duplicate_of: str | None, tools: Tools) -> Candidate:
    structure = candidate.best_structure
    if structure is None:
        return candidate
    match = _known_match(candidate, tools)
    own = match.known_id if match and match.kind == "structure" else None
    return candidate.evolve(
        duplicate_of=duplicate_of,
        spacegroup=spacegroup_symbol(structure),
        prototype=prototype_label(structure),
        match=match,
        nearest_known=None if duplicate_of else tools.arrangements.nearest(structure, own),
    )


def _known_match(candidate: Candidate, tools: Tools) -> KnownMatch | None:
    structure, relaxation = candidate.best_structure, candidate.relaxation
    if structure is None or relaxation is None:
        return None
    phases = tools.hull.phases(structure.composition.reduced_formula)
    found = first_match(structure, _with_structures(structure.composition.reduced_formula, phases, tools))
    if found:
        return KnownMatch(kind="structure", known_id=found, own_root=_is_own(found, candidate, tools))
    # a phase whose structure is known and does not match is no match by energy either
    unseen = [p for p in phases if p.structure is None and not p.hypothetical]
    correction = candidate.placement.correction_per_atom if candidate.placement else 0.0
    energy = relaxation.energy_per_atom + correction
    closest = min(unseen, key=lambda p: abs(p.energy_per_atom - energy), default=None)
    if closest is None or abs(closest.energy_per_atom - energy) > ENERGY_MATCH:
        return None
    return KnownMatch(kind="composition_and_energy", known_id=closest.phase_id)


def _is_own(found: str, candidate: Candidate, tools: Tools) -> bool:
    # the same crystal may have one name in the reference and another among the seeds
    roots = candidate.lineage.roots
    origins = tools.beginning.origins
    begun = [origins[root] for root in roots if root in origins]
    return found in roots or any(same_crystal(candidate.best_structure, origin) for origin in begun)


def _with_structures(formula: str, phases: Sequence[KnownPhase], tools: Tools) -> list:
    from_hull = [(p.phase_id, p.structure) for p in phases if p.structure is not None and not p.hypothetical]
    named = embedded_set().within(frozenset(tools.config.system.elements))
    taken = {phase_id for phase_id, _ in from_hull}
    return from_hull + [
        (p.phase_id, p.relaxed)
        for p in named
        if p.phase_id not in taken and p.relaxed.composition.reduced_formula == formula
    ]
