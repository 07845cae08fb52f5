"""JSON as models write it, found anywhere in a text, in one pass: nothing is read twice because of what came after.

Valid JSON is read as ``json.loads`` would read it, but for one thing: an object keeps all pairs of a key it has twice.
All else is mended or skipped: missing or surplus commas, brackets and quotes, comments, keys and words without quotes,
single and triple quotes, raw newlines in strings, prose in between.
"""

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from matsearch.parse.reply.quoting import Text, read_text

MAX_DEPTH = 64
"""Brackets within brackets; what is deeper is read as if it stood alone."""

MAX_GROUPS = 50_000
"""Objects and arrays of one text; what comes after them is not read. A crystal of 1000 sites has at most 3000."""


@dataclass(slots=True)
class Group:
    """An object, or an array: the pairs of an array have empty keys."""

    keyed: bool
    pairs: list[tuple[str, "Value"]] = field(default_factory=list)
    closed: bool = False

    @property
    def values(self) -> list["Value"]:
        """Values in their order."""
        return [value for _, value in self.pairs]


Value: TypeAlias = Group | Text | str
"""A group, a text that was in quotes, or a word that was not: a number, ``true``, ``null``, ..."""

_START = re.compile(r"\{|\[(?=\s*[\"'\[{])")
_TOKEN = re.compile(
    r"\s*(?:(?P<mark>[{}\[\]:,])"
    r"|(?P<quote>\"\"\"|'''|[\"'])"
    r"|(?P<fence>```)"
    r"|(?P<comment>//[^\n]*|\#[^\n]*|/\*[^*]*\*/)"
    r"|(?P<word>[^\s{}\[\]:,\"]+))"
)


def scan(text: str) -> list[Group]:
    """Return the outermost objects and arrays of a text, in their order."""
    return _Scanner(text).run()


class _Scanner:
    """The stack of groups that are open, and the key that waits for its value in the innermost."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._roots: list[Group] = []
        self._open: list[Group] = []
        self._key: str | None = None
        self._colon = False
        self._groups = 0
        self._unclosed: set[str] = set()

    def run(self) -> list[Group]:
        """Go through the text once."""
        position: int | None = 0
        while position is not None and self._groups < MAX_GROUPS:
            position = self._step(position)
        return self._roots

    def _step(self, position: int) -> int | None:
        if not self._open:
            start = _START.search(self._text, position)
            if start is None:
                return None
            position = start.start()
        token = _TOKEN.match(self._text, position)
        if token is None:
            return None
        if token.lastgroup == "mark":
            self._mark(token["mark"])
        elif token.lastgroup == "quote":
            return self._quote(token["quote"], token.end())
        elif token.lastgroup == "word":
            self._put(token["word"])
        elif token.lastgroup == "fence":
            self._open = []
        return token.end()

    def _mark(self, mark: str) -> None:
        if mark in "{[":
            self._begin(Group(keyed=mark == "{"))
        elif mark in "}]":
            self._end(keyed=mark == "}")
        elif mark == ":":
            self._colon = self._key is not None
        else:
            self._forget()

    def _quote(self, quote: str, position: int) -> int:
        valued = self._colon or not self._open[-1].keyed
        if quote in self._unclosed:
            return position
        text, end = read_text(self._text, position, quote, valued=valued)
        if quote == "'" and not text.closed and not valued:
            # an apostrophe: none of the later ones ends a string either
            self._unclosed.add(quote)
            return position
        self._put(text)
        return end

    def _put(self, value: Text | str) -> None:
        if not self._open[-1].keyed:
            self._open[-1].pairs.append(("", value))
        elif self._colon:
            self._open[-1].pairs.append((self._key or "", value))
            self._forget()
        else:
            self._key = value.value if isinstance(value, Text) else value

    def _begin(self, group: Group) -> None:
        self._groups += 1
        if len(self._open) == MAX_DEPTH:
            self._open = []
        if self._open:
            self._open[-1].pairs.append((self._key or "", group))
        else:
            self._roots.append(group)
        self._open.append(group)
        self._forget()

    def _end(self, *, keyed: bool) -> None:
        self._forget()
        if not any(group.keyed is keyed for group in self._open):
            return
        while True:
            group = self._open.pop()
            if group.keyed is keyed:
                group.closed = True
                return

    def _forget(self) -> None:
        self._key, self._colon = None, False
