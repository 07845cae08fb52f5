"""The phases of a reference set as a table, and its compiled hulls, one per chemical system."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from pymatgen.core import Composition

from matsearch.core.protocols import KnownPhase
from matsearch.hull.compiled import CompiledHull, Decompositions
from matsearch.hull.facets import Floats, Integers
from matsearch.hull.fractions import atomic_fractions

_LARGEST_WHOLE = 6
"""Elements up to which one hull serves all subsystems: the number of facets grows exponentially with elements."""


class PhaseTable:
    """Phases of n compositions over d elements, and the hulls compiled from them so far.

    A hull of up to six elements holds its subsystems as its faces, so it is compiled once and serves them all.
    Beyond that the composition's own chemical system is compiled when it is first asked for. Which hull answers
    depends on the composition alone, never on what was asked before.

    Parameters
    ----------
    phases : sequence of KnownPhase
        Those outside ``elements`` are left out.
    elements : tuple of str
        Sorted symbols.
    """

    def __init__(self, phases: Sequence[KnownPhase], elements: tuple[str, ...]) -> None:
        self._elements = elements
        self.columns = {symbol: column for column, symbol in enumerate(elements)}
        parsed = [(phase, Composition(phase.formula)) for phase in phases]
        inside = [(p, c) for p, c in parsed if all(e.symbol in self.columns for e in c.elements)]
        # of phases alike in composition and energy the first by id counts: the order of a file changes nothing
        inside.sort(key=lambda pair: pair[0].phase_id)
        self.phases = tuple(phase for phase, _ in inside)
        self.fractions = atomic_fractions([composition for _, composition in inside], self.columns)
        self.energies = np.array([phase.energy_per_atom for phase in self.phases])
        self.pure = self.fractions == 1.0
        self._present = self.fractions > 0
        self._hulls: dict[tuple[int, ...], _System] = {}
        self._labels: dict[int, str] = {}

    @property
    def missing_elements(self) -> list[str]:
        """Symbols of the elements without a phase of their own."""
        present = self.pure.any(axis=0)
        return [symbol for symbol, column in self.columns.items() if not present[column]]

    def label(self, row: int) -> str:
        """Return formula and id of a phase."""
        if row not in self._labels:
            phase = self.phases[row]
            self._labels[row] = f"{Composition(phase.formula).reduced_formula} ({phase.phase_id})"
        return self._labels[row]

    def system(self, columns: tuple[int, ...]) -> "_System":
        """Return the compiled hull of some elements; the same object each time."""
        if columns not in self._hulls:
            outside = [c for c in range(len(self._elements)) if c not in columns]
            rows = np.flatnonzero(~self._present[:, outside].any(axis=1))
            hull = CompiledHull(self.fractions[rows][:, columns], self.energies[rows])
            self._hulls[columns] = _System(rows, hull)
        return self._hulls[columns]

    def decompose(self, fractions: Floats) -> list[tuple[Integers, "Decomposed"]]:
        """Return decompositions of (n, d) compositions in groups that share a hull: positions, and what they become."""
        return [
            (positions, self._decomposed(fractions[positions], columns))
            for columns, positions in self._by_system(fractions)
        ]

    def hull_energies(self, fractions: Floats) -> Floats:
        """Return the hull's energy at (n, d) compositions, in eV/atom."""
        energies = np.empty(len(fractions))
        for columns, positions in self._by_system(fractions):
            inside = np.ascontiguousarray(fractions[positions][:, columns])
            energies[positions] = self.system(columns).hull.hull_energies(inside)
        return energies

    def _decomposed(self, fractions: Floats, columns: tuple[int, ...]) -> "Decomposed":
        rows, hull = self.system(columns)
        mixtures = hull.decompose(np.ascontiguousarray(fractions[:, columns]))
        return Decomposed(columns, mixtures._replace(phases=rows[mixtures.phases]))

    def _by_system(self, fractions: Floats) -> list[tuple[tuple[int, ...], Integers]]:
        whole = tuple(range(len(self._elements)))
        if len(whole) <= _LARGEST_WHOLE:
            return [(whole, np.arange(len(fractions)))]
        systems, group = np.unique(fractions > 0, axis=0, return_inverse=True)
        return [
            (tuple(np.flatnonzero(present).tolist()), np.flatnonzero(group.ravel() == number))
            for number, present in enumerate(systems)
        ]


class Decomposed(NamedTuple):
    """Decompositions in one system: its columns, and mixtures with rows of the table."""

    columns: tuple[int, ...]
    mixtures: Decompositions


class _System(NamedTuple):
    rows: Integers
    hull: CompiledHull
