"""Settings and tasks of DFT calculations: what decides an answer, under one key."""

import math
from collections.abc import Iterable, Sequence

from pymatgen.core import PeriodicSite, Structure

from matsearch.core.dft import DftSettings, DftTask
from matsearch.core.errors import ConfigError, InputError
from matsearch.core.keys import content_key
from matsearch.core.rounding import rounded
from matsearch.core.text import one_line
from matsearch.core.verify_section import GpawSection, RunSection
from matsearch.crystal.canonical import sorted_sites, structure_key
from matsearch.verify.moments import says_something

GPAW = "GPAW"
LEAST_CUTOFF = 700.0
"""eV. At 520 eV the stress of MgO is wrong by 14 GPa and its lattice constant by 3 percent; at 700 eV by 0.5 GPa."""
HARD_ELEMENTS = frozenset({"O", "F", "N"})

_SCHEMES = {"PBE": "gpaw-pbe", "PBE+U": "gpaw-pbe+u", "r2SCAN": "gpaw-r2scan"}
_PROTOCOL = "gpaw/1"
_SYMMETRY_TOLERANCE = 0.01


def gpaw_settings(section: GpawSection, *, relax: bool = True) -> DftSettings:
    """Return the settings of GPAW calculations.

    Parameters
    ----------
    relax : bool
        Whether ions and cell move; without, what steers the relaxation is no part of the settings.

    Raises
    ------
    ConfigError
        If the cut-off is too low for a cell that relaxes.
    """
    parameters = {
        "protocol": _PROTOCOL,
        "relax": relax,
        "cutoff": section.cutoff,
        "kpoint_density": section.kpoint_density,
        "smearing": section.smearing,
        "energy_convergence": 1e-5,  # eV a valence electron
        "density_convergence": 1e-4,  # electrons a valence electron
    }
    limits = {"max_scf_iterations": section.max_scf_iterations}
    if relax:
        parameters |= {
            "optimizer": "BFGS, FrechetCellFilter",
            "fmax": section.fmax,
            "keep_symmetry": section.keep_symmetry,
            "symmetry_tolerance": _SYMMETRY_TOLERANCE,
        }
        limits["max_steps"] = section.max_steps
    settings = DftSettings(
        code=GPAW,
        functional=section.functional,
        scheme_id=_SCHEMES[section.functional],
        parameters=parameters,
        limits=limits,
    )
    require_cutoff(settings)
    return settings


def with_tries(settings: DftSettings, run: RunSection) -> DftSettings:
    """Return settings with the limit of how often a calculation is tried."""
    return settings.evolve(limits={**settings.limits, "tries": run.tries})


def require_cutoff(settings: DftSettings, elements: Iterable[str] = ()) -> None:
    """Return if the plane waves of GPAW settings suffice; settings of other codes always do.

    A basis of too few plane waves grows with the cell, and pulls it together: the Pulay stress.

    Parameters
    ----------
    elements : iterable of str
        Of the crystal, where it is known.

    Raises
    ------
    ConfigError
        If the cell relaxes, or O, F or N is present, below 700 eV.
    """
    if settings.code != GPAW or settings.parameters["cutoff"] >= LEAST_CUTOFF:
        return
    hard = sorted(HARD_ELEMENTS & set(elements))
    if settings.parameters["relax"] or hard:
        why = "a cell that relaxes" if settings.parameters["relax"] else f"a crystal with {', '.join(hard)}"
        raise ConfigError(
            f"gpaw.cutoff: {settings.parameters['cutoff']:g} eV is too low for {why}",
            f"set it to {LEAST_CUTOFF:g} or more",
        )


def dft_task(
    structure: Structure,
    settings: DftSettings,
    label: str,
    magmoms: Sequence[float] | None = None,
    *,
    box: bool = False,
) -> DftTask:
    """Return the task of computing a crystal, its sites in the order of the canonical form.

    Parameters
    ----------
    label : str
        For people; no part of the key.
    magmoms : sequence of float, optional
        Initial moments in Bohr magnetons, one a site of ``structure``, rounded to 0.1; moments that are all smaller
        count as none.
    box : bool
        A molecule alone in a large cell.

    Raises
    ------
    ConfigError
        If the settings do not suit the crystal.
    InputError
        If a site is disordered, or the moments are not one finite number a site.
    """
    ordered = sorted_sites(structure)
    require_cutoff(settings, (site.specie.symbol for site in ordered))
    moments = _moments(structure, ordered, magmoms)
    key = content_key("dft-task/1", [structure_key(ordered), moments, settings.key, box])
    return DftTask(
        key=key,
        label=one_line(label),
        structure=ordered,
        settings=settings,
        magmoms=None if moments is None else tuple(moments),
        box=box,
    )


def _moments(structure: Structure, ordered: Structure, magmoms: Sequence[float] | None) -> list[float] | None:
    """Return the moments of the ordered sites, rounded; None where they say nothing."""
    if magmoms is None:
        return None
    if len(magmoms) != len(structure) or not all(math.isfinite(m) for m in magmoms):
        raise InputError(
            f"{structure.composition.reduced_formula}: {len(magmoms)} initial moments for {len(structure)} sites, or one "
            "is not finite",
            "give one a site, in Bohr magnetons",
        )
    if not says_something(magmoms):
        return None
    by_site = dict(zip(map(_place, structure), magmoms, strict=True))
    return [rounded(float(by_site[_place(site)]), 1) for site in ordered]


def _place(site: PeriodicSite) -> tuple[str, tuple[float, ...]]:
    # sorting moves sites and changes no coordinate
    return site.specie.symbol, tuple(site.frac_coords)
