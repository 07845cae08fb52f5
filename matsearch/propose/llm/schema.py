"""The JSON Schema of a reply, strict enough for endpoints that enforce one."""

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import model_validator

from matsearch.core.language_model import LanguageName
from matsearch.core.model import Record

MAX_FIELDS = 8

_NUMBERS = {"type": "array", "items": {"type": "number"}}
_STRINGS = {"type": "array", "items": {"type": "string"}}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_CRYSTAL = frozenset(
    {"poscar", "contcar", "cif", "json", "wyckoff", "structure", "crystal", "crystal_structure", "crystals"}
    | {"lattice", "cell", "unit_cell", "lattice_vectors", "lattice_parameters", "cell_parameters"}
    | {"sites", "atoms", "atomic_sites", "wyckoff_sites", "wyckoff_positions"}
    | {"spacegroup", "space_group", "spacegroup_number", "space_group_number", "spacegroup_symbol"}
    | {"space_group_symbol", "sg", "spg", "species", "positions", "coordinates", "coords", "frac_coords"}
    | {"atomic_positions"}
)
"""Names by which replies are known to call a crystal or its parts: a field of this name could be taken for one."""


class ReplyItems(Record):
    """What an array of a reply's entry holds."""

    type: Literal["string", "number", "integer", "boolean"]


class ReplyField(Record):
    """What an entry of a reply has beside its crystal: a flat property of JSON Schema.

    Attributes
    ----------
    description : str
        For the model: a few words.
    items : ReplyItems or None
        Of an array.
    """

    type: Literal["string", "number", "integer", "boolean", "array"]
    description: str = ""
    items: ReplyItems | None = None

    @model_validator(mode="after")
    def _items_of_arrays(self) -> "ReplyField":
        if (self.type == "array") != (self.items is not None):
            raise ValueError("an array, and nothing else, has items, such as {type: string}")
        if "\n" in self.description or len(self.description) > 200:
            raise ValueError("a description is one line of at most 200 characters")
        return self

    def as_property(self) -> dict[str, Any]:
        """Return the property as JSON Schema."""
        return {name: value for name, value in self.document().items() if value}


def check_names(fields: Mapping[str, ReplyField]) -> None:
    """Refuse names that could not be told from a crystal, and too many of them.

    Raises
    ------
    ValueError
        Naming the first.
    """
    if len(fields) > MAX_FIELDS:
        raise ValueError(f"reply_schema has {len(fields)} properties, more than {MAX_FIELDS}")
    for name in fields:
        if not _NAME.fullmatch(name):
            raise ValueError(
                f"reply_schema: {name!r} is no name of small letters, digits and underscores that begins with a letter"
            )
        if name in _CRYSTAL:
            raise ValueError(f"reply_schema: {name!r} would be taken for a part of the crystal")


def reply_schema(language: LanguageName, fields: Mapping[str, ReplyField]) -> dict[str, Any]:
    """Return the schema of ``{"crystals": [{FIELD: ..., LANGUAGE: ...}]}``.

    Every property is required and no other is allowed: that is what strict output asks for.
    """
    properties = {name: field.as_property() for name, field in fields.items()}
    crystals = {"type": "array", "items": _object(**properties, **{language: _crystal(language)})}
    return _object(crystals=crystals)


def _crystal(language: LanguageName) -> dict[str, Any]:
    if language == "json":
        return _object(lattice=_NUMBERS, sites=_STRINGS)
    if language == "wyckoff":
        return _object(spacegroup={"type": "integer"}, lattice=_NUMBERS, sites=_STRINGS)
    return {"type": "string"}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
