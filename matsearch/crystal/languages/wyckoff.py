"""Crystals by their symmetry: space group, conventional cell, one atom of each occupied Wyckoff position."""

import json
from typing import Any

import numpy as np
from pymatgen.core import Element, Lattice, Structure

from matsearch.core.structures import encode_structure
from matsearch.core.verdict import FailureKind
from matsearch.crystal.canonical import sorted_sites
from matsearch.crystal.languages.cells import cell_of, check_fractional, checked
from matsearch.crystal.languages.language import Reading, Unreadable
from matsearch.crystal.languages.numerals import format_number, format_row
from matsearch.crystal.languages.operations import Operations, metric_gap, setting_operations
from matsearch.crystal.languages.space_groups import Setting, settings_of
from matsearch.crystal.languages.text import shown
from matsearch.crystal.languages.wyckoff_places import place_sites
from matsearch.crystal.languages.wyckoff_text import Form, read_form
from matsearch.crystal.limits import electronegativity
from matsearch.crystal.wyckoff_positions import first_setting, group_in_setting

SYMMETRY_PRECISION = 0.01
"""Angstrom within which symmetry is looked for when a crystal is written."""

MAX_METRIC_GAP = 0.01
"""Relative deviation from the cell of the claimed crystal system that is mended."""

_MENTIONED_GAP = 1e-4


class WyckoffForm:
    """The symmetry form, one line of JSON: ``{"spacegroup":225,"lattice":[...],"sites":["Na 4a 0 0 0",...]}``.

    Written are spglib's standard conventional cell and one atom of each orbit, with the letter of its position in
    spglib's standard setting (Togo et al., Sci. Technol. Adv. Mater., Meth. 4, 2384822 (2024)). So the setting, the origin
    and the orientation are lost, and what deviates by less than 0.01 angstrom from symmetry. Read is the primitive
    cell. Rounded coordinates lose nothing on special positions: the letter says where they belong.
    """

    name = "wyckoff"

    def write(self, structure: Structure, digits: int = 4) -> str:
        """Return the text of an ordered crystal.

        Raises
        ------
        Unreadable
            BAD_SYMMETRY if spglib finds no cell, as for atoms that overlap.
        """
        import spglib

        structure = sorted_sites(structure)
        symbols = encode_structure(structure)["species"]
        numbers = [Element(symbol).Z for symbol in symbols]
        cell = (structure.lattice.matrix, structure.frac_coords, numbers)
        found = spglib.get_symmetry_dataset(cell, symprec=SYMMETRY_PRECISION)
        if found is None:
            raise Unreadable(FailureKind.BAD_SYMMETRY, "spglib finds no cell: atoms overlap")
        parameters = Lattice(found.std_lattice).parameters
        content = {
            "spacegroup": int(found.number),
            "lattice": [_number(value, digits) for value in parameters],
            "sites": _sites(found, digits),
        }
        return json.dumps(content, separators=(",", ":"))

    def read(self, text: str) -> Reading:
        """Return the crystal, in the primitive cell of its space group.

        The group may be a number or a name; where it has two origins or kinds of axes, the one that fits all letters and
        the cell is taken, of several the one with the fewest atoms, then spglib's standard one. A cell that deviates by less than 1
        percent from the crystal system is mended. Coordinates are moved onto the position of their letter if that is
        within 0.1 angstrom; without a letter, onto the most special position within 0.05 angstrom. A list without letters
        that holds several atoms of an orbit must be all atoms of the conventional cell.

        Raises
        ------
        Unreadable
            BAD_SYMMETRY where group, cell, letters and coordinates contradict each other; AMBIGUOUS where they could be two
            crystals; and as in ``read_form``.
        """
        form = read_form(text)
        settings = _settings(form.group)
        check_fractional([site.coords for site in form.sites])
        lattice = cell_of(form.cell)
        fitting = [s for s in settings if metric_gap(_operations(s), lattice.matrix) <= MAX_METRIC_GAP]
        if not fitting:
            values = ", ".join(f"{value:g}" for value in form.cell)
            detail = (
                f"{settings[0].symbol} (number {settings[0].number}) has no conventional cell of {values}"
            )
            raise Unreadable(FailureKind.BAD_SYMMETRY, detail)
        return _fewest_atoms(form, fitting, lattice)


def _sites(found: Any, digits: int) -> list[str]:
    """Return one line an orbit: of its atoms the one with the least coordinates; cations first."""
    first_of = {primitive: i for i, primitive in reversed(list(enumerate(found.mapping_to_primitive)))}
    orbits: dict[int, list[int]] = {}
    for atom, primitive in enumerate(found.std_mapping_to_primitive):
        orbits.setdefault(int(found.crystallographic_orbits[first_of[primitive]]), []).append(atom)
    rows = []
    for representative, atoms in orbits.items():
        symbol = Element.from_Z(int(found.std_types[atoms[0]])).symbol
        letter = found.wyckoffs[representative]
        places = np.round(found.std_positions[atoms] % 1.0, digits) % 1.0
        place = min(map(tuple, places))
        line = f"{symbol} {len(atoms)}{letter} {format_row(place, digits)}"
        rows.append(((electronegativity(symbol), symbol, letter, place), line))
    return [line for _, line in sorted(rows)]


def _settings(group: str) -> list[Setting]:
    settings = settings_of(group)
    if not settings:
        raise Unreadable(FailureKind.BAD_SYMMETRY, f"{shown(group)} is no space group")
    return sorted(settings, key=lambda setting: not _is_standard(setting))


def _is_standard(setting: Setting) -> bool:
    return setting.hall_number == first_setting(setting.number)


def _operations(setting: Setting) -> Operations:
    return setting_operations(setting.hall_number)


def _fewest_atoms(form: Form, settings: list[Setting], lattice: Lattice) -> Reading:
    """Return the crystal in the setting that fits; without letters several may, and special positions tell the right one."""
    readings: list[Reading] = []
    refusals: list[Unreadable] = []
    for setting in settings:
        try:
            readings.append(_reading(form, setting, lattice))
        except Unreadable as refusal:
            refusals.append(refusal)
    if not readings:
        raise refusals[0]
    return min(readings, key=lambda reading: len(reading.structure))


def _reading(form: Form, setting: Setting, lattice: Lattice) -> Reading:
    matrix, mended = _symmetric_cell(lattice, setting)
    primitive = group_in_setting(setting.hall_number).basis @ matrix
    checked(
        primitive, [form.sites[0].symbol], [(0.0, 0.0, 0.0)]
    )  # the caps on a cell, before work is spent on it
    atoms, repairs = place_sites(form.sites, setting, primitive)
    unsure = setting.choice in ("1", "2") and not any(site.letter for site in form.sites)
    named = unsure or not _is_standard(setting)
    taken = (f"read in setting {setting.choice} of {setting.symbol}",) if named else ()
    return Reading(checked(primitive, *atoms), (*form.repairs, *mended, *taken, *repairs))


def _symmetric_cell(lattice: Lattice, setting: Setting) -> tuple[np.ndarray, tuple[str, ...]]:
    """Return lattice vectors averaged over the operations of the group, and a line if that changed them."""
    gap = metric_gap(_operations(setting), lattice.matrix)
    mended = np.linalg.cholesky(_average_metric(_operations(setting), lattice.matrix))
    if gap <= _MENTIONED_GAP:
        return mended, ()
    values = ", ".join(f"{value:g}" for value in lattice.parameters)
    return mended, (
        f"cell {values} was made that of {setting.symbol}: it was off by {100 * gap:.2g} percent",
    )


def _average_metric(operations: Operations, matrix: np.ndarray) -> np.ndarray:
    turns = operations.rotations
    return np.asarray((turns.transpose(0, 2, 1) @ (matrix @ matrix.T) @ turns).mean(axis=0))


def _number(value: float, digits: int) -> float | int:
    number = float(format_number(value, digits))
    return int(number) if number.is_integer() else number
