"""Cards: what is said of a file of entries, in a small YAML file beside it."""

from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from matsearch.core.config import names_entries_file
from matsearch.core.errors import InputError, SchemeMismatchError
from matsearch.core.model import Record
from matsearch.core.schemes import get_scheme
from matsearch.core.writing import write_whole
from matsearch.hull.corrections import SCHEME_AFTER

_ENDING = ".card.yaml"
_MAX_BYTES = 100_000


class ReferenceCard(Record):
    """What is said of a file of entries.

    Attributes
    ----------
    name : str
        What the set is called.
    scheme : str
        Energy scheme of its energies, after the corrections.
    corrections : str
        Applied when it is read.
    software : str or None
        The code that computed the entries, where they do not say it themselves.
    complete : bool
        Whether it claims every known phase of its systems.
    date : str
        ISO date of the data, such as the release of their database.
    sha256 : str
        Of the entries file as it lies there, packed or not.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$")]
    scheme: str
    corrections: Literal["none", "mp2020", "mixing"]
    software: str | None
    complete: bool
    date: str
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    description: str = ""
    citation: str = ""
    licence: str = ""

    @field_validator("name")
    @classmethod
    def _not_a_path(cls, name: str) -> str:
        if names_entries_file(name):
            raise ValueError(f"{name!r} looks like a file")
        return name

    @field_validator("scheme")
    @classmethod
    def _known(cls, scheme: str) -> str:
        try:
            return get_scheme(scheme).scheme_id
        except SchemeMismatchError as error:
            raise ValueError(str(error)) from error

    @field_validator("date", mode="before")
    @classmethod
    def _iso(cls, value: Any) -> str:
        if isinstance(value, date) and not isinstance(value, datetime):
            return value.isoformat()  # YAML's own date
        return date.fromisoformat(str(value)).isoformat()

    @model_validator(mode="after")
    def _consistent(self) -> "ReferenceCard":
        after = SCHEME_AFTER.get(self.corrections, self.scheme)
        if self.scheme != after:
            raise ValueError(f"corrections {self.corrections} lead to {after}, not to {self.scheme}")
        return self


def card_path(entries: Path) -> Path:
    """Return where the card of a file of entries lies."""
    return entries.with_name(entries.name + _ENDING)


def card_paths(folder: Path) -> list[Path]:
    """Return all cards of a folder, sorted; none where there is no folder."""
    return sorted(folder.glob(f"*{_ENDING}"))


def entries_path(card: Path) -> Path:
    """Return the file of entries that a card describes."""
    return card.with_name(card.name.removesuffix(_ENDING))


def make_card(facts: Any, origin: str) -> ReferenceCard:
    """Check the facts of a card.

    Raises
    ------
    InputError
        Naming each key that is missing, unknown or wrong.
    """
    try:
        return ReferenceCard.model_validate(facts)
    except ValidationError as error:
        faults = [_explain(item) for item in error.errors()]
        raise InputError(
            f"{origin}: {'; '.join(faults)}", f"keys: {', '.join(ReferenceCard.model_fields)}"
        ) from error


def read_card(path: Path) -> ReferenceCard:
    """Read a card.

    Raises
    ------
    InputError
        If it cannot be read or says what a card may not say.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise InputError(f"{path} is too long for a card", f"keep it under {_MAX_BYTES} bytes")
        return make_card(yaml.safe_load(content.decode("utf-8")), str(path))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}", "check its permissions") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(f"{path} is no YAML: {' '.join(str(error).split())}", "mend it") from error


def write_card(path: Path, card: ReferenceCard) -> None:
    """Write a card: all of it, or nothing."""
    text = yaml.safe_dump(card.document(), sort_keys=False, allow_unicode=True)
    put_whole(path, text.encode("utf-8"))


def put_whole(path: Path, content: bytes | bytearray) -> None:
    """Write a file, and its folder, so that it is there with all its content or not at all.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, content)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}",
            "choose another folder with MATSEARCH_REFERENCES",
        ) from error


def _explain(item: Any) -> str:
    key = ".".join(str(part) for part in item["loc"])
    message = {"missing": "missing", "extra_forbidden": "unknown key"}.get(item["type"])
    message = message or item["msg"].removeprefix("Value error, ")
    value = repr(item["input"])
    shown = (
        f" (got {value})"
        if item["type"] not in {"missing", "extra_forbidden"} and key and len(value) < 80
        else ""
    )
    return f"{key}: {message}{shown}" if key else f"{message}{shown}"
