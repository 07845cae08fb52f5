"""The one registry of potentials: which there are, and how one is had."""

from functools import cache

from pydantic import ValidationError

from matsearch.core.config import PotentialSection
from matsearch.core.errors import ConfigError, PotentialError
from matsearch.core.protocols import Potential
from matsearch.potentials.entry import PotentialEntry, Version
from matsearch.potentials.libraries import ASE, MACE_MP, MATCALC, SEVENNET


@cache
def potential_entries() -> tuple[PotentialEntry, ...]:
    """Return all potentials that can be named. What finds more of them, in files for example, adds them here."""
    return (CHGNET, MACE_MP, SEVENNET, MATCALC, ASE, TOY)


def find_entry(name: str) -> PotentialEntry:
    """Return the entry of a name.

    Raises
    ------
    PotentialError
        If there is none.
    """
    entries = {entry.name: entry for entry in potential_entries()}
    if name not in entries:
        raise PotentialError(f"unknown potential {name!r}", f"known: {', '.join(sorted(entries))}")
    return entries[name]


def load_potential(name: str, version: str | None = None) -> Potential:
    """Return a potential by name.

    Raises
    ------
    PotentialError
        If the name or version is unknown or the weights cannot be found.
    ConfigError
        If a name and a version are not enough to load it.
    """
    find_entry(name)
    try:
        section = PotentialSection(name=name, version=version)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["potential", *map(str, first["loc"])])
        got = f", got {first['input']!r}" if first["loc"] else ""
        raise ConfigError(
            f"{key}: {first['msg'].removeprefix('Value error, ')}{got}",
            "use the section `potential` of a configuration",
        ) from error
    return load_from(section)


def load_from(section: PotentialSection) -> Potential:
    """Return the potential that a section of a configuration describes.

    Raises
    ------
    PotentialError
        If it is unknown, not installed, or its weights cannot be found or are not those that were asked for.
    ConfigError
        If the section says what this potential cannot be told, or too little.
    """
    entry = find_entry(section.name)
    return entry.load(section, entry)


def _load_chgnet(section: PotentialSection, entry: PotentialEntry) -> Potential:
    from matsearch.potentials.chgnet import CHGNetPotential

    return CHGNetPotential(_version(section, entry))


def _load_toy(section: PotentialSection, entry: PotentialEntry) -> Potential:
    from matsearch.potentials.toy import ToyPotential

    return ToyPotential(_version(section, entry))


def _version(section: PotentialSection, entry: PotentialEntry) -> str:
    """Return the version of a potential that brings everything itself."""
    for key in ("weights", "python", "scheme", "elements"):
        value = getattr(section, key)
        if value is not None:
            raise ConfigError(f"potential.{key}: {entry.name} takes none, got {value!r}", f"leave {key} out")
    version = section.version or str(entry.default_version)
    if version not in entry.versions:
        raise PotentialError(
            f"unknown version {version!r} of {entry.name}", f"known: {', '.join(entry.versions)}"
        )
    return version


CHGNET = PotentialEntry(
    name="chgnet",
    title="CHGNet",
    versions={
        version: Version(
            scheme_id=f"chgnet-{version}", folder="package", weights=f"pretrained/{version}/*.pth.tar"
        )
        for version in ("0.3.0", "0.2.0", "r2scan")
    },
    gives=frozenset({"forces", "stress", "magmoms"}),
    licence="BSD-3-Clause",
    package="chgnet",
    distribution="chgnet",
    load=_load_chgnet,
)

TOY = PotentialEntry(
    name="toy",
    title="pair potential without chemistry",
    versions={"1": Version(scheme_id="toy")},
    licence="MIT",
    load=_load_toy,
)
