"""What the operators that build cells share: supercells, whole compositions, contacts and holes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import product

import numpy as np
from pymatgen.core import Composition, Lattice, Structure

from matsearch.core.slots import Limits
from matsearch.crystal.balance import ANION_FORMERS, charge_balance
from matsearch.crystal.limits import covalent_radius
from matsearch.crystal.scope import allows

USUAL_CONTACT = 0.75
"""Of the sum of two covalent radii. 99 percent of 500 known crystals (Materials Project) keep it in all pairs."""

USUAL_BETWEEN_ANIONS = 1.4
"""The same between two anion formers where charges balance: 90 percent of the known crystals keep it; in the others
anions bond to each other (nitrates, disulfides, ...)."""

MAX_EDIT = 6
"""Atoms that one change of a composition adds or removes at most."""

_EDITED_ELEMENTS = 3

_IMAGES = np.array(list(product((-1, 0, 1), repeat=3)), dtype=float)
_NEARLY_WIDEST = 0.9
_MANY = 20
"""Atoms of a cell from which on half of each image next door is enough around it."""
_BLOCK = 100_000
"""Pairs of points whose distances are computed at once: bounds the memory."""
_SLACK = 1e-6
_HOME = 13
"""The image that is the point itself."""


def counts_of(structure: Structure) -> dict[str, int]:
    """Return the atoms of each element in an ordered cell."""
    return dict(sorted(Counter(site.specie.symbol for site in structure).items()))


def enlarged(structure: Structure, most: int) -> Structure:
    """Return a copy up to so many times as large, doubled or tripled along its shortest edge each time."""
    cell = structure.copy()
    for factor in _small_factors(most):
        scaling = [1, 1, 1]
        scaling[int(np.argmin(cell.lattice.abc))] = factor
        cell.make_supercell(scaling)
    return cell


def balanced_edits(
    counts: Mapping[str, int], ranges: Mapping[str, range], most: int, limits: Limits
) -> list[Counter[str]]:
    """Return the changes of a composition that leave it neutral, or without an anion former, within the limits.

    Parameters
    ----------
    counts : mapping of str to int
        Atoms of each element before.
    ranges : mapping of str to range
        What may be added to each element; negative numbers remove.
    most : int
        Atoms in all; one where no anion former is there afterwards.
    """
    found = []
    for amounts in product(*ranges.values()):
        edit = Counter({symbol: n for symbol, n in zip(ranges, amounts, strict=True) if n})
        size = sum(map(abs, amounts))
        if 0 < size <= most and _allowed(
            {s: counts.get(s, 0) + edit[s] for s in {*counts, *edit}}, size, limits
        ):
            found.append(edit)
    return found


def draw_elements(symbols: Iterable[str], rng: np.random.Generator) -> list[str]:
    """Return up to three of the elements, so that the changes of their amounts remain few."""
    pool = sorted(symbols)
    return sorted(rng.choice(pool, min(len(pool), _EDITED_ELEMENTS), replace=False).tolist())


def draw_edit(edits: Sequence[Counter[str]], rng: np.random.Generator) -> Counter[str]:
    """Return one of the changes; one with an atom more is half as likely."""
    weights = np.array([0.5 ** sum(abs(n) for n in edit.values()) for edit in edits])
    return edits[int(rng.choice(len(edits), p=weights / weights.sum()))]


def least_distances(symbols: Sequence[str], balanced: bool = False) -> np.ndarray:
    """Return how near each pair of atoms may come in angstrom, shape (n, n).

    Parameters
    ----------
    balanced : bool
        Whether the anion formers carry the charges of a neutral crystal and stay apart.
    """
    radii = np.array([covalent_radius(symbol) for symbol in symbols])
    anions = np.array([symbol in ANION_FORMERS for symbol in symbols]) & balanced
    shares = np.where(np.logical_and.outer(anions, anions), USUAL_BETWEEN_ANIONS, USUAL_CONTACT)
    return np.asarray(shares * np.add.outer(radii, radii))


def image_distances(matrix: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the shortest distance between any images of two points in angstrom, shape (n, m).

    Parameters
    ----------
    matrix : numpy.ndarray
        Rows: vectors of a reduced cell, in which the images next door are enough.
    first, second : numpy.ndarray
        Fractional coordinates, shapes (n, 3) and (m, 3); the same array: distances to itself are to its images.
    """
    apart = first[:, None] - second[None]
    vectors = (apart - np.round(apart)) @ matrix
    images = _IMAGES @ matrix
    squares = (vectors**2).sum(axis=2)[..., None] + 2.0 * vectors @ images.T + (images**2).sum(axis=1)
    if first is second:
        squares[np.arange(len(first)), np.arange(len(first)), _HOME] = np.inf
    return np.asarray(np.sqrt(np.maximum(squares.min(axis=2), 0.0)))


def crowded_pairs(structure: Structure) -> np.ndarray:
    """Return which pairs of atoms are too close, shape (n, n), the diagonal for an atom and its own images."""
    matrix, coords = reduced(structure.lattice, structure.frac_coords)
    symbols = [site.specie.symbol for site in structure]
    return np.asarray(image_distances(matrix, coords, coords) < least_distances(symbols))


def reduced(lattice: Lattice, coords: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the LLL-reduced cell's vectors as rows, and fractional coordinates in it."""
    matrix = lattice.get_lll_reduced_lattice().matrix
    return matrix, (coords @ lattice.matrix @ np.linalg.inv(matrix)) % 1.0


def fill_holes(structure: Structure, symbols: Sequence[str], rng: np.random.Generator) -> bool:
    """Add atoms one after another, each in one of the widest holes that are left; False where there is no hole.

    A hole's width is the distance to the atom nearest by covalent radii, over the sum of the two radii. One is drawn
    among those at least 0.9 times as wide as the widest.
    """
    if not symbols:
        return True
    matrix, coords = reduced(structure.lattice, structure.frac_coords)
    points = _voronoi_vertices(matrix, coords)
    if not len(points):
        return False
    radii = np.array([covalent_radius(site.specie.symbol) for site in structure])
    blocks = np.array_split(points, 1 + len(points) * len(coords) // _BLOCK)
    distances = np.concatenate([image_distances(matrix, block, coords) for block in blocks])
    for symbol in symbols:
        radius = covalent_radius(symbol)
        widths = (distances / (radii + radius)).min(axis=1)
        chosen = points[int(rng.choice(np.flatnonzero(widths >= _NEARLY_WIDEST * widths.max())))]
        structure.append(symbol, chosen @ matrix @ structure.lattice.inv_matrix)
        radii = np.append(radii, radius)
        distances = np.hstack([distances, image_distances(matrix, points, chosen[None])])
    return True


def _voronoi_vertices(matrix: np.ndarray, coords: np.ndarray) -> np.ndarray:
    """Return the points of the cell that are furthest from all atoms around, fractional, shape (n, 3)."""
    from scipy.spatial import Voronoi

    inverse = np.linalg.inv(matrix)
    images = (coords[:, None] + _IMAGES[None]).reshape(-1, 3)
    if len(coords) >= _MANY:
        images = images[((images >= -0.5) & (images <= 1.5)).all(axis=1)]
    vertices = Voronoi(images @ matrix).vertices @ inverse
    inside = ((vertices >= -_SLACK) & (vertices < 1.0 - _SLACK)).all(axis=1)
    return np.unique(np.round(vertices[inside], 6), axis=0)


def _small_factors(most: int) -> list[int]:
    """Return the factors, 3 and 2, of the largest number up to one that has no others."""
    for number in range(most, 1, -1):
        factors, rest = [], number
        for factor in (3, 2):
            while rest % factor == 0:
                factors.append(factor)
                rest //= factor
        if rest == 1:
            return factors
    return []


def _allowed(counts: Mapping[str, int], size: int, limits: Limits) -> bool:
    composition = Composition({symbol: n for symbol, n in counts.items() if n})
    if not composition or not allows(limits, composition):
        return False
    balance = charge_balance(composition)
    return balance == "yes" or (balance == "not applicable" and size == 1)
