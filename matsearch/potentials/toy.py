"""A pair potential without chemistry: fast, smooth and reproducible, for tests and for trying things out.

Two atoms at distance r interact by a Morse potential in x = r/r0, D [exp(-2a(x - 1)) - 2 exp(-a(x - 1))], whose r0
is the sum of the covalent radii and whose depth D grows with the difference in electronegativity, brought smoothly
to zero at x = xc by the factor (1 - (x/xc)^2)^2. Its energies mean nothing outside matsearch.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.stress import full_3x3_to_voigt_6_stress

from matsearch.core.keys import content_key
from matsearch.core.protocols import PotentialInfo
from matsearch.crystal.limits import covalent_radius, electronegativity

if TYPE_CHECKING:
    from ase import Atoms

REACH = 1.9
STEEPNESS = 5.0
BASE_DEPTH = 0.4
BOND_DEPTH = 0.35


class ToyPotential:
    """The toy pair potential by version (only ``1``)."""

    def __init__(self, version: str = "1") -> None:
        self.info = PotentialInfo(
            name="toy",
            version=version,
            sha256=content_key("toy", [version, REACH, STEEPNESS, BASE_DEPTH, BOND_DEPTH]),
            scheme_id="toy",
        )

    def calculator(self) -> "ToyCalculator":
        """Return its ASE calculator."""
        return ToyCalculator()


class ToyCalculator(Calculator):
    """ASE calculator of the toy potential."""

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress"]

    def calculate(
        self,
        atoms: "Atoms | None" = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute energy (eV), forces (eV/angstrom) and stress (eV/angstrom^3)."""
        super().calculate(atoms, list(properties), list(system_changes))
        cell = self.atoms
        symbols = cell.get_chemical_symbols()
        radius = np.array([covalent_radius(symbol) for symbol in symbols])
        i, j, vector = _pairs(cell, 2.0 * REACH * float(radius.max()))
        distance = np.linalg.norm(vector, axis=1)
        energy, slope = _pair(distance, radius[i] + radius[j], _depth(symbols, i, j))
        force = (slope / distance)[:, None] * vector
        forces = np.zeros((len(cell), 3))
        np.add.at(forces, i, force)
        virial = np.einsum("pa,pb->ab", force, vector) / 2.0
        self.results: dict[str, Any] = {
            "energy": float(energy.sum() / 2.0),
            "forces": forces,
            "stress": full_3x3_to_voigt_6_stress(virial / cell.get_volume()),
        }


def _pairs(cell: "Atoms", cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return all ordered pairs within the cut-off and their vectors; by brute force, best for small cells."""
    heights = 1.0 / np.linalg.norm(np.linalg.inv(cell.cell.array), axis=0)
    ranges = [np.arange(-n, n + 1) for n in np.ceil(cutoff / heights + 1.0).astype(int)]
    images = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3) @ cell.cell.array
    wrapped = cell.get_scaled_positions(wrap=True) @ cell.cell.array
    vectors = wrapped[None, :, None] - wrapped[:, None, None] + images
    squares = np.einsum("ijkx,ijkx->ijk", vectors, vectors)
    i, j, k = np.nonzero((squares < cutoff**2) & (squares > 1e-12))
    return i, j, vectors[i, j, k]


def _depth(symbols: list[str], i: np.ndarray, j: np.ndarray) -> np.ndarray:
    chi = np.array([electronegativity(symbol) for symbol in symbols])
    return BASE_DEPTH + BOND_DEPTH * np.abs(chi[i] - chi[j])


def _pair(r: np.ndarray, r0: np.ndarray, depth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x = r / r0
    decay = np.exp(-STEEPNESS * (x - 1.0))
    morse = depth * (decay**2 - 2.0 * decay)
    morse_slope = depth * STEEPNESS * (2.0 * decay - 2.0 * decay**2)
    inside = x < REACH
    taper, taper_slope = (1.0 - (x / REACH) ** 2) ** 2, -4.0 * (1.0 - (x / REACH) ** 2) * x / REACH**2
    return np.where(inside, morse * taper, 0.0), np.where(
        inside, morse_slope * taper + morse * taper_slope, 0.0
    ) / r0
