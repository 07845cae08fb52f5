"""The mixture of phases of lowest energy at a composition: the convex hull, without its facets."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pymatgen.core import Composition

from matsearch.core.errors import DftError

_TRACE = 1e-8
"""Share of atoms below which a phase is not named."""


class Mixture(NamedTuple):
    """What a composition is made of at the lowest energy.

    Attributes
    ----------
    energy_per_atom : float
        In eV/atom.
    shares : dict of int to float
        Positions of the phases, and their shares by atoms.
    """

    energy_per_atom: float
    shares: dict[int, float]


def lowest_mixture(composition: Composition, phases: Sequence[tuple[Composition, float]]) -> Mixture | None:
    r"""Return the mixture of lowest energy, or None where the phases cannot make up the composition.

    The linear program :math:`\min_x \sum_i x_i e_i` with :math:`\sum_i x_i f_{ij} = f_j`, :math:`x_i \ge 0`, whose
    minimum is the convex hull of the phases at the composition. It needs no pure elements, only phases that bracket
    the composition: a hull from which phases are missing is too high, never too low.

    Parameters
    ----------
    phases : sequence of (composition, energy)
        Energies in eV/atom.

    References
    ----------
    Akbarzadeh, Ozolins, Wolverton, Adv. Mater. 19, 3233 (2007): grand canonical linear programming.
    """
    inside = [i for i, (other, _) in enumerate(phases) if set(other.elements) <= set(composition.elements)]
    if not inside:
        return None
    elements = sorted(composition.elements, key=str)
    fractions = np.array([[phases[i][0].get_atomic_fraction(e) for i in inside] for e in elements])
    wanted = np.array([composition.get_atomic_fraction(e) for e in elements])
    energies = np.array([phases[i][1] for i in inside])
    shares = _solved(fractions, wanted, energies)
    if shares is None:
        return None
    named = {i: float(share) for i, share in zip(inside, shares, strict=True) if share > _TRACE}
    return Mixture(energy_per_atom=float(shares @ energies), shares=named)


def _solved(fractions: np.ndarray, wanted: np.ndarray, energies: np.ndarray) -> np.ndarray | None:
    from scipy.optimize import linprog

    # only differences decide: about their mean the solver's tolerances are small beside an meV
    answer = linprog(energies - energies.mean(), A_eq=fractions, b_eq=wanted, method="highs-ds")
    if answer.status == 2:
        return None
    if not answer.success:
        raise DftError(f"the hull of {len(energies)} phases could not be solved: {answer.message}")
    return np.asarray(answer.x)
