"""The lines of a POSCAR as models write them: which is a site, which only looks like one."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from pymatgen.core import Element

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.labels import element_of, names_element
from matsearch.crystal.languages.language import Unreadable
from matsearch.crystal.languages.numerals import is_number, number_of
from matsearch.crystal.languages.text import plain, shown

_NUMBER_LIKE = re.compile(r"[+-]?(?:[\d.].*|nan|inf(?:inity)?)", re.ASCII | re.IGNORECASE)
_DECIMAL = re.compile(r"[+-]?\d*\.\d.*", re.ASCII)
_FLAG = re.compile(r"\.?(?:T|F|TRUE|FALSE)\.?", re.IGNORECASE)
_SEPARATOR = re.compile(r"[,;]?\s+")


class Line(NamedTuple):
    """A line that holds something; its number counts from 1 and blank lines too."""

    number: int
    text: str
    after_blank: bool = False

    @property
    def words(self) -> list[str]:
        """What stands before a comment, at spaces."""
        return split_words(re.split("[#!]", self.text, maxsplit=1)[0])

    @property
    def remark(self) -> list[str]:
        """What stands in a comment, at spaces."""
        return split_words(re.split("[#!]", self.text, maxsplit=1)[1]) if re.search("[#!]", self.text) else []

    def __str__(self) -> str:
        return f"line {self.number} {shown(self.text)}"


class Site(NamedTuple):
    """Coordinates as written and the label, if there is one."""

    line: Line
    coords: tuple[float, ...]
    label: str | None = None


def split_words(text: str) -> list[str]:
    """Return the words of a line; commas and semicolons separate only before a space."""
    return [word for word in _SEPARATOR.split(text.strip().rstrip(",;")) if word]


def lines_of(text: str) -> tuple[list[Line], list[str]]:
    """Return the lines that hold something, and what was mended to get them."""
    repairs = []
    if "\\n" in text:
        text = text.replace("\\r", "").replace("\\n", "\n").replace("\\t", " ")
        repairs.append("line breaks were written as \\n")
    if plain(text) != text:
        text = plain(text)
        repairs.append("typographic signs read as plain ones")
    lines: list[Line] = []
    blank = False
    for number, raw in enumerate(text.splitlines(), start=1):
        bare = raw.strip().rstrip("\\").strip()
        if bare.startswith("```") or (lines and bare.startswith(("#", "!", "//"))):
            continue
        if bare:
            lines.append(Line(number, bare, blank))
        blank = not bare
    return lines, repairs


def read_site(line: Line) -> Site | None:
    """Return the site of a line; None for one that is no attempt at it.

    Raises
    ------
    Unreadable
        If it is a site that cannot be read.
    """
    words = line.words
    labelled_first = bool(words) and not _NUMBER_LIKE.fullmatch(words[0])
    rest = words[1:] if labelled_first else words
    n_numbers = next((i for i, word in enumerate(rest) if not _NUMBER_LIKE.fullmatch(word)), len(rest))
    if not _is_attempt(words, n_numbers, labelled_first):
        return None
    if n_numbers != 3:
        detail = f"{line} has {n_numbers} number{'s' * (n_numbers > 1)}, not 3"
        raise Unreadable(FailureKind.BAD_NUMBERS, detail)
    labels = words[:1] if labelled_first else []
    try:
        coords = tuple(number_of(word) for word in rest[:3])
        return Site(line, coords, _label(labels + _without_flags(rest[3:]), line.remark))
    except Unreadable as refusal:
        raise Unreadable(refusal.kind, f"line {line.number}: {refusal.detail}") from None


def is_site(line: Line) -> bool:
    """Return whether a line is a site or a broken one."""
    try:
        return read_site(line) is not None
    except Unreadable:
        return True


def is_begun(line: Line) -> bool:
    """Return whether a line is what is left of a site that was cut off."""
    words = line.words
    return len(words) < 3 and (is_site(line) or bool(words and all(map(_NUMBER_LIKE.fullmatch, words))))


def _is_attempt(words: Sequence[str], n_numbers: int, labelled_first: bool) -> bool:
    if n_numbers != 1:
        return n_numbers > 1
    others = [word for i, word in enumerate(words) if i != int(labelled_first)]
    return bool(_DECIMAL.fullmatch(words[int(labelled_first)])) and all(map(names_element, others))


def _without_flags(words: list[str]) -> list[str]:
    """Drop the three flags of selective dynamics; a single F is fluorine."""
    return words[3:] if len(words) >= 3 and all(map(_FLAG.fullmatch, words[:3])) else words


def _label(words: Sequence[str], remark: Sequence[str]) -> str | None:
    """Return the label among what stands beside the numbers; a comment counts if it is nothing but one."""
    if not words:
        return remark[0] if len(remark) == 1 and names_element(remark[0]) else None
    symbol = element_of(words[0])
    for word in words[1:]:
        shared = Element.is_valid_symbol(word) and word != symbol
        if shared or (is_number(word) and not number_of(word).is_integer()):
            detail = f"{shown(' '.join(words))} is a site of mixed or partial occupancy"
            raise Unreadable(FailureKind.DISORDERED, detail)
    return words[0]
