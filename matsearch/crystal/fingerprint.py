"""Fast fingerprints of an arrangement of atoms: they order and sort out; :mod:`matsearch.crystal.matching` judges.

Averages of the distances to an atom's nearest neighbours, after the average minimum distances of Widdowson et al.
(MATCH Commun. Math. Comput. Chem. 87, 529 (2022)): the same for any cell of a crystal, in any orientation and
handedness, and they change by little where atoms move by little. Lengths are in units of the cube root of the volume
per atom, so that a crystal's size does not matter.
"""

from typing import NamedTuple

import numpy as np
from pymatgen.core import Structure

NEIGHBOURS = 24
"""Of each atom, in the arrangement's fingerprint; those of one composition share them out by its fractions."""

REACH = 2.4
"""In cube roots of the volume per atom; a neighbour further away counts as at this distance."""


class _Contacts(NamedTuple):
    """Neighbour list of a cell, sorted by centre and distance."""

    centres: np.ndarray
    neighbours: np.ndarray
    distances: np.ndarray
    n_sites: int


def fingerprint(structure: Structure) -> np.ndarray:
    """Return the fingerprint of an arrangement, whatever its elements.

    Returns
    -------
    numpy.ndarray of shape (NEIGHBOURS,)
        Mean distance to the nearest neighbour, to the second nearest, ...; without unit.
    """
    contacts = _contacts(structure)
    everyone = np.ones(contacts.n_sites, dtype=bool)
    return _mean_distances(contacts, everyone, everyone, NEIGHBOURS)


def fingerprint_with_elements(structure: Structure) -> np.ndarray:
    """Return the fingerprint of an arrangement of elements; to be compared within one reduced formula only.

    Returns
    -------
    numpy.ndarray of shape (m,)
        For each pair of elements, in alphabetical order, the mean distances from an atom of the first to its nearest
        ones of the second; m follows from the reduced formula.
    """
    contacts = _contacts(structure)
    symbols = np.array([site.specie.symbol for site in structure])
    kinds = {symbol: symbols == symbol for symbol in sorted(set(symbols.tolist()))}
    counts = {symbol: max(1, round(NEIGHBOURS * float(kind.mean()))) for symbol, kind in kinds.items()}
    parts = [
        _mean_distances(contacts, kinds[one], kinds[other], counts[other]) for one in kinds for other in kinds
    ]
    return np.concatenate(parts)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Return the root mean square difference of two fingerprints; 0 is the same arrangement."""
    return float(distances(one, other[None])[0])


def distances(one: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return the distance of one fingerprint (m,) from each of others (n, m), shape (n,)."""
    return np.sqrt(np.mean((others - one) ** 2, axis=1))


def _contacts(structure: Structure) -> _Contacts:
    unit = (structure.volume / len(structure)) ** (1.0 / 3.0)
    centres, neighbours, _, lengths = structure.get_neighbor_list(REACH * unit)
    order = np.lexsort((lengths, centres))
    return _Contacts(centres[order], neighbours[order], lengths[order] / unit, len(structure))


def _mean_distances(contacts: _Contacts, of: np.ndarray, to: np.ndarray, n: int) -> np.ndarray:
    """Return the mean over the sites ``of`` of the distances to their ``n`` nearest ones of ``to``, shape (n,)."""
    chosen = of[contacts.centres] & to[contacts.neighbours]
    centres, lengths = contacts.centres[chosen], contacts.distances[chosen]
    begins = np.searchsorted(centres, np.arange(contacts.n_sites))
    rank = np.arange(len(centres)) - begins[centres]
    near = rank < n
    table = np.full((contacts.n_sites, n), REACH)
    table[centres[near], rank[near]] = lengths[near]
    return table[of].mean(axis=0)
