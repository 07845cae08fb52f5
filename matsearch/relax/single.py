"""One crystal relaxed with an ASE calculator, in this process."""

from typing import TYPE_CHECKING

from pymatgen.core import Structure

from matsearch.core.config import RelaxSection
from matsearch.core.protocols import Evaluator, PotentialInfo
from matsearch.core.records import RelaxOutcome
from matsearch.potentials.evaluators import CalculatorEvaluator
from matsearch.relax.task import RelaxTask
from matsearch.relax.walk import walk

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def relax_one(
    structure: Structure, calculator: "Calculator", info: PotentialInfo, settings: RelaxSection, key: str
) -> RelaxOutcome:
    """Relax one crystal to a relaxation or a verdict.

    Parameters
    ----------
    structure : Structure
        Ordered.
    calculator : ase.calculators.calculator.Calculator
        Giving energy, forces and stress.
    key : str
        Recorded as the relaxation's ``relax_key``.
    """
    task = RelaxTask(key=key, structure=structure, settings=settings)
    return carry_out(task, CalculatorEvaluator(calculator), info)


def carry_out(task: RelaxTask, evaluator: Evaluator, info: PotentialInfo) -> RelaxOutcome:
    """Relax one crystal; what nobody expected is raised."""
    steps = walk(task, info)
    atoms = next(steps)
    while True:
        (labels,) = evaluator.evaluate([atoms])
        try:
            atoms = steps.send(labels)
        except StopIteration as end:
            return end.value
