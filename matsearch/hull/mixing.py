"""GGA(+U) and r2SCAN entries on one scale; refused where that scale is not defined."""

import logging
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

from matsearch.core.errors import ReferenceHullError
from matsearch.core.schemes import GGA_RUN_TYPES, R2SCAN_RUN_TYPES
from matsearch.hull.corrections import bare_copy, mp2020

if TYPE_CHECKING:
    import pandas as pd

_ON_HULL = 1e-6
"""eV/atom within which a phase counts as being on its hull."""


def mix(entries: Sequence[ComputedEntry]) -> list[ComputedEntry]:
    """Bring GGA(+U) and r2SCAN entries to one scale with the Materials Project's mixing scheme.

    Where r2SCAN has every stable GGA phase, the hull is r2SCAN's, and phases known to GGA alone keep their energy
    above hull. Else the scale is GGA's with the 2020 corrections, and r2SCAN gives the energy above hull of the
    polymorphs of those stable phases that it has. The result does not depend on the sequence of the entries.

    Two sorts of entries are left out and counted in the log: those replaced by the same crystal in the other
    functional or at a lower energy, and r2SCAN entries that the scheme cannot place, none of them a ground state that
    GGA may lack.

    Parameters
    ----------
    entries : sequence of ComputedStructureEntry
        Uncorrected, with unique ids and run types GGA, GGA+U and r2SCAN; they stay as they are.

    Raises
    ------
    ReferenceHullError
        If an entry cannot be used, one functional is missing, or the GGA entries are no complete set: an element, or
        a phase that r2SCAN finds stable or takes as a ground state, is not among them.

    References
    ----------
    Kingsbury et al., npj Comput. Mater. 8, 195 (2022), https://doi.org/10.1038/s41524-022-00881-w.
    """
    from pymatgen.analysis.compatibility.mixing_scheme import MaterialsProjectDFTMixingScheme

    _require_usable(entries)
    gga = _corrected_gga([e for e in entries if e.parameters["run_type"] in GGA_RUN_TYPES])
    r2scan = [bare_copy(e) for e in entries if e.parameters["run_type"] in R2SCAN_RUN_TYPES]
    _require_terminals(gga, r2scan)
    # the entries are corrected already: the class would discard in silence what the corrections reject
    scheme = MaterialsProjectDFTMixingScheme(compat_1=None, check_potcar=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        state = scheme.get_mixing_state_data([*gga, *r2scan])
        _require_complete(state)
        mixed = list(scheme.process_entries([*gga, *r2scan], clean=False, mixing_state_data=state))
    _account_for([*gga, *r2scan], mixed, state)
    return mixed


def _require_usable(entries: Sequence[ComputedEntry]) -> None:
    for entry in entries:
        run_type = entry.parameters.get("run_type")
        if str(run_type) not in GGA_RUN_TYPES | R2SCAN_RUN_TYPES:
            raise ReferenceHullError(
                f"entry {entry.entry_id} of run_type {run_type} cannot be mixed",
                "give GGA, GGA+U and r2SCAN entries",
            )
        if not isinstance(entry, ComputedStructureEntry):
            raise ReferenceHullError(
                f"entry {entry.entry_id} ({entry.reduced_formula}) has no structure, so the mixing scheme cannot find "
                "the same crystal in the other functional",
                "give ComputedStructureEntry documents, or entries of one functional",
            )
    repeated = [str(i) for i, n in Counter(e.entry_id for e in entries).items() if n > 1 or i is None]
    if repeated:
        raise ReferenceHullError(
            f"{repeated[0]} is not the id of one entry", "give every entry an id of its own"
        )
    for functional, names, remedy in (
        (
            "GGA or GGA+U",
            GGA_RUN_TYPES,
            "use r2SCAN entries alone: reference.corrections: none, reference.scheme: mp-r2scan",
        ),
        ("r2SCAN", R2SCAN_RUN_TYPES, "use GGA entries alone: reference.corrections: mp2020"),
    ):
        if not any(e.parameters["run_type"] in names for e in entries):
            raise ReferenceHullError(f"there is no {functional} entry to mix", remedy)


def _corrected_gga(entries: list[ComputedEntry]) -> list[ComputedEntry]:
    corrected = mp2020(entries)
    rejected = {e.entry_id for e in entries} - {e.entry_id for e in corrected}
    if rejected:
        raise ReferenceHullError(
            f"the MP2020 corrections reject {len(rejected)} GGA entries to be mixed, {min(map(str, rejected))} first",
            "compute them with the Materials Project's U values, or take them out",
        )
    return corrected


def _require_terminals(gga: list[ComputedEntry], r2scan: list[ComputedEntry]) -> None:
    needed = {e.symbol for entry in [*gga, *r2scan] for e in entry.composition.elements}
    present = {entry.composition.elements[0].symbol for entry in gga if entry.composition.is_element}
    if needed - present:
        raise ReferenceHullError(
            f"no GGA entry for the element {', '.join(sorted(needed - present))}: the mixing scheme needs a complete "
            "GGA hull",
            "add GGA entries of the pure elements",
        )


def _require_complete(state: "pd.DataFrame") -> None:
    """Refuse r2SCAN ground states without a GGA counterpart, unless r2SCAN itself says that they do not matter.

    One does not matter if it lies above the r2SCAN hull, at a composition whose stable GGA phase r2SCAN does not
    have: then the scheme measures nothing against it.
    """
    ground = state[state["energy_2"] == state.groupby("formula")["energy_2"].transform("min")]
    measured = state[state["is_stable_1"] & state["entry_id_2"].notna()]["formula"]
    if not len(measured):
        raise ReferenceHullError(
            "r2SCAN has none of the stable GGA phases, so nothing ties the two functionals together",
            "add the r2SCAN entry of a stable phase, or use GGA entries alone: reference.corrections: mp2020",
        )
    above_hull = ground["energy_2"] > ground["hull_energy_2"] + _ON_HULL
    harmless = above_hull & ~ground["formula"].isin(measured)
    lacking = ground[ground["entry_id_1"].isna() & ~harmless]
    if len(lacking):
        first = lacking.iloc[0]
        raise ReferenceHullError(
            f"{first['formula']} ({first['entry_id_2']}) is an r2SCAN ground state without a GGA counterpart: the GGA "
            "entries are no complete set, and mixing is not defined",
            f"add the GGA entry of this {first['formula']}, or take its r2SCAN entry out",
        )


def _account_for(given: list[ComputedEntry], mixed: list[ComputedEntry], state: "pd.DataFrame") -> None:
    """Log what was left out; refuse if that is anything but what :func:`mix` says."""
    kept = {e.entry_id for e in mixed}
    left = [e for e in given if e.entry_id not in kept]
    matched = state[state["entry_id_1"].notna() & state["entry_id_2"].notna()]
    twins = set(matched["entry_id_1"])
    alone = set(state[state["entry_id_1"].isna()]["entry_id_2"])
    lowest = set(state["entry_id_1"]) | set(state["entry_id_2"])
    counts: Counter[str] = Counter()
    for entry in left:
        if entry.entry_id not in lowest:
            counts["higher copies of the same crystal"] += 1
        elif entry.entry_id in twins:
            counts["GGA entries replaced by r2SCAN"] += 1
        elif entry.entry_id in alone:
            counts["r2SCAN entries that cannot be placed"] += 1
        else:
            raise ReferenceHullError(
                f"the mixing scheme discards entry {entry.entry_id} ({entry.reduced_formula})",
                "take it out, or use entries of one functional",
            )
    logging.getLogger(__name__).info(
        "mixed %d of %d entries; left out: %s", len(mixed), len(given), dict(counts)
    )
