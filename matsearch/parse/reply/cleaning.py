"""The text of a reply without what is not part of the answer."""

import re

_CHARACTERS = {
    **dict.fromkeys([0, 0xFEFF, 0x200B, 0x200C, 0x200D, 0x2060]),
    **dict.fromkeys([0xA0, 0x2007, 0x2009, 0x202F], " "),
    0x2212: "-",
}
"""Invisible characters go; other blanks and the minus sign become those that numbers are written with."""

_CURLY = {
    **dict.fromkeys(map(ord, "\u201c\u201d\u201e\u201f\u2033"), '"'),
    **dict.fromkeys(map(ord, "\u2018\u2019\u201a\u201b\u2032"), "'"),
}
"""Quotation marks above and below the line, and primes."""

_CURLY_KEY = re.compile(r"[{,]\s*[\u201c\u201d\u201e]\w{1,40}[\u201c\u201d\u201e]\s*:")

_ANSWER_FOLLOWS = re.compile(
    r"</(?:think|thinking|thought|reasoning|reflection)>|<\|channel\|>final<\|message\|>", re.IGNORECASE
)
_REASONING_FOLLOWS = re.compile(r"<(?:think|thinking|thought|reasoning|reflection)>", re.IGNORECASE)


def cleaned(text: str) -> str:
    """Return a text with one kind of newline, of blank and of minus, without invisible characters or half ones."""
    whole = text.encode("utf-8", "replace").decode("utf-8")
    return whole.translate(_CHARACTERS).replace("\r\n", "\n").replace("\r", "\n")


def answer(text: str) -> str:
    """Return what comes after the reasoning; of reasoning that never ends, what comes before it."""
    end = 0
    for end_of_reasoning in _ANSWER_FOLLOWS.finditer(text):
        end = end_of_reasoning.end()
    rest = text[end:]
    begun = _REASONING_FOLLOWS.search(rest)
    return rest[: begun.start()] if begun else rest


def has_curly_keys(text: str) -> bool:
    """Return whether curly quotes are those of the JSON itself, not of words within its strings."""
    return _CURLY_KEY.search(text) is not None


def straightened(text: str) -> str:
    """Return a text with straight quotes for curly ones."""
    return text.translate(_CURLY)
