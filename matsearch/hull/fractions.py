"""From compositions to rows of numbers."""

from collections.abc import Mapping, Sequence

import numpy as np
from pymatgen.core import Composition

from matsearch.hull.facets import Floats


def atomic_fractions(compositions: Sequence[Composition], columns: Mapping[str, int]) -> Floats:
    """Return atomic fractions, (n, d).

    Parameters
    ----------
    compositions : sequence of Composition
        Oxidation states do not matter.
    columns : mapping of str to int
        The d element symbols and their columns.

    Raises
    ------
    KeyError
        If a composition holds another element.
    """
    rows, places, amounts = [], [], []
    for row, composition in enumerate(compositions):
        for species, amount in composition.items():
            rows.append(row)
            places.append(columns[species.symbol])
            amounts.append(amount)
    table = np.zeros((len(compositions), len(columns)))
    np.add.at(table, (rows, places), amounts)
    return table / table.sum(axis=1, keepdims=True)


def rowwise(left: Floats, right: Floats) -> Floats:
    """Return the sum of products along the last axis, added in the order of the columns."""
    products = left * right
    total: Floats = products[..., 0].copy()
    for column in range(1, products.shape[-1]):
        total += products[..., column]
    return total
