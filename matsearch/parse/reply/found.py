"""What a reply was found to hold."""

from matsearch.core.model import Record
from matsearch.core.structures import StructureField
from matsearch.core.verdict import Verdict


class Found(Record):
    """One crystal of a reply, or what should have been one: a structure or a verdict, never both.

    Attributes
    ----------
    said : str
        The formula that the reply gave it; empty where it gave none. Never believed, only compared.
    repairs : tuple of str
        What was mended or not believed, one line each.
    """

    structure: StructureField | None = None
    verdict: Verdict | None = None
    said: str = ""
    repairs: tuple[str, ...] = ()
