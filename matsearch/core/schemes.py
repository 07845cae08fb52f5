"""Energy schemes: which energies may meet in one hull."""

from matsearch.core.errors import SchemeMismatchError
from matsearch.core.model import Record


class EnergyScheme(Record):
    """How a set of energies was made.

    Attributes
    ----------
    scheme_id : str
        The name every energy carries.
    software : str
        The code or potential.
    functional : str
        The exchange-correlation functional that the energies stand for.
    corrections : str
        Corrections already contained in the energies.
    comparable_with : frozenset of str
        Schemes of hulls against which these energies may be measured, besides their own.
    """

    scheme_id: str
    software: str
    functional: str
    corrections: str
    comparable_with: frozenset[str] = frozenset()


MP_GGA = "mp-gga-gga+u-mp2020"

_SCHEMES = {
    scheme.scheme_id: scheme
    for scheme in (
        EnergyScheme(
            scheme_id=MP_GGA,
            software="VASP",
            functional="PBE/PBE+U",
            corrections="MaterialsProject2020Compatibility",
        ),
        EnergyScheme(
            scheme_id="mp-gga-gga+u-raw", software="VASP", functional="PBE/PBE+U", corrections="none"
        ),
        EnergyScheme(
            scheme_id="chgnet-0.3.0",
            software="CHGNet 0.3.0",
            functional="PBE/PBE+U",
            corrections="MaterialsProject2020Compatibility, in the training labels",
            comparable_with=frozenset({MP_GGA}),
        ),
        EnergyScheme(
            scheme_id="chgnet-0.2.0",
            software="CHGNet 0.2.0",
            functional="PBE/PBE+U",
            corrections="MaterialsProject2020Compatibility, in the training labels",
            comparable_with=frozenset({MP_GGA}),
        ),
        EnergyScheme(
            scheme_id="chgnet-r2scan", software="CHGNet r2SCAN", functional="r2SCAN", corrections="none"
        ),
        EnergyScheme(scheme_id="toy", software="toy pair potential", functional="none", corrections="none"),
    )
}


def get_scheme(scheme_id: str) -> EnergyScheme:
    """Return a scheme by its id.

    Raises
    ------
    SchemeMismatchError
        If no such scheme is known.
    """
    if scheme_id not in _SCHEMES:
        raise SchemeMismatchError(
            f"unknown energy scheme {scheme_id!r}", f"known: {', '.join(sorted(_SCHEMES))}"
        )
    return _SCHEMES[scheme_id]


def require_comparable(energy_scheme_id: str, hull_scheme_id: str) -> None:
    """Refuse to measure energies of one scheme against a hull of another that does not fit.

    Raises
    ------
    SchemeMismatchError
        If the pair is not known to be comparable.
    """
    energies, hull = get_scheme(energy_scheme_id), get_scheme(hull_scheme_id)
    if hull_scheme_id not in {energy_scheme_id, *energies.comparable_with}:
        raise SchemeMismatchError(
            f"energies of {energy_scheme_id} ({energies.functional}, corrections: {energies.corrections}) may not be "
            f"compared with a hull of {hull_scheme_id} ({hull.functional}, corrections: {hull.corrections})",
            f"use a hull of {' or '.join(sorted({energy_scheme_id, *energies.comparable_with}))}",
        )
