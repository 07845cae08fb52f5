"""From a slot to the call that answers it."""

from typing import Any, NamedTuple

from matsearch.core.arms import usual_prompt
from matsearch.core.calls import CallRequest, Message
from matsearch.core.errors import InputError
from matsearch.core.keys import content_key
from matsearch.core.language_model import LanguageModelSection
from matsearch.core.random import stream
from matsearch.core.records import Parent
from matsearch.core.slots import Slot
from matsearch.crystal.scope import limits_lines
from matsearch.propose.llm.saying import (
    MAX_CONSTRAINT,
    MAX_FAILURES,
    MAX_FEEDBACK,
    Sayings,
    cells_of,
    line_of_failure,
    lines_of,
)
from matsearch.propose.llm.script import Script

_SEEDS = 2**31

_Said = tuple[Parent, dict[str, Any]]
"""A crystal, and what is said of it."""


class _Shown(NamedTuple):
    """What a slot's prompt shows: parents, and for a repair the crystal that failed."""

    parents: tuple[_Said, ...] = ()
    failed: _Said | None = None


class Requests:
    """Makes the calls of one prompt: a function of the slot and the section alone.

    A slot that has not what the prompt needs (one parent, two, or a proposal that failed) is asked by ``csg`` instead, or
    ``csp`` where formulas are given; its call says so.

    Parameters
    ----------
    section : LanguageModelSection
        ``propose.llm`` of a configuration.
    name : str, optional
        Name or file of the prompt; by default the section's.
    predict : bool
        Whether formulas are given, so that the prompt is ``csp`` unless one is named.

    Attributes
    ----------
    prompt_id, sha256 : str
        Of the prompt; the hash is over all its parts, and over what is asked in its place.

    Raises
    ------
    InputError
        If a prompt cannot be used.
    """

    def __init__(self, section: LanguageModelSection, *, name: str | None = None, predict: bool) -> None:
        usual = usual_prompt(predict=predict)
        self._section = section
        self._sayings = Sayings(section.language)
        self._script = Script(name or section.prompt or usual, section.language)
        self._instead = None if self._script.stands_alone else Script(usual, section.language)
        self.prompt_id = self._script.prompt_id
        if self._script.prompt.needs_formulas and not predict:
            raise InputError(
                f"prompt {self.prompt_id} is about given formulas", "set system.formulas, or take csg"
            )
        self.sha256 = self._script.sha256
        if self._instead is not None:
            self.sha256 = content_key("prompts/1", [self.sha256, self._instead.sha256])

    def request(self, slot: Slot, crystals: int) -> CallRequest:
        """Return the call that asks for so many crystals; parents are drawn from the slot's own random stream."""
        section = self._section
        script, shown = self._chosen(slot)
        (_, messages), *shorter = self._variants(script, slot, crystals, shown)
        return CallRequest(
            campaign_id=slot.campaign_id,
            generation=slot.generation,
            slot=slot.slot,
            prompt_id=script.prompt_id,
            prompt_sha256=script.sha256,
            messages=messages,
            shorter=tuple(less for _, less in shorter),
            shown=tuple(n for n, _ in shorter),
            parents=tuple(
                parent for parent, _ in (*([shown.failed] if shown.failed else []), *shown.parents)
            ),
            language=section.language,
            crystals=crystals,
            model=section.model,
            parameters={
                "temperature": section.temperature,
                "top_p": section.top_p,
                "max_tokens": section.max_tokens,
                "seed": int(stream(slot.seed, slot.generation, slot.slot, "call").integers(_SEEDS)),
            },
            reply_schema=script.schema if section.output == "auto" else None,
        )

    def _chosen(self, slot: Slot) -> tuple[Script, _Shown]:
        """Return the prompt that the slot can be asked by, and what it shows."""
        shown = self._shown(self._script, slot)
        if self._instead is None or shown is not None:
            return self._script, shown or _Shown()
        return self._instead, self._shown(self._instead, slot) or _Shown()

    def _shown(self, script: Script, slot: Slot) -> _Shown | None:
        """Return what a prompt shows of a slot; None where the slot has not what it needs."""
        usual = self._section.parents if script.shows_parents else 0
        parents = self._drawn(slot, usual if script.parents is None else script.parents)
        failed = self._failed(slot) if script.prompt.needs_a_failure else None
        lacks_parents = script.parents is not None and len(parents) < script.parents
        if lacks_parents or (script.prompt.needs_a_failure and failed is None):
            return None
        return _Shown(parents, failed)

    def _drawn(self, slot: Slot, n: int) -> tuple[_Said, ...]:
        """Return so many parents that can be said, in the random order of the slot."""
        order = stream(slot.seed, slot.generation, slot.slot, "parents").permutation(len(slot.parents))
        drawn: list[_Said] = []
        for place in order if n else ():
            parent = slot.parents[int(place)]
            if (said := self._sayings.parent(parent)) is not None:
                drawn.append((parent, said))
            if len(drawn) == n:
                break
        return tuple(drawn)

    def _failed(self, slot: Slot) -> _Said | None:
        failures = slot.brief.failures
        for place in stream(slot.seed, slot.generation, slot.slot, "failure").permutation(len(failures)):
            failed = failures[int(place)]
            said = self._sayings.failure(failed, slot.limits.max_atoms)
            if said is not None and failed.structure is not None:
                parent = Parent(parent_id=failed.candidate_id, structure=failed.structure, roots=failed.roots)
                return parent, said
        return None

    def _variants(
        self, script: Script, slot: Slot, crystals: int, shown: _Shown
    ) -> list[tuple[int, tuple[Message, ...]]]:
        """Return the messages and how many parents they show, then shorter ones: without failures, then with fewer parents.

        What a prompt needs is never given up.
        """
        values = _values(slot, crystals)
        values["failure"] = shown.failed[1] if shown.failed else None
        said = [entry for _, entry in shown.parents]
        contents = [(said, values["failures"])]
        if values["failures"] and script.shows_failures:
            contents.append((said, []))
        if not script.parents:
            contents += [(said[:n], []) for n in range(len(said) - 1, -1, -1)]
        extra = 1 if shown.failed else 0
        return [
            (len(some) + extra, script.messages({**values, "parents": some, "failures": told}))
            for some, told in contents
        ]


def _values(slot: Slot, crystals: int) -> dict[str, Any]:
    limits, brief = slot.limits, slot.brief
    return {
        "n": crystals,
        "elements": list(limits.elements),
        "formulas": list(limits.formulas),
        "cells": cells_of(limits.formulas, limits.max_atoms),
        "max_atoms": limits.max_atoms,
        "constraints": lines_of(brief.constraints or limits_lines(limits), MAX_CONSTRAINT),
        "objectives": lines_of(brief.objectives),
        "failures": [line_of_failure(failed) for failed in brief.failures[:MAX_FAILURES]],
        "feedback": lines_of(brief.feedback[-MAX_FEEDBACK:]),
    }
