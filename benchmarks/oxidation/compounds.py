"""The benchmark's compounds: crystals, textbook oxidation states and their split in two halves."""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pymatgen.core import Lattice, Structure

FIXED_SYMBOLS = frozenset(
    {*"HKYCPOSF", "Li", "Na", "Mg", "Ca", "Sr", "Ba", "Zn", "Cd", "Al", "La", "Cl", "Br"}
)
"""Elements of the set that have one usual state or are told by their bonds: not scored."""


@dataclass(frozen=True)
class Compound:
    """A crystal and what a textbook says of it.

    Attributes
    ----------
    crystal : Structure
        Primitive cell; the site property ``row`` tells which row of the table a site comes from.
    states : tuple of (str, tuple of int or None)
        Of each row: the element and its states, in equal shares; None in metals.
    held_out : bool
        Whether it is scored; else the windows may use it.
    """

    formula: str
    source: str
    crystal: Structure
    states: tuple[tuple[str, tuple[int | None, ...]], ...]
    held_out: bool = False

    @property
    def metal(self) -> bool:
        """Whether no state should be claimed."""
        return self.states[0][1] == (None,)

    def truth(self) -> dict[int, Counter[int | None]]:
        """Return how many sites of each row to be scored have each state."""
        rows = Counter(self.crystal.site_properties["row"])
        return {
            row: Counter(states * (rows[row] // len(states)))
            for row, (symbol, states) in enumerate(self.states)
            if symbol not in FIXED_SYMBOLS
        }

    def sites(self, row: int) -> list[int]:
        """Return the indices of a row's sites."""
        return [i for i, r in enumerate(self.crystal.site_properties["row"]) if r == row]


def load_compounds() -> list[Compound]:
    """Return all compounds, split within each kind: element and state of the first row scored, or mixed valence.

    A kind's compounds are ordered by the sha256 of their formula; every second one is held out. A kind of one is
    held out if its sha256 is odd.
    """
    table = yaml.safe_load(Path(__file__).with_name("compounds.yaml").read_text(encoding="utf-8"))
    compounds = [_compound(line) for line in table]
    kinds = defaultdict(list)
    for compound in (c for c in compounds if not c.metal):
        kinds[_kind(compound)].append(compound)
    held_out = set()
    for members in kinds.values():
        ordered = sorted(members, key=lambda c: _sha256(c.formula))
        held_out |= {c.formula for c in ordered[1::2]}
        if len(ordered) == 1 and int(_sha256(ordered[0].formula), 16) % 2:
            held_out.add(ordered[0].formula)
    return [
        Compound(c.formula, c.source, c.crystal, c.states, held_out=c.formula in held_out) for c in compounds
    ]


def _kind(compound: Compound) -> str:
    rows = [compound.states[row] for row in compound.truth()]
    symbol, _ = rows[0]
    states = {state for other, of_row in rows if other == symbol for state in of_row}
    return "mixed valence" if len(states) > 1 else f"{symbol}{states.pop()}"


def _compound(line: dict[str, Any]) -> Compound:
    sites = line["sites"]
    states = tuple((s[0], tuple(s[4]) if isinstance(s[4], list) else (s[4],)) for s in sites)
    crystal = Structure.from_spacegroup(
        line["group"],
        _lattice(line["group"], line["cell"]),
        [s[0] for s in sites],
        [s[1:4] for s in sites],
        site_properties={"row": list(range(len(sites)))},
    )
    for symbol, n in line.get("keep", {}).items():
        crystal.remove_sites([i for i, site in enumerate(crystal) if site.specie.symbol == symbol][n:])
    return Compound(
        line["formula"], line["source"], crystal.get_primitive_structure(use_site_props=True), states
    )


def _lattice(group: str, cell: list[float]) -> Lattice:
    if len(cell) == 1:
        return Lattice.cubic(cell[0])
    if len(cell) == 2:
        return Lattice.hexagonal(*cell) if group.startswith(("R", "P-3", "P6")) else Lattice.tetragonal(*cell)
    return Lattice.orthorhombic(*cell) if len(cell) == 3 else Lattice.monoclinic(*cell)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
