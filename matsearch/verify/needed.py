"""Which reference phases the verdicts on candidates need, to be computed as the candidates are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from pymatgen.core import Composition

from matsearch.core.dft import DftSettings
from matsearch.core.errors import DftError, SchemeMismatchError
from matsearch.core.protocols import HullInfo, KnownPhase, ReferenceHull
from matsearch.core.records import HullPlacement
from matsearch.core.schemes import Route, get_scheme, require_comparable
from matsearch.core.verification import NeededPhase
from matsearch.verify.substitutes import substitute_for

_STRENGTH = ("element", "facet", "polymorph")


def needed_phases(
    placements: Mapping[str, HullPlacement],
    compositions: Mapping[str, Composition],
    hull: ReferenceHull,
    window: float,
    *,
    substitutes: bool,
) -> list[NeededPhase]:
    """Return the phases without which the verdicts on some candidates would be hints.

    They are the pure elements, the phases that each candidate would decompose into, and the polymorphs of all these
    formulas and of the candidates' own that lie close to the lowest of their formula. Hypothetical phases count.

    Parameters
    ----------
    placements, compositions : mapping by candidate id
        Places against ``hull``, and what the candidates are made of.
    window : float
        Polymorphs within so much of the lowest of their formula are needed, in eV/atom, inclusive.
    substitutes : bool
        Whether small allotropes and molecules may stand for elements. One does wherever it is smaller and no facet
        holds the element; on a facet only for a dear element, or one without a structure. The polymorphs of an
        element that is stood for are not needed.

    Returns
    -------
    list of NeededPhase
        Each phase once, with the strongest reason: elements, then facets, then polymorphs, each by formula and
        energy; the order of the mappings changes nothing.

    Raises
    ------
    DftError
        If a placement names a phase that the hull does not have.
    """
    catalogue = _Catalogue(hull)
    symbols = {element.symbol for composition in compositions.values() for element in composition.elements}
    lowest = [catalogue.lowest_element(symbol) for symbol in sorted(symbols)]
    labels = sorted({label for name in compositions for label in placements[name].decomposition})
    facet = [catalogue.labelled(label) for label in labels]
    own = {composition.reduced_formula for composition in compositions.values()}

    on_facet = {phase.phase_id for phase in facet}
    stand_ins = [
        _stood_for(phase, on_facet=phase.phase_id in on_facet) if substitutes else None for phase in lowest
    ]
    replaced = {reduced(p.formula) for p, s in zip(lowest, stand_ins, strict=True) if s is not None}
    formulas = {reduced(phase.formula) for phase in (*lowest, *facet)} | own
    polymorphs = [p for f in sorted(formulas - replaced) for p in catalogue.near_lowest(f, window)]

    chosen: dict[str, NeededPhase] = {}
    for phase, stand_in in zip(lowest, stand_ins, strict=True):
        chosen[phase.phase_id] = stand_in or _needed(phase, "element")
    for why, phases in (("facet", facet), ("polymorph", polymorphs)):
        for phase in phases:
            chosen.setdefault(phase.phase_id, _needed(phase, why))
    return sorted(chosen.values(), key=_order)


def meets_directly(settings: DftSettings, hull: HullInfo) -> bool:
    """Return whether calculations may be placed on a hull as it is: then no phase of it needs to be computed.

    So it is where the hull is DFT of the same software, and the energies meet it as they are or with the Materials
    Project 2020 corrections. A hull of a potential, or of another code, is no hull of what was computed alike.
    """
    try:
        route = require_comparable(settings.scheme_id, hull.scheme_id)
    except SchemeMismatchError:
        return False
    energies, reference = get_scheme(settings.scheme_id), get_scheme(hull.scheme_id)
    same_code = energies.kind == reference.kind == "dft" and energies.software == reference.software
    return same_code and route in {Route.SAME, Route.MP2020}


def label(phase_id: str, formula: str) -> str:
    """Return a phase's name in a decomposition: ``formula (id)``."""
    return f"{reduced(formula)} ({phase_id})"


def reduced(formula: str) -> str:
    """Return the reduced formula: ``O2`` for oxygen."""
    return str(Composition(formula).reduced_formula)


class _Catalogue:
    """The phases of a hull by formula, lowest first, and by label."""

    def __init__(self, hull: ReferenceHull) -> None:
        self._name = hull.info.name
        self._by_label: dict[str, KnownPhase] = {}
        self._by_formula: dict[str, list[KnownPhase]] = defaultdict(list)
        for phase in sorted(hull.phases(), key=lambda p: (p.energy_per_atom, p.phase_id)):
            self._by_label[label(phase.phase_id, phase.formula)] = phase
            self._by_formula[reduced(phase.formula)].append(phase)

    def labelled(self, name: str) -> KnownPhase:
        if name not in self._by_label:
            raise DftError(
                f"the hull {self._name} has no phase {name}", "verify against the hull of the campaign"
            )
        return self._by_label[name]

    def lowest_element(self, symbol: str) -> KnownPhase:
        phases = self._by_formula.get(reduced(symbol))
        if not phases:
            raise DftError(
                f"the hull {self._name} has no pure {symbol}", "verify against the hull of the campaign"
            )
        return phases[0]

    def near_lowest(self, formula: str, window: float) -> Iterable[KnownPhase]:
        phases = self._by_formula.get(formula, [])
        return [p for p in phases if p.energy_per_atom <= phases[0].energy_per_atom + window]


def _needed(phase: KnownPhase, why: str) -> NeededPhase:
    return NeededPhase(
        phase_id=phase.phase_id,
        formula=reduced(phase.formula),
        structure=phase.structure,
        why=why,
        energy_per_atom=phase.energy_per_atom,
    )


def _stood_for(phase: KnownPhase, *, on_facet: bool) -> NeededPhase | None:
    (element,) = Composition(phase.formula).elements
    n_sites = None if phase.structure is None else len(phase.structure)
    substitute = substitute_for(element.symbol, n_sites, on_facet=on_facet)
    if substitute is None:
        return None
    return _needed(phase, "element").evolve(
        structure=substitute.structure,
        substitute=substitute.name,
        offset_per_atom=substitute.offset_per_atom,
        offset_source=substitute.source,
        box=substitute.box,
    )


def _order(phase: NeededPhase) -> tuple[int, str, float, str]:
    return _STRENGTH.index(phase.why), phase.formula, phase.energy_per_atom, phase.phase_id
