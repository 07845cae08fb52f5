"""Prompts: Markdown files with front matter, filled in by a sandboxed template engine.

What is filled in, a parent's text for one, is data: it is never a template itself.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from jinja2 import StrictUndefined, Template, TemplateError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment
from pydantic import Field, ValidationError

from matsearch.core.errors import InputError, MatsearchError
from matsearch.core.keys import content_key
from matsearch.core.model import Record
from matsearch.core.resources import find

_FRONT = re.compile(r"\A---\r?\n(.*?)\r?\n---\r?\n(.*)\Z", re.DOTALL)
_GAPS = re.compile(r"\n{3,}")
# Markdown, not HTML: an escaped formula would be a wrong one
_TEMPLATES = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, trim_blocks=False)
MAX_PROMPT_BYTES = 100_000


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
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{0,40}$")
    version: int = Field(ge=1)
    inputs: tuple[str, ...]


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

    def render(self, values: Mapping[str, Any]) -> str:
        """Return the text with its inputs filled in.

        Raises
        ------
        InputError
            If the template cannot be carried out.
        """
        try:
            filled = _compiled(self.text).render({name: values[name] for name in self.front.inputs})
        except (TemplateError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"prompt {self.prompt_id}: {error}", "mend its template") from error
        return _GAPS.sub("\n\n", filled).strip()


@lru_cache(maxsize=16)
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
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TemplateError, ValidationError) as error:
        said = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error
        raise InputError(f"prompt {path}: {' '.join(str(said).split())}", "mend that file") from error


def _checked(path: Path, known: frozenset[str]) -> Prompt:
    if path.stat().st_size > MAX_PROMPT_BYTES:
        raise InputError(f"prompt {path} is larger than {MAX_PROMPT_BYTES} bytes", "shorten it")
    parts = _FRONT.match(path.read_text(encoding="utf-8"))
    if parts is None:
        raise InputError(f"prompt {path} does not begin with front matter", "see prompts/README.md")
    front = Front.model_validate(yaml.safe_load(parts[1]))
    used = meta.find_undeclared_variables(_TEMPLATES.parse(parts[2]))
    if unnamed := sorted(used - set(front.inputs)):
        raise InputError(f"prompt {path} uses {', '.join(unnamed)}, not among its inputs", "name it there")
    if unknown := sorted(set(front.inputs) - known):
        can = ", ".join(sorted(known)) or "none"
        raise InputError(f"prompt {path}: nobody fills in {', '.join(unknown)}", f"inputs can be: {can}")
    return Prompt(front=front, text=parts[2])
