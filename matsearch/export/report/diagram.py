"""Phase diagrams: the reference hull with a campaign's crystals."""

from collections.abc import Sequence
from itertools import combinations
from typing import TYPE_CHECKING

from pymatgen.core import Composition

from matsearch.core.protocols import KnownPhase
from matsearch.core.records import Candidate
from matsearch.export.report.numbers import HullDiagram, HullPhase, HullPoint

if TYPE_CHECKING:
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram

DRAWN = (2, 3)
"""Numbers of elements that a diagram can show."""


def hull_diagram(
    elements: Sequence[str], phases: Sequence[KnownPhase], candidates: Sequence[Candidate]
) -> HullDiagram:
    """Return a binary or ternary phase diagram, its hull by pymatgen.

    Parameters
    ----------
    elements : sequence of str
        Two or three; each must have a phase.
    phases : sequence of KnownPhase
        Of these elements, in one energy scheme.
    candidates : sequence of Candidate
        Scored, of these elements.
    """
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram

    entries = []
    for phase in sorted(phases, key=lambda p: p.phase_id):
        composition = Composition(phase.formula)
        energy = phase.energy_per_atom * composition.num_atoms
        entries.append(PDEntry(composition, energy, name=phase.phase_id))
    diagram = PhaseDiagram(entries)
    shown = _lowest(diagram)
    stable = {id(entry) for entry in diagram.stable_entries}
    return HullDiagram(
        elements=tuple(elements),
        phases=tuple(
            HullPhase(
                phase_id=entry.name,
                formula=entry.composition.reduced_formula,
                fractions=_fractions(entry.composition, elements),
                formation_energy_per_atom=float(diagram.get_form_energy_per_atom(entry)),
                on_hull=id(entry) in stable,
            )
            for entry in shown
        ),
        tie_lines=_tie_lines(diagram.facets),
        points=tuple(sorted((_point(c, elements) for c in candidates), key=_worst_first)),
    )


def _lowest(diagram: "PhaseDiagram") -> list["PDEntry"]:
    """Return of each composition the lowest entry; first those that facets number, which leave out all above zero."""
    shown = list(diagram.qhull_entries)
    found = {entry.composition.reduced_composition for entry in shown}
    for entry in sorted(diagram.all_entries, key=lambda e: (e.energy_per_atom, e.name)):
        composition = entry.composition.reduced_composition
        if composition not in found:
            found.add(composition)
            shown.append(entry)
    return shown


def _tie_lines(facets: Sequence[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    pairs = {tuple(sorted((int(a), int(b)))) for facet in facets for a, b in combinations(facet, 2)}
    return tuple(sorted((a, b) for a, b in pairs))


def _point(candidate: Candidate, elements: Sequence[str]) -> HullPoint:
    placement, structure = candidate.placement, candidate.best_structure
    assert placement is not None  # noqa: S101 - the candidates are scored
    assert structure is not None  # noqa: S101
    return HullPoint(
        candidate_id=candidate.candidate_id,
        formula=candidate.formula,
        fractions=_fractions(structure.composition, elements),
        formation_energy_per_atom=placement.formation_energy_per_atom,
        energy_above_hull=placement.energy_above_hull,
    )


def _fractions(composition: Composition, elements: Sequence[str]) -> tuple[float, ...]:
    return tuple(float(composition.get_atomic_fraction(symbol)) for symbol in elements)


def _worst_first(point: HullPoint) -> tuple[float, str]:
    return -point.energy_above_hull, point.candidate_id
