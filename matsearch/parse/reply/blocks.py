"""Crystals that stand in prose: POSCARs, told by their lattice, and CIFs, told by their tags.

No expression here looks at a character more than a few times: what may repeat never gives back what it took.
"""

import re
from collections.abc import Iterator
from itertools import islice

from matsearch.crystal.languages.cif_blocks import has_coordinates
from matsearch.parse.reply.draft import MAX_DRAFTS, Draft

_NUMBER = r"[-+]?+[\d.]++(?:[eEdD][-+]?+\d++)?+(?:/\d++)?+"
_TRIPLE = rf"{_NUMBER}(?:[ \t]++{_NUMBER}){{2}}+"
_LINE_ENDS = r"[ \t]*+(?:\n|\Z)"

_LATTICE = re.compile(
    rf"^(?P<scale>[ \t]*+{_NUMBER}[ \t]*+\n)?+(?P<row>[ \t]*+{_TRIPLE}{_LINE_ENDS})(?:[ \t]*+{_TRIPLE}{_LINE_ENDS}){{2}}+",
    re.MULTILINE,
)
_HEADER = re.compile(
    rf"(?P<species>[ \t]*+[A-Za-z][^\n]*+\n)?+(?P<counts>[ \t]*+\d++(?:[ \t]++\d++)*+{_LINE_ENDS})?+"
    r"(?:[ \t]*+[A-Za-z](?:[^\n\d]*+\n|[^\n\d]*+\Z)){0,2}+"
)
_SITE = rf"[ \t]*+(?:[A-Za-z][A-Za-z\d]{{0,4}}+[ \t]++)?+{_TRIPLE}(?:[ \t]++[^\n]*+)?+"
_SITES = re.compile(
    rf"(?:{_SITE}(?:\n|\Z)|[ \t]*+(?:(?:[#!]|//)[^\n]*+(?:\n|\Z)|\n))*+"
    r"(?:[ \t]*+(?:[A-Za-z]{1,2}+[ \t]*+)?+[-+\d. \t]*+\Z)?+"
)
"""Sites, the blank lines and comments between them, and what is left of a last one that was cut off."""
_SITE_LATER = re.compile(rf"^{_SITE}", re.MULTILINE)
_MAX_AFTER = 2_000
"""Characters after the sites among which another site may belong to them."""
_MAX_COMMENT = 200
_NO_COMMENT = "POSCAR\n"

_CIF = re.compile(r"^[ \t]*+(?:data_\S|_cell_length_a\b|_atom_site_)", re.IGNORECASE | re.MULTILINE)
_CIF_CONTENT = re.compile(r"^[ \t]*+_(?:cell_length_a\b|atom_site_)", re.IGNORECASE | re.MULTILINE)
_CIF_BEGINS = re.compile(r"^[ \t]*+(?:data_\S|loop_|_[a-z])", re.IGNORECASE | re.MULTILINE)
_CIF_ENDS = re.compile(
    r"^[ \t]*+(?:```|\*\*|data_\S|\d++\.[ \t]++[*A-Z]|(?P<words>(?:[A-Z]{3,}+(?!_)|[AI][ \t]++[A-Z]{2})[^\n]*+))",
    re.IGNORECASE | re.MULTILINE,
)


def is_cif(text: str) -> bool:
    """Return whether a text is written as a CIF is."""
    return _CIF.search(text) is not None


def is_poscar(text: str) -> bool:
    """Return whether a text has a lattice as a POSCAR has."""
    return next(_poscars(text, 0, len(text)), None) is not None


def blocks_in(text: str, *, cut_off: bool = False) -> Iterator[Draft]:
    """Yield the crystals that stand in a text by themselves, in their order, at most ``MAX_DRAFTS``.

    Parameters
    ----------
    cut_off : bool
        Whether the text is known to be cut off.
    """
    # some write the escapes of a JSON string where there is no string
    text = text.replace("\\n", "\n")
    last = len(text.rstrip())
    spans = list(islice(_spans(text), MAX_DRAFTS))
    nexts = [*(start for _, start, _, _ in spans[1:]), len(text)]
    for (language, start, end, comment), following in zip(spans, nexts, strict=False):
        fenced = text.count("```", 0, end) % 2 == 1
        complete = end < last or not (cut_off or fenced)
        later = (
            _SITE_LATER.search(text, end, min(following, end + _MAX_AFTER)) if language == "poscar" else None
        )
        # the reader of POSCARs tells whether it belongs to them
        yield Draft(language, comment + text[start : later.end() if later else end], complete=complete)


def _spans(text: str) -> Iterator[tuple[str, int, int, str]]:
    position = 0
    for start, end in _cifs(text):
        for span in _poscars(text, position, start):
            yield "poscar", *span
        yield "cif", start, end, ""
        position = end
    for span in _poscars(text, position, len(text)):
        yield "poscar", *span


def _cifs(text: str) -> Iterator[tuple[int, int]]:
    """Yield where the CIFs of a text begin and end."""
    position = 0
    while begins := _CIF_BEGINS.search(text, position):
        after = text.find("\n", begins.end())
        ends = _CIF_ENDS.finditer(text, after) if after >= 0 else iter(())
        position = next((end.start() for end in ends if not has_coordinates(end["words"] or "")), len(text))
        if _CIF_CONTENT.search(text, begins.start(), position):
            yield begins.start(), position


def _poscars(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """Yield where the POSCARs between two places begin and end, and a comment for those that have none."""
    while lattice := _LATTICE.search(text, start, end):
        header = _HEADER.match(text, lattice.end(), end)
        counted = header and header["counts"] and (header["species"] or lattice["scale"])
        if header is None or not (counted or (lattice["scale"] and header["species"])):
            start = lattice.end("row")
            continue
        sites = _SITES.match(text, header.end(), end)
        stop = sites.end() if sites else header.end()
        comment = _comment(text, start, lattice.start())
        yield (comment, stop, "") if comment is not None else (lattice.start(), stop, _NO_COMMENT)
        start = stop


def _comment(text: str, earliest: int, lattice: int) -> int | None:
    """Return where the line before a lattice begins, or None where it is no comment."""
    begin = text.rfind("\n", max(earliest, lattice - _MAX_COMMENT), max(earliest, lattice - 1)) + 1
    begin = max(begin, earliest)
    line = text[begin:lattice].strip()
    return begin if line and "```" not in line and len(line) < _MAX_COMMENT else None
