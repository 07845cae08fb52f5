"""Objective values beyond stability, by name."""

from matsearch.core.errors import ConfigError
from matsearch.core.protocols import PropertyEvaluator
from matsearch.properties import bulk_modulus
from matsearch.properties.simple import DeformationEnergy, Density

EVALUATORS: dict[str, type[PropertyEvaluator]] = {e.name: e for e in (DeformationEnergy, Density)}
HULL_OBJECTIVES = ("energy_above_hull", "formation_energy_per_atom")
COMPUTED_APART = (bulk_modulus.NAME,)
"""Objectives that need more of the potential: ``pipeline.measuring`` has them computed."""


def evaluators_for(names: list[str]) -> list[PropertyEvaluator]:
    """Return the evaluators of the objectives that a relaxation tells by itself.

    Raises
    ------
    ConfigError
        If nobody computes an objective.
    """
    known = [*HULL_OBJECTIVES, *sorted([*EVALUATORS, *COMPUTED_APART])]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(f"objectives: nobody computes {unknown[0]!r}", f"known: {', '.join(known)}")
    return [EVALUATORS[name]() for name in names if name in EVALUATORS]
