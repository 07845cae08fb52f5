"""A compiled convex hull: many compositions at once."""

from typing import NamedTuple

import numpy as np

from matsearch.hull.facets import Floats, Integers, lower_facets
from matsearch.hull.fractions import rowwise

_OUTSIDE = 1e-7
"""Share of atoms by which a composition may lie outside a facet and still belong to it."""

_TIED = 1e-8
"""eV/atom within which two planes are the same at a composition, or a phase is on the hull."""

_DIGITS = 8
"""Atomic fractions that agree to so many digits are one composition."""

_CHUNK = 1 << 16
"""Numbers looked at together: they stay in a core's cache."""


class Decompositions(NamedTuple):
    """What n compositions decompose into, in a system of d elements.

    Attributes
    ----------
    phases : (n, d) int
        Rows of the phases.
    amounts : (n, d) float
        Their shares by atoms, not negative.
    potentials : (n, d) float
        Chemical potentials of the elements, in eV/atom.
    energies : (n,) float
        Of the hull, in eV/atom.
    """

    phases: Integers
    amounts: Floats
    potentials: Floats
    energies: Floats


class CompiledHull:
    """The lower convex hull of one chemical system.

    A hull is the maximum of the planes that support it, and every facet's plane does. So the highest plane at a
    composition is the hull there, without a search for the facet that holds the composition. Of facets whose planes
    coincide, the one that holds it names the products.

    Arithmetic is done element by element, so an answer does not depend on what it is asked together with.

    Parameters
    ----------
    fractions : (n, d) float
        Atomic fractions of the phases; of one composition only the lowest is needed, but all may be given. Each
        pure element must be among them.
    energies : (n,) float
        In eV/atom. Of two phases alike in both the first counts.
    """

    def __init__(self, fractions: Floats, energies: Floats) -> None:
        self.lowest = _lowest_of_each_composition(fractions, energies)
        kept = fractions[self.lowest]
        pure = _rows_of_pure_elements(kept)
        self._element_energies = energies[self.lowest[pure]]
        formation = energies[self.lowest] - rowwise(kept, self._element_energies)
        self._fractions, self._formation = kept, formation
        self._facets = lower_facets(kept, formation, pure)

    @property
    def stable(self) -> Integers:
        """Rows of the phases on the hull, ascending: those in the middle of a tie line too."""
        gaining = np.flatnonzero(self._formation <= _TIED)
        above = self._formation[gaining] - self._highest(self._fractions[gaining])[1]
        return self.lowest[gaining[above <= _TIED]]

    def decompose(self, fractions: Floats) -> Decompositions:
        """Return the mixtures of lowest energy of (n, d) compositions."""
        facet, heights = self._highest(fractions)
        amounts = _transform(self._facets.inverses[facet], fractions)
        for row in np.flatnonzero(amounts.min(axis=1) < -_OUTSIDE):
            facet[row], amounts[row] = self._among_tied(fractions[row])
        return Decompositions(
            phases=self.lowest[self._facets.vertices[facet]],
            amounts=np.maximum(amounts, 0.0),
            potentials=self._facets.planes[facet] + self._element_energies,
            energies=heights + rowwise(fractions, self._element_energies),
        )

    def hull_energies(self, fractions: Floats) -> Floats:
        """Return the hull's energy at (n, d) compositions, in eV/atom."""
        return self._highest(fractions)[1] + rowwise(fractions, self._element_energies)

    def _highest(self, fractions: Floats) -> tuple[Integers, Floats]:
        """Return the facet with the highest plane at each composition, the first of equals, and its height."""
        planes = np.ascontiguousarray(self._facets.planes.T)
        facets = np.empty(len(fractions), dtype=np.intp)
        heights = np.empty(len(fractions))
        size = max(1, _CHUNK // planes.shape[1])
        for start in range(0, len(fractions), size):
            part = fractions[start : start + size]
            values = part[:, :1] * planes[0]
            for column, plane in zip(part.T[1:], planes[1:], strict=True):
                values += column[:, None] * plane
            best = values.argmax(axis=1)
            facets[start : start + size] = best
            heights[start : start + size] = values[np.arange(len(part)), best]
        return facets, heights

    def _among_tied(self, fractions: Floats) -> tuple[int, Floats]:
        """Return, of the facets whose planes are highest together, the one that holds the composition best."""
        values = rowwise(self._facets.planes, fractions)
        tied = np.flatnonzero(values >= values.max() - _TIED)
        amounts = _transform(
            self._facets.inverses[tied], np.broadcast_to(fractions, (len(tied), len(fractions)))
        )
        best = int(amounts.min(axis=1).argmax())
        return int(tied[best]), amounts[best]


def _lowest_of_each_composition(fractions: Floats, energies: Floats) -> Integers:
    by_energy = np.argsort(energies, kind="stable")
    _, first = np.unique(np.round(fractions[by_energy], _DIGITS), axis=0, return_index=True)
    return np.sort(by_energy[first])


def _rows_of_pure_elements(fractions: Floats) -> Integers:
    rows, columns = np.nonzero(np.round(fractions, _DIGITS) == 1.0)
    return rows[np.argsort(columns)]


def _transform(matrices: Floats, vectors: Floats) -> Floats:
    """Return ``matrices[i] @ vectors[i]``."""
    return rowwise(matrices, vectors[:, None, :])
