"""What the keys of the section ``system`` may say together."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from matsearch.core.formulas import check_formula, elements_of

if TYPE_CHECKING:
    from matsearch.core.system_section import SystemSection

CRYSTAL_SYSTEMS = {
    "triclinic": range(1, 3),
    "monoclinic": range(3, 16),
    "orthorhombic": range(16, 75),
    "tetragonal": range(75, 143),
    "trigonal": range(143, 168),
    "hexagonal": range(168, 195),
    "cubic": range(195, 231),
}
"""Space groups by number (International Tables for Crystallography A)."""


def spacegroup_numbers(names: tuple[int | str, ...]) -> tuple[int, ...]:
    """Return the space groups that numbers and crystal systems stand for, sorted, each once.

    Raises
    ------
    ValueError
        Naming what is neither.
    """
    return tuple(sorted({number for name in names for number in _numbers_of(name)}))


def check_system(system: "SystemSection") -> None:
    """Refuse keys that contradict each other.

    Raises
    ------
    ValueError
        Naming the key, the value and what it contradicts.
    """
    _check_numbers(system)
    for formula in system.formulas:
        check_formula(formula, system.elements, system.max_atoms)
    _require("anions", system.anions, system.elements, "among the elements")
    _require("oxidation_states", system.oxidation_states, system.elements, "among the elements")
    if system.formulas:
        _require("oxidation_states", system.oxidation_states, elements_of(system.formulas), "in the formulas")


def _require(key: str, symbols: Iterable[str], present: tuple[str, ...], where: str) -> None:
    missing = sorted(set(symbols) - set(present))
    if missing:
        raise ValueError(f"{key}: {', '.join(missing)} not {where}")


def _check_numbers(system: "SystemSection") -> None:
    if system.n_elements is None:
        return
    fewest, most = system.n_elements
    if not 1 <= fewest <= most:
        raise ValueError(f"n_elements [{fewest}, {most}]: the fewest come first, at least 1")
    if fewest > len(system.elements):
        raise ValueError(
            f"n_elements [{fewest}, {most}]: there are {len(system.elements)} elements to choose from"
        )
    if fewest > system.max_atoms:
        raise ValueError(f"n_elements [{fewest}, {most}] do not fit into max_atoms {system.max_atoms}")


def _numbers_of(name: int | str) -> range:
    if isinstance(name, str) and name in CRYSTAL_SYSTEMS:
        return CRYSTAL_SYSTEMS[name]
    if isinstance(name, int) and 1 <= name <= 230:
        return range(name, name + 1)
    raise ValueError(
        f"{name!r} is no space group: give a number from 1 to 230, or one of {', '.join(CRYSTAL_SYSTEMS)}"
    )
