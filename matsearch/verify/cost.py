"""What a DFT calculation costs: a prior measured on small crystals, corrected by what was run since."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from pymatgen.core import Structure

from matsearch.core.dft import DftCalculation, DftSettings
from matsearch.verify.cost_features import cost_features
from matsearch.verify.cost_fit import CostFit, fit_costs, prior_of

MEASURED = "GPAW"
"""The code whose relaxations the prior was measured with."""


class CostModel:
    """Predicts core-hours of relaxations, for each code by itself.

    ``log(core-seconds)`` is linear in the logarithms of valence electrons, k-points (irreducible, once a spin) and plane
    waves, and in whether the functional is a meta-GGA (:mod:`matsearch.verify.cost_fit`). Any other code than GPAW begins
    with GPAW's numbers, as a guess, until calculations of it are known.

    Parameters
    ----------
    fits : mapping of str to CostFit
        By code.
    """

    def __init__(self, fits: Mapping[str, CostFit]) -> None:
        self._fits = dict(fits)

    @classmethod
    def default(cls) -> Self:
        """Return the model before anything was run."""
        return cls({})

    def fitted(self, calculations: Sequence[DftCalculation]) -> "CostModel":
        """Return the prior corrected by calculations; their order changes nothing.

        Parameters
        ----------
        calculations : sequence of DftCalculation
            All that are known, of any code: what an earlier fit saw is not remembered.
        """
        rows: dict[str, list[np.ndarray]] = defaultdict(list)
        seconds: dict[str, list[float]] = defaultdict(list)
        for done in sorted(calculations, key=_order):
            if 0.0 < done.core_hours < math.inf:
                box = done.n_kpoints == 1  # a molecule; in a large cell the difference is small
                rows[done.settings.code].append(
                    cost_features(done.initial_structure, done.settings, box=box).row()
                )
                seconds[done.settings.code].append(3600.0 * done.core_hours)
        return CostModel(
            {
                code: fit_costs(np.array(rows[code]), np.array(seconds[code]), self._prior(code))
                for code in rows
            }
        )

    def core_hours(self, structure: Structure, settings: DftSettings, *, box: bool = False) -> float:
        """Return the predicted cost of a relaxation in core-hours, the median of what it may be.

        Parameters
        ----------
        box : bool
            A molecule in a box: one k-point.
        """
        return self._fit(settings.code).seconds(cost_features(structure, settings, box=box).row()) / 3600.0

    def factor(self, structure: Structure, settings: DftSettings, *, box: bool = False) -> float:
        """Return the factor, over 1, that the cost stays within, up or down, in two of three cases."""
        return self._fit(settings.code).factor(cost_features(structure, settings, box=box).row())

    def _fit(self, code: str) -> CostFit:
        return self._fits.get(code) or self._prior(code)

    @staticmethod
    def _prior(code: str) -> CostFit:
        return prior_of(measured=code == MEASURED)


def _order(calculation: DftCalculation) -> tuple[str, float, str]:
    return calculation.formula, calculation.core_hours, calculation.settings.key
