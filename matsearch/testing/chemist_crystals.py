"""Crystals by rule: structure types with new elements, parents with small changes, packings at random."""

from collections.abc import Iterator
from itertools import permutations

import numpy as np
from pymatgen.core import Composition, Element, Structure

from matsearch.crystal.balance import charge_balance
from matsearch.crystal.limits import covalent_radius, electronegativity, shortest_contact_ratio, usual_volume
from matsearch.crystal.scope import most_electronegative
from matsearch.testing.chemist_question import Question
from matsearch.testing.chemist_types import TYPES, StructureType

NEAREST = 0.55
"""Of the sum of covalent radii: what lies nearer is not proposed."""

STRAIN = 0.03
TRIES = 60
UNBALANCED_SHARE = 0.1
_SIMILAR_RADIUS = 0.3
_PARENT_SHARE = 0.5


def draw_crystals(question: Question, rng: np.random.Generator) -> list[Structure]:
    """Return as many crystals as are asked for, each of another composition or shape.

    None where the prompt names no element, or where no cell of the allowed size has a formula asked for.
    """
    if not question.elements:
        return []
    crystals: list[Structure] = []
    seen: set[tuple[str, tuple[float, ...]]] = set()
    for structure in _draws(question, rng):
        shape = (*structure.lattice.abc, shortest_contact_ratio(structure))
        mark = (structure.composition.formula, tuple(round(float(x), 1) for x in shape))
        if mark not in seen:
            seen.add(mark)
            crystals.append(structure)
        if len(crystals) == question.n:
            break
    return crystals


def _draws(question: Question, rng: np.random.Generator) -> Iterator[Structure]:
    for _ in range(TRIES + 10 * question.n):
        from_parent = (question.parents or question.failed) and rng.random() < _PARENT_SHARE
        structure = _from_parent(question, rng) if from_parent else _from_type(question, rng)
        if structure is not None and _acceptable(structure, question, rng):
            yield structure
    for _ in range(TRIES + 10 * question.n):
        structure = _packed(question, rng)
        if structure is not None and _within(structure, question):
            yield structure


def _acceptable(structure: Structure, question: Question, rng: np.random.Generator) -> bool:
    composition = structure.composition
    if len(structure) > question.max_atoms or not _within(structure, question):
        return False
    if question.formulas:
        return (
            composition.reduced_formula in question.formulas and shortest_contact_ratio(structure) > NEAREST
        )
    if len(question.elements) > 1 and composition.is_element:
        return False
    if charge_balance(composition) == "no" and rng.random() > UNBALANCED_SHARE:
        return False
    return shortest_contact_ratio(structure) > NEAREST


def _within(structure: Structure, question: Question) -> bool:
    """Return whether the elements of a crystal are those asked for, as many, and with such an anion."""
    symbols = {site.specie.symbol for site in structure}
    fewest, most = question.n_elements or (1, len(symbols))
    anion = not question.anions or most_electronegative(symbols) in question.anions
    return symbols <= set(question.elements) and fewest <= len(symbols) <= most and anion


def _from_type(question: Question, rng: np.random.Generator) -> Structure | None:
    kind = TYPES[int(rng.integers(len(TYPES)))]
    if question.formulas:
        fitting = list(_fitting(kind, question.formulas))
        return kind.structure(fitting[int(rng.integers(len(fitting)))]) if fitting else None
    drawn = _drawn(question, len(kind.counts), rng)
    return kind.structure(drawn) if drawn else None


def _drawn(question: Question, n: int, rng: np.random.Generator) -> tuple[str, ...]:
    """Return so many elements, an anion asked for among them, by electronegativity; none where there are not as many."""
    anions = [symbol for symbol in question.anions if symbol in question.elements]
    if question.anions and not anions:
        return ()
    last = [str(rng.choice(anions))] if anions else []
    others = [s for s in question.elements if not last or electronegativity(s) < electronegativity(last[0])]
    if n - len(last) > len(others):
        return ()
    drawn = rng.choice(others, size=n - len(last), replace=False) if n > len(last) else ()
    return tuple(sorted([*map(str, drawn), *last], key=electronegativity))


def _fitting(kind: StructureType, formulas: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for formula in formulas:
        symbols = sorted(element.symbol for element in Composition(formula).elements)
        for order in permutations(symbols) if len(symbols) == len(kind.counts) else ():
            if Composition(dict(zip(order, kind.counts, strict=True))).reduced_formula == formula:
                yield order


def _from_parent(question: Question, rng: np.random.Generator) -> Structure | None:
    shown = question.parents or question.failed
    parent = shown[int(rng.integers(len(shown)))]
    symbols = sorted({site.specie.symbol for site in parent})
    if rng.random() < 0.25 and len(symbols) > 1:
        first, second = rng.choice(symbols, size=2, replace=False)
        elements = {str(first): str(second), str(second): str(first)}
    else:
        elements = {symbol: _substitute(symbol, question.elements, rng) for symbol in symbols}
    if len({elements.get(symbol, symbol) for symbol in symbols}) < len(symbols):
        return None
    lattice = parent.lattice.matrix @ (np.eye(3) + _strain(rng))
    species = [elements.get(site.specie.symbol, site.specie.symbol) for site in parent]
    child = Structure(lattice, species, parent.frac_coords)
    child.scale_lattice(usual_volume(species))
    return child


def _substitute(symbol: str, elements: tuple[str, ...], rng: np.random.Generator) -> str:
    near = [other for other in elements if _alike(symbol, other)]
    return str(rng.choice(near)) if near else symbol


def _alike(first: str, second: str) -> bool:
    if Element(first).group == Element(second).group:
        return True
    same_side = (electronegativity(first) > 2.5) == (electronegativity(second) > 2.5)
    return same_side and abs(covalent_radius(first) - covalent_radius(second)) < _SIMILAR_RADIUS


def _strain(rng: np.random.Generator) -> np.ndarray:
    strain = rng.uniform(-STRAIN, STRAIN, (3, 3))
    return np.asarray((strain + strain.T) / 2)


def _packed(question: Question, rng: np.random.Generator) -> Structure | None:
    composition = _any_composition(question, rng)
    species = [symbol for symbol, amount in composition.items() for _ in range(amount)]
    if not species or len(species) > question.max_atoms:
        return None
    edges = np.array(_grid(len(species)))
    points = np.stack(np.meshgrid(*map(np.arange, edges), indexing="ij"), axis=-1).reshape(-1, 3)
    coords = rng.permutation(points)[: len(species)] / edges
    # a little off the right angles, so that two packings of the same atoms differ
    child = Structure(np.diag(edges) @ (np.eye(3) + _strain(rng)), species, coords)
    child.scale_lattice(usual_volume(species))
    return child


def _grid(n: int) -> tuple[int, int, int]:
    """Return the edges of a box of at least n points, nearly a cube and nearly full."""
    edges = range(1, round(2 * n ** (1 / 3)) + 2)
    boxes = [(a, b, c) for a in edges for b in edges[:a] for c in edges[:b] if n <= a * b * c < 2 * n + 2]
    return min(boxes, key=lambda box: box[0] * box[1] * box[2] * (1 + 0.1 * (box[0] - box[2])))


def _any_composition(question: Question, rng: np.random.Generator) -> dict[str, int]:
    if not question.formulas:
        fewest, most = question.n_elements or (1, 2)
        drawn = _drawn(question, min(len(question.elements), most, max(fewest, 2)), rng)
        return {symbol: int(rng.integers(1, 4)) for symbol in sorted(drawn)}
    reduced = Composition(question.formulas[int(rng.integers(len(question.formulas)))])
    most = max(1, question.max_atoms // round(reduced.num_atoms))
    units = int(rng.integers(1, most + 1))
    return {element.symbol: round(amount) * units for element, amount in reduced.items()}
