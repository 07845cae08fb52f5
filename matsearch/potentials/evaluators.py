"""Labels for a batch of geometries, whoever computes them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from ase import Atoms

from matsearch.core.labels import Labels
from matsearch.core.protocols import BatchedPotential, Evaluator, Potential
from matsearch.core.verdict import FailureKind, Verdict

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator


def evaluator_of(potential: Potential, device: str = "cpu") -> Evaluator:
    """Return the fastest evaluator a potential has: its own for batches, else one around its ASE calculator.

    On the CPU the latter too where a crystal's labels would depend on its company: batches gain nothing there.
    """
    if isinstance(potential, BatchedPotential) and (device != "cpu" or potential.company_invariant):
        return potential.evaluator(device)
    return CalculatorEvaluator(potential.calculator())


class CalculatorEvaluator:
    """An ASE calculator, asked one geometry after another.

    Parameters
    ----------
    calculator : ase.calculators.calculator.Calculator
        Giving energy, forces and stress.
    """

    def __init__(self, calculator: "Calculator") -> None:
        self._calculator = calculator

    def evaluate(self, batch: Sequence[Atoms]) -> list[Labels | Verdict]:
        """Return the labels of each geometry, or why it has none."""
        return [self._evaluate(atoms) for atoms in batch]

    def _evaluate(self, atoms: Atoms) -> Labels | Verdict:
        from ase.stress import voigt_6_to_full_3x3_stress

        self._calculator.reset()
        try:
            self._calculator.calculate(
                atoms, ["energy", "forces", "stress"], ["positions", "numbers", "cell"]
            )
        except ValueError as error:
            if "isolated atom" not in str(error):
                raise
            return isolated_atom()
        found: dict[str, Any] = self._calculator.results
        stress = np.asarray(found["stress"], dtype=float)
        magmoms = found.get("magmoms")
        return Labels(
            energy=float(found["energy"]),
            forces=np.array(found["forces"], dtype=float),
            stress=stress if stress.shape == (3, 3) else voigt_6_to_full_3x3_stress(stress),
            magmoms=None if magmoms is None else np.abs(np.asarray(magmoms, dtype=float)),
        )


def isolated_atom() -> Verdict:
    """Return the verdict on a geometry in which an atom is alone."""
    detail = "an atom has no neighbour within the potential's cut-off"
    return Verdict(kind=FailureKind.ISOLATED_ATOM, stage="relax", detail=detail)
