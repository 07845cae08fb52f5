"""Text of a structure language: its typographic signs, its size, and how it is quoted."""

from matsearch.core.text import one_line
from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.language import MAX_TEXT_BYTES, Unreadable

_MAX_SHOWN = 60
_PLAIN = str.maketrans(
    "\u2212\u2013\u2010\u2011\u00a0\u202f\u201c\u201d\u201e\u2018\u2019\u2044",
    '----  """\'\'/',
)


def plain(text: str) -> str:
    """Return the text with typographic minus signs, quotes, spaces and slashes as ASCII."""
    return text.translate(_PLAIN)


def shown(text: str) -> str:
    """Return a text as it can be quoted in one line of a message."""
    return repr(one_line(text, _MAX_SHOWN))


def check_size(text: str) -> None:
    """Refuse a text that is too long to be one crystal.

    Raises
    ------
    Unreadable
        REPLY_TOO_LARGE, with the sizes.
    """
    size = len(text) if len(text) > MAX_TEXT_BYTES else len(text.encode("utf-8", "replace"))
    if size > MAX_TEXT_BYTES:
        detail = f"a crystal's text of {size} bytes, more than {MAX_TEXT_BYTES}"
        raise Unreadable(FailureKind.REPLY_TOO_LARGE, detail)
