"""The one registry of potentials, by name."""

from collections.abc import Callable

from matsearch.core.errors import PotentialError
from matsearch.core.protocols import Potential


def _chgnet(version: str | None) -> Potential:
    from matsearch.potentials.chgnet import CHGNetPotential

    return CHGNetPotential(version or "0.3.0")


def _toy(version: str | None) -> Potential:
    from matsearch.potentials.toy import ToyPotential

    return ToyPotential(version or "1")


_LOADERS: dict[str, Callable[[str | None], Potential]] = {"chgnet": _chgnet, "toy": _toy}


def load_potential(name: str, version: str | None = None) -> Potential:
    """Return a potential by name.

    Raises
    ------
    PotentialError
        If the name or version is unknown or the weights cannot be found.
    """
    if name not in _LOADERS:
        raise PotentialError(f"unknown potential {name!r}", f"known: {', '.join(sorted(_LOADERS))}")
    return _LOADERS[name](version)
