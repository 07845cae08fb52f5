"""What a potential says of one geometry."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Labels:
    """Energy and its derivatives at one geometry.

    Attributes
    ----------
    energy : float
        In eV, of the whole cell.
    forces : ndarray of shape (n_atoms, 3)
        In eV/angstrom.
    stress : ndarray of shape (3, 3)
        In eV/angstrom^3, tension positive.
    magmoms : ndarray of shape (n_atoms,) or None
        Magnitudes in Bohr magnetons, where the potential gives them.
    """

    energy: float
    forces: np.ndarray
    stress: np.ndarray
    magmoms: np.ndarray | None = None

    def results(self) -> dict[str, Any]:
        """Return them under the names and in the forms of an ASE calculator's ``results``."""
        from ase.stress import full_3x3_to_voigt_6_stress

        found = {
            "energy": self.energy,
            "free_energy": self.energy,
            "forces": self.forces,
            "stress": full_3x3_to_voigt_6_stress(self.stress),
        }
        return found if self.magmoms is None else {**found, "magmoms": self.magmoms}
