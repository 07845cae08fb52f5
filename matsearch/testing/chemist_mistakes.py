"""The mistakes that replies really have, by name: those that concern the whole reply are made here."""

import json
import re
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from pymatgen.core import Structure

from matsearch.testing import chemist_entries as entries

ALL = ("poscar", "cif", "json", "wyckoff")
THOUGHT = (
    '<think>\nThe user wants crystals. Maybe {"crystals": [...]}? Let me think of radii first.\n</think>\n\n'
)


def prose(text: str, _rng: np.random.Generator) -> str:
    """Return the reply between two sentences."""
    return f"Here are the crystals you asked for:\n\n{text}\n\nAll of them should be stable. Let me know!"


def fence(text: str, _rng: np.random.Generator) -> str:
    """Return the reply in a code fence."""
    return f"```json\n{text}\n```"


def several_objects(text: str, _rng: np.random.Generator) -> str:
    """Return an object for each crystal, numbered."""
    entries = enumerate(json.loads(text)["crystals"])
    return "\n\n".join(f"{i + 1}.\n" + json.dumps({str(i): entry}, indent=4) for i, entry in entries)


def array(text: str, _rng: np.random.Generator) -> str:
    """Return the crystals without the object around them."""
    return json.dumps(json.loads(text)["crystals"])


def raw_newlines(text: str, _rng: np.random.Generator) -> str:
    """Return strings that go over several lines."""
    return text.replace("\\n", "\n")


def double_escapes(text: str, _rng: np.random.Generator) -> str:
    """Return strings in which a backslash and an n stand for a new line."""
    return text.replace("\\n", "\\\\n")


def missing_escapes(text: str, _rng: np.random.Generator) -> str:
    """Return a string with quotes in it that nobody escaped."""
    note = json.dumps({"note": "QUOTE"} | json.loads(text))
    return note.replace("QUOTE", 'the "best" ones')


def truncated(text: str, rng: np.random.Generator) -> str:
    """Return the first half of the reply, or more."""
    return text[: int(len(text) * rng.uniform(0.5, 0.95))]


def missing_brace(text: str, _rng: np.random.Generator) -> str:
    """Return the reply without its last brace."""
    return text.rstrip().removesuffix("}")


def curly_quotes(text: str, _rng: np.random.Generator) -> str:
    """Return the reply as a word processor would print it."""
    return re.sub(r'"([^"]*)"', "\u201c\\1\u201d", text)


def reasoning(text: str, _rng: np.random.Generator) -> str:
    """Return the reply after some thought."""
    return THOUGHT + text


def assistant_first(text: str, _rng: np.random.Generator) -> str:
    """Return the reply after the word of a chat template."""
    return f"assistant\n\n{text}"


Make = TypeVar("Make", bound=Callable[..., object])


class Mistake(NamedTuple, Generic[Make]):
    """A mistake.

    Attributes
    ----------
    make : callable
        Of a crystal, ``make(structure, language, rng)`` gives the entry of a reply; of a reply, ``make(text, rng)``
        gives the text with the mistake.
    languages : tuple of str
        Those in which it can be made.
    """

    make: Make
    languages: tuple[str, ...] = ALL


REPLY_MISTAKES: dict[str, Mistake[Callable[[str, np.random.Generator], str]]] = {
    "prose": Mistake(prose),
    "fence": Mistake(fence),
    "several objects": Mistake(several_objects),
    "array": Mistake(array),
    "raw newlines": Mistake(raw_newlines, entries.TEXTS),
    "double escapes": Mistake(double_escapes, entries.TEXTS),
    "missing escapes": Mistake(missing_escapes),
    "truncated": Mistake(truncated),
    "missing brace": Mistake(missing_brace),
    "curly quotes": Mistake(curly_quotes),
    "reasoning": Mistake(reasoning),
    "assistant first": Mistake(assistant_first),
}
"""Those of a whole reply, by name."""

CRYSTAL_MISTAKES: dict[str, Mistake[Callable[[Structure, str, np.random.Generator], entries.Entry]]] = {
    "extra keys": Mistake(entries.extra_keys),
    "wrong counts": Mistake(entries.wrong_counts, ("poscar",)),
    "interleaved": Mistake(entries.interleaved, ("poscar",)),
    "fractions": Mistake(entries.fractions),
    "symmetry claim": Mistake(entries.symmetry_claim, ("cif", "wyckoff")),
    "contradictory formula": Mistake(entries.contradictory_formula),
    "unknown element": Mistake(entries.unknown_element),
    "overlapping": Mistake(entries.overlapping),
    "huge cell": Mistake(entries.huge_cell),
    "hostile text": Mistake(entries.hostile_text),
}
"""Those of one crystal, by name."""
