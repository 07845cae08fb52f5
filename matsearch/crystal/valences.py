"""Oxidation states that need no moment: from the element, its bonds, or a short list of known states.

The rules are those of any inorganic textbook (Greenwood and Earnshaw, Chemistry of the Elements, 1997): the more
electronegative partner of a bond takes its electrons, like atoms share them.
"""

from typing import NamedTuple

import numpy as np
from pymatgen.core import Element, Structure

from matsearch.crystal.limits import covalent_radius, electronegativity

BOND = 1.2
"""Atoms closer than this many sums of covalent radii are bonded: O-O under 1.58, S-S under 2.52 angstrom."""

PEROXIDE = 1.40
"""Angstrom: O-O is 1.45 to 1.55 in peroxides, 1.28 to 1.35 in superoxides (half a charge an atom), 1.21 in O2."""

_NONMETALS = frozenset(
    ("H", "B", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Ge", "As", "Se", "Br", "Te", "I")
)

_FIXED = {
    1: "Li Na K Rb Cs",
    2: "Be Mg Ca Sr Ba Ra Zn Cd",
    # lanthanides that CHGNet's training data treat with a frozen f shell and chemistry knows only as +3, and Gd
    3: "Al Ga In Sc Y La Nd Pm Gd Dy Ho Er Lu",
    4: "Zr Hf Th",
}
FIXED = {symbol: state for state, symbols in _FIXED.items() for symbol in symbols.split()}

SEVERAL: dict[str, tuple[int, ...]] = {
    "Ag": (1, 2),
    "Tl": (1, 3),
    "Sn": (2, 4),
    "Pb": (2, 4),
    "Sb": (3, 5),
    "Bi": (3, 5),
    "Hg": (1, 2),
    "Nb": (2, 3, 4, 5),
    "Ta": (3, 4, 5),
    "Mo": (2, 3, 4, 5, 6),
    "W": (2, 3, 4, 5, 6),
    "Tc": (4, 5, 6, 7),
    "Re": (3, 4, 5, 6, 7),
    "Ru": (2, 3, 4, 5, 6),
    "Os": (2, 3, 4, 5, 6, 8),
    "Rh": (2, 3, 4),
    "Ir": (3, 4, 5, 6),
    "Pd": (2, 4),
    "Pt": (2, 4),
    "Au": (1, 3),
    "Pr": (3, 4),
    "Tb": (3, 4),
    "Sm": (2, 3),
    "Tm": (2, 3),
    "Yb": (2, 3),
    "Pa": (4, 5),
    "U": (3, 4, 5, 6),
    "Np": (3, 4, 5, 6),
    "Pu": (3, 4, 5, 6),
}
"""States of elements whose moment does not tell them: left to neutrality, all atoms of the element alike."""

_ANIONS = {"Cl": -1, "Br": -1, "I": -1, "S": -2, "Se": -2, "Te": -2, "N": -3, "P": -3, "As": -3}

_CENTRES: dict[str, dict[int, int]] = {
    "B": {3: 3, 4: 3},
    "C": {3: 4},
    "Si": {4: 4, 6: 4},
    "Ge": {4: 4, 6: 4},
    "N": {2: 3, 3: 5},
    "P": {3: 3, 4: 5, 6: 5},
    "As": {3: 3, 4: 5, 6: 5},
    "S": {3: 4, 4: 6, 6: 6},
    "Se": {3: 4, 4: 6, 6: 6},
    "Te": {3: 4, 4: 4, 6: 6},
    "Cl": {3: 5, 4: 7},
    "Br": {3: 5, 4: 7},
    "I": {3: 5, 4: 7, 6: 7},
}
"""State of an atom by the number of partners, all of them more electronegative: carbonate, phosphate, sulfate, ..."""

_OXYGEN_ONLY = frozenset({"C", "N", "S", "Se", "Cl", "Br", "I"})


class Partner(NamedTuple):
    """A bonded neighbour and its distance in angstrom."""

    symbol: str
    distance: float


def fixed_states(structure: Structure) -> list[int | str | None]:
    """Return each site's oxidation state where element and bonds decide it.

    Returns
    -------
    list
        An integer; or the reason in words why the bonds leave it open; or None where bonds are not what decides
        (transition metals, and the elements of ``SEVERAL``).
    """
    symbols = [site.specie.symbol for site in structure]
    bonded, nearest = _partners(structure, symbols)
    return [_state(symbol, bonded[i], nearest[i]) for i, symbol in enumerate(symbols)]


def _state(symbol: str, partners: list[Partner], nearest: str | None) -> int | str | None:
    if symbol in FIXED:
        return FIXED[symbol]
    if symbol == "H":
        return _hydrogen(nearest)
    if symbol == "O":
        return _oxygen(partners)
    if symbol == "F":
        return "F bonded to F" if any(p.symbol == "F" for p in partners) else -1
    return _main_group(symbol, partners) if symbol in _NONMETALS else None


def _hydrogen(nearest: str | None) -> int | str:
    if nearest is None or nearest == "H":
        return "H bonded to H"
    return 1 if nearest in _NONMETALS and electronegativity(nearest) > electronegativity("H") else -1


def _oxygen(partners: list[Partner]) -> int | str:
    if any(p.symbol == "F" for p in partners):
        return "O bonded to F"
    like = [p.distance for p in partners if p.symbol == "O"]
    if not like:
        return -2
    if len(like) == 1 and like[0] >= PEROXIDE:
        return -1
    return f"O-O of {min(like):.2f} angstrom is no peroxide"


def _main_group(symbol: str, partners: list[Partner]) -> int | str:
    # metals are left out: within reach of a centre they are its anions' other neighbours
    near = [p.symbol for p in partners if p.symbol in _NONMETALS]
    above = [p for p in near if electronegativity(p) > electronegativity(symbol)]
    if not above and symbol not in near and symbol in _ANIONS:
        return _anion(symbol, partners)
    if not above and near.count(symbol) == 1 and symbol in {"S", "Se", "Te"}:
        return -1
    allowed = {"O"} if symbol in _OXYGEN_ONLY else _NONMETALS - {"H"}
    state = _CENTRES[symbol].get(len(above)) if set(near) <= allowed and len(above) == len(near) else None
    return f"{symbol} bonded to {' '.join(sorted(set(near))) or 'metals only'}" if state is None else state


def _anion(symbol: str, partners: list[Partner]) -> int | str:
    # most nitrides, phosphides and arsenides of transition metals are metals, where charges mean little
    metals = sorted({p.symbol for p in partners if p.symbol not in FIXED and _is_transition_metal(p.symbol)})
    if metals and symbol in {"N", "P", "As"}:
        return f"{symbol} bonded to {' '.join(metals)}, perhaps a metal"
    return _ANIONS[symbol]


def _is_transition_metal(symbol: str) -> bool:
    return bool(Element(symbol).is_transition_metal)


def _partners(structure: Structure, symbols: list[str]) -> tuple[list[list[Partner]], list[str | None]]:
    """Return each site's bonded neighbours, and its nearest neighbour of all."""
    radii = np.array([covalent_radius(symbol) for symbol in symbols])
    first, second, _, distances = structure.get_neighbor_list(BOND * 2.0 * float(radii.max()))
    bonded: list[list[Partner]] = [[] for _ in symbols]
    closest: list[Partner | None] = [None] * len(symbols)
    for i, j, distance in zip(first, second, distances, strict=True):
        partner = Partner(symbols[j], float(distance))
        if distance <= BOND * (radii[i] + radii[j]):
            bonded[i].append(partner)
        found = closest[i]
        if found is None or partner.distance < found.distance:
            closest[i] = partner
    return bonded, [partner.symbol if partner else None for partner in closest]
