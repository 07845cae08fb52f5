"""Texts in quotes, as models write them: where one ends, and what it says."""

import re
from dataclasses import dataclass

RAW_NEWLINES = "raw newlines in a JSON string"
QUOTE_MISSING = "the quote that ends a JSON string was missing"

_JUNK = " \t\n,{}[]"
_MAX_KEY = 80


@dataclass(slots=True)
class Text:
    """A text that was in quotes.

    Attributes
    ----------
    closed : bool
        Whether it ends before the reply does.
    repairs : tuple of str
        What was mended in it.
    """

    value: str
    closed: bool = True
    repairs: tuple[str, ...] = ()


_STOPS = {
    quote: re.compile(rf"\\.|{quote}|\n[ \t]*(?:```(?!\s*{quote})|[}}\]])", re.DOTALL) for quote in ('"', "'")
}
"""Escapes, quotes, and lines that begin as no line of a crystal does."""
_FOLLOWS = re.compile(r"\s*(?:([,:}\]\"'])|\Z|```|//|/\*)")
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def read_text(text: str, start: int, quote: str, *, valued: bool) -> tuple[Text, int]:
    """Return the text in quotes that begins at a place, and the place after it.

    Parameters
    ----------
    start : int
        After the opening quote.
    quote : str
        The opening quote: single, double, or three of either.
    valued : bool
        Whether a value is expected here, which no colon follows.
    """
    if len(quote) > 1:
        end = text.find(quote, start)
        body = text[start:] if end < 0 else text[start:end]
        return Text(_decoded(body), end >= 0), len(text) if end < 0 else end + len(quote)
    inner = -1
    for stop in _STOPS[quote].finditer(text, start):
        if stop[0] != quote and stop[0][0] == "\\":
            continue
        if stop[0] != quote:
            return _made(text[start : stop.start()], (QUOTE_MISSING,)), stop.start()
        follows = _end(text, stop.end(), quote)
        if follows == ":" and valued and inner >= 0 and stop.start() - inner <= _MAX_KEY:
            # this quote ends the next key: the value's own was forgotten
            body = text[start:inner].rstrip(_JUNK)
            return _made(body, (QUOTE_MISSING,)), start + len(body)
        if follows is not None:
            return _made(text[start : stop.start()]), stop.end()
        inner = stop.start()
    return Text(_decoded(text[start:]), closed=False), len(text)


def _end(text: str, position: int, quote: str) -> str | None:
    """Return what stands after a quote if that shows that the quote ends a string, else None."""
    follows = _FOLLOWS.match(text, position)
    if follows is None:
        return None
    mark = follows[1] or ""
    if mark in ('"', "'"):
        # a comma is missing between two lines
        return mark if mark == quote and "\n" in follows[0] else None
    return mark


def _made(body: str, repairs: tuple[str, ...] = ()) -> Text:
    if "\n" in body:
        repairs = (*repairs, RAW_NEWLINES)
    return Text(_decoded(body), repairs=repairs)


def _decoded(body: str) -> str:
    """Return a text with its escapes resolved; what is no escape stays as it is."""
    if "\\" not in body:
        return body
    whole = _ESCAPE.sub(_character, body)
    # pairs of surrogates become one character, half ones a question mark
    return whole.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _character(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    if escape[2] in _ESCAPES:
        return _ESCAPES[escape[2]]
    return escape[2] if escape[2] in "\"'\\/\n" else escape[0]
