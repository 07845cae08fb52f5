"""What was computed alike: reference phases and candidates read from the outcomes of a round."""

from collections.abc import Mapping
from typing import NamedTuple

from pymatgen.core import Composition, Structure

from matsearch.core.dft import DftCalculation, DftOutcome
from matsearch.core.verdict import FailureKind
from matsearch.core.verification import NeededPhase, VerificationPlan
from matsearch.verify.needed import label, reduced

MAGNETIC = 0.5
"""Bohr magnetons on some atom over which a crystal counts as magnetic."""


class AlikePhase(NamedTuple):
    """A reference phase that was computed with the settings of the round.

    Attributes
    ----------
    energy_per_atom : float
        In eV/atom, a substitute's offset included.
    """

    phase: NeededPhase
    label: str
    composition: Composition
    energy_per_atom: float
    calculation: DftCalculation

    @property
    def run_type(self) -> str:
        """As in a ComputedEntry."""
        return self.calculation.run_type


class Reference(NamedTuple):
    """The reference side of a round.

    Attributes
    ----------
    phases : tuple of AlikePhase
        Computed alike, by formula and id.
    missing : dict of str to str
        The others by label, and why.
    """

    phases: tuple[AlikePhase, ...]
    missing: dict[str, str]


def reference_of(plan: VerificationPlan, outcomes: Mapping[str, DftOutcome]) -> Reference:
    """Return the phases of a plan, computed alike or missing."""
    phases, missing = [], {}
    for phase in sorted(plan.phases, key=lambda p: (p.formula, p.phase_id)):
        name = label(phase.phase_id, phase.formula)
        outcome = outcomes.get(phase.phase_id)
        if phase.structure is None:
            missing[name] = "the reference has no structure of it"
        elif outcome is None:
            missing[name] = "not computed"
        else:
            read = usable(outcome, phase.formula, plan)
            if isinstance(read, str):
                missing[name] = read
            else:
                energy = read.energy_per_atom + phase.offset_per_atom
                phases.append(AlikePhase(phase, name, Composition(phase.formula), energy, read))
    return Reference(tuple(phases), missing)


def usable(outcome: DftOutcome, formula: str, plan: VerificationPlan) -> DftCalculation | str:
    """Return the calculation of an outcome, or in one line why it is of no use to a plan."""
    if outcome.verdict is not None:
        return f"{outcome.verdict.kind}: {outcome.verdict.detail}"
    calculation = outcome.calculation
    if calculation is None:
        return f"{FailureKind.WRONG_DOCUMENT}: it holds neither a calculation nor a verdict"
    if reduced(calculation.formula) != reduced(formula):
        return f"{FailureKind.WRONG_DOCUMENT}: it is of {calculation.formula}, not of {reduced(formula)}"
    if calculation.settings.key != plan.settings.key:
        return f"{FailureKind.WRONG_DOCUMENT}: it was computed with other settings than the round's"
    return calculation


def is_magnetic(calculation: DftCalculation) -> bool:
    """Return whether some atom has a moment."""
    return any(abs(moment) > MAGNETIC for moment in calculation.magmoms or ())


def drifted(sent: Structure | None, calculation: DftCalculation) -> bool:
    """Return whether a calculation ended at another crystal than was sent, as StructureMatcher sees it."""
    from matsearch.crystal.matching import same_crystal

    return sent is None or not same_crystal(sent, calculation.structure)
