"""The reference hull: immutable, named, hashed, of one energy scheme."""

from collections.abc import Sequence
from functools import cached_property

from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
from pymatgen.core import Composition, Element

from matsearch.core.errors import ReferenceHullError
from matsearch.core.protocols import HullInfo, KnownPhase
from matsearch.core.records import HullPlacement
from matsearch.core.schemes import require_comparable


class PhaseDiagramHull:
    """A pymatgen phase diagram of known phases.

    Parameters
    ----------
    phases : sequence of KnownPhase
        Energies of one scheme.
    elements : tuple of str
        The chemical system; phases outside it are left out.

    Raises
    ------
    ReferenceHullError
        If a terminal element has no phase.
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
    ) -> None:
        inside = [p for p in phases if _symbols(p.formula) <= set(elements)]
        self._phases = tuple(inside)
        self._require_terminals(elements, name)
        self.info = HullInfo(
            name=name,
            scheme_id=scheme_id,
            sha256=sha256,
            elements=tuple(sorted(elements)),
            n_phases=len(inside),
            complete=complete,
        )

    def phases(self, formula: str | None = None) -> Sequence[KnownPhase]:
        """Return the known phases, or those of one reduced formula."""
        if formula is None:
            return self._phases
        return self._by_formula.get(formula, ())

    def place(self, composition: Composition, energy: float, scheme_id: str) -> HullPlacement:
        """Place a total energy (eV) of a composition.

        ``energy_above_hull`` is the energy per atom minus the hull's at that composition: negative below the hull.

        Raises
        ------
        SchemeMismatchError
            If the energy's scheme may not be compared with the hull's.
        ReferenceHullError
            If the composition lies outside the hull's elements.
        """
        require_comparable(scheme_id, self.info.scheme_id)
        strangers = {e.symbol for e in composition.elements} - set(self.info.elements)
        if strangers:
            raise ReferenceHullError(
                f"{composition.reduced_formula}: the hull {self.info.name} has no {', '.join(sorted(strangers))}",
                f"its elements are {', '.join(self.info.elements)}",
            )
        decomposition, hull_energy = self._diagram.get_decomp_and_hull_energy_per_atom(composition)
        references = self._diagram.el_refs
        elemental = (
            sum(references[e].energy_per_atom * n for e, n in composition.items()) / composition.num_atoms
        )
        per_atom = energy / composition.num_atoms
        return HullPlacement(
            energy_above_hull=float(per_atom - hull_energy),
            formation_energy_per_atom=float(per_atom - elemental),
            decomposition={f"{e.reduced_formula} ({e.name})": float(x) for e, x in decomposition.items()},
            hull_name=self.info.name,
            hull_sha256=self.info.sha256,
            hull_scheme_id=self.info.scheme_id,
            n_phases=self.info.n_phases,
            complete=self.info.complete,
        )

    @property
    def stable_ids(self) -> frozenset[str]:
        """Ids of the phases on the hull."""
        return frozenset(entry.name for entry in self._diagram.stable_entries)

    @cached_property
    def _diagram(self) -> PhaseDiagram:
        entries = [_pd_entry(phase) for phase in self._phases]
        return PhaseDiagram(entries, elements=[Element(symbol) for symbol in self.info.elements])

    @cached_property
    def _by_formula(self) -> dict[str, list[KnownPhase]]:
        grouped: dict[str, list[KnownPhase]] = {}
        for phase in self._phases:
            grouped.setdefault(phase.formula, []).append(phase)
        return grouped

    def _require_terminals(self, elements: tuple[str, ...], name: str) -> None:
        present = {next(iter(s)) for p in self._phases if len(s := _symbols(p.formula)) == 1}
        missing = sorted(set(elements) - present)
        if missing:
            raise ReferenceHullError(
                f"the reference {name} has no entry for the element{'s' * (len(missing) > 1)} {', '.join(missing)}",
                "add entries of the pure elements, or take the element out of system.elements",
            )


def _symbols(formula: str) -> set[str]:
    return {element.symbol for element in Composition(formula).elements}


def _pd_entry(phase: KnownPhase) -> PDEntry:
    composition = Composition(phase.formula)
    return PDEntry(composition, phase.energy_per_atom * composition.num_atoms, name=phase.phase_id)
