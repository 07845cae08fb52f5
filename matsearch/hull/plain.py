"""One entry of a file as plain, checked values: cheap, so that only the entries of a system become objects."""

import math
import re
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from pymatgen.core import Composition, Element, Lattice, Structure
from pymatgen.entries.computed_entries import ComputedEntry, ComputedStructureEntry

_CLASSES = (None, "ComputedEntry", "ComputedStructureEntry", "PDEntry")
"""Classes whose ``energy`` is the total energy of ``composition``, in eV and without ``correction``."""

_SPECIES = re.compile(r"([A-Z][a-z]?)(?:[0-9.]*[+-])?(?:,.*)?")
_NUMBER = re.compile(r"\d*\.?\d+")
_SAME_CORRECTION = 1e-4

# what pymatgen's energy adjustments are the product of, by the keys they are written with
_ADJUSTMENTS = (("value",), ("adj_per_atom", "n_atoms"), ("adj_per_deg", "temp", "n_atoms"))


@dataclass(frozen=True, slots=True)
class PlainEntry:
    """An entry as a file states it.

    Attributes
    ----------
    where : str
        Its place in the file, for messages.
    amounts : dict of str to float
        Atoms by element symbol.
    energy, correction : float
        In eV, of all these atoms; the energy is without the correction.
    structure : dict or None
        pymatgen's document of a structure, unchecked.
    """

    where: str
    entry_id: str
    amounts: dict[str, float]
    energy: float
    correction: float
    parameters: dict[str, Any]
    data: dict[str, Any]
    structure: dict[str, Any] | None = None

    def built(self) -> ComputedEntry:
        """Return pymatgen's entry; the correction is one adjustment, which pymatgen's corrections replace.

        Raises
        ------
        ValueError
            If the structure is malformed or of another composition.
        """
        facts: dict[str, Any] = {
            "correction": self.correction,
            "parameters": self.parameters,
            "data": self.data,
            "entry_id": self.entry_id,
        }
        composition = Composition(self.amounts)
        if self.structure is None:
            return ComputedEntry(composition, self.energy, **facts)
        try:
            structure = _structure(self.structure)
            return ComputedStructureEntry(structure, self.energy, composition=composition, **facts)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            raise ValueError(f"its structure cannot be used: {error}") from error


def plain_entry(document: Any, where: str) -> PlainEntry:
    """Return the entry of a document as pymatgen writes it.

    Raises
    ------
    ValueError
        Saying what is wrong with it.
    """
    if not isinstance(document, dict):
        raise ValueError(f"it is {type(document).__name__}, not keys and values")  # noqa: TRY004 - of the file
    if document.get("@class") not in _CLASSES:
        raise ValueError(f"the energy of a {document['@class']} is not the total energy of its atoms")
    missing = [key for key in ("composition", "energy") if document.get(key) is None]
    if missing:
        raise ValueError(f"it has no {' and no '.join(missing)}")
    entry_id = document.get("entry_id")
    return PlainEntry(
        where=where,
        entry_id=where if entry_id is None or entry_id == "" else str(entry_id),
        amounts=amounts_of(document["composition"]),
        energy=number(document["energy"], "its energy"),
        correction=_correction(document),
        parameters=_mapping(document, "parameters"),
        data=_mapping(document, "data"),
        structure=_mapping(document, "structure") or None,
    )


def amounts_of(stated: Any) -> dict[str, float]:
    """Return the atoms by element symbol of a formula or a mapping; oxidation states are left out.

    Raises
    ------
    ValueError
        If there are no atoms, or an element is unknown, or an amount not positive and finite.
    """
    if isinstance(stated, str):
        return dict(_formula(stated.strip()))
    if not isinstance(stated, dict) or not stated:
        raise ValueError(f"its composition {stated!r} has no atoms")
    amounts: dict[str, float] = {}
    for species, amount in stated.items():
        symbol = symbol_of(species)
        amounts[symbol] = amounts.get(symbol, 0.0) + _positive(
            number(amount, f"its amount of {species}"), species
        )
    return amounts


@lru_cache(maxsize=1000)
def symbol_of(species: str) -> str:
    """Return the element symbol of a species such as ``Fe`` or ``Fe3+``.

    Raises
    ------
    ValueError
        If it is no element.
    """
    found = _SPECIES.fullmatch(species)
    if found is None or not Element.is_valid_symbol(found[1]):
        raise ValueError(f"{species!r} is no element")
    return str(Element(found[1]).symbol)


def number(value: Any, what: str) -> float:
    """Return a finite number.

    Raises
    ------
    ValueError
        If it is none.
    """
    # an integer beyond the largest float is as useless as infinity, and math.isfinite refuses to look at it
    plain = (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    )
    if not plain:
        raise ValueError(f"{what} is {repr(value)[:40]}, no finite number")
    return float(value)


def _positive(amount: float, species: str) -> float:
    if amount <= Composition.amount_tolerance:
        raise ValueError(f"its amount of {species} is {amount:g}, which is not positive")
    return amount


@lru_cache(maxsize=100_000)
def _formula(text: str) -> tuple[tuple[str, float], ...]:
    if any(float(found) == 0 for found in _NUMBER.findall(text)):
        raise ValueError(f"its formula {text!r} has an amount of zero")
    try:
        composition = Composition(text, strict=True)
    except (ValueError, ArithmeticError, TypeError, KeyError) as error:
        raise ValueError(f"its formula {text!r} cannot be read") from error
    return tuple(amounts_of({str(e): float(n) for e, n in composition.items()}).items())


def _correction(document: dict[str, Any]) -> float:
    stated = document.get("correction")
    correction = number(stated, "its correction") if stated is not None else None
    adjustments = document.get("energy_adjustments")
    if not adjustments:
        return correction or 0.0
    if not isinstance(adjustments, list):
        raise ValueError("its energy_adjustments are no list")  # noqa: TRY004 - of the file
    total = math.fsum(_adjustment(item) for item in adjustments)
    if correction is not None and abs(total - correction) > _SAME_CORRECTION:
        raise ValueError(f"its correction is {correction:g} eV, its energy_adjustments sum to {total:g} eV")
    return total


def _adjustment(item: Any) -> float:
    for keys in _ADJUSTMENTS:
        if isinstance(item, dict) and all(key in item for key in keys):
            return math.prod(number(item[key], f"the {key} of an energy adjustment") for key in keys)
    raise ValueError(f"one of its energy_adjustments is of an unknown kind: {str(item)[:80]}")


def _mapping(document: dict[str, Any], key: str) -> dict[str, Any]:
    value = document.get(key) or {}
    if not isinstance(value, dict):
        raise ValueError(f"its {key} are {type(value).__name__}, not keys and values")  # noqa: TRY004 - of the file
    return value


def _structure(document: dict[str, Any]) -> Structure:
    sites = document["sites"]
    matrix = np.array(document["lattice"]["matrix"], dtype=float)
    coordinates = np.array([site["abc"] for site in sites], dtype=float)
    if not (np.isfinite(matrix).all() and np.isfinite(coordinates).all()):
        raise ValueError("a coordinate is not finite")
    species = [{symbol_of(s["element"]): float(s["occu"]) for s in site["species"]} for site in sites]
    return Structure(Lattice(matrix), species, coordinates)
