"""What the symmetry that a CIF claims makes of the atoms that it lists.

Models claim a space group and list all atoms of the cell, or some, or those of another setting. So a claim is
applied only where cell, distances and the file's own formula bear it out.
"""

import re
from typing import NamedTuple

import numpy as np
from pymatgen.core import Lattice

from matsearch.core.verdict import FailureKind
from matsearch.crystal.languages.cells import checked
from matsearch.crystal.languages.cif_blocks import Block
from matsearch.crystal.languages.cif_formula import Witness, witness_of
from matsearch.crystal.languages.labels import formula_of
from matsearch.crystal.languages.language import Unreadable
from matsearch.crystal.languages.operations import (
    METRIC_GAP,
    Atoms,
    Operations,
    check_all_listed,
    expand,
    metric_gap,
    parse_operations,
    setting_operations,
)
from matsearch.crystal.languages.space_groups import Setting, settings_of
from matsearch.crystal.languages.text import shown

MIN_DISTANCE = 0.5
"""Angstrom: an expansion that puts atoms nearer than this is wrong."""

_OPERATIONS = ("_space_group_symop_operation_xyz", "_symmetry_equiv_pos_as_xyz")
_NAMES = (
    "_space_group_name_h-m_alt",
    "_symmetry_space_group_name_h-m",
    "_space_group_name_h-m",
    "_space_group_name_h-m_ref",
)
_NUMBERS = ("_space_group_it_number", "_symmetry_int_tables_number")


class Claim(NamedTuple):
    """One reading of the symmetry that a CIF claims."""

    words: str
    operations: Operations


class Claims(NamedTuple):
    """All readings of a claim, the likeliest first.

    Attributes
    ----------
    doubt : str
        Why the formula must bear the claim out; empty where it need not.
    """

    words: str
    readings: tuple[Claim, ...]
    doubt: str = ""


def symmetrised(block: Block, listed: Atoms, lattice: Lattice) -> tuple[Atoms, tuple[str, ...]]:
    """Return the atoms of the cell, and a line for all that was not believed.

    Raises
    ------
    Unreadable
        BAD_SYMMETRY where neither the listed atoms nor what the claim makes of them can be the crystal, AMBIGUOUS where
        both can; TOO_MANY_SITES.
    """
    claims, witness = _claims(block), witness_of(block)
    if not claims.words:
        return listed, _disagreement(witness, listed)
    bearable = [c for c in claims.readings if metric_gap(c.operations, lattice.matrix) <= METRIC_GAP]
    if not claims.doubt or witness:
        fitting = [made for made in _made(bearable, listed, lattice) if _fits(made[1], witness, lattice)]
        if fitting:
            return _chosen(fitting, listed, witness)
    if witness.agrees(listed.symbols) if witness else (not bearable or claims.doubt):
        return listed, (_not_applied(claims, bool(bearable), witness, listed),)
    raise Unreadable(FailureKind.BAD_SYMMETRY, _contradiction(claims, bearable, witness, listed, lattice))


def _claims(block: Block) -> Claims:
    name, number = block.first(*_NAMES), block.first(*_NUMBERS)
    named, numbered = settings_of(name), settings_of(number)
    words = " ".join(filter(None, (shown(name) if name else "", f"number {number[:10]}" if number else "")))
    texts = _operation_texts(block)
    operations = parse_operations(texts) if texts else None
    if operations is not None and not _is_identity(operations):
        return Claims("its list", (Claim(f"its {len(operations.rotations)} operations", operations),))
    doubt = "only the identity is listed" if operations is not None else ""
    settings = named or numbered
    if named and numbered and named[0].number != numbered[0].number:
        doubt, settings = "name and number differ", (*named, *numbered)
    readings = [_reading(setting) for setting in settings if setting.number > 1]
    unknown = (name or number) and not named and not numbered
    if not readings and not unknown:
        return Claims("", ())
    return Claims(f"space group {words}", tuple(readings), doubt)


def _reading(setting: Setting) -> Claim:
    choice = (
        f" ({'origin' if setting.choice in '12' else 'setting'} {setting.choice})" if setting.choice else ""
    )
    return Claim(f"{setting.symbol}{choice}", setting_operations(setting.hall_number))


def _operation_texts(block: Block) -> list[str]:
    loop = block.loop_with(*_OPERATIONS)
    if loop is None:
        return [text] if (text := block.first(*_OPERATIONS)) else []
    texts: list[str] = []
    for words in loop.lines:
        quoted = [word for word in words if word.count(",") == 2]
        texts += quoted or [re.sub(r"^\d+ ", "", " ".join(words))]
    return texts


def _is_identity(operations: Operations) -> bool:
    return len(operations.rotations) == 1 and bool((operations.rotations[0] == np.eye(3)).all())


def _made(claims: list[Claim], listed: Atoms, lattice: Lattice) -> list[tuple[Claim, Atoms, int]]:
    return [(claim, *expand(listed, claim.operations, lattice.matrix)) for claim in claims]


def _fits(atoms: Atoms, witness: Witness | None, lattice: Lattice) -> bool:
    if witness and not witness.agrees(atoms.symbols):
        return False
    structure = checked(lattice, *atoms)
    return len(structure.get_neighbor_list(MIN_DISTANCE)[3]) == 0


def _chosen(
    fitting: list[tuple[Claim, Atoms, int]], listed: Atoms, witness: Witness | None
) -> tuple[Atoms, tuple[str, ...]]:
    """Return the reading with the fewest atoms: on a wrong origin those of special positions become many."""
    claim, atoms, repeated = min(fitting, key=lambda made: len(made[1].symbols))
    repairs = [f"{claim.words} was taken of {len(fitting)} settings that fit"] if len(fitting) > 1 else []
    if repeated and not witness:
        rows = zip(listed.symbols, listed.coords, strict=True)
        different = dict.fromkeys((symbol, *point) for symbol, point in rows)
        check_all_listed([symbol for symbol, *_ in different], atoms.symbols, claim.words)
    if repeated:
        repairs.append(f"{repeated} listed atoms are images of others under {claim.words}")
    return atoms, tuple(repairs)


def _disagreement(witness: Witness | None, listed: Atoms) -> tuple[str, ...]:
    if witness is None or witness.agrees(listed.symbols):
        return ()
    return (
        f"_chemical_formula_sum says {witness.text}, the atoms are {formula_of(listed.symbols)}: the atoms are believed",
    )


def _not_applied(claims: Claims, bearable: bool, witness: Witness | None, listed: Atoms) -> str:
    reason = claims.doubt
    if not claims.readings:
        reason = "it is unknown"
    elif not bearable:
        reason = "the cell does not have it"
    if witness:
        reason = f"{reason + '; ' if reason else ''}the listed atoms alone give {formula_of(listed.symbols)}"
    return f"the claim of {claims.words} was not applied: {reason}"


def _contradiction(
    claims: Claims, bearable: list[Claim], witness: Witness | None, listed: Atoms, lattice: Lattice
) -> str:
    parts = [f"the listed atoms are {formula_of(listed.symbols)}"]
    parts += [
        f"{claim.words} makes {formula_of(atoms.symbols)}"
        for claim, atoms, _ in _made(bearable, listed, lattice)
    ]
    if not claims.readings:
        parts.append("the group is unknown")
    elif not bearable:
        parts.append("the cell does not have the symmetry")
    parts.append(
        f"_chemical_formula_sum says {witness.text}"
        if witness
        else f"atoms come within {MIN_DISTANCE} angstrom"
    )
    return f"{claims.words}: {', '.join(parts)}"
