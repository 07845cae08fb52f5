"""Where reference phases come from: the embedded set or a file of entries."""

from importlib.resources import files
from pathlib import Path

from matsearch.core.config import ReferenceSection
from matsearch.core.errors import ReferenceHullError
from matsearch.core.protocols import KnownPhase
from matsearch.core.schemes import MP_GGA, require_comparable
from matsearch.crystal.known import embedded_set
from matsearch.hull.entries import apply_mp2020, read_entries
from matsearch.hull.reference import PhaseDiagramHull


def load_hull(
    section: ReferenceSection, elements: tuple[str, ...], energy_scheme_id: str
) -> PhaseDiagramHull:
    """Return the hull a configuration asks for.

    Parameters
    ----------
    energy_scheme_id : str
        Scheme of the energies that will be placed; a hull that does not fit is refused here, before any work.

    Raises
    ------
    ReferenceHullError, SchemeMismatchError, InputError
        If the reference cannot serve.
    """
    if section.source == "embedded":
        hull = _embedded(elements)
    elif section.source == "toy":
        path = Path(str(files("matsearch.hull") / "data" / "toy.json"))
        hull = _from_file(path, ReferenceSection(source="toy", scheme="toy"), elements)
    else:
        hull = _from_file(Path(section.source).expanduser(), section, elements)
    require_comparable(energy_scheme_id, hull.info.scheme_id)
    return hull


def _embedded(elements: tuple[str, ...]) -> PhaseDiagramHull:
    known = embedded_set()
    phases = [
        KnownPhase(
            phase_id=p.phase_id,
            formula=p.relaxed.composition.reduced_formula,
            energy_per_atom=p.energy / len(p.relaxed),
            structure=p.relaxed,
        )
        for p in known.within(frozenset(elements))
    ]
    return PhaseDiagramHull(
        phases, elements, name=known.name, scheme_id=known.scheme_id, sha256=known.sha256, complete=False
    )


def _from_file(path: Path, section: ReferenceSection, elements: tuple[str, ...]) -> PhaseDiagramHull:
    entries, sha256 = read_entries(path)
    inside = [e for e in entries if {x.symbol for x in e.composition.elements} <= set(elements)]
    scheme_id = section.scheme
    if section.corrections == "mp2020":
        corrected = apply_mp2020(inside)
        if section.complete and len(corrected) < len(inside):
            raise ReferenceHullError(
                f"the MP2020 corrections reject {len(inside) - len(corrected)} of {len(inside)} entries of {path.name}",
                "what is left is not complete: set reference.complete: false",
            )
        inside = corrected
        scheme_id = scheme_id or MP_GGA
    if scheme_id is None:
        raise ReferenceHullError(
            f"nothing says which energy scheme the entries of {path.name} follow",
            f"set reference.corrections: mp2020 for raw Materials Project GGA/GGA+U entries, or reference.scheme: {MP_GGA}",
        )
    phases = [
        KnownPhase(
            phase_id=str(e.entry_id),
            formula=e.composition.reduced_formula,
            energy_per_atom=e.energy_per_atom,
            structure=getattr(e, "structure", None),
        )
        for e in inside
    ]
    return PhaseDiagramHull(
        phases, elements, name=path.name, scheme_id=scheme_id, sha256=sha256, complete=section.complete
    )
