"""What the registry knows of a potential without loading it."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from matsearch.core.config import PotentialSection
from matsearch.core.model import Record
from matsearch.core.protocols import Potential
from matsearch.core.schemes import get_scheme


class Version(Record):
    """One version of a potential.

    Attributes
    ----------
    scheme_id : str or None
        Of its energies; None where a search must state it.
    folder : str or None
        Whose folder holds the weights: the package's or the user's cache.
    weights : str or None
        Pattern of the file's path below it; None where there is no one file.
    """

    scheme_id: str | None
    folder: Literal["package", "cache"] | None = None
    weights: str | None = None

    @property
    def elements(self) -> frozenset[str] | None:
        """Elements it was made for; None is any, or unknown."""
        return get_scheme(self.scheme_id).elements if self.scheme_id else None


class PotentialEntry(Record):
    """One potential of the registry.

    Attributes
    ----------
    title : str
        What people call it.
    versions : dict of str to Version
        The default first; empty where a search describes the potential itself.
    gives : frozenset of str
        At least these of ``forces``, ``stress``, ``magmoms``, ``charges``, ``uncertainty``.
    licence : str
        Of code and weights.
    package : str or None
        Import name of what it needs; None where matsearch is all it needs.
    distribution : str or None
        What ``pip install`` calls that package.
    extra : str or None
        Extra of matsearch that installs it.
    pickled : bool
        It can read a file of weights, which is a pickle, hence code.
    load : callable
        From a section of a configuration and this entry to the potential.
    """

    name: str
    title: str
    versions: dict[str, Version]
    gives: frozenset[str] = frozenset({"forces", "stress"})
    licence: str
    package: str | None = None
    distribution: str | None = None
    extra: str | None = None
    pickled: bool = False
    load: Annotated[
        Callable[[PotentialSection, "PotentialEntry"], Potential], Field(exclude=True, repr=False)
    ]

    @property
    def default_version(self) -> str | None:
        """The version that is taken where none is named."""
        return next(iter(self.versions), None)

    @property
    def installed(self) -> bool:
        """Whether its package is here; nothing is imported to find out."""
        return self.package is None or find_spec(self.package) is not None

    @property
    def install(self) -> str:
        """The command that installs its package."""
        return f"pip install 'matsearch[{self.extra}]'" if self.extra else f"pip install {self.distribution}"

    def place(self, version: str) -> tuple[Path, str] | None:
        """Return the folder and the pattern of a version's weights; None if they have no known place here."""
        known = self.versions.get(version)
        if known is None or known.weights is None:
            return None
        if known.folder == "cache":
            return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser(), known.weights
        spec = find_spec(self.package) if self.package else None
        return (Path(spec.origin).parent, known.weights) if spec and spec.origin else None

    def weights_path(self, version: str) -> Path | None:
        """Return the file of a version's weights, if it lies in its place."""
        place = self.place(version)
        return next(iter(sorted(place[0].glob(place[1]))), None) if place else None
