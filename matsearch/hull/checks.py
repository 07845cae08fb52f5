"""What is wrong with a reference set, found before it decides what is stable."""

from collections.abc import Iterator, Mapping, Sequence

from pymatgen.entries.computed_entries import ComputedEntry

from matsearch.core.config import ReferenceSection
from matsearch.core.errors import InputError, ReferenceHullError, SchemeMismatchError
from matsearch.core.model import Record
from matsearch.core.thresholds import HIGHEST_FORMATION, LOWEST_FORMATION
from matsearch.hull.library import ReferenceSet
from matsearch.hull.sources import Terms, agreed_terms, corrected_entries, distinct_entries

_NAMED = 5


class Finding(Record):
    """One thing found; an error keeps the set from being used, a note does not."""

    error: bool
    text: str


def check_set(chosen: ReferenceSet) -> list[Finding]:
    """Check a set as a whole: file, scheme, corrections, elements, energies and ids."""
    try:
        entries, _ = chosen.entries()
        terms = agreed_terms(chosen, ReferenceSection(source=chosen.name))
    except (InputError, ReferenceHullError) as error:
        return [_error(error)]
    findings, corrected = _corrections(entries, terms, chosen.name)
    elements = lowest_elements(corrected)
    return [
        *findings,
        *_missing(corrected, elements),
        *_energies(corrected, elements),
        *_ids(corrected, chosen.name),
    ]


def lowest_elements(entries: Sequence[ComputedEntry]) -> dict[str, float]:
    """Return the lowest energy of each element that has a pure entry, in eV/atom."""
    lowest: dict[str, float] = {}
    for entry in entries:
        if len(entry.composition) == 1:
            (symbol,) = _symbols(entry)
            lowest[symbol] = min(entry.energy_per_atom, lowest.get(symbol, entry.energy_per_atom))
    return lowest


def _corrections(
    entries: list[ComputedEntry], terms: Terms, name: str
) -> tuple[list[Finding], list[ComputedEntry]]:
    try:
        corrected = corrected_entries(entries, terms, name)
    except (ReferenceHullError, SchemeMismatchError) as error:
        return [_error(error)], entries
    rejected = len(entries) - len(corrected)
    text = f"the corrections {terms.corrections} leave out {rejected} of {len(entries)} entries"
    return ([_note(text)] if rejected else []), corrected


def _missing(entries: Sequence[ComputedEntry], elements: Mapping[str, float]) -> Iterator[Finding]:
    missing = sorted({symbol for entry in entries for symbol in _symbols(entry)} - elements.keys())
    if missing:
        yield _note(f"no entry of the pure element: {', '.join(missing)}; systems with it have no hull")


def _energies(entries: Sequence[ComputedEntry], elements: Mapping[str, float]) -> Iterator[Finding]:
    formed = [(e, energy) for e in entries if (energy := _formation(e, elements)) is not None]
    too_low = [(e, energy) for e, energy in formed if energy < LOWEST_FORMATION]
    too_high = [(e, energy) for e, energy in formed if energy > HIGHEST_FORMATION]
    if too_low:
        yield Finding(error=True, text=_absurd(too_low, f"below {LOWEST_FORMATION:g}"))
    if too_high:
        yield _note(_absurd(too_high, f"above {HIGHEST_FORMATION:g}"))


def _ids(entries: Sequence[ComputedEntry], name: str) -> Iterator[Finding]:
    try:
        copies = len(entries) - len(distinct_entries(entries, name))
    except ReferenceHullError as error:
        yield _error(error)
        return
    if copies:
        yield _note(f"{copies} entries are there twice, with the same id, formula and energy; one counts")


def _formation(entry: ComputedEntry, elements: Mapping[str, float]) -> float | None:
    amounts = entry.composition.get_el_amt_dict()
    if not amounts.keys() <= elements.keys():
        return None
    reference = sum(n * elements[symbol] for symbol, n in amounts.items())
    return float(entry.energy - reference) / float(entry.composition.num_atoms)


def _absurd(found: Sequence[tuple[ComputedEntry, float]], where: str) -> str:
    named = ", ".join(
        f"{entry.entry_id} ({entry.composition.reduced_formula}, {energy:.2f})"
        for entry, energy in found[:_NAMED]
    )
    return f"{len(found)} formation energies lie {where} eV/atom: {named}" + (
        ", ..." if len(found) > _NAMED else ""
    )


def _symbols(entry: ComputedEntry) -> set[str]:
    return {element.symbol for element in entry.composition.elements}


def _error(error: InputError | ReferenceHullError | SchemeMismatchError) -> Finding:
    return Finding(error=True, text=str(error))


def _note(text: str) -> Finding:
    return Finding(error=False, text=text)
