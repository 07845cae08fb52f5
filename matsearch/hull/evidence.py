"""What entries say of themselves, against the scheme they are said to follow."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pymatgen.entries.computed_entries import ComputedEntry

from matsearch.core.errors import ReferenceHullError
from matsearch.core.schemes import (
    MP_GGA,
    MP_GGA_RAW,
    MP_MIXED,
    MP_R2SCAN,
    EnergyScheme,
    Route,
    get_scheme,
    schemes,
)

_SOFTWARE_KEYS = ("software", "code", "calc_code", "program")
POTCAR_KEYS = ("potcar_symbols", "potcar_spec", "pseudo_potential")
"""Facts of an entry that only VASP leaves."""

_MP_RELEASES = frozenset({"PBE", "PBE_52", "PBE_54"})
_POTCAR_RELEASES = {
    MP_GGA: _MP_RELEASES,
    MP_GGA_RAW: _MP_RELEASES,
    MP_R2SCAN: _MP_RELEASES,
    MP_MIXED: _MP_RELEASES,
    "matpes-pbe": frozenset({"PBE_64"}),
    "matpes-r2scan": frozenset({"PBE_64"}),
}
"""VASP's releases of pseudopotentials: those of pymatgen's MPRelaxSet and MPScanRelaxSet, and of MatPESStaticSet."""


def require_evidence(
    entries: Sequence[ComputedEntry], scheme_id: str, software: str | None, name: str
) -> None:
    """Refuse entries whose own statements do not fit a scheme.

    pymatgen's correction classes accept entries that say nothing of the code and pseudopotentials behind them. Here
    a stated software, run type, U or POTCAR that contradicts the scheme is refused. Where corrections fitted for VASP
    are contained or can be added, an entry must also show that it is from VASP, by its software or its POTCAR data,
    unless ``software`` says so for all.

    Parameters
    ----------
    scheme_id : str
        That the entries follow as they are, before any correction.
    software : str or None
        What the user says made them.
    name : str
        Of the set, for messages.

    Raises
    ------
    ReferenceHullError
        Naming the first entry concerned, what it says, and how many there are.
    SchemeMismatchError
        If the scheme is not known.
    """
    scheme = get_scheme(scheme_id)
    if software is not None and scheme_id not in _made_by(software):
        raise ReferenceHullError(
            f"{name} is said to be of software {software!r}, and {scheme_id} is made with {scheme.software}",
            "set the scheme that the entries follow",
        )
    contradicting = [(e, said) for e in entries if (said := _contradiction(e, scheme)) is not None]
    if contradicting:
        entry, said = contradicting[0]
        raise ReferenceHullError(
            f"{len(contradicting)} of {len(entries)} entries of {name} do not fit the scheme {scheme_id}: "
            f"{entry.entry_id} has {said}",
            "set the scheme that these entries follow, or take them out",
        )
    silent = [e for e in entries if not _says_software(e)]
    if silent and software is None and _fitted_for_vasp(scheme):
        raise ReferenceHullError(
            f"nothing in {len(silent)} of {len(entries)} entries of {name} shows that they are from {scheme.software}, "
            f"for which the Materials Project 2020 corrections were fitted: {silent[0].entry_id} first",
            f"set reference.software: {scheme.software} if you know that they are",
        )


def _fitted_for_vasp(scheme: EnergyScheme) -> bool:
    corrected = scheme.corrections != "none" or Route.MP2020 in scheme.routes.values()
    return scheme.kind != "potential" and corrected


def _contradiction(entry: ComputedEntry, scheme: EnergyScheme) -> str | None:
    checks: tuple[Callable[[ComputedEntry, EnergyScheme], str | None], ...] = (
        _software,
        _potcars,
        _run_type,
        _u,
    )
    return next((said for check in checks if (said := check(entry, scheme)) is not None), None)


def _software(entry: ComputedEntry, scheme: EnergyScheme) -> str | None:
    for stated in _stated_software(entry):
        if scheme.scheme_id not in _made_by(stated):
            return f"software {stated!r}, not {scheme.software}"
    return None


def _potcars(entry: ComputedEntry, scheme: EnergyScheme) -> str | None:
    if not _has_potcars(entry):
        return None
    if scheme.software != "VASP":
        return f"POTCAR data, so it is from VASP, not {scheme.software}"
    allowed = _POTCAR_RELEASES[scheme.scheme_id]
    wrong = sorted(set(_releases(entry)) - allowed)
    return f"{wrong[0]} POTCARs, not {' or '.join(sorted(allowed))}" if wrong else None


def _run_type(entry: ComputedEntry, scheme: EnergyScheme) -> str | None:
    allowed = {run_type.upper() for run_type in scheme.run_types}
    for stated in _stated(entry, "run_type"):
        if str(stated).upper() not in allowed:
            return f"run_type {stated}"
    return None


def _u(entry: ComputedEntry, scheme: EnergyScheme) -> str | None:
    """Whether it has a U must agree with its run type, or, where it states none, with the scheme's."""
    run_types = [str(r) for r in _stated(entry, "run_type")] or list(scheme.run_types)
    for with_u, said in _u_statements(entry):
        if with_u and not any(r.endswith("+U") for r in run_types):
            return f"{said} with run_type {' or '.join(sorted(run_types)) or 'none'}"
        if not with_u and all(r.endswith("+U") for r in run_types):
            return f"{said} with run_type {' or '.join(sorted(run_types))}"
    return None


def _u_statements(entry: ComputedEntry) -> Iterator[tuple[bool, str]]:
    for stated in _stated(entry, "is_hubbard"):
        yield bool(stated), f"is_hubbard {stated}"
    for stated in _stated(entry, "hubbards"):
        if isinstance(stated, Mapping):
            yield any(stated.values()), f"hubbards {dict(stated)}"


def _says_software(entry: ComputedEntry) -> bool:
    return any(_stated_software(entry)) or _has_potcars(entry)


def _stated_software(entry: ComputedEntry) -> list[str]:
    return [s for s in _stated(entry, *_SOFTWARE_KEYS) if isinstance(s, str) and _words(s)]


def _has_potcars(entry: ComputedEntry) -> bool:
    return any(_stated(entry, *POTCAR_KEYS))


def _releases(entry: ComputedEntry) -> Iterator[str]:
    """Yield the POTCAR releases stated; a TITEL's PAW_PBE is the same in all of them."""
    for stated in _stated(entry, "pseudo_potential"):
        if isinstance(stated, Mapping) and stated.get("functional"):
            yield _release(str(stated["functional"]))
    titels = [s.get("titel") for s in _listed(entry, "potcar_spec") if isinstance(s, Mapping)]
    for words in (str(s).split() for s in (*_listed(entry, "potcar_symbols"), *titels)):
        if len(words) > 1 and words[0] != "PAW_PBE":
            yield _release(words[0])


def _release(text: str) -> str:
    return text.upper().removesuffix("_W_HASH")


def _listed(entry: ComputedEntry, key: str) -> Iterator[Any]:
    for stated in _stated(entry, key):
        if isinstance(stated, list | tuple):
            yield from stated


def _stated(entry: ComputedEntry, *keys: str) -> Iterator[Any]:
    for facts in (entry.parameters, entry.data):
        yield from (facts[key] for key in keys if facts.get(key) is not None)


@lru_cache(maxsize=1024)
def _made_by(software: str) -> frozenset[str]:
    """Return the schemes that a software's name may stand for: those with which it shares most words."""
    said = _words(software)
    shared: dict[str, int] = {}
    for scheme in schemes().values():
        full = [names for names in (_words(scheme.software), _words(scheme.scheme_id)) if names <= said]
        part = [said] if said <= _words(scheme.software) else []
        shared[scheme.scheme_id] = max(map(len, (*full, *part)), default=0)
    most = max(shared.values())
    return frozenset(scheme_id for scheme_id, n in shared.items() if n == most > 0)


@lru_cache(maxsize=1024)
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+|\d+(?:\.\d+)*", text.casefold()))
