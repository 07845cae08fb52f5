"""The Materials Project 2020 corrections, for sets of entries and for single crystals."""

import copy
import warnings
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from pymatgen.core import PeriodicSite, Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from matsearch.core.errors import ReferenceHullError
from matsearch.core.schemes import GGA_RUN_TYPES, MP_GGA, MP_MIXED
from matsearch.crystal.hubbard import hubbard_u

if TYPE_CHECKING:
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

SCHEME_AFTER = {"mp2020": MP_GGA, "mixing": MP_MIXED}
"""The scheme that entries follow once they are corrected."""

_NO_ELECTRONEGATIVITY = frozenset({"He", "Ne", "Ar"})


def correct(entries: Sequence[ComputedEntry], corrections: str) -> list[ComputedEntry]:
    """Return corrected copies of the entries; the entries given stay as they are.

    Parameters
    ----------
    corrections : str
        ``none`` returns the entries; ``mp2020`` replaces what corrections they carry by those of
        ``MaterialsProject2020Compatibility`` and leaves out what that class rejects (a U other than the Materials
        Project's, say); ``mixing`` brings GGA(+U) and r2SCAN to one scale, see :mod:`matsearch.hull.mixing`.

    Raises
    ------
    ReferenceHullError
        If the corrections are not known, or the entries are of a kind that cannot take them.

    References
    ----------
    Wang et al., Sci. Rep. 11, 15496 (2021), https://doi.org/10.1038/s41598-021-94550-5.
    """
    if corrections == "none":
        return list(entries)
    if corrections == "mp2020":
        return mp2020(entries)
    if corrections == "mixing":
        # mixing corrects its GGA entries with this module
        from matsearch.hull.mixing import mix

        return mix(entries)
    raise ReferenceHullError(
        f"unknown corrections {corrections!r}", f"known: none, {', '.join(SCHEME_AFTER)}"
    )


def mp2020(entries: Sequence[ComputedEntry]) -> list[ComputedEntry]:
    """Return corrected copies of the GGA and GGA+U entries that ``MaterialsProject2020Compatibility`` accepts.

    Raises
    ------
    ReferenceHullError
        If an entry is neither GGA nor GGA+U, or says something of itself that the class cannot read.
    """
    strangers = {str(e.parameters.get("run_type")) for e in entries} - GGA_RUN_TYPES
    if strangers:
        raise ReferenceHullError(
            f"entries of run_type {', '.join(sorted(strangers))} cannot take the MP2020 corrections",
            "give GGA and GGA+U entries, or set reference.corrections: none",
        )
    corrected = (_corrected(bare_copy(entry)) for entry in entries)
    return [entry for entry in corrected if entry is not None]


def mp2020_correction(structure: Structure) -> float:
    """Return what the Materials Project adds to the raw energy of a crystal.

    The raw energy is a PBE(+U) one from the Materials Project's settings, or from a potential fitted to such. U is
    taken as on where its input sets have it on: V, Cr, Mn, Fe, Co, Ni, Mo and W where O or F is the most
    electronegative element. The kind of oxide is read from the distances in the structure, the anions from guessed
    oxidation states; where no guess is balanced, the most electronegative element is the anion. If two share that
    place (Si with Cu, H with Pd), pymatgen's class takes the one whose site comes last; here neither is corrected, so
    that the sequence of the sites does not matter.

    Parameters
    ----------
    structure : Structure
        Ordered; oxidation states on its sites are ignored.

    Returns
    -------
    float
        In eV for the whole cell.

    Raises
    ------
    ReferenceHullError
        If the structure is disordered or the correction class rejects it.

    References
    ----------
    Wang et al., Sci. Rep. 11, 15496 (2021); Jain et al., Phys. Rev. B 84, 045115 (2011).
    """
    formula = structure.composition.reduced_formula
    if not structure.is_ordered:
        raise ReferenceHullError(
            f"{formula}: a disordered crystal has no MP2020 correction", "order its sites"
        )
    plain = structure.copy().remove_oxidation_states()
    plain.sort(key=_rank)
    u_values = hubbard_u(plain.composition)
    facts = {"run_type": "GGA+U" if u_values else "GGA", "hubbards": u_values}
    corrected = _corrected(ComputedStructureEntry(plain, 0.0, parameters=facts, entry_id=formula))
    if corrected is None:
        raise ReferenceHullError(f"{formula} is rejected by the MP2020 corrections", "leave it out")
    return float(corrected.correction)


def bare_copy(entry: ComputedEntry) -> ComputedEntry:
    """Return a copy without corrections, to which pymatgen's classes may write; the structure is shared."""
    bare = copy.copy(entry)
    bare.energy_adjustments = []
    bare.parameters, bare.data = dict(entry.parameters), dict(entry.data)
    return bare


def _rank(site: PeriodicSite) -> tuple[bool, bool, str]:
    """Sites in a sequence that settles what the class leaves to chance: equal or missing electronegativities."""
    symbol = site.specie.symbol
    return symbol not in _NO_ELECTRONEGATIVITY, symbol not in _compatibility().comp_correction, symbol


def _corrected(entry: ComputedEntry) -> ComputedEntry | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _compatibility().process_entry(entry)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ReferenceHullError(
                f"the MP2020 corrections cannot read entry {entry.entry_id}: {type(error).__name__}: {error}",
                "mend or remove its oxide_type, sulfide_type, oxidation_states or hubbards",
            ) from error


@cache
def _compatibility() -> "MaterialsProject2020Compatibility":
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    return MaterialsProject2020Compatibility(check_potcar=False)
