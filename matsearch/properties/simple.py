"""Properties that a relaxation already tells."""

from collections.abc import Callable, Sequence

from matsearch.core.records import Candidate, PropertyValue, Relaxation

PROTOCOL = "simple/1"


class DeformationEnergy:
    """How far a proposal was from its relaxed crystal: (E_relaxed - E_proposed)/N, never positive, in eV/atom.

    The objective of MatLLMSearch (arXiv:2502.20933).
    """

    name = "deformation_energy"
    unit = "eV/atom"

    def evaluate(self, batch: Sequence[Candidate]) -> list[Candidate]:
        """Return the batch with ``deformation_energy`` on each relaxed candidate."""
        return [_with_value(c, self, _deformation_energy) for c in batch]


class Density:
    """Mass density of the relaxed crystal in g/cm^3."""

    name = "density"
    unit = "g/cm^3"

    def evaluate(self, batch: Sequence[Candidate]) -> list[Candidate]:
        """Return the batch with ``density`` on each relaxed candidate."""
        return [_with_value(c, self, _density) for c in batch]


def _deformation_energy(relaxation: Relaxation) -> float:
    return relaxation.energy_per_atom - relaxation.initial_energy_per_atom


def _density(relaxation: Relaxation) -> float:
    return float(relaxation.structure.density)


def _with_value(
    candidate: Candidate, evaluator: "DeformationEnergy | Density", compute: Callable[[Relaxation], float]
) -> Candidate:
    if not candidate.alive or candidate.relaxation is None:
        return candidate
    number = compute(candidate.relaxation)
    value = PropertyValue(value=number, unit=evaluator.unit, source=PROTOCOL)
    return candidate.evolve(properties={**candidate.properties, evaluator.name: value})
