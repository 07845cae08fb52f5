"""From a slot to the call that answers it."""

from collections.abc import Sequence

from pymatgen.core import Structure

from matsearch.core.calls import CallRequest, Message
from matsearch.core.errors import InputError
from matsearch.core.keys import content_key
from matsearch.core.language_model import LanguageModelSection
from matsearch.core.protocols import Slot
from matsearch.core.random import stream
from matsearch.core.records import Parent
from matsearch.crystal.languages import LANGUAGES
from matsearch.crystal.languages.language import Unreadable
from matsearch.propose.llm.prompts import load_prompt
from matsearch.propose.llm.schema import reply_schema

INPUTS = frozenset({"n", "elements", "formulas", "max_atoms", "parents", "language", "reply"})
"""What a prompt may use: ``n`` crystals are asked for; ``parents`` have ``formula``, ``energy_above_hull`` (eV/atom or
none) and ``text``; ``language`` and ``reply`` say how to answer."""

_SEEDS = 2**31


class Requests:
    """Makes the call of a slot: a function of the slot and the section alone.

    Parameters
    ----------
    section : LanguageModelSection
        ``propose.llm`` of a configuration.
    predict : bool
        Whether formulas are given, so that the prompt is ``csp`` unless the section names one.

    Attributes
    ----------
    prompt_id, sha256 : str
        Of the prompt; the hash is over all its parts.

    Raises
    ------
    InputError
        If a prompt cannot be used.
    """

    def __init__(self, section: LanguageModelSection, *, predict: bool) -> None:
        self._section = section
        self._texts: dict[str, tuple[Structure, str | None]] = {}
        self._prompt = load_prompt(section.prompt or ("csp" if predict else "csg"), INPUTS)
        if "n" not in self._prompt.front.inputs:
            raise InputError(
                f"prompt {self._prompt.prompt_id} asks for no crystals", "take csg, csp, or one that uses n"
            )
        parts = [
            load_prompt(f"parts/{section.language}"),
            load_prompt("parts/reply", frozenset({"key"})),
        ]
        self._language, self._reply = (part.render({"key": section.language}) for part in parts)
        self.prompt_id = self._prompt.prompt_id
        self.sha256 = content_key("prompts/1", [part.sha256 for part in (self._prompt, *parts)])

    def request(self, slot: Slot, crystals: int) -> CallRequest:
        """Return the call that asks for so many crystals; parents are drawn from the slot's own random stream."""
        section = self._section
        shown = [(parent, text) for parent in self._drawn(slot) if (text := self._text(parent))]
        variants = [self._messages(slot, crystals, shown[:n]) for n in range(len(shown), -1, -1)]
        return CallRequest(
            campaign_id=slot.campaign_id,
            generation=slot.generation,
            slot=slot.slot,
            prompt_id=self.prompt_id,
            prompt_sha256=self.sha256,
            messages=variants[0],
            shorter=tuple(variants[1:]),
            parents=tuple(parent for parent, _ in shown),
            language=section.language,
            crystals=crystals,
            model=section.model,
            parameters={
                "temperature": section.temperature,
                "top_p": section.top_p,
                "max_tokens": section.max_tokens,
                "seed": int(stream(slot.seed, slot.generation, slot.slot, "call").integers(_SEEDS)),
            },
            reply_schema=reply_schema(section.language) if section.output == "auto" else None,
        )

    def _drawn(self, slot: Slot) -> tuple[Parent, ...]:
        rng = stream(slot.seed, slot.generation, slot.slot, "parents")
        n = min(self._section.parents, len(slot.parents))
        chosen = rng.choice(len(slot.parents), size=n, replace=False) if n else ()
        return tuple(slot.parents[int(i)] for i in chosen)

    def _messages(
        self, slot: Slot, crystals: int, shown: Sequence[tuple[Parent, str]]
    ) -> tuple[Message, ...]:
        limits = slot.limits
        values = {
            "n": crystals,
            "elements": list(limits.elements),
            "formulas": list(limits.formulas),
            "max_atoms": limits.max_atoms,
            "parents": [_entry(parent, text) for parent, text in shown],
            "language": self._language,
            "reply": self._reply,
        }
        return (Message(role="user", content=self._prompt.render(values)),)

    def _text(self, parent: Parent) -> str | None:
        """Return a parent's text, written once for all slots that show it."""
        written = self._texts.get(parent.parent_id)
        if written is None or written[0] is not parent.structure:
            written = self._texts[parent.parent_id] = (parent.structure, self._written(parent))
        return written[1]

    def _written(self, parent: Parent) -> str | None:
        """Return a parent's text; None where the language cannot say it: no symmetry with atoms upon each other."""
        try:
            return LANGUAGES[self._section.language].write(parent.structure)
        except Unreadable:
            return None


def _entry(parent: Parent, text: str) -> dict[str, str | float | None]:
    return {
        "formula": parent.structure.composition.reduced_formula,
        "energy_above_hull": parent.energy_above_hull,
        "text": text,
    }
