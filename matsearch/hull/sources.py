"""From what a configuration says of its reference to a hull: entries, evidence, corrections, phases."""

from collections.abc import Sequence
from typing import Any

from pymatgen.entries.computed_entries import ComputedEntry

from matsearch.core.config import ReferenceSection
from matsearch.core.errors import ReferenceHullError
from matsearch.core.model import Record
from matsearch.core.protocols import KnownPhase
from matsearch.core.schemes import MP_GGA, MP_GGA_RAW, require_comparable
from matsearch.crystal.known import embedded_set
from matsearch.hull.corrections import SCHEME_AFTER, correct
from matsearch.hull.evidence import require_evidence
from matsearch.hull.library import ReferenceSet, find_set
from matsearch.hull.reference import CompiledReferenceHull

_SCHEME_BEFORE = {**SCHEME_AFTER, "mp2020": MP_GGA_RAW}
_SAME_ENERGY = 1e-6


class Terms(Record):
    """How a set's entries are to be taken, agreed between its card and the configuration."""

    scheme: str
    corrections: str
    software: str | None
    complete: bool


def load_hull(
    section: ReferenceSection, elements: tuple[str, ...], energy_scheme_id: str
) -> CompiledReferenceHull:
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
    chosen = find_set(section.source)
    terms = agreed_terms(chosen, section)
    require_comparable(energy_scheme_id, terms.scheme)
    return _hull(chosen, terms, elements)


def load_reference(section: ReferenceSection, elements: tuple[str, ...]) -> CompiledReferenceHull:
    """Return the hull of a reference, whatever will be placed against it.

    Raises
    ------
    ReferenceHullError, SchemeMismatchError, InputError
        If the reference cannot serve.
    """
    chosen = find_set(section.source)
    return _hull(chosen, agreed_terms(chosen, section), elements)


def agreed_terms(chosen: ReferenceSet, section: ReferenceSection) -> Terms:
    """Return what card and configuration say together; where one is silent the other decides.

    Raises
    ------
    ReferenceHullError
        If they disagree, or neither says which scheme the energies follow.
    """
    corrections = _agreed(chosen, section, "corrections") or "none"
    scheme = _agreed(chosen, section, "scheme") or SCHEME_AFTER.get(corrections)
    if scheme is None:
        raise ReferenceHullError(
            f"nothing says which energy scheme the entries of {chosen.name} follow",
            f"set reference.corrections: mp2020 for raw Materials Project GGA/GGA+U entries, or reference.scheme: {MP_GGA}",
        )
    return Terms(
        scheme=scheme,
        corrections=corrections,
        software=_agreed(chosen, section, "software"),
        complete=bool(_agreed(chosen, section, "complete")),
    )


def corrected_entries(entries: Sequence[ComputedEntry], terms: Terms, name: str) -> list[ComputedEntry]:
    """Return the entries on the scale of their scheme; what they say of themselves must allow it.

    Raises
    ------
    ReferenceHullError
        If an entry contradicts the scheme, or corrections reject entries of a set that claims to be complete.
    """
    before = _SCHEME_BEFORE.get(terms.corrections, terms.scheme)
    require_evidence(entries, before, terms.software, name)
    corrected = correct(entries, terms.corrections)
    after = SCHEME_AFTER.get(terms.corrections, terms.scheme)
    if terms.scheme != after:
        raise ReferenceHullError(
            f"reference.scheme is {terms.scheme}, but corrections {terms.corrections} lead to {after}",
            "take reference.scheme out, or set reference.corrections: none",
        )
    # mixing leaves out what it replaces, and refuses what it cannot place
    if terms.corrections == "mp2020" and terms.complete and len(corrected) < len(entries):
        raise ReferenceHullError(
            f"the corrections {terms.corrections} reject {len(entries) - len(corrected)} of {len(entries)} entries "
            f"of {name}",
            "what is left is not complete: set reference.complete: false",
        )
    return corrected


def distinct_entries(entries: Sequence[ComputedEntry], name: str) -> list[ComputedEntry]:
    """Return the entries with copies left out: the same id, formula and energy.

    Raises
    ------
    ReferenceHullError
        If one id stands for several formulas or energies: a decomposition could not say which is meant.
    """
    found: dict[str, ComputedEntry] = {}
    for entry in entries:
        first = found.setdefault(str(entry.entry_id), entry)
        if first is not entry and not _same(first, entry):
            raise ReferenceHullError(
                f"{name} has two entries {entry.entry_id}: {_said(first)} and {_said(entry)}",
                "give each its own entry_id",
            )
    return list(found.values())


def _hull(chosen: ReferenceSet, terms: Terms, elements: tuple[str, ...]) -> CompiledReferenceHull:
    entries, sha256 = chosen.entries(elements)
    corrected = corrected_entries(entries, terms, chosen.name)
    return CompiledReferenceHull(
        _phases(corrected, chosen.name),
        elements,
        name=embedded_set().name if chosen.path is None else chosen.name,
        scheme_id=terms.scheme,
        sha256=sha256,
        complete=terms.complete,
        date=chosen.date,
        corrections=terms.corrections,
    )


def _agreed(chosen: ReferenceSet, section: ReferenceSection, key: str) -> Any:
    stated, carded = getattr(section, key), getattr(chosen.card, key, None)
    if stated is not None and carded is not None and stated != carded:
        raise ReferenceHullError(
            f"reference.{key} is {stated!r}, the card of {chosen.name} says {carded!r}",
            "take it out of the configuration, or mend the card",
        )
    return carded if stated is None else stated


def _phases(entries: Sequence[ComputedEntry], name: str) -> list[KnownPhase]:
    return [
        KnownPhase(
            phase_id=str(entry.entry_id),
            formula=entry.composition.reduced_formula,
            energy_per_atom=entry.energy_per_atom,
            structure=getattr(entry, "structure", None),
            hypothetical=entry.data.get("hypothetical") is True,
        )
        for entry in distinct_entries(entries, name)
    ]


def _same(one: ComputedEntry, other: ComputedEntry) -> bool:
    return (
        one.composition.reduced_formula == other.composition.reduced_formula
        and abs(one.energy_per_atom - other.energy_per_atom) < _SAME_ENERGY
    )


def _said(entry: ComputedEntry) -> str:
    return f"{entry.composition.reduced_formula} at {entry.energy_per_atom:.4f} eV/atom"
