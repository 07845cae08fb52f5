"""The mistakes that replies really have, by name."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from pymatgen.core import Structure

from matsearch.testing import chemist_entries as entries
from matsearch.testing import chemist_replies as replies

ALL = ("poscar", "cif", "json", "wyckoff")


@dataclass(frozen=True)
class CrystalMistake:
    """A mistake that concerns one crystal.

    Attributes
    ----------
    make : callable
        ``make(structure, language, rng)`` gives the entry of a reply.
    languages : tuple of str
        Those in which it can be made.
    """

    make: Callable[[Structure, str, np.random.Generator], entries.Entry]
    languages: tuple[str, ...] = ALL


@dataclass(frozen=True)
class ReplyMistake:
    """A mistake that concerns the whole reply.

    Attributes
    ----------
    make : callable
        ``make(text, rng)`` gives the text with the mistake.
    languages : tuple of str
        Those in which it can be made.
    """

    make: Callable[[str, np.random.Generator], str]
    languages: tuple[str, ...] = ALL


MISTAKES: dict[str, CrystalMistake | ReplyMistake] = {
    "prose": ReplyMistake(replies.prose),
    "fence": ReplyMistake(replies.fence),
    "several objects": ReplyMistake(replies.several_objects),
    "array": ReplyMistake(replies.array),
    "raw newlines": ReplyMistake(replies.raw_newlines, entries.TEXTS),
    "double escapes": ReplyMistake(replies.double_escapes, entries.TEXTS),
    "missing escapes": ReplyMistake(replies.missing_escapes),
    "truncated": ReplyMistake(replies.truncated),
    "missing brace": ReplyMistake(replies.missing_brace),
    "curly quotes": ReplyMistake(replies.curly_quotes),
    "reasoning": ReplyMistake(replies.reasoning),
    "assistant first": ReplyMistake(replies.assistant_first),
    "extra keys": CrystalMistake(entries.extra_keys),
    "wrong counts": CrystalMistake(entries.wrong_counts, ("poscar",)),
    "interleaved": CrystalMistake(entries.interleaved, ("poscar",)),
    "fractions": CrystalMistake(entries.fractions),
    "symmetry claim": CrystalMistake(entries.symmetry_claim, ("cif", "wyckoff")),
    "contradictory formula": CrystalMistake(entries.contradictory_formula),
    "unknown element": CrystalMistake(entries.unknown_element),
    "overlapping": CrystalMistake(entries.overlapping),
    "huge cell": CrystalMistake(entries.huge_cell),
    "hostile text": CrystalMistake(entries.hostile_text),
}
"""By name."""
