"""Random symmetric crystals: atoms on the Wyckoff positions of a random space group."""

from collections import Counter
from collections.abc import Mapping, Sequence
from math import gcd

import numpy as np
from pymatgen.core import Composition, Lattice, Structure

from matsearch.core.slots import Limits, Slot
from matsearch.crystal.balance import ANION_FORMERS, charge_balance
from matsearch.crystal.limits import usual_volume
from matsearch.crystal.scope import allows
from matsearch.crystal.wyckoff_positions import Group, Position, orbit, space_group, wyckoff_positions
from matsearch.propose.change import Change
from matsearch.propose.operators.cells import image_distances, least_distances
from matsearch.propose.operators.elements import draw_symbols

MAX_UNITS = 4
"""Formula units of a cell, where no formula is asked for; of those that are, as many as there is room for."""
COMPOSITIONS = 50
"""Draws of amounts for some elements before other elements are drawn."""
ELEMENTS = 20
"""Draws of elements."""
GROUPS = 40
ASSIGNMENTS = 10
CELLS = 4
POINTS = 5
UNBALANCED = 0.02
"""Chance that amounts out of balance are kept."""
VOLUME = (0.85, 1.3)
LENGTHS = 4.0
"""Longest over shortest edge of the cell that is averaged, at most."""
ANGLE = (70.0, 110.0)

Sites = list[tuple[str, Position]]


def random_symmetric(slot: Slot, rng: np.random.Generator) -> Change | None:
    """Make a crystal from nothing: composition, space group, cell, Wyckoff positions and free coordinates drawn.

    The idea is that of Lyakhov et al., Comput. Phys. Commun. 184, 1172 (2013), and of Fredericks et al. (PyXtal),
    Comput. Phys. Commun. 261, 107810 (2021). The composition is one of the formulas asked for, else any of the
    system's, mostly neutral where it has an anion former; 1 to 4 formula units. Space groups are drawn alike among
    those allowed until one takes the atoms. The volume is 0.85 to 1.3 times the sum of the atoms' usual ones; no pair
    of atoms is closer than 0.75 of its covalent radii, anions not than 1.4 where charges balance. The work of a draw is
    bounded.
    """
    counts = _draw_counts(slot.limits, rng)
    if counts is None:
        return None
    for number in rng.permutation(slot.limits.spacegroups or np.arange(1, 231))[:GROUPS]:
        structure = symmetric_crystal(counts, int(number), rng)
        if structure is not None:
            formula, units = Composition(counts).get_reduced_formula_and_factor()
            return Change(
                structure, {"space_group": int(number), "formula": formula, "units": int(units)}, ()
            )
    return None


def symmetric_crystal(counts: Mapping[str, int], number: int, rng: np.random.Generator) -> Structure | None:
    """Return a crystal with these atoms in a primitive cell of a space group; None where the draws find none.

    Parameters
    ----------
    counts : mapping of str to int
        Atoms of each element.
    number : int
        Of the space group, 1 to 230.
    """
    positions = wyckoff_positions(number)
    balanced = charge_balance(Composition(counts)) == "yes"
    draws = (_assign(counts, positions, rng) for _ in range(ASSIGNMENTS))
    sites = next((sites for sites in draws if sites is not None), None)
    if sites is None:
        return None
    group, usual = space_group(number), usual_volume(Counter(counts).elements())
    for _ in range(CELLS):
        lattice = _draw_lattice(group, usual * rng.uniform(*VOLUME), rng)
        structure = _place(sites, group, lattice, balanced, rng)
        if structure is not None:
            return structure
    return None


def _draw_counts(limits: Limits, rng: np.random.Generator) -> dict[str, int] | None:
    """Return the atoms of a cell; None where no formula fits into one, or none was drawn."""
    units = [_unit(formula) for formula in limits.formulas] or [_draw_unit(limits, rng)]
    fitting = [unit for unit in units if unit and allows(limits, Composition(unit))]
    if not fitting:
        return None
    unit = fitting[int(rng.integers(len(fitting)))]
    room = limits.max_atoms // sum(unit.values())
    most = room if limits.formulas else min(MAX_UNITS, room)
    copies = int(rng.integers(1, most + 1))
    return {symbol: n * copies for symbol, n in unit.items()}


def _unit(formula: str) -> dict[str, int]:
    amounts = Composition(formula).reduced_composition.get_el_amt_dict()
    return {symbol: int(n) for symbol, n in amounts.items()}


def _draw_unit(limits: Limits, rng: np.random.Generator) -> dict[str, int]:
    """Return a formula unit of some of the elements, two or more where there are, seldom one out of balance."""
    for _ in range(ELEMENTS):
        symbols = draw_symbols(limits, rng)
        for _ in range(COMPOSITIONS):
            unit = _draw_amounts(symbols, rng)
            composition = Composition(unit)
            if allows(limits, composition) and (
                charge_balance(composition) != "no" or rng.random() < UNBALANCED
            ):
                return unit
    return {}


def _draw_amounts(symbols: Sequence[str], rng: np.random.Generator) -> dict[str, int]:
    """Return amounts without a common factor, up to four of an anion former for each other atom."""
    anions = [symbol for symbol in symbols if symbol in ANION_FORMERS]
    amounts = {symbol: int(rng.geometric(0.5)) for symbol in symbols if symbol not in ANION_FORMERS}
    most = 4 * max(1, sum(amounts.values()))
    amounts |= {symbol: int(rng.integers(1, most + 1)) for symbol in anions}
    common = gcd(*amounts.values())
    return {symbol: n // common for symbol, n in sorted(amounts.items())}


def _assign(
    counts: Mapping[str, int], positions: Sequence[Position], rng: np.random.Generator
) -> Sites | None:
    """Return a position for each orbit; a position without freedom is there for one only."""
    free = list(positions)
    sites: Sites = []
    for symbol in rng.permutation(list(counts)).tolist():
        left = counts[symbol]
        while left:
            fitting = [i for i, position in enumerate(free) if position.multiplicity <= left]
            if not fitting:
                return None
            chosen = fitting[int(rng.integers(len(fitting)))]
            position = free[chosen] if free[chosen].freedom else free.pop(chosen)
            sites.append((symbol, position))
            left -= position.multiplicity
    return sites


def _draw_lattice(group: Group, volume: float, rng: np.random.Generator) -> Lattice:
    """Return a primitive cell: the metric of a random cell, averaged over the operations, has their symmetry."""
    lengths = LENGTHS ** rng.uniform(-0.5, 0.5, 3)
    cell = Lattice.from_parameters(*lengths, *rng.uniform(*ANGLE, 3)).matrix
    metric = group.basis @ cell @ cell.T @ group.basis.T
    metric = (group.rotations.transpose(0, 2, 1) @ metric @ group.rotations).mean(axis=0)
    return Lattice(np.linalg.cholesky(metric)).scale(volume)


def _place(
    sites: Sites, group: Group, lattice: Lattice, balanced: bool, rng: np.random.Generator
) -> Structure | None:
    """Return the crystal in a reduced cell, or None where an orbit finds no room."""
    cell = lattice.get_lll_reduced_lattice().matrix
    change = lattice.matrix @ np.linalg.inv(cell)
    least = least_distances([symbol for symbol, _ in sites], balanced)
    numbers = [position.multiplicity for _, position in sites]
    coords = np.empty((0, 3))
    for k, (_, position) in enumerate(sites):
        to_others = np.repeat(least[k, :k], numbers[:k])
        for _ in range(POINTS if position.freedom else 1):
            atoms = orbit(position.point(rng.random(3)), group) @ change
            # a free point may fall onto a more special one: fewer atoms
            if (
                len(atoms) == numbers[k]
                and (image_distances(cell, atoms, atoms) >= least[k, k]).all()
                and (image_distances(cell, atoms[:1], coords) >= to_others).all()
            ):
                coords = np.vstack([coords, atoms])
                break
        else:
            return None
    return Structure(Lattice(cell), np.repeat([symbol for symbol, _ in sites], numbers).tolist(), coords)
