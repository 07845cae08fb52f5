"""Crystals as CIF (Hall, Allen & Brown, Acta Cryst. A47, 655 (1991)), written in P 1, read with any symmetry."""

from collections.abc import Sequence

import numpy as np
from pymatgen.core import Lattice, Structure

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.cells import cell_of, check_fractional, checked
from matsearch.crystal.languages.cif_blocks import UNKNOWN, Block, read_blocks
from matsearch.crystal.languages.cif_symmetry import symmetrised
from matsearch.crystal.languages.labels import element_of, letters_of, names_element, relabelled
from matsearch.crystal.languages.language import MAX_READ_SITES, Reading, Unreadable
from matsearch.crystal.languages.numerals import format_number, format_sites, number_of
from matsearch.crystal.languages.operations import Atoms
from matsearch.crystal.languages.text import check_size, shown
from matsearch.crystal.limits import hush_noble_gases

_CELL = tuple(
    f"_cell_{name}"
    for name in ("length_a", "length_b", "length_c", "angle_alpha", "angle_beta", "angle_gamma")
)
_TYPE, _LABEL, _OCCUPANCY = "_atom_site_type_symbol", "_atom_site_label", "_atom_site_occupancy"
_FRACTIONAL = tuple(f"_atom_site_fract_{axis}" for axis in "xyz")
_CARTESIAN = tuple(f"_atom_site_cartn_{axis}" for axis in "xyz")
_FULL = 1e-3


class Cif:
    """CIF. The orientation of the lattice in space is not kept.

    Of what others wrote, symmetry is applied where cell, distances and the file's own formula bear it out; see
    :mod:`matsearch.crystal.languages.cif_symmetry`.
    """

    name = "cif"

    def write(self, structure: Structure, digits: int = 4) -> str:
        """Return one data block in P 1 with a row for each atom: its element as label, and fractional coordinates.

        This is the least that pymatgen and ASE read too.
        """
        hush_noble_gases()
        cell = [format_number(value, digits) for value in structure.lattice.parameters]
        rows = format_sites(structure, digits)
        head = [f"data_{structure.composition.reduced_formula}", "_symmetry_space_group_name_H-M 'P 1'"]
        head += [f"{tag} {value}" for tag, value in zip(_CELL, cell, strict=True)]
        return "\n".join([*head, "loop_", _LABEL, *_FRACTIONAL, *rows]) + "\n"

    def read(self, text: str) -> Reading:
        """Return the crystal of the one data block that has atoms.

        Raises
        ------
        Unreadable
            AMBIGUOUS for several crystals; CUT_OFF, WRONG_COUNTS, DISORDERED, BAD_SYMMETRY, BAD_NUMBERS, BAD_LATTICE,
            UNKNOWN_ELEMENT, TOO_MANY_SITES, NO_CRYSTAL, REPLY_TOO_LARGE, each with its numbers.
        """
        check_size(text)
        block, rows = _one_crystal(read_blocks(text))
        lattice = _lattice(block)
        coords, repairs = _coords(rows, lattice)
        listed = Atoms([_element(row) for row in rows], coords)
        repairs += _relabelled(rows, listed.symbols)
        checked(lattice, *listed)  # the caps, before symmetry multiplies anything
        atoms, doubts = symmetrised(block, listed, lattice)
        return Reading(checked(lattice, *atoms), (*repairs, *doubts))


def _one_crystal(blocks: Sequence[Block]) -> tuple[Block, list[dict[str, str]]]:
    found = [(block, loop) for block in blocks if (loop := block.loop_with(*_FRACTIONAL, *_CARTESIAN))]
    if not found:
        raise Unreadable(FailureKind.NO_CRYSTAL, "no table of atoms with coordinates")
    if len(found) > 1:
        names = ", ".join(shown(block.name) for block, _ in found[:5])
        raise Unreadable(FailureKind.AMBIGUOUS, f"{len(found)} data blocks with atoms: {names}")
    block, loop = found[0]
    rows = loop.rows()
    if len(rows) > MAX_READ_SITES:
        raise Unreadable(FailureKind.TOO_MANY_SITES, f"{len(rows)} listed atoms, more than {MAX_READ_SITES}")
    return block, rows


def _lattice(block: Block) -> Lattice:
    missing = [tag for tag in _CELL if not block.first(tag)]
    if missing:
        raise Unreadable(FailureKind.BAD_LATTICE, f"no {', '.join(missing)}")
    return cell_of([number_of(block.first(tag)) for tag in _CELL])


def _coords(rows: Sequence[dict[str, str]], lattice: Lattice) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return fractional coordinates, and a line if they were worked out from Cartesian ones."""
    if all(tag in rows[0] for tag in _FRACTIONAL):
        coords = [[number_of(row[tag]) for tag in _FRACTIONAL] for row in rows]
        check_fractional(coords)
        return np.array(coords), ()
    missing = [tag for tag in _CARTESIAN if tag not in rows[0]]
    if missing:
        raise Unreadable(FailureKind.WRONG_COUNTS, f"no column {', '.join(missing)}")
    places = np.array([[number_of(row[tag]) for tag in _CARTESIAN] for row in rows])
    along_a = Lattice.from_parameters(*lattice.parameters, vesta=True)
    repair = "Cartesian coordinates were made fractional, with a along x and b in the xy plane"
    return along_a.get_fractional_coords(places), (repair,)


def _element(row: dict[str, str]) -> str:
    kind, label = row.get(_TYPE, ""), row.get(_LABEL, "")
    occupancy = row.get(_OCCUPANCY, "")
    if occupancy not in UNKNOWN and abs(number_of(occupancy) - 1.0) > _FULL:
        detail = f"occupancy {occupancy} of {shown(label or kind)}, not 1"
        raise Unreadable(FailureKind.DISORDERED, detail)
    return element_of(label if kind in UNKNOWN else kind)


def _relabelled(rows: Sequence[dict[str, str]], symbols: Sequence[str]) -> tuple[str, ...]:
    """Return a line for labels that were not read as they are written, or name another element than their type."""
    words = [row.get(tag, "") for row in rows for tag in (_TYPE, _LABEL)]
    pairs = zip(words, (symbol for symbol in symbols for _ in (_TYPE, _LABEL)), strict=True)
    told = [(letters_of(word), symbol) for word, symbol in pairs if names_element(word)]
    return tuple(relabelled([word for word, _ in told], [symbol for _, symbol in told]))
