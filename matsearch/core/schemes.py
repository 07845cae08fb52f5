"""Energy schemes: how energies were made, and along which route they may meet a hull."""

from enum import StrEnum
from functools import cache
from typing import Literal

from matsearch.core.errors import SchemeMismatchError
from matsearch.core.model import Record


class Route(StrEnum):
    """What must happen to an energy before it is measured against a hull of another scheme."""

    SAME = "same"
    """Nothing: both stand for the same surface."""

    MP2020 = "mp2020"
    """Add the Materials Project 2020 corrections (Wang et al., Sci. Rep. 11, 15496 (2021))."""

    FORMATION = "formation"
    """Replace its elements' energies, of its own scheme, by the hull's: only formation energies meet."""

    FORMATION_MP2020 = "formation+mp2020"
    """As formation, then add the Materials Project 2020 corrections."""


class EnergyScheme(Record):
    """How a set of energies was made.

    Attributes
    ----------
    scheme_id : str
        The name every energy carries.
    kind : str
        ``dft``, ``potential``, or ``derived`` where entries of several kinds were brought to one scale.
    software : str
        The code or potential, as in an entry's ``software``.
    functional : str
        The exchange-correlation functional that the energies stand for.
    run_types : frozenset of str
        Materials Project run types that entries of this scheme may have.
    corrections : str
        Corrections already contained in the energies.
    elements : frozenset of str or None
        Those it was made for; None is any.
    routes : dict of str to Route
        Hulls of other schemes against which these energies may be measured, and how.
    """

    scheme_id: str
    kind: Literal["dft", "potential", "derived"]
    software: str
    functional: str
    run_types: frozenset[str] = frozenset()
    corrections: str = "none"
    elements: frozenset[str] | None = None
    routes: dict[str, Route] = {}


MP_GGA = "mp-gga-gga+u-mp2020"
MP_GGA_RAW = "mp-gga-gga+u-raw"
MP_R2SCAN = "mp-r2scan"
MP_MIXED = "mp-gga-gga+u-r2scan-mixed"

_PBE_U = "PBE/PBE+U"
GGA_RUN_TYPES = frozenset({"GGA", "GGA+U"})
R2SCAN_RUN_TYPES = frozenset({"r2SCAN", "R2SCAN"})
_MP2020 = "MaterialsProject2020Compatibility"
_MATPES_ARCHITECTURES = ("chgnet", "m3gnet", "tensornet", "mace")


def get_scheme(scheme_id: str) -> EnergyScheme:
    """Return a scheme by its id.

    Raises
    ------
    SchemeMismatchError
        If no such scheme is known.
    """
    if scheme_id not in schemes():
        raise SchemeMismatchError(
            f"unknown energy scheme {scheme_id!r}", f"known: {', '.join(sorted(schemes()))}"
        )
    return schemes()[scheme_id]


def require_comparable(energy_scheme_id: str, hull_scheme_id: str) -> Route:
    """Return how energies of one scheme are measured against a hull of another; refuse where they may not be.

    Raises
    ------
    SchemeMismatchError
        If the pair is not known to be comparable, with the reason and the hulls that would do.
    """
    energies, hull = get_scheme(energy_scheme_id), get_scheme(hull_scheme_id)
    if energy_scheme_id == hull_scheme_id:
        return Route.SAME
    if hull_scheme_id in energies.routes:
        return energies.routes[hull_scheme_id]
    raise SchemeMismatchError(
        f"energies of {energy_scheme_id} ({energies.functional}, corrections: {energies.corrections}) may not be "
        f"compared with a hull of {hull_scheme_id} ({hull.functional}, corrections: {hull.corrections}): "
        f"{_reason(energies, hull)}",
        f"use a hull of {' or '.join(sorted({energy_scheme_id, *energies.routes}))}",
    )


@cache
def schemes() -> dict[str, EnergyScheme]:
    """Return all schemes by id."""
    known = [*_materials_project(), *_matpes(), *_chgnet(), *_gpaw(), _mace_mp(), _toy()]
    return {scheme.scheme_id: scheme for scheme in known}


def _reason(energies: EnergyScheme, hull: EnergyScheme) -> str:
    if "derived" in {energies.kind, hull.kind}:
        return "a mixed hull's scale exists only among the entries that were mixed"
    if energies.functional != hull.functional:
        return "they stand for different functionals"
    if hull.kind == "potential":
        return f"a hull computed with {hull.software} carries that potential's errors"
    if energies.corrections != hull.corrections:
        return "one contains corrections that the other does not"
    return f"total energies of {energies.software} and of this hull's {hull.software} set-up have different zeros"


def _materials_project() -> list[EnergyScheme]:
    return [
        EnergyScheme(
            scheme_id=MP_GGA,
            kind="dft",
            software="VASP",
            functional=_PBE_U,
            run_types=GGA_RUN_TYPES,
            corrections=_MP2020,
        ),
        EnergyScheme(
            scheme_id=MP_GGA_RAW,
            kind="dft",
            software="VASP",
            functional=_PBE_U,
            run_types=GGA_RUN_TYPES,
            routes={MP_GGA: Route.MP2020},
        ),
        EnergyScheme(
            scheme_id=MP_R2SCAN, kind="dft", software="VASP", functional="r2SCAN", run_types=R2SCAN_RUN_TYPES
        ),
        EnergyScheme(
            scheme_id=MP_MIXED,
            kind="derived",
            software="VASP",
            functional="PBE/PBE+U and r2SCAN",
            run_types=GGA_RUN_TYPES | R2SCAN_RUN_TYPES,
            corrections=f"{_MP2020} and MaterialsProjectDFTMixingScheme",
        ),
    ]


def _matpes() -> list[EnergyScheme]:
    """MatPES (Kaplan et al., arXiv:2503.04070): no U, no corrections; a potential fitted to it keeps to it."""
    functionals = {"matpes-pbe": ("PBE", frozenset({"GGA"})), "matpes-r2scan": ("r2SCAN", R2SCAN_RUN_TYPES)}
    dft = [
        EnergyScheme(
            scheme_id=name,
            kind="dft",
            software="VASP",
            functional=functional,
            run_types=run_types,
            elements=_training_elements(),
        )
        for name, (functional, run_types) in functionals.items()
    ]
    fitted = [
        EnergyScheme(
            scheme_id=f"{architecture}-{scheme.scheme_id}",
            kind="potential",
            software=f"{architecture} MatPES",
            functional=scheme.functional,
            elements=_training_elements(),
            routes={scheme.scheme_id: Route.SAME},
        )
        for scheme in dft
        for architecture in _MATPES_ARCHITECTURES
    ]
    return [*dft, *fitted]


def _chgnet() -> list[EnergyScheme]:
    """CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)): MPtrj's labels contain the 2020 corrections."""
    corrected = [
        EnergyScheme(
            scheme_id=f"chgnet-{version}",
            kind="potential",
            software=f"CHGNet {version}",
            functional=_PBE_U,
            corrections=f"{_MP2020}, in the training labels",
            elements=_training_elements(),
            routes={MP_GGA: Route.SAME},
        )
        for version in ("0.3.0", "0.2.0")
    ]
    r2scan = EnergyScheme(
        scheme_id="chgnet-r2scan",
        kind="potential",
        software="CHGNet r2SCAN",
        functional="r2SCAN",
        elements=_training_elements(),
    )
    return [*corrected, r2scan]


def _gpaw() -> list[EnergyScheme]:
    """GPAW's zeros are its setups': it meets other codes' hulls through formation energies alone.

    PBE+U goes nowhere else: the fitted +U corrections belong to VASP's projectors.
    """
    return [
        EnergyScheme(
            scheme_id="gpaw-pbe",
            kind="dft",
            software="GPAW",
            functional="PBE",
            run_types=frozenset({"GGA"}),
            routes={
                MP_GGA: Route.FORMATION_MP2020,
                MP_GGA_RAW: Route.FORMATION,
                "matpes-pbe": Route.FORMATION,
            },
        ),
        EnergyScheme(
            scheme_id="gpaw-pbe+u",
            kind="dft",
            software="GPAW",
            functional="PBE+U",
            run_types=GGA_RUN_TYPES,
        ),
        EnergyScheme(
            scheme_id="gpaw-r2scan",
            kind="dft",
            software="GPAW",
            functional="r2SCAN",
            run_types=R2SCAN_RUN_TYPES,
            routes={MP_R2SCAN: Route.FORMATION, "matpes-r2scan": Route.FORMATION},
        ),
    ]


def _mace_mp() -> EnergyScheme:
    """MACE-MP (Batatia et al., arXiv:2401.00096): fitted to MPtrj's uncorrected energies."""
    return EnergyScheme(
        scheme_id="mace-mp",
        kind="potential",
        software="MACE-MP",
        functional=_PBE_U,
        elements=_training_elements(),
        routes={MP_GGA_RAW: Route.SAME, MP_GGA: Route.MP2020},
    )


def _toy() -> EnergyScheme:
    return EnergyScheme(scheme_id="toy", kind="potential", software="toy pair potential", functional="none")


@cache
def _training_elements() -> frozenset[str]:
    """Return the 89 elements of MPtrj and of MatPES: up to Pu, without Po, At, Rn, Fr and Ra."""
    from pymatgen.core import Element

    return frozenset(Element.from_Z(z).symbol for z in range(1, 95)) - {"Po", "At", "Rn", "Fr", "Ra"}
