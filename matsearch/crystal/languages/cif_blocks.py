"""The data blocks of a CIF, read as text: names, values and loops (Hall et al., Acta Cryst. A47, 655 (1991)).

Every line is looked at once, whatever it holds: the time is proportional to the text.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.language import Unreadable
from matsearch.crystal.languages.numerals import is_number
from matsearch.crystal.languages.text import plain, shown

_WORD = re.compile(r"\S+")
_PROSE = re.compile(r"[a-z]{2,}[.,:;!?]?")
_MAX_ROW = 1_000
UNKNOWN = ("", "?", ".")
"""What stands where a CIF gives no value."""
_CLOSING = {quote: re.compile(rf"{quote}(?=\s|$)") for quote in "'\""}


@dataclass(frozen=True)
class Loop:
    """A table: names of its columns, and its values as they stand on each line."""

    tags: list[str] = field(default_factory=list)
    lines: list[list[str]] = field(default_factory=list)

    def rows(self) -> list[dict[str, str]]:
        """Return one dictionary a row; prose after the last is none.

        Raises
        ------
        Unreadable
            CUT_OFF if only the last row lacks values, WRONG_COUNTS if others do.
        """
        width = len(self.tags)
        lines = self.lines[: _end_of_rows(self.lines)]
        values = [value for line in lines for value in line]
        if len(values) % width:
            whole = sum(len(line) == width for line in lines)
            if whole == len(lines) - 1 and len(lines[-1]) < width:
                detail = f"the text ends within row {whole + 1}: {shown(' '.join(lines[-1]))}"
                raise Unreadable(FailureKind.CUT_OFF, detail)
            detail = f"{len(values)} values for {width} columns ({self.tags[0]}, ...)"
            raise Unreadable(FailureKind.WRONG_COUNTS, detail)
        starts = range(0, len(values), width)
        return [dict(zip(self.tags, values[i : i + width], strict=True)) for i in starts]


@dataclass(frozen=True)
class Block:
    """A data block: single values by name, and loops. Names are in lower case, with _ for the dots of CIF 2."""

    name: str
    values: dict[str, str] = field(default_factory=dict)
    loops: list[Loop] = field(default_factory=list)

    def loop_with(self, *tags: str) -> Loop | None:
        """Return the loop that has any of these columns.

        Raises
        ------
        Unreadable
            AMBIGUOUS if several have.
        """
        found = [loop for loop in self.loops if any(tag in loop.tags for tag in tags) and loop.lines]
        if len(found) > 1:
            raise Unreadable(FailureKind.AMBIGUOUS, f"{len(found)} tables with {tags[0]}")
        return found[0] if found else None

    def first(self, *tags: str) -> str:
        """Return the value of the first of these names that has one; empty where none has."""
        found = (self.values.get(tag, "") for tag in tags)
        return next((value for value in found if value not in UNKNOWN), "")


def read_blocks(text: str) -> list[Block]:
    """Return the data blocks of a text; what stands before the first is a block without a name.

    Raises
    ------
    Unreadable
        AMBIGUOUS if a block gives one name two values; WRONG_COUNTS if a row of numbers stands in no table.
    """
    blocks = [Block("")]
    tables = False
    loop: Loop | None = None
    lines = _lines(text)
    for words, head in lines:
        if head.startswith("data_"):
            blocks.append(Block(words[0][5:]))
            loop = None
        elif head == "loop_":
            tables = True
            loop = Loop(list(map(_tag, words[1:])))
            blocks[-1].loops.append(loop)
        elif head.startswith("_") and loop is not None and not loop.lines and len(words) == 1:
            loop.tags.append(_tag(head))
        elif head.startswith("_"):
            loop = None
            value = " ".join(words[1:] or _in_no_table(next(lines, ([], ""))[0]))
            _set(blocks[-1], _tag(head), value)
        elif loop is not None and loop.tags:
            loop.lines.append(words)
        elif tables:
            _in_no_table(words)
    return blocks


def _in_no_table(words: list[str]) -> list[str]:
    line = " ".join(words)
    if has_coordinates(line):
        raise Unreadable(FailureKind.WRONG_COUNTS, f"{shown(line)} stands in no table")
    return words


def has_coordinates(line: str) -> bool:
    """Return whether three words of a line are numbers, as in a row of atoms."""
    return sum(map(is_number, line[:_MAX_ROW].split())) >= 3


def _end_of_rows(lines: list[list[str]]) -> int:
    """Return the place after the last line that is not prose."""
    return next((i for i in range(len(lines), 0, -1) if not _is_prose(lines[i - 1])), len(lines))


def _is_prose(words: list[str]) -> bool:
    return sum(map(bool, map(_PROSE.fullmatch, words))) > 1 and not has_coordinates(" ".join(words))


def _set(block: Block, tag: str, value: str) -> None:
    if block.values.setdefault(tag, value) != value:
        detail = f"{tag} is given twice: {shown(block.values[tag])} and {shown(value)}"
        raise Unreadable(FailureKind.AMBIGUOUS, detail)


def _tag(word: str) -> str:
    return word.lower().replace(".", "_")


def _lines(text: str) -> Iterator[tuple[list[str], str]]:
    """Yield the words of each line that has any, and the first in lower case if it was not quoted.

    A text between two lines that begin with ; is one quoted word.
    """
    lines = plain(text).splitlines()
    closing = [i for i, line in enumerate(lines) if line.startswith(";")]
    position = 0
    while position < len(lines):
        line = lines[position]
        if line.startswith(";") and position < closing[-1]:
            end = closing[bisect_right(closing, position)]
            yield [" ".join([line[1:], *lines[position + 1 : end]]).strip()], ""
            position = end
        elif words := _words(line):
            yield words, words[0].lower() if line.lstrip().startswith(words[0]) else ""
        position += 1


def _words(line: str) -> list[str]:
    """Return the words of a line without its quotes and comment; a quote that is never closed is a letter."""
    words: list[str] = []
    ends = {quote: [match.start() for match in found.finditer(line)] for quote, found in _CLOSING.items()}
    position = 0
    while match := _WORD.search(line, position):
        start, first = match.start(), line[match.start()]
        if first == "#" or match[0].startswith("```"):
            break
        following = bisect_right(ends.get(first, []), start)
        if following < len(ends.get(first, [])):
            words.append(line[start + 1 : ends[first][following]])
            position = ends[first][following] + 1
        else:
            words.append(match[0])
            position = match.end()
    return words
