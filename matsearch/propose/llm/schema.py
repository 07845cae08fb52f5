"""The JSON Schema of a reply, strict enough for endpoints that enforce one."""

from typing import Any

from matsearch.core.language_model import LanguageName

_NUMBERS = {"type": "array", "items": {"type": "number"}}
_STRINGS = {"type": "array", "items": {"type": "string"}}


def reply_schema(language: LanguageName) -> dict[str, Any]:
    """Return the schema of ``{"crystals": [{"formula": ..., LANGUAGE: ...}]}``.

    Every property is required and no other is allowed: that is what strict output asks for.
    """
    crystals = {
        "type": "array",
        "items": _object(formula={"type": "string"}, **{language: _crystal(language)}),
    }
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
