"""The base of all records: frozen, strict, JSON-safe."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen pydantic model that refuses unknown fields, NaN and infinity."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
        ser_json_inf_nan="null",
    )

    def evolve(self, **changes: Any) -> Self:
        """Return a copy with the given fields replaced."""
        return self.model_copy(update=changes)

    def document(self) -> dict[str, Any]:
        """Return the record as plain JSON types."""
        return self.model_dump(mode="json")
