"""The lower convex hull of one chemical system: its facets and their planes."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.intp]

_NEGATIVE = 1e-11
"""eV/atom: compounds that do not gain at least this much from their elements cannot be on the hull."""

_FLAT = 1e-14
"""Determinant of a facet's compositions under which it has no extent."""

_ABOVE = 1e-7
"""eV/atom by which a facet's plane may pass above a vertex and still support the hull."""


class Facets(NamedTuple):
    """Facets of a lower convex hull of F simplices in a system of d elements.

    Attributes
    ----------
    vertices : (F, d) int
        Rows of the phases that span each facet.
    planes : (F, d) float
        Formation energy of the plane at each pure element: the chemical potentials against the elements, in eV/atom.
    inverses : (F, d, d) float
        ``inverses[f] @ x`` gives the amounts of the facet's phases, by atoms, that make up the composition ``x``.
    """

    vertices: Integers
    planes: Floats
    inverses: Floats


def lower_facets(fractions: Floats, formation_energies: Floats, pure: Integers) -> Facets:
    """Return the lower hull of points (composition, formation energy).

    Parameters
    ----------
    fractions : (n, d) float
        Atomic fractions, no composition twice.
    formation_energies : (n,) float
        In eV/atom against the pure elements.
    pure : (d,) int
        Rows of the pure elements.

    Notes
    -----
    Qhull (Barber et al., ACM Trans. Math. Softw. 22, 469 (1996)) finds the simplices, coplanar ones triangulated. One
    whose plane passes above a vertex of another is numerical noise and left out: its neighbours' planes cover it.
    """
    n_elements = fractions.shape[1]
    kept = np.concatenate([pure, np.flatnonzero(formation_energies < -_NEGATIVE)])
    simplices = _simplices(fractions[kept], formation_energies[kept], n_elements)
    vertices = kept[simplices]
    compositions = fractions[vertices]
    extended = np.abs(np.linalg.det(compositions)) > _FLAT
    corners = np.unique(np.concatenate([pure, vertices.ravel()]))
    vertices, compositions = vertices[extended], compositions[extended]
    inverses = np.linalg.inv(compositions.transpose(0, 2, 1))
    planes = np.einsum("fvx,fv->fx", inverses, formation_energies[vertices])
    heights = planes @ fractions[corners].T - formation_energies[corners]
    supporting = heights.max(axis=1, initial=-np.inf) <= _ABOVE
    return Facets(vertices[supporting], planes[supporting], inverses[supporting])


def _simplices(fractions: Floats, energies: Floats, n_elements: int) -> Integers:
    if len(fractions) == n_elements:  # elements alone span one facet
        return np.arange(n_elements)[None, :]
    from scipy.spatial import ConvexHull

    points = np.column_stack([fractions[:, 1:], energies])
    # a point above all others makes the hull a closed body; its facets are the upper ones
    top = np.full(n_elements, 1.0 / n_elements)
    top[-1] = 1.0
    hull = ConvexHull(np.vstack([points, top]), qhull_options="Qt")
    return np.asarray(hull.simplices[(hull.simplices < len(points)).all(axis=1)], dtype=np.intp)
