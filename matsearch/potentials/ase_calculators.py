"""Potentials that are ASE calculators by import path: an own one, or one of a package that is not a dependency."""

import contextlib
import io
import os
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from matsearch.core.errors import PotentialError
from matsearch.core.protocols import PotentialInfo
from matsearch.potentials import serve

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

T = TypeVar("T")


class ASEPotential:
    """A potential whose calculators are built in this process.

    Parameters
    ----------
    setup : mapping
        ``calculator`` (import path) and its ``arguments``.
    """

    def __init__(self, info: PotentialInfo, setup: Mapping[str, Any]) -> None:
        self.info = info
        self._setup = dict(setup)

    def calculator(self) -> "Calculator":
        """Return a new ASE calculator.

        Raises
        ------
        PotentialError
            If it cannot be imported or built.
        """
        # several processes of one thread beat one process of many
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        try:
            made = quietly(lambda: serve.build(self._setup))
        except Exception as error:
            raise PotentialError(
                f"{self._setup['calculator']} cannot be loaded: {type(error).__name__}: {' '.join(str(error).split())}",
                "mend its installation, or correct the section `potential`",
            ) from error
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)
        return made


def describe_here(setup: Mapping[str, Any]) -> dict[str, Any]:
    """Return what :func:`matsearch.potentials.serve.described` says in this process."""
    return quietly(lambda: serve.described(dict(setup)))


def quietly(work: Callable[[], T]) -> T:
    """Do the work; what libraries print and warn of has no place in a command's output."""
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        return work()
