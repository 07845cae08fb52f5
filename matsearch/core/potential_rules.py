"""What the keys of the section ``potential`` may say together."""

from typing import TYPE_CHECKING

from matsearch.core.schemes import schemes

if TYPE_CHECKING:
    from matsearch.core.config import PotentialSection

IMPORT_PATH = r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*$"
VERSION = r"^[A-Za-z0-9][A-Za-z0-9._+-]*$"
"""Neither a path nor an address: libraries read the one and download the other where they expect a model's name."""

WEIGHTS = "{weights}"
"""An argument of a calculator that stands for the path of the file of weights."""


def check_potential(section: "PotentialSection") -> None:
    """Refuse keys that contradict each other.

    Raises
    ------
    ValueError
        Naming the key, the value and the remedy.
    """
    if section.name == "ase":
        _check_calculator(section)
    elif section.calculator is not None:
        raise ValueError(f"calculator {section.calculator!r} is for name: ase, not for {section.name!r}")
    elif section.arguments:
        raise ValueError(f"arguments {sorted(section.arguments)} are for name: ase, not for {section.name!r}")
    if section.sha256 is not None and section.weights is None:
        raise ValueError(f"sha256 {section.sha256[:12]}... is that of a file: give weights too")
    if section.python is not None and not section.allow_import:
        raise ValueError(f"python {section.python!r} is a program: set allow_import: true if it may run")


def known_scheme(scheme_id: str | None) -> str | None:
    """Return a scheme's id if it is one."""
    if scheme_id is not None and scheme_id not in schemes():
        raise ValueError(f"unknown energy scheme, known: {', '.join(sorted(schemes()))}")
    return scheme_id


def _check_calculator(section: "PotentialSection") -> None:
    if section.calculator is None:
        raise ValueError("name: ase needs calculator: package.module:Name")
    if not section.allow_import:
        raise ValueError(
            f"calculator {section.calculator!r} is code: set allow_import: true if it may be imported and run"
        )
    if section.scheme is None:
        raise ValueError(
            f"calculator {section.calculator!r} needs scheme: what its energies may be compared with"
        )
    if section.version is not None:
        raise ValueError(f"version {section.version!r}: an ASE calculator has none, put it into arguments")
    if (section.weights is not None) != (WEIGHTS in section.arguments.values()):
        raise ValueError(
            f"weights {section.weights!r} and arguments {section.arguments}: the one that takes the file must be "
            f"'{WEIGHTS}', and only where there is one"
        )
