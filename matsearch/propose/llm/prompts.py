"""Prompts: Markdown files with front matter, filled in by a sandboxed template engine.

What is filled in, a parent's text for one, is data: it is never a template itself.
"""

import re
from collections.abc import Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import Field, ValidationError, field_validator

from matsearch.core.errors import InputError, MatsearchError
from matsearch.core.keys import content_key
from matsearch.core.model import Record
from matsearch.core.resources import find
from matsearch.core.text import one_line
from matsearch.propose.llm.schema import ReplyField, check_names

_FRONT = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n(.*)\Z", re.DOTALL)
_GAPS = re.compile(r"\n{3,}")
# Markdown, not HTML: an escaped formula would be a wrong one
_TEMPLATES = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, trim_blocks=False)
MAX_PROMPT_BYTES = 100_000
_MAX_SAID = 500

FORMULA = ReplyField(type="string", description="the formula of the cell")


class Front(Record):
    """The front matter of a prompt.

    Attributes
    ----------
    id : str
        What lineages call it.
    version : int
        Raised with each change of the text.
    inputs : tuple of str
        The variables it uses.
    parents : int or None
        How many parents it shows, no more and no fewer; None is as many as ``propose.llm.parents``, or as there are.
    reply_schema : dict of str to ReplyField
        What each entry of the reply has beside its crystal.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")
    version: int = Field(ge=1)
    inputs: tuple[str, ...]
    parents: int | None = Field(default=None, ge=0, le=2)
    reply_schema: dict[str, ReplyField] = {"formula": FORMULA}

    @field_validator("reply_schema")
    @classmethod
    def _names_of_fields(cls, fields: dict[str, ReplyField]) -> dict[str, ReplyField]:
        check_names(fields)
        return fields


class Prompt(Record):
    """A prompt that was read and checked."""

    front: Front
    text: str

    @property
    def prompt_id(self) -> str:
        """Id and version, such as ``csg/1``."""
        return f"{self.front.id}/{self.front.version}"

    @property
    def sha256(self) -> str:
        """Of what it says; its file's place and name aside."""
        return content_key("prompt/1", self.document())

    @cached_property
    def used(self) -> frozenset[str]:
        """The variables that its text uses."""
        return frozenset(meta.find_undeclared_variables(_TEMPLATES.parse(self.text)))

    @property
    def needs_formulas(self) -> bool:
        """Whether it makes no sense without formulas: it names their cells."""
        return "cells" in self.used

    @property
    def needs_a_failure(self) -> bool:
        """Whether it needs a proposal that failed."""
        return "failure" in self.used

    def render(self, values: Mapping[str, Any]) -> str:
        """Return the text with its inputs filled in.

        Raises
        ------
        InputError
            If the template cannot be carried out.
        """
        try:
            filled = _compiled(self.text).render({name: values[name] for name in self.front.inputs})
        except Exception as error:  # a template may go wrong in any way
            said = one_line(str(error) or type(error).__name__, _MAX_SAID)
            raise InputError(f"prompt {self.prompt_id}: {said}", "mend its template") from error
        return _GAPS.sub("\n\n", filled).strip()


@lru_cache(maxsize=64)
def _compiled(text: str) -> Template:
    return _TEMPLATES.from_string(text)


def load_prompt(name: str, known: frozenset[str] = frozenset()) -> Prompt:
    """Read a prompt by name or file.

    Parameters
    ----------
    known : frozenset of str
        The variables that can be filled in.

    Raises
    ------
    InputError
        If there is none, its front matter is incomplete, or its text uses a variable that it does not name or that
        nobody fills in.
    """
    path = find("prompts", name)
    try:
        return _checked(path, known)
    except MatsearchError:
        raise
    # a date that is none is no YAMLError; brackets in brackets go too deep
    except (OSError, ValueError, RecursionError, yaml.YAMLError, TemplateError) as error:
        said = _first(error) if isinstance(error, ValidationError) else error
        raise InputError(f"prompt {path}: {one_line(str(said), _MAX_SAID)}", "mend that file") from error


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    return f"{place}: {first['msg'].removeprefix('Value error, ')}".removeprefix(": ")


def _checked(path: Path, known: frozenset[str]) -> Prompt:
    if path.stat().st_size > MAX_PROMPT_BYTES:
        raise InputError(f"prompt {path} is larger than {MAX_PROMPT_BYTES} bytes", "shorten it")
    parts = _FRONT.match(path.read_text(encoding="utf-8"))
    if parts is None:
        raise InputError(f"prompt {path} does not begin with front matter", "see prompts/README.md")
    prompt = Prompt(front=Front.model_validate(yaml.safe_load(parts[1])), text=parts[2])
    if unnamed := sorted(prompt.used - set(prompt.front.inputs)):
        raise InputError(f"prompt {path} uses {', '.join(unnamed)}, not among its inputs", "name it there")
    if unknown := sorted(set(prompt.front.inputs) - known):
        can = ", ".join(sorted(known)) or "none"
        said = one_line(", ".join(unknown))
        raise InputError(f"prompt {path}: nobody fills in {said}", f"inputs can be: {can}")
    return prompt
