"""The reference hull: immutable, named, hashed, dated, of one energy scheme."""

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np
from pymatgen.core import Composition

from matsearch.core.errors import ReferenceHullError, SchemeMismatchError
from matsearch.core.model import Record
from matsearch.core.protocols import HullInfo, KnownPhase
from matsearch.core.records import HullPlacement
from matsearch.core.schemes import Route, require_comparable
from matsearch.hull.facets import Floats
from matsearch.hull.fractions import atomic_fractions, rowwise
from matsearch.hull.phases import PhaseTable

_TRACE = 1e-8
"""Share of atoms below which a phase is not named among the products."""


class Equilibrium(Record):
    """The phases that coexist at a composition.

    Attributes
    ----------
    phases : dict of str to float
        Ids of the phases and their shares by atoms, those of the whole facet: some may be zero.
    chemical_potentials : dict of str to float
        In eV/atom, absolute in the hull's scheme. At a composition that several facets share they are one extreme.
    energy_per_atom : float
        Of the hull, in eV/atom.
    """

    phases: dict[str, float]
    chemical_potentials: dict[str, float]
    energy_per_atom: float


class CompiledReferenceHull:
    """Known phases of one energy scheme and their convex hull.

    Parameters
    ----------
    phases : sequence of KnownPhase
        Energies of one scheme; those outside the elements are left out.
    elements : tuple of str
        The chemical system.
    date : str
        ISO date of the data.
    corrections : str
        Applied to the entries before they came here.

    Raises
    ------
    ReferenceHullError
        If a pure element has no phase.
    """

    def __init__(
        self,
        phases: Sequence[KnownPhase],
        elements: tuple[str, ...],
        *,
        name: str,
        scheme_id: str,
        sha256: str,
        complete: bool,
        date: str = "",
        corrections: str = "none",
    ) -> None:
        self._table = PhaseTable(phases, tuple(sorted(elements)))
        if missing := self._table.missing_elements:
            raise ReferenceHullError(
                f"the reference {name} has no entry for the element{'s' * (len(missing) > 1)} {', '.join(missing)}",
                "add entries of the pure elements, or take the element out of system.elements",
            )
        self.info = HullInfo(
            name=name,
            scheme_id=scheme_id,
            sha256=sha256,
            elements=tuple(sorted(elements)),
            n_phases=len(self._table.phases),
            complete=complete,
            date=date,
            corrections=corrections,
        )

    def phases(self, formula: str | None = None) -> Sequence[KnownPhase]:
        """Return the known phases, or those of one reduced formula."""
        return self._table.phases if formula is None else self._by_formula.get(formula, ())

    def place(
        self, compositions: Sequence[Composition], energies: Sequence[float], scheme_id: str
    ) -> list[HullPlacement]:
        """Place total energies (eV) of compositions, all at once.

        ``energy_above_hull`` is the energy per atom minus the hull's at that composition: negative below the hull.

        Raises
        ------
        SchemeMismatchError
            If the energies' scheme may not be compared with the hull's as it is.
        ReferenceHullError
            If a composition lies outside the hull's elements.
        """
        self._require_same_surface(scheme_id)
        fractions, per_atom = self._rows(compositions, energies)
        elemental = rowwise(fractions, np.array(list(self.element_energies.values())))
        placements: list[HullPlacement | None] = [None] * len(compositions)
        for positions, (_, mixtures) in self._table.decompose(fractions):
            for i, position in enumerate(positions):
                placements[position] = HullPlacement(
                    energy_above_hull=float(per_atom[position] - mixtures.energies[i]),
                    formation_energy_per_atom=float(per_atom[position] - elemental[position]),
                    decomposition=self._products(mixtures.phases[i], mixtures.amounts[i]),
                    hull_name=self.info.name,
                    hull_sha256=self.info.sha256,
                    hull_scheme_id=self.info.scheme_id,
                    n_phases=self.info.n_phases,
                    complete=self.info.complete,
                )
        return [placement for placement in placements if placement is not None]

    def energies_above_hull(
        self, compositions: Sequence[Composition], energies: Sequence[float], scheme_id: str
    ) -> Floats:
        """Return the signed distances alone, in eV/atom; see :meth:`place`."""
        self._require_same_surface(scheme_id)
        fractions, per_atom = self._rows(compositions, energies)
        return per_atom - self._table.hull_energies(fractions)

    def equilibrium(self, composition: Composition) -> Equilibrium:
        """Return what coexists at a composition, and the chemical potentials there.

        Raises
        ------
        ReferenceHullError
            If the composition lies outside the hull's elements.
        """
        fractions, _ = self._rows([composition], [0.0])
        ((_, (columns, mixtures)),) = self._table.decompose(fractions)
        symbols = [self.info.elements[column] for column in columns]
        return Equilibrium(
            phases={
                self._table.phases[row].phase_id: float(amount)
                for row, amount in zip(mixtures.phases[0], mixtures.amounts[0], strict=True)
            },
            chemical_potentials={
                symbol: float(potential)
                for symbol, potential in zip(symbols, mixtures.potentials[0], strict=True)
            },
            energy_per_atom=float(mixtures.energies[0]),
        )

    @cached_property
    def element_energies(self) -> Mapping[str, float]:
        """Lowest energy of each element in eV/atom, in the order of ``info.elements``."""
        return {
            symbol: float(self._table.energies[self._table.pure[:, column]].min())
            for symbol, column in self._table.columns.items()
        }

    @cached_property
    def stable_ids(self) -> frozenset[str]:
        """Ids of the phases on the hull of all its elements."""
        rows, hull = self._table.system(tuple(self._table.columns.values()))
        return frozenset(self._table.phases[row].phase_id for row in rows[hull.stable])

    @cached_property
    def _by_formula(self) -> dict[str, list[KnownPhase]]:
        grouped: dict[str, list[KnownPhase]] = {}
        for phase in self._table.phases:
            grouped.setdefault(phase.formula, []).append(phase)
        return grouped

    def _rows(self, compositions: Sequence[Composition], energies: Sequence[float]) -> tuple[Floats, Floats]:
        try:
            fractions = atomic_fractions(compositions, self._table.columns)
        except KeyError as error:
            formula = next(c.reduced_formula for c in compositions if not self._holds(c))
            raise ReferenceHullError(
                f"{formula}: the hull {self.info.name} has no {error.args[0]}",
                f"its elements are {', '.join(self.info.elements)}",
            ) from None
        per_atom = [e / c.num_atoms for c, e in zip(compositions, energies, strict=True)]
        return fractions, np.array(per_atom)

    def _holds(self, composition: Composition) -> bool:
        return all(species.symbol in self._table.columns for species in composition.elements)

    def _require_same_surface(self, scheme_id: str) -> None:
        route = require_comparable(scheme_id, self.info.scheme_id)
        if route is not Route.SAME:
            raise SchemeMismatchError(
                f"energies of {scheme_id} meet the hull {self.info.name} of {self.info.scheme_id} by {route} only",
                "bring them to the hull's scale first: matsearch.hull.scale.on_hull_scale",
            )

    def _products(self, rows: Sequence[int], amounts: Sequence[float]) -> dict[str, float]:
        return {
            self._table.label(row): float(amount)
            for row, amount in zip(rows, amounts, strict=True)
            if amount > _TRACE
        }
