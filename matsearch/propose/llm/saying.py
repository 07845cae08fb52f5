"""What prompts say of crystals and of a campaign: plain data, a line each, that cannot pass for more than it is."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pymatgen.core import Composition, Structure

from matsearch.core.language_model import LanguageName
from matsearch.core.records import Parent, PropertyValue
from matsearch.core.rounding import rounded
from matsearch.core.slots import Failed
from matsearch.core.text import one_line
from matsearch.crystal.languages import LANGUAGES
from matsearch.crystal.languages.language import Unreadable
from matsearch.crystal.symmetry import spacegroup_symbol

MAX_LINE = 300
MAX_CONSTRAINT = 12_000
"""The configuration's own words, which a model must see whole: even all states of all elements."""

MAX_REASON = 200
MAX_FORMULA = 60
MAX_FAILURES = 8
MAX_FEEDBACK = 20
MAX_CELLS = 8
MAX_PRODUCTS = 6

ON_THE_HULL = 0.0005
"""In eV/atom: what lies lower has nothing to decompose into."""

_HARMLESS = str.maketrans({"`": "'", '"': "'", "{": "(", "}": ")", "[": "(", "]": ")"})


class _Written(NamedTuple):
    structure: Structure
    text: str | None
    spacegroup: str


class Sayings:
    """Says crystals in a structure language, each once for all slots that show it."""

    def __init__(self, language: LanguageName) -> None:
        self._language = LANGUAGES[language]
        self._written: dict[str, _Written] = {}

    def parent(self, parent: Parent) -> dict[str, object] | None:
        """Return what is said of a parent; None where the language cannot say it."""
        written = self._of(parent.parent_id, parent.structure)
        if written.text is None:
            return None
        energy = parent.energy_above_hull
        return {
            "formula": parent.structure.composition.reduced_formula,
            "spacegroup": written.spacegroup,
            "energy_above_hull": None if energy is None else rounded(energy),
            "decomposition": _products(parent) if energy is not None and energy > ON_THE_HULL else [],
            "properties": [_property(name, value) for name, value in sorted(parent.properties.items())],
            "text": written.text,
        }

    def failure(self, failed: Failed, max_atoms: int) -> dict[str, str] | None:
        """Return what is said of a failed crystal; None where it is not known, too large to show or cannot be said."""
        structure = failed.structure
        if structure is None or not structure.is_ordered or len(structure) > 2 * max_atoms:
            return None
        text = self._of(failed.candidate_id, structure).text
        return None if text is None else {**line_of_failure(failed), "text": text}

    def _of(self, name: str, structure: Structure) -> _Written:
        written = self._written.get(name)
        if written is None or written.structure is not structure:
            text = self._text(structure)
            symbol = spacegroup_symbol(structure) if text is not None else ""
            written = self._written[name] = _Written(structure, text, symbol)
        return written

    def _text(self, structure: Structure) -> str | None:
        try:
            return self._language.write(structure)
        except Unreadable:  # no symmetry with atoms upon each other
            return None


def harmless(text: str, limit: int = MAX_LINE) -> str:
    """Return text from elsewhere as one line of a prompt: no fences, quotes or brackets, cut to a length."""
    return one_line(text, limit).translate(_HARMLESS)


def lines_of(texts: Iterable[str], limit: int = MAX_LINE) -> list[str]:
    """Return each text as one line."""
    return [harmless(text, limit) for text in texts]


def line_of_failure(failed: Failed) -> dict[str, str]:
    """Return the formula of a failed proposal, and why it failed."""
    formula = harmless(failed.formula, MAX_FORMULA) or "not a crystal"
    return {"formula": formula, "reason": harmless(failed.reason, MAX_REASON)}


def cells_of(formulas: Sequence[str], max_atoms: int) -> list[str]:
    """Return the formulas of the cells that formulas allow, Z = 1, 2, ..., the first few of each."""
    each = max(1, MAX_CELLS // max(1, len(formulas)))
    cells: list[str] = []
    for formula in formulas:
        amounts = Composition(formula).get_el_amt_dict()
        most = int(max_atoms // sum(amounts.values()))
        shown = range(1, min(most, each) + 1)
        cells += ["".join(f"{el}{_count(n * z)}" for el, n in amounts.items()) for z in shown]
        cells += ["..."] if most > each else []
    return cells


def _count(amount: float) -> str:
    return "" if round(amount) == 1 else str(round(amount))


def _products(parent: Parent) -> list[str]:
    ranked = sorted(parent.decomposition.items(), key=lambda item: (-item[1], item[0]))[:MAX_PRODUCTS]
    # a phase is named `formula (id)`; the id says nothing to a model
    return [f"{share:.2f} {harmless(phase.partition(' (')[0], MAX_FORMULA)}" for phase, share in ranked]


def _property(name: str, value: PropertyValue) -> str:
    return harmless(f"{name.replace('_', ' ')} {value.value:.4g} {value.unit}").strip()
