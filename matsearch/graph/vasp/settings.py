"""What a ``verify.vasp`` section says about energies: code, functional, scheme and every setting that changes them."""

from matsearch.core.dft import DftSettings
from matsearch.core.errors import DftError
from matsearch.core.schemes import EnergyScheme, get_scheme, schemes
from matsearch.core.verify_section import VaspSection
from matsearch.graph.vasp.makers import KNOWN, import_path

SURFACE_TAGS = frozenset(
    {
        "ENCUT",
        "GGA",
        "GGA_COMPAT",
        "ISPIN",
        "IVDW",
        "LASPH",
        "LDAU",
        "LDAUJ",
        "LDAUL",
        "LDAUTYPE",
        "LDAUU",
        "LHFCALC",
        "LNONCOLLINEAR",
        "LSORBIT",
        "LUSE_VDW",
        "METAGGA",
        "NELECT",
        "NUPDOWN",
        "PREC",
        "PSTRESS",
    }
)
"""INCAR tags that put energies on another surface than the one that a Maker is known for."""


def vasp_settings(section: VaspSection) -> DftSettings:
    """Return the settings of every calculation of a section. atomate2 is not imported.

    Raises
    ------
    DftError
        If it is not known, or was changed and not said, what the energies may be compared with.
    """
    scheme = _scheme(section)
    return DftSettings(
        code="VASP",
        functional="PBE+U" if "GGA+U" in scheme.run_types else scheme.functional,
        scheme_id=scheme.scheme_id,
        parameters={
            "maker": import_path(section),
            "arguments": section.arguments,
            "incar": section.incar,
            "kpoints": section.kpoints,
            "potcar_functional": section.potcar_functional,
            "magnetic_orderings": section.magnetic_orderings,
            "n_orderings": section.n_orderings,
        },
    )


def _scheme(section: VaspSection) -> EnergyScheme:
    known = KNOWN.get(section.maker)
    if section.scheme is not None:
        return _usable(section.scheme)
    if known is None:
        raise DftError(
            f"verify.vasp.scheme: nothing says what energies of {section.maker} may be compared with",
            f"set it to one of {', '.join(_usable_ids())}",
        )
    changed = _changed(section)
    if changed:
        raise DftError(
            f"verify.vasp: {', '.join(changed)} may take the energies of {section.maker} off {known.scheme_id}",
            f"leave it, or set verify.vasp.scheme: {known.scheme_id} if they still belong there",
        )
    return get_scheme(known.scheme_id)


def _changed(section: VaspSection) -> list[str]:
    tags = [f"incar {tag}" for tag in sorted(section.incar) if tag.upper() in SURFACE_TAGS]
    return tags if section.potcar_functional is None else [*tags, "potcar_functional"]


def _usable(scheme_id: str) -> EnergyScheme:
    if scheme_id not in _usable_ids():
        raise DftError(
            f"verify.vasp.scheme: {scheme_id} is none of uncorrected VASP energies",
            f"set it to one of {', '.join(_usable_ids())}",
        )
    return get_scheme(scheme_id)


def _usable_ids() -> list[str]:
    return sorted(
        scheme.scheme_id
        for scheme in schemes().values()
        if scheme.kind == "dft" and scheme.software == "VASP" and scheme.corrections == "none"
    )
