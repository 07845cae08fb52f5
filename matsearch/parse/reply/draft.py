"""What a reply offers as a crystal, before anybody tries to read it."""

from typing import NamedTuple

MAX_REPLY_BYTES = 1_000_000
"""Of one reply; a longer one is refused unread."""

MAX_DRAFTS = 100
"""Taken from one reply; what comes after them is left out."""


class Draft(NamedTuple):
    """One piece of a reply that should be a crystal.

    Attributes
    ----------
    language : str
        In which it is written, told by its content.
    text : str
        The crystal alone.
    said : str
        The formula that the reply gives it; empty where it gives none.
    repairs : tuple of str
        What was mended to get the text out of the reply, one line each.
    complete : bool
        Whether the reply goes on after it; else its end may be missing.
    """

    language: str
    text: str
    said: str = ""
    repairs: tuple[str, ...] = ()
    complete: bool = True
