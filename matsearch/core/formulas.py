"""Formulas in a configuration."""

from pymatgen.core import Composition


def check_formula(formula: str, elements: tuple[str, ...], max_atoms: int) -> None:
    """Refuse a formula that is none, or that a search of these elements and cells cannot reach.

    Raises
    ------
    ValueError
        Saying what is wrong with it.
    """
    try:
        composition = Composition(formula)
    except ValueError as error:
        raise ValueError(f"{formula!r} is not a formula") from error
    strangers = {element.symbol for element in composition.elements} - set(elements)
    if strangers:
        raise ValueError(f"{formula} has {', '.join(sorted(strangers))}, not among the elements")
    reduced = composition.reduced_composition
    if any(amount != round(amount) for amount in reduced.values()) or reduced.num_atoms < 1:
        raise ValueError(f"{formula!r} has no whole numbers of atoms")
    if reduced.num_atoms > max_atoms:
        raise ValueError(f"{formula} has {reduced.num_atoms:g} atoms, over max_atoms {max_atoms}")
