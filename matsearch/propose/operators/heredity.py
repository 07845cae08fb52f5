"""Cut and splice: one part of a crystal, the rest of another."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from pymatgen.core import Composition, Lattice, Structure

from matsearch.core.records import Parent
from matsearch.core.slots import Limits, Slot
from matsearch.crystal.balance import charge_balance
from matsearch.crystal.limits import usual_volume, volume_ratio
from matsearch.crystal.scope import allows
from matsearch.propose.change import Change, draw_parent
from matsearch.propose.operators.cells import counts_of, crowded_pairs, enlarged, fill_holes

CUT = (0.25, 0.75)
LARGEST_CORRECTION = 0.5
"""Of the atoms: a child whose numbers need more correction than this has little of its parents."""


class Half(NamedTuple):
    """A parent made ready for the cut.

    Attributes
    ----------
    matrix, coords : numpy.ndarray
        Cell vectors as rows and fractional coordinates, the axis to be cut first.
    """

    matrix: np.ndarray
    coords: np.ndarray
    symbols: list[str]


def heredity(slot: Slot, rng: np.random.Generator) -> Change | None:
    """Join a slab of one parent with the rest of another (Deaven and Ho, Phys. Rev. Lett. 75, 288 (1995)).

    For crystals as in USPEX (Glass, Oganov and Hansen, Comput. Phys. Commun. 175, 713 (2006)) and XtalOpt (Lonie and
    Zurek, ibid. 182, 372 (2011)): both cells are reduced and made about as large, their axes are permuted and
    turned round, their atoms shifted at random; atoms below a cut along the first axis come from the first parent,
    those above from the second; the cell is their mean, weighted as the atoms are. Of atoms too close one is
    dropped. Numbers are then corrected, by removal and by filling the widest holes, towards a formula: one of those
    asked for, else the mixture as it is where it is neutral or has no anion former, else one parent's. The volume
    is the sum of the atoms' usual ones, times what the parents' are to theirs.
    """
    first = draw_parent(slot.parents, rng)
    others = [parent for parent in slot.parents if parent.parent_id != first.parent_id]
    if not others:
        return None
    second = draw_parent(others, rng)
    largest = max(len(first.structure), len(second.structure))
    if largest > slot.limits.max_atoms:
        return None
    size = int(rng.integers(largest, slot.limits.max_atoms + 1))
    cut = float(rng.uniform(*CUT))
    child = _spliced(_prepared(first, size, rng), _prepared(second, size, rng), cut)
    if child is None:
        return None
    room = cut * volume_ratio(first.structure) + (1.0 - cut) * volume_ratio(second.structure)
    child = _finished(child, room, _targets(child, (first, second), slot.limits), rng)
    return None if child is None else Change(child, {"cut": round(cut, 3)}, (first, second))


def _prepared(parent: Parent, size: int, rng: np.random.Generator) -> Half:
    structure = parent.structure.get_reduced_structure("LLL")
    structure = enlarged(structure, max(1, size // len(structure)))
    axes, signs = rng.permutation(3), rng.choice([-1.0, 1.0], 3)
    # turned axes and turned coordinates: the same crystal
    matrix = signs[:, None] * structure.lattice.matrix[axes]
    coords = (signs * structure.frac_coords[:, axes] + rng.random(3)) % 1.0
    return Half(matrix, coords, [site.specie.symbol for site in structure])


def _spliced(first: Half, second: Half, cut: float) -> Structure | None:
    """Return the joined crystal; None where one parent gives no atom."""
    below, above = first.coords[:, 0] < cut, second.coords[:, 0] >= cut
    if not below.any() or not above.any():
        return None
    matrix = cut * _standing(first.matrix) + (1.0 - cut) * _standing(second.matrix)
    symbols = np.concatenate([np.array(first.symbols)[below], np.array(second.symbols)[above]])
    coords = np.concatenate([first.coords[below], second.coords[above]])
    return Structure(Lattice(matrix), symbols.tolist(), coords)


def _standing(matrix: np.ndarray) -> np.ndarray:
    """Return the cell turned, or mirrored, to a lower triangle: the mean of two such is never flat."""
    return np.asarray(np.linalg.cholesky(matrix @ matrix.T))


def _targets(child: Structure, parents: tuple[Parent, Parent], limits: Limits) -> list[Counter[str]]:
    """Return the compositions that a child may be corrected to."""
    if limits.formulas:
        units = [Composition(formula) for formula in limits.formulas]
    elif allows(limits, child.composition) and _is_sound(child, parents):
        return [Counter(counts_of(child))]
    else:
        units = [parent.structure.composition for parent in parents]
    targets = []
    for unit in units:
        atoms = {symbol: int(n) for symbol, n in unit.reduced_composition.get_el_amt_dict().items()}
        most = limits.max_atoms // sum(atoms.values())
        targets += [Counter({symbol: n * k for symbol, n in atoms.items()}) for k in range(1, most + 1)]
    return [target for target in targets if allows(limits, Composition(target))]


def _is_sound(child: Structure, parents: tuple[Parent, Parent]) -> bool:
    """Return whether the mixture may stay: neutral, or as free of anion formers and as mixed as a parent."""
    metals = [p.structure for p in parents if charge_balance(p.structure.composition) == "not applicable"]
    balance = charge_balance(child.composition)
    if balance == "not applicable":
        return any(len(child.composition) >= len(metal.composition) for metal in metals)
    return balance == "yes"


def _finished(
    child: Structure, room: float, targets: list[Counter[str]], rng: np.random.Generator
) -> Structure | None:
    """Return the child with the numbers of the nearest target and no atoms too close, or None."""
    if not targets:
        return None
    counts = counts_of(child)
    changes = np.array([_difference(counts, target) for target in targets])
    target = targets[int(rng.choice(np.flatnonzero(changes == changes.min())))]
    child.scale_lattice(room * usual_volume(target.elements()))
    _uncrowd(child, target, rng)
    if _difference(counts_of(child), target) > LARGEST_CORRECTION * len(child):
        return None
    complete = _correct(child, target, rng)
    return child if complete and not crowded_pairs(child).any() else None


def _difference(counts: Mapping[str, int], target: Mapping[str, int]) -> int:
    """Return how many atoms would have to be removed and added."""
    return sum(abs(counts.get(symbol, 0) - target.get(symbol, 0)) for symbol in {*counts, *target})


def _uncrowd(child: Structure, target: Mapping[str, int], rng: np.random.Generator) -> None:
    """Drop the atoms in most close pairs, those of which there are too many before others."""
    crowd = crowded_pairs(child)
    np.fill_diagonal(crowd, val=False)
    symbols = np.array([site.specie.symbol for site in child])
    counts, left = counts_of(child), np.arange(len(child))
    while crowd.any():
        surplus = np.array([counts[s] > target.get(s, 0) for s in symbols[left]])
        badness = crowd.sum(axis=1) + 0.5 * surplus * crowd.any(axis=1)
        worst = int(rng.choice(np.flatnonzero(badness == badness.max())))
        counts[symbols[left[worst]]] -= 1
        left = np.delete(left, worst)
        crowd = np.delete(np.delete(crowd, worst, axis=0), worst, axis=1)
    child.remove_sites(np.setdiff1d(np.arange(len(child)), left).tolist())


def _correct(child: Structure, target: Mapping[str, int], rng: np.random.Generator) -> bool:
    """Remove what is too much at random, then put what is missing into the widest holes."""
    counts = counts_of(child)
    for symbol, n in counts.items():
        surplus = n - target.get(symbol, 0)
        if surplus > 0:
            sites = [i for i, site in enumerate(child) if site.specie.symbol == symbol]
            child.remove_sites(rng.choice(sites, surplus, replace=False).tolist())
    missing = [s for s, n in sorted(target.items()) for _ in range(n - counts.get(s, 0))]
    return fill_holes(child, rng.permutation(missing).tolist(), rng)
