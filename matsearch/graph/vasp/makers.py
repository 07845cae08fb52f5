"""atomate2's VASP Makers by name, and which energies each gives."""

import dataclasses
import difflib
from importlib import import_module
from typing import Any, NamedTuple

from jobflow import Maker

from matsearch.core.errors import DftError
from matsearch.core.schemes import MP_GGA_RAW, MP_R2SCAN
from matsearch.core.text import one_line
from matsearch.core.verify_section import VaspSection

MP_FLOWS = "atomate2.vasp.flows.mp"


class KnownMaker(NamedTuple):
    """Where a Maker lives, and the energy scheme of its last calculation."""

    module: str
    scheme_id: str


KNOWN = {
    "MPGGADoubleRelaxStaticMaker": KnownMaker(MP_FLOWS, MP_GGA_RAW),
    "MPGGADoubleRelaxMaker": KnownMaker(MP_FLOWS, MP_GGA_RAW),
    "MP24DoubleRelaxStaticMaker": KnownMaker(MP_FLOWS, MP_R2SCAN),
    "MP24DoubleRelaxMaker": KnownMaker(MP_FLOWS, MP_R2SCAN),
    "MPMetaGGADoubleRelaxStaticMaker": KnownMaker(MP_FLOWS, MP_R2SCAN),
    "MPMetaGGADoubleRelaxMaker": KnownMaker(MP_FLOWS, MP_R2SCAN),
    "MatPesGGAStaticMaker": KnownMaker("atomate2.vasp.jobs.matpes", "matpes-pbe"),
    "MatPesMetaGGAStaticMaker": KnownMaker("atomate2.vasp.jobs.matpes", "matpes-r2scan"),
    "MatPesStaticFlowMaker": KnownMaker("atomate2.vasp.flows.matpes", "matpes-r2scan"),
}
"""Makers whose energies are known to belong to a scheme. The MatPES flow ends with its r2SCAN static."""


def import_path(section: VaspSection) -> str:
    """Return the Maker of a section as ``package.module:Name``; nothing is imported."""
    if ":" in section.maker:
        return section.maker
    known = KNOWN.get(section.maker)
    return f"{known.module if known else MP_FLOWS}:{section.maker}"


def build_maker(section: VaspSection) -> Maker:
    """Return the Maker of a section with its arguments.

    Raises
    ------
    DftError
        If there is no such Maker, or it does not take the arguments.
    """
    found = _maker_class(section)
    arguments = _arguments(section)
    fields = [field.name for field in dataclasses.fields(found) if field.init]
    for name in arguments:
        if name not in fields:
            raise DftError(
                f"verify.vasp.arguments: {section.maker} takes no {name!r}", f"it takes {', '.join(fields)}"
            )
    try:
        return found(**arguments)
    except Exception as error:
        raise DftError(
            f"verify.vasp.arguments: {section.maker} refuses {one_line(str(section.arguments))}: "
            f"{one_line(str(error))}"
        ) from error


def _maker_class(section: VaspSection) -> type[Any]:
    module_name, _, name = import_path(section).partition(":")
    try:
        found: Any = import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except ImportError as error:
        raise DftError(
            f"verify.vasp.maker: {module_name} cannot be imported: {one_line(str(error))}",
            "install it, or put its folder on PYTHONPATH",
        ) from error
    except AttributeError:
        near = difflib.get_close_matches(name, KNOWN, n=3) or list(KNOWN)
        raise DftError(
            f"verify.vasp.maker: {module_name} has no Maker {name!r}", f"did you mean {' or '.join(near)}?"
        ) from None
    if not (isinstance(found, type) and issubclass(found, Maker) and dataclasses.is_dataclass(found)):
        raise DftError(f"verify.vasp.maker: {section.maker} is no jobflow Maker", "name a Maker class")
    return found


def _arguments(section: VaspSection) -> dict[str, Any]:
    """Return the arguments; objects written as monty writes them (``@module``) are code, and need to be allowed."""
    if not _names_code([section.arguments]):
        _refuse_code(section)
        return dict(section.arguments)
    if not section.allow_import:
        raise DftError(
            "verify.vasp.arguments: '@module' names code that would be imported",
            "set verify.vasp.allow_import: true if it may run",
        )
    _refuse_code(section)
    from monty.json import MontyDecoder

    decoded: dict[str, Any] = MontyDecoder().process_decoded(section.arguments)
    return decoded


def _refuse_code(section: VaspSection) -> None:
    if _names_code([section.incar, section.kpoints]):
        raise DftError(
            "verify.vasp.incar and kpoints hold numbers and words alone, got '@module'", "remove it"
        )


def _names_code(value: Any) -> bool:
    if isinstance(value, dict):
        return any(str(key).startswith("@") for key in value) or _names_code(list(value.values()))
    return isinstance(value, (list, tuple)) and any(map(_names_code, value))
