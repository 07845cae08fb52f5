"""A prompt with the parts that it uses, for one structure language."""

from collections.abc import Mapping
from typing import Any

from matsearch.core.calls import Message
from matsearch.core.errors import InputError
from matsearch.core.keys import content_key
from matsearch.core.language_model import LanguageName
from matsearch.propose.llm.prompts import Prompt, load_prompt
from matsearch.propose.llm.schema import reply_schema

DATA = frozenset(
    {"n", "elements", "formulas", "cells", "max_atoms", "parents", "failures", "failure"}
    | {"constraints", "objectives", "feedback"}
)
"""What a prompt may use. ``n`` crystals are asked for. Parents have ``formula``, ``spacegroup``, ``energy_above_hull``
(eV/atom or none), ``decomposition``, ``properties`` and ``text``; failures ``formula`` and ``reason``, the one ``failure``
also ``text``; the last three are lists of lines."""

PARTS = ("limits", "wanted", "shown", "warnings", "findings")
"""Texts of ``prompts/parts`` that several prompts share, filled in before the prompt is."""

INPUTS = DATA | frozenset(PARTS) | {"language", "reply"}
"""All that a prompt may use: data, shared parts, and the two texts that say how to answer."""

ANSWERING = frozenset({"key", "fields"})
"""What ``parts/reply`` may use."""


_LINES = ["a line"]
_PARENT = {
    "formula": "NaCl",
    "spacegroup": "Fm-3m",
    "energy_above_hull": 0.05,
    "decomposition": _LINES,
    "properties": _LINES,
    "text": "a crystal",
}
_FAILURE = {"formula": "NaCl", "reason": "a reason"}
_EXAMPLE: dict[str, Any] = {
    "n": 2,
    "elements": ["Cl", "Na"],
    "formulas": ["NaCl"],
    "cells": ["NaCl", "Na2Cl2"],
    "max_atoms": 8,
    "constraints": _LINES,
    "objectives": _LINES,
    "feedback": _LINES,
    "parents": [_PARENT, _PARENT],
    "failures": [_FAILURE],
    "failure": {**_FAILURE, "text": "a crystal"},
}
"""Filled in once, so that a template which cannot be is refused before a search begins, not when first something fails."""


class Script:
    """A prompt that can be filled in.

    Parameters
    ----------
    name : str
        Name or file of the prompt.

    Attributes
    ----------
    prompt_id, sha256 : str
        Of the prompt; the hash is over all its parts.
    schema : dict
        JSON Schema of the reply.

    Raises
    ------
    InputError
        If the prompt or one of its parts cannot be used or filled in, or it asks for no crystals.
    """

    def __init__(self, name: str, language: LanguageName) -> None:
        self.prompt = load_prompt(name, INPUTS)
        self.prompt_id = self.prompt.prompt_id
        if "n" not in self.prompt.used:
            raise InputError(
                f"prompt {self.prompt_id} asks for no crystals", "take csg, csp, or one that uses n"
            )
        front = self.prompt.front
        self._parts = {part: load_prompt(f"parts/{part}", DATA) for part in PARTS if part in front.inputs}
        if front.parents and not self.shows_parents:
            raise InputError(
                f"prompt {self.prompt_id} needs {front.parents} parents and shows none",
                "use parents or shown in its text, or take parents out of its front matter",
            )
        answering = {
            "language": load_prompt(f"parts/{language}"),
            "reply": load_prompt("parts/reply", ANSWERING),
        }
        fields = [
            {"name": name, "description": field.description} for name, field in front.reply_schema.items()
        ]
        self._answering = {
            part: text.render({"key": language, "fields": fields}) for part, text in answering.items()
        }
        self.schema = reply_schema(language, front.reply_schema)
        texts: list[Prompt] = [self.prompt, *self._parts.values(), *answering.values()]
        self.sha256 = content_key("prompts/1", [text.sha256 for text in texts])
        self.messages(_EXAMPLE)

    @property
    def parents(self) -> int | None:
        """How many parents it needs; None is any number."""
        return self.prompt.front.parents

    @property
    def shows_parents(self) -> bool:
        """Whether it shows parents where there are some."""
        return self._uses("parents")

    @property
    def shows_failures(self) -> bool:
        """Whether it tells what failed before."""
        return self._uses("failures")

    @property
    def stands_alone(self) -> bool:
        """Whether it needs neither parents nor a failure."""
        return not self.parents and not self.prompt.needs_a_failure

    def messages(self, values: Mapping[str, Any]) -> tuple[Message, ...]:
        """Return the messages with the data filled in.

        Raises
        ------
        InputError
            If the template cannot be carried out.
        """
        parts = {name: part.render(values) for name, part in self._parts.items()}
        content = self.prompt.render({**values, **parts, **self._answering})
        return (Message(role="user", content=content),)

    def _uses(self, name: str) -> bool:
        used = self.prompt.used
        return name in used or any(name in part.used for key, part in self._parts.items() if key in used)
