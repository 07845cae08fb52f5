"""Formulas in a configuration."""

from pymatgen.core import Composition, DummySpecies


def reduced_formulas(formulas: tuple[str, ...]) -> tuple[str, ...]:
    """Return formulas as pymatgen writes them, reduced, sorted, each once: however they are written they mean the same.

    Raises
    ------
    ValueError
        Naming what is no formula.
    """
    return tuple(sorted({_composition(formula).reduced_formula for formula in formulas}))


def elements_of(formulas: tuple[str, ...]) -> tuple[str, ...]:
    """Return the elements of formulas, sorted, each once.

    Raises
    ------
    ValueError
        Naming what is no formula.
    """
    return tuple(sorted({element.symbol for formula in formulas for element in _composition(formula)}))


def check_formula(formula: str, elements: tuple[str, ...], max_atoms: int) -> None:
    """Refuse a formula that a search of these elements and cells cannot reach.

    Raises
    ------
    ValueError
        Saying what is wrong with it.
    """
    composition = _composition(formula)
    strangers = {element.symbol for element in composition.elements} - set(elements)
    if strangers:
        raise ValueError(f"{formula} has {', '.join(sorted(strangers))}, not among the elements")
    if composition.num_atoms > max_atoms:
        raise ValueError(f"{formula} has {composition.num_atoms:g} atoms, over max_atoms {max_atoms}")


def _composition(formula: str) -> Composition:
    try:
        composition = Composition(formula).reduced_composition
    except (ValueError, ArithmeticError) as error:
        raise ValueError(f"{formula!r} is not a formula") from error
    if any(isinstance(species, DummySpecies) for species in composition) or not composition:
        raise ValueError(f"{formula!r} is not a formula")
    if any(amount != round(amount) for amount in composition.values()):
        raise ValueError(f"{formula!r} has no whole numbers of atoms")
    return composition
