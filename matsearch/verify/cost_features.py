"""What a DFT calculation's cost depends on, estimated from the crystal before anything runs."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from pymatgen.core import Element, Structure

from matsearch.core.dft import DftSettings
from matsearch.verify.moments import initial_moments

KPOINT_DENSITY = 3.5
"""K-points per inverse angstrom, where the settings name none."""

CUTOFF = 600.0
"""Of plane waves, in eV, where the settings name none."""

TYPICAL = (12.0, 25.0, 1500.0)
"""Valence electrons, k-points and plane waves of a small crystal; there the uncertainty is least."""

_HARTREE_EV = 27.211386
_BOHR_ANGSTROM = 0.52917721
_NOBLE_CORES = (0, 2, 10, 18, 36, 54, 86)
_SYMMETRY_PRECISION = 0.01


class CostFeatures(NamedTuple):
    """What the model of costs is linear in, after logarithms.

    Attributes
    ----------
    electrons : float
        Valence electrons of the cell.
    kpoints : float
        Irreducible k-points, once for each spin.
    plane_waves : float
        Of a k-point.
    meta : bool
        Whether the functional is a meta-GGA.
    """

    electrons: float
    kpoints: float
    plane_waves: float
    meta: bool

    def row(self) -> np.ndarray:
        """Return the row of the regression, shape (5,): one, three logarithms in units of ``TYPICAL``, and 1 or 0."""
        logs = np.log(np.array([self.electrons, self.kpoints, self.plane_waves]) / TYPICAL)
        return np.array([1.0, *logs, float(self.meta)])


def cost_features(structure: Structure, settings: DftSettings, *, box: bool = False) -> CostFeatures:
    """Return what the cost of a calculation depends on.

    Parameters
    ----------
    settings : DftSettings
        Its parameters ``kpoint_density`` (per inverse angstrom) and ``cutoff`` (eV) are read where they are there.
    box : bool
        A molecule in a box: one k-point.
    """
    density = float(settings.parameters.get("kpoint_density", KPOINT_DENSITY))
    cutoff = float(settings.parameters.get("cutoff", CUTOFF))
    kpoints = 1 if box else irreducible_kpoints(structure, density)
    return CostFeatures(
        electrons=float(max(1, sum(valence_electrons(site.specie.symbol) for site in structure))),
        kpoints=float(kpoints * (1 if initial_moments(structure) is None else 2)),
        plane_waves=max(1.0, plane_waves(structure.volume, cutoff)),
        meta="SCAN" in settings.functional.upper(),
    )


@cache
def valence_electrons(symbol: str) -> int:
    """Return about how many electrons of an atom a pseudopotential leaves to the calculation.

    Those outside the preceding noble gas's core, without a filled 4f or 5f shell (from group 4) and a filled d shell
    (from group 15); with the eight s and p electrons below in groups 1 to 3 from Na on, groups 4 to 8 from period 4 on,
    and the f-block. This is GPAW's own number for 67 of its 83 PBE setups (gpaw-data 1.2.1), and within a factor of
    4.4 for all; what is wrong with it the fit to measured times takes up.
    """
    element = Element(symbol)
    core = max(n for n in _NOBLE_CORES if n < element.Z)
    outer = element.Z - core
    if element.is_lanthanoid or element.is_actinoid:
        return outer + 8
    period, group = element.row, element.group
    if period >= 6 and group >= 4:
        outer -= 14
    if period >= 4 and group >= 15:
        outer -= 10
    has_semicore = (group <= 3 and period >= 3) or (4 <= group <= 8)
    return outer + 8 if has_semicore else outer


def plane_waves(volume: float, cutoff: float) -> float:
    """Return the mean number of plane waves of a k-point, V k^3 / (6 pi^2) with k the cut-off's wave vector.

    The lattice's points of reciprocal space inside the cut-off sphere (Martin, Electronic Structure, 2nd ed., 2020,
    chapter 12).

    Parameters
    ----------
    volume : float
        In cubic angstrom.
    cutoff : float
        In eV.
    """
    wave_vector = math.sqrt(2.0 * cutoff / _HARTREE_EV) / _BOHR_ANGSTROM
    return volume * wave_vector**3 / (6.0 * math.pi**2)


def irreducible_kpoints(structure: Structure, density: float) -> int:
    """Return how many k-points of a Gamma-centred grid are left by symmetry and time reversal.

    Parameters
    ----------
    density : float
        K-points per inverse angstrom along each reciprocal vector, rounded up.
    """
    lengths = np.array(structure.lattice.reciprocal_lattice.abc)
    grid = np.maximum(1, np.ceil(lengths * density)).astype(int)
    return _reduced(structure, grid) or int(np.ceil(grid.prod() / 2))


def _reduced(structure: Structure, grid: np.ndarray) -> int | None:
    """Return the irreducible points of a grid; None where spglib finds no symmetry in the crystal."""
    import spglib

    cell = (structure.lattice.matrix, structure.frac_coords, [site.specie.Z for site in structure])
    found = spglib.get_ir_reciprocal_mesh(grid, cell, is_time_reversal=True, symprec=_SYMMETRY_PRECISION)
    return None if found is None else len(np.unique(found[0]))
