"""Crystals in the objects of a reply, under whatever keys."""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from matsearch.parse.reply.blocks import is_cif, is_poscar
from matsearch.parse.reply.draft import MAX_DRAFTS, Draft
from matsearch.parse.reply.quoting import Text
from matsearch.parse.reply.scanning import Group, Value, scan

ESCAPED_TWICE = "newlines that were escaped twice"
BRACKET_MISSING = "the bracket that ends the crystal was missing"

_TEXT_KEYS = frozenset({"poscar", "contcar", "cif"})
_OBJECT_KEYS = _TEXT_KEYS | {"json", "wyckoff", "structure", "crystal", "crystalstructure"}
_FORMULA_KEYS = ("formula", "composition", "chemicalformula", "reducedformula")
_NAMES = {
    **dict.fromkeys(
        ("lattice", "cell", "unitcell", "latticevectors", "latticeparameters", "cellparameters"), "lattice"
    ),
    **dict.fromkeys(("sites", "atoms", "atomicsites", "wyckoffsites", "wyckoffpositions"), "sites"),
    **dict.fromkeys(("spacegroup", "spacegroupnumber", "spacegroupsymbol", "sg", "spg"), "spacegroup"),
}
"""What models call the parts of a crystal, and what the languages do."""
_PARTS = frozenset(_NAMES.values())
_SITE_KEYS = frozenset(
    {"sites", "species", "positions", "coordinates", "coords", "fraccoords", "atomicpositions"}
)

_NOT_A_LETTER = re.compile(r"[\W\d_]+")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_WORDS = {"true": "true", "false": "false", "null": "null", "True": "true", "False": "false", "None": "null"}


def drafts_in(groups: Sequence[Group], *, quoted: bool = False) -> Iterator[Draft]:
    """Yield the crystals of objects and arrays, in the order of the text.

    Parameters
    ----------
    quoted : bool
        Whether they come from a text that was in quotes itself; what is in quotes there is no JSON again.
    """
    for group in groups:
        yield from _visit("", group, "", quoted)


def _visit(key: str, value: Value, said: str, quoted: bool) -> Iterator[Draft]:
    if isinstance(value, Text):
        yield from _from_text(key, value, said, quoted)
    elif isinstance(value, Group):
        yield from _from_group(key, value, said, quoted)


def _from_group(key: str, group: Group, said: str, quoted: bool) -> Iterator[Draft]:
    if not group.keyed and key in _TEXT_KEYS and group.pairs and _is_lines(group):
        lines = Text("\n".join(_plain(line) for line in group.values), closed=_is_whole(group))
        yield from _from_text(key, lines, said, quoted)
        return
    said = _formula(group) or said
    if _is_crystal(group):
        yield _of_group(group, said)
        return
    empty = True
    for name, value in group.pairs:
        for draft in _visit(_plain_key(name), value, said, quoted):
            empty = False
            yield draft
    if not empty or not group.keyed or not group.pairs:
        return
    if key in _OBJECT_KEYS:
        yield _of_group(group, said)
    elif not group.closed and _formula(group):
        # the reply ends between the formula and the crystal
        yield Draft("poscar", "", said, complete=False)


def _from_text(key: str, text: Text, said: str, quoted: bool) -> Iterator[Draft]:
    value, repairs = text.value, text.repairs
    within = _within(value, quoted)
    if within:
        for draft in within:
            yield draft._replace(said=draft.said or said, complete=draft.complete and text.closed)
        return
    if "\\n" in value and (key in _TEXT_KEYS or "\n" not in value.strip()):
        value, repairs = value.replace("\\n", "\n"), (*repairs, ESCAPED_TWICE)
    poscar = is_poscar(value)
    if is_cif(value) or (key == "cif" and not poscar):
        yield Draft("cif", value, said, repairs, text.closed)
    elif key in _TEXT_KEYS or poscar:
        yield Draft("poscar", value, said, repairs, text.closed)


def _within(text: str, quoted: bool) -> list[Draft]:
    """Return the crystals of a text that is JSON itself."""
    if quoted or text.lstrip()[:1] not in ("{", "["):
        return []
    return list(islice(drafts_in(scan(text), quoted=True), MAX_DRAFTS))


def _of_group(group: Group, said: str) -> Draft:
    whole = group.closed or (_is_crystal(group) and not isinstance(group.values[-1], str))
    complete = whole and all(_is_whole(value) for value in group.values)
    repairs = (BRACKET_MISSING,) if complete and not group.closed else ()
    pairs = _renamed(group)
    language = "wyckoff" if any(key == "spacegroup" for key, _ in pairs) else "json"
    return Draft(language, _json(Group(keyed=True, pairs=pairs)), said, repairs, complete)


def _is_crystal(group: Group) -> bool:
    parts = {_part(key) for key, value in group.pairs if isinstance(value, Group)}
    claims = {_part(key) for key, _ in group.pairs} & {"spacegroup"}
    return group.keyed and bool(parts & _SITE_KEYS) and bool(claims or "lattice" in parts)


def _part(key: str) -> str:
    plain = _plain_key(key)
    return _NAMES.get(plain, plain)


def _renamed(group: Group) -> list[tuple[str, Value]]:
    """Return the pairs of a crystal, each part that goes by another name called as the languages call it."""
    taken = {key for key, _ in group.pairs}
    pairs = []
    for key, value in group.pairs:
        part = _part(key)
        rename = part in _PARTS and part not in taken
        taken.add(part)
        pairs.append((part if rename else key, value))
    return pairs


def _is_lines(group: Group) -> bool:
    return not any(isinstance(value, Group) for value in group.values)


def _is_whole(value: Value) -> bool:
    """Return whether nothing of a value can be missing at its end."""
    if isinstance(value, Group):
        return value.closed and all(_is_whole(inner) for inner in value.values)
    return isinstance(value, str) or value.closed


def _formula(group: Group) -> str:
    for name in _FORMULA_KEYS:
        for key, value in group.pairs:
            if isinstance(value, Text) and _plain_key(key) == name:
                return value.value
    return ""


def _plain_key(key: str) -> str:
    return _NOT_A_LETTER.sub("", key).lower()


def _plain(value: Value) -> str:
    return value.value if isinstance(value, Text) else str(value)


def _json(value: Value) -> str:
    """Return a value as valid JSON; words and numbers that JSON has not become texts."""
    if isinstance(value, Text):
        return json.dumps(value.value)
    if isinstance(value, str):
        if _NUMBER.fullmatch(value):
            return value
        return _WORDS.get(value) or json.dumps(value)
    if value.keyed:
        return "{" + ", ".join(f"{json.dumps(key)}: {_json(inner)}" for key, inner in value.pairs) + "}"
    return "[" + ", ".join(_json(inner) for inner in value.values) + "]"
