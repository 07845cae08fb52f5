"""A rule-based chemist: reads a prompt and answers with crystals, and at a set rate with the mistakes that are usual.

It knows radii, volumes and charges of the elements and some generic structure types, and no compound. It stands in for
the other side of a conversation where the plumbing is tested; what it proposes says nothing about any other proposer.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from pymatgen.core import Structure

from matsearch.core.keys import content_key
from matsearch.testing.chemist_crystals import draw_crystals
from matsearch.testing.chemist_entries import entry_of
from matsearch.testing.chemist_mistakes import CRYSTAL_MISTAKES, REPLY_MISTAKES, Make, Mistake
from matsearch.testing.chemist_question import read_question


class Chemist:
    """Answers prompts by rule; a function of the messages, the body's ``seed`` and its own.

    Parameters
    ----------
    mistakes : float
        Chance of a mistake in each crystal, and of one in the whole reply.
    seed : int
        Another one gives other answers.
    """

    def __init__(self, mistakes: float = 0.0, seed: int = 0) -> None:
        self.mistakes = mistakes
        self.seed = seed

    def __call__(self, messages: Iterable[Mapping[str, Any]], body: Mapping[str, Any]) -> str:
        """Return the text of the reply: JSON with as many crystals as the prompt asks for, or fewer where none fit."""
        conversation = [dict(message) for message in messages]
        rng = self._generator(conversation, body.get("seed"))
        question = read_question(conversation)
        language = question.language
        entries = [self._entry(structure, language, rng) for structure in draw_crystals(question, rng)]
        text = json.dumps({"crystals": entries})
        mistake = self._mistake(REPLY_MISTAKES, language, rng)
        return mistake(text, rng) if mistake else text

    def _entry(self, structure: Structure, language: str, rng: np.random.Generator) -> dict[str, Any]:
        mistake = self._mistake(CRYSTAL_MISTAKES, language, rng)
        return mistake(structure, language, rng) if mistake else entry_of(structure, language)

    def _generator(self, messages: list[dict[str, Any]], seed: Any) -> np.random.Generator:
        digest = content_key("chemist/1", [messages, seed, self.seed])
        return np.random.Generator(np.random.PCG64(int(digest[:32], 16)))

    def _mistake(
        self, mistakes: Mapping[str, Mistake[Make]], language: str, rng: np.random.Generator
    ) -> Make | None:
        if rng.random() >= self.mistakes:
            return None
        possible = [mistake.make for mistake in mistakes.values() if language in mistake.languages]
        return possible[int(rng.integers(len(possible)))]
