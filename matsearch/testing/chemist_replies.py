"""Mistakes that concern a whole reply."""

import json
import re

import numpy as np

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
