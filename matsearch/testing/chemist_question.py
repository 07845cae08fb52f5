"""What a prompt asks for, read from its text."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pymatgen.core import Composition, Element, Structure

DEFAULT_CRYSTALS = 5
DEFAULT_ATOMS = 20
LAST_ELEMENT = 94

_LANGUAGE = re.compile(r"[\"'`](poscar|cif|json|wyckoff)[\"'`]", re.IGNORECASE)
_CRYSTALS = re.compile(r"\bpropose\s+(\d{1,3})\b", re.IGNORECASE)
_ATOMS = re.compile(r"\b(?:at most|up to)\s+(\d{1,4})\s+atoms|\b(\d{1,4})\s+atoms or fewer", re.IGNORECASE)
_ELEMENTS = re.compile(r"\belements:([^.\n]+)", re.IGNORECASE)
_SYSTEM = re.compile(r"\b((?:[A-Z][a-z]?-)+[A-Z][a-z]?)\b")
_ANY = re.compile(r"\bany element(?: up to ([A-Z][a-z]?))?(?: but\b([^.\n]*))?", re.IGNORECASE)
_NUMBER = re.compile(r"^[-* ]*(\d{1,2})(?: to (\d{1,2}))? elements?\.", re.IGNORECASE | re.MULTILINE)
_ANIONS = re.compile(r"\bmost electronegative element is([^.\n]+)", re.IGNORECASE)
_FORMULAS = re.compile(r"\bformula:([^,;\n]+)", re.IGNORECASE)
_ONLY = re.compile(r"\bonly ([^,;\n]+), with any number of formula units", re.IGNORECASE)
_FAILED = re.compile(
    r"^[^\n]*\bfail(?:s|ed)\b[^\n]*:[ \t]*\n(?:[^\n]+(?:\n|\Z))*", re.IGNORECASE | re.MULTILINE
)
_PREDICTED = re.compile(r"\b(?:structures?|ground states?) of([^,;:\n]+)", re.IGNORECASE)
_SYMBOL = re.compile(r"\b[A-Z][a-z]?\b")
_FORMULA = re.compile(r"\b(?:[A-Z][a-z]?\d{0,3}|[()]\d{0,3})+")


@dataclass(frozen=True)
class Question:
    """What is asked for.

    Attributes
    ----------
    n : int
        Crystals.
    elements : tuple of str
        Allowed; empty where the prompt names none.
    formulas : tuple of str
        Reduced; empty where any composition will do.
    max_atoms : int
        In a cell.
    language : str
        Of the reply.
    parents : tuple of Structure
        Crystals that the prompt shows.
    n_elements : tuple of int or None
        Fewest and most elements of a crystal.
    anions : tuple of str
        Of which one is the most electronegative element; empty where any may be.
    failed : tuple of Structure
        Crystals that the prompt shows as failures: no parents.
    """

    n: int
    elements: tuple[str, ...]
    formulas: tuple[str, ...]
    max_atoms: int
    language: str
    parents: tuple[Structure, ...]
    n_elements: tuple[int, int] | None = None
    anions: tuple[str, ...] = ()
    failed: tuple[Structure, ...] = ()


def read_question(messages: Iterable[Mapping[str, Any]]) -> Question:
    """Return what the messages of a prompt ask for; what they do not say is five crystals of at most 20 atoms."""
    text = "\n".join(str(message.get("content") or "") for message in messages)
    formulas, parents = _formulas(text), _crystals(_FAILED.sub("", text))
    number, anions = _NUMBER.search(text), _ANIONS.search(text)
    atoms = _ATOMS.search(text)
    return Question(
        n=crystals_asked(text),
        elements=_elements(text) or _elements_of(formulas) or _elements_in(parents),
        formulas=formulas,
        max_atoms=int(atoms[1] or atoms[2]) if atoms else DEFAULT_ATOMS,
        language=language_asked(text),
        parents=parents,
        n_elements=(int(number[1]), int(number[2] or number[1])) if number else None,
        anions=_symbols(anions[1]) if anions else (),
        failed=_crystals("\n".join(_FAILED.findall(text))),
    )


def crystals_asked(text: str) -> int:
    """Return how many crystals a prompt asks for."""
    found = _CRYSTALS.search(text)
    return int(found[1]) if found else DEFAULT_CRYSTALS


def language_asked(text: str) -> str:
    """Return the structure language in which a prompt asks for the reply: the last one that it puts in quotes."""
    found = _LANGUAGE.findall(text)
    return str(found[-1]).lower() if found else "poscar"


def _elements(text: str) -> tuple[str, ...]:
    named, free, system = _ELEMENTS.search(text), _ANY.search(text), _SYSTEM.search(text)
    if free is not None and (named is None or free.start() < named.start()):
        last = Element(free[1]).Z if free[1] and Element.is_valid_symbol(free[1]) else LAST_ELEMENT
        every = {Element.from_Z(z).symbol for z in range(1, last + 1)}
        return tuple(sorted(every - {*_symbols(free[2] or "")}))
    return _symbols(named[1] if named else (system[1] if system else ""))


def _symbols(text: str) -> tuple[str, ...]:
    return tuple(sorted({symbol for symbol in _SYMBOL.findall(text) if Element.is_valid_symbol(symbol)}))


def _formulas(text: str) -> tuple[str, ...]:
    named = _FORMULAS.search(text) or _ONLY.search(text) or _PREDICTED.search(text)
    found = set()
    for word in _FORMULA.findall(named[1]) if named else ():
        try:
            composition = Composition(word)
        except (ValueError, ArithmeticError):
            continue
        if composition and all(Element.is_valid_symbol(str(e)) for e in composition):
            found.add(composition.reduced_formula)
    return tuple(sorted(found))


def _elements_of(formulas: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(
        sorted({element.symbol for formula in formulas for element in Composition(formula).elements})
    )


def _elements_in(parents: Iterable[Structure]) -> tuple[str, ...]:
    return tuple(sorted({site.specie.symbol for parent in parents for site in parent}))


def _crystals(text: str) -> tuple[Structure, ...]:
    from matsearch.parse.reply.reading import read_reply

    return tuple(found.structure for found in read_reply(text) if found.structure is not None)
