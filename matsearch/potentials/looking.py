"""Looking at what a potential of another package is made of: its code, and its file of weights."""

import hashlib
from pathlib import Path
from typing import Any

from matsearch.core.config import PotentialSection
from matsearch.core.errors import ConfigError, PotentialError
from matsearch.potentials.ase_calculators import describe_here
from matsearch.potentials.entry import PotentialEntry
from matsearch.potentials.serve import NOT_INSTALLED


def describe(
    section: PotentialSection, entry: PotentialEntry, setup: dict[str, Any], version: str = ""
) -> dict[str, Any]:
    """Return what :func:`matsearch.potentials.serve.described` says, in the section's environment.

    Raises
    ------
    PotentialError
        If the code is not installed there, or the weights of a version are not to be had.
    """
    if section.python is None:
        facts = describe_here(setup)
    else:
        from matsearch.potentials.remote import describe_there

        facts = describe_there(section.python, setup)
    if "error" not in facts:
        return facts
    raise _missing(section, entry, facts["error"], version)


def given_weights(section: PotentialSection, entry: PotentialEntry) -> Path:
    """Return the path of the file of weights that a section names, if it may be read.

    Raises
    ------
    ConfigError
        If the potential takes none, or reading it would run code that nobody allowed.
    """
    path = Path(str(section.weights)).expanduser()
    if not entry.pickled:
        raise ConfigError(
            f"potential.weights: {entry.name} takes no file, got {path}", "give potential.version"
        )
    if not section.allow_import:
        raise ConfigError(
            f"potential.weights: {path} is a pickle, and reading it runs whatever code is in it",
            "set potential.allow_import: true if you trust where it comes from",
        )
    return path


def file_sha256(path: Path, expected: str | None = None) -> str:
    """Return the sha256 of a file of weights.

    Raises
    ------
    PotentialError
        If it cannot be read or is not the expected one.
    """
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise PotentialError(
            f"potential.weights: cannot read {path}: {error.strerror}", "give the path of a downloaded file"
        ) from error
    if expected not in {None, sha256}:
        raise PotentialError(
            f"potential.weights: {path} has sha256 {sha256}, not {expected}",
            "get the right file, or correct sha256",
        )
    return sha256


def _missing(
    section: PotentialSection, entry: PotentialEntry, error: dict[str, str], version: str
) -> PotentialError:
    where = f" in the environment of {section.python}" if section.python else ""
    said = f"{error['type']}: {error['message']}"
    if error["type"] == NOT_INSTALLED:
        what = entry.title if entry.package else f"the package of {section.calculator}"
        return PotentialError(f"{what} is not installed{where}", _installing(section, entry))
    if error["type"] in {"ImportError", "ModuleNotFoundError"}:
        return PotentialError(f"{entry.title} cannot be imported{where}: {said}", _installing(section, entry))
    place = entry.place(version) if version else None
    looked = f", looked for as {place[0] / place[1]}" if place else ""
    remedy = f"where there is no network: download them elsewhere and set potential.weights: FILE and potential.version: {version}"
    if not entry.pickled:
        remedy = "where there is no network: load it once elsewhere and bring the library's cache here"
    return PotentialError(f"no weights of {entry.name} {version}{where}{looked}: {said}", remedy)


def _installing(section: PotentialSection, entry: PotentialEntry) -> str:
    if not entry.distribution:
        return "install it there, or put its folder on PYTHONPATH"
    return f"{section.python} -m pip install {entry.distribution}" if section.python else entry.install
