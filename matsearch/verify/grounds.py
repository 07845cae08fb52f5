"""What keeps a verdict from being firm, one line each."""

from collections.abc import Sequence
from typing import NamedTuple

from pymatgen.core import Structure

from matsearch.core.dft import DftCalculation
from matsearch.core.protocols import ReferenceHull
from matsearch.core.records import Candidate
from matsearch.core.verified import Standing
from matsearch.verify.alike import AlikePhase, Reference, drifted, is_magnetic

_MIXED = "energies with and without U meet: the Materials Project's fitted corrections are for VASP"


class Change(NamedTuple):
    """What became of a candidate in its relaxation: whether it is another crystal now, and a line about it."""

    is_other: bool
    line: str


class Grounds(NamedTuple):
    """Reasons against the two firm verdicts, and what is to be known whatever the verdict is."""

    against_confirming: tuple[str, ...] = ()
    against_refuting: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def with_change(self, change: Change | None) -> "Grounds":
        """Return the grounds with what became of the candidate.

        A crystal that relaxed to another is not the one that was predicted, so it is not confirmed. It went downhill:
        if even what it became is too high, the prediction is refuted all the same.
        """
        if change is None:
            return self
        barred = (change.line,) if change.is_other else ()
        return self._replace(
            against_confirming=(*self.against_confirming, *barred), notes=(*self.notes, change.line)
        )

    def reasons(self, standing: Standing) -> tuple[str, ...]:
        """Return the lines that belong to a standing."""
        if standing in {Standing.CONFIRMED, Standing.REFUTED}:
            return self.notes
        return tuple(dict.fromkeys((*self.against_confirming, *self.against_refuting, *self.notes)))


def grounds_of(
    candidate: Candidate,
    calculation: DftCalculation,
    reference: Reference,
    facet: Sequence[AlikePhase],
    *,
    firmly_over: bool,
) -> Grounds:
    """Return the grounds against a verdict that rests on phases computed alike.

    Parameters
    ----------
    facet : sequence of AlikePhase
        What the candidate decomposes into by DFT.
    firmly_over : bool
        Whether it is over the threshold against phases in their own cells with its own run type.
    """
    missing, others = _needed_by(candidate, reference)
    resting = list({p.label: p for p in (*facet, *others)}.values())
    substitutes = tuple(_by_substitute(phase) for phase in resting if phase.phase.substitute is not None)
    unlike = (_MIXED,) if _mixed(calculation, facet) else ()
    return Grounds(
        against_confirming=(
            *missing,
            *substitutes,
            *((_MIXED,) if _mixed(calculation, resting) else ()),
        ),
        # phases of its own kind that refute alone do so however far others lower the hull
        against_refuting=() if firmly_over else (*unlike, *substitutes),
        notes=notes_on(calculation, resting),
    )


def became(candidate: Candidate, calculation: DftCalculation, hull: ReferenceHull) -> Change | None:
    """Return what a candidate became in its relaxation, and whether it is a known phase; None if neither.

    A known phase found again is held to the same threshold as any other; its line says that it is no discovery.
    """
    before, after = _known(candidate, hull), _match(calculation.structure, hull)
    if after is not None and after != before:
        return Change(is_other=True, line=f"relaxed to the known phase {after}: no discovery")
    if drifted(candidate.best_structure, calculation):
        return Change(is_other=True, line="relaxed to another crystal: judged as what it became")
    if after is not None:
        return Change(is_other=False, line=f"is the known phase {after}: no discovery")
    return None


def _known(candidate: Candidate, hull: ReferenceHull) -> str | None:
    structure = candidate.best_structure
    return None if structure is None else _match(structure, hull)


def _match(structure: Structure, hull: ReferenceHull) -> str | None:
    """Return the id of the known phase that a crystal is; a hypothetical one is nobody's discovery yet."""
    from matsearch.crystal.matching import first_match

    phases = hull.phases(structure.composition.reduced_formula)
    return first_match(
        structure,
        ((p.phase_id, p.structure) for p in phases if p.structure is not None and not p.hypothetical),
    )


def _needed_by(candidate: Candidate, reference: Reference) -> tuple[tuple[str, ...], list[AlikePhase]]:
    """Return lines about the phases that the candidate needs and are missing, and those that are there."""
    placement = candidate.placement
    if placement is None:
        return ("its place on the reference hull is not known, nor what it may decompose into",), []
    facet = set(placement.decomposition)
    formulas = {candidate.formula, *(_formula(name) for name in facet)}
    present = [phase for phase in reference.phases if _formula(phase.label) in formulas]
    absent = {name: why for name, why in reference.missing.items() if _formula(name) in formulas}
    for name in facet - {phase.label for phase in present}:
        absent.setdefault(name, "not computed")
    return tuple(f"{name}: {absent[name]}" for name in sorted(absent)), present


def _formula(name: str) -> str:
    """Return the formula of ``formula (id)``."""
    return name.split(" (", 1)[0]


def _mixed(calculation: DftCalculation, phases: Sequence[AlikePhase]) -> bool:
    return any(phase.run_type != calculation.run_type for phase in phases)


def _by_substitute(phase: AlikePhase) -> str:
    needed = phase.phase
    return (
        f"{phase.label}: {needed.substitute} in its place, {needed.offset_per_atom:+.4f} eV/atom "
        f"({needed.offset_source})"
    )


def notes_on(calculation: DftCalculation, phases: Sequence[AlikePhase]) -> tuple[str, ...]:
    """Return what is to be known of crystals that stay what they are called.

    A phase that relaxed to another crystal went downhill: it lowers the hull and spares no candidate. Of moments a
    calculation finds one order, the one it began near; all sides are treated alike, so it changes no standing.
    """
    changed = [p.label for p in phases if not p.phase.box and drifted(p.phase.structure, p.calculation)]
    magnetic = [p.label for p in phases if is_magnetic(p.calculation)]
    if is_magnetic(calculation):
        magnetic.insert(0, "itself")
    lines = [f"{name}: relaxed to another crystal, judged as what it became" for name in changed]
    if magnetic:
        lines.append(f"magnetic, one order of the moments each: {', '.join(magnetic)}")
    return tuple(lines)
