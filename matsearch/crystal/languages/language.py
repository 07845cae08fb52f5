"""What a structure language is: a way to write a crystal as text, and to read what others wrote in it."""

from typing import NamedTuple, Protocol

from pymatgen.core import Structure

from matsearch.core.verdict import FailureKind

MAX_TEXT_BYTES = 200_000
"""Of one crystal's text; longer ones are refused unread."""

MAX_READ_SITES = 1_000
"""Of one crystal, after its symmetry was applied; larger ones are refused before any work is spent on them."""

MAX_LENGTH = 1_000.0
"""Angstrom of a lattice vector or Cartesian coordinate."""

LOSSLESS_DIGITS = 10
"""Decimals that lose nothing a structure key sees."""


class Reading(NamedTuple):
    """A crystal that was read.

    Attributes
    ----------
    repairs : tuple of str
        What was mended or not believed, one line each that a person understands; empty where nothing was.
    """

    structure: Structure
    repairs: tuple[str, ...] = ()


class Unreadable(ValueError):  # noqa: N818 - it is an answer, not a fault
    """A text is no crystal in its language.

    Parameters
    ----------
    kind : FailureKind
        The reason, for counting.
    detail : str
        One line that a person understands, with the numbers that matter.
    """

    def __init__(self, kind: FailureKind, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail


class Language(Protocol):
    """One structure language, both ways."""

    name: str

    def write(self, structure: Structure, digits: int = 4) -> str:
        """Return the text of an ordered crystal, numbers with so many decimals; same crystal, same text.

        Raises
        ------
        InputError
            If a site is disordered.
        Unreadable
            If the language cannot say it.
        """
        ...

    def read(self, text: str) -> Reading:
        """Return the crystal of a text, mended where that changes no composition.

        Raises
        ------
        Unreadable
            If it is no crystal, or could be more than one.
        """
        ...
