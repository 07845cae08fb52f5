"""Small allotropes that stand for dear elements, with the energy that parts them from the ground state.

The offsets are differences of the Materials Project's uncorrected PBE energies (Jain et al., APL Mater. 1, 011002
(2013); CC BY 4.0). They are used for every functional and say so: PBE+U has no U on a pure element, and of r2SCAN no
such differences are at hand. Who rests on one is never confirmed by it.
"""

from functools import cache

from pymatgen.core import Lattice, Structure

from matsearch.core.model import Record
from matsearch.core.structures import StructureField

DEAR = 8
"""Sites over which an element is not computed in its own cell, even where a verdict rests on it."""

_VACUUM = 8.0
"""Angstrom between a molecule and its images."""

_MP = "Materials Project, PBE, eV/atom"


class Substitute(Record):
    """What is computed in place of an element.

    Attributes
    ----------
    name : str
        For people: ``fcc manganese``.
    offset_per_atom : float
        Energy of the element's ground state minus that of the substitute, in eV/atom.
    source : str
        Where the offset is from.
    box : bool
        A molecule alone in a large cell.
    """

    name: str
    structure: StructureField
    offset_per_atom: float
    source: str
    box: bool = False


def substitute_for(symbol: str, n_sites: int | None, *, on_facet: bool) -> Substitute | None:
    """Return what is computed in place of an element, or None where its own phase is.

    Parameters
    ----------
    n_sites : int or None
        Of the reference phase's cell; None where the reference has no structure.
    on_facet : bool
        Whether a verdict rests on the element. Then its own phase is computed unless that is dear or not to be had.
    """
    substitute = _substitutes().get(symbol)
    if substitute is None or n_sites is None:
        return substitute
    limit = DEAR if on_facet else len(substitute.structure)
    return substitute if n_sites > limit else None


@cache
def _substitutes() -> dict[str, Substitute]:
    return {**_allotropes(), **_molecules()}


def _allotropes() -> dict[str, Substitute]:
    return {
        "Mn": Substitute(
            name="fcc manganese",
            structure=_fcc("Mn", 3.51),
            offset_per_atom=-0.0831,
            source=f"{_MP}: alpha manganese -9.1620, fcc -9.0789",
        ),
        "P": _embedded("P-64", "black phosphorus", -0.0357, "Hittorf's phosphorus -5.4133, black -5.3776"),
        "S": _embedded(
            "S-148", "rhombohedral sulfur", -0.0645, "monoclinic sulfur -4.1364, S6 rings -4.0719"
        ),
        "Se": _embedded("Se-152", "grey selenium", -0.0071, "Se8 rings -3.4959, chains -3.4888"),
    }


def _molecules() -> dict[str, Substitute]:
    """Bond lengths: Huber and Herzberg, Constants of Diatomic Molecules (1979), in angstrom."""
    weak = "0 by convention: what binds the molecules to each other, hundredths of an eV/atom, is left out"
    return {
        "H": _molecule("H", 0.7414, -0.0043, f"{_MP}: crystal -3.3927, molecules far apart -3.3884"),
        "N": _molecule("N", 1.0977, 0.0, weak),
        "O": _molecule("O", 1.2075, 0.0, weak),
        "F": _molecule("F", 1.4119, 0.0, weak),
        "Cl": _molecule("Cl", 1.988, -0.0350, f"{_MP}: crystal -1.8485, molecules far apart -1.8136"),
    }


def _embedded(phase_id: str, name: str, offset: float, energies: str) -> Substitute:
    from matsearch.crystal.known import embedded_set

    phase = next(phase for phase in embedded_set().phases if phase.phase_id == phase_id)
    return Substitute(
        name=name, structure=phase.literature, offset_per_atom=offset, source=f"{_MP}: {energies}"
    )


def _molecule(symbol: str, bond: float, offset: float, source: str) -> Substitute:
    edge = _VACUUM + bond
    half = bond / 2 / edge
    return Substitute(
        name=f"{symbol}2 molecule in a box",
        structure=Structure(
            Lattice.cubic(edge), [symbol] * 2, [[0.5, 0.5, 0.5 - half], [0.5, 0.5, 0.5 + half]]
        ),
        offset_per_atom=offset,
        source=source,
        box=True,
    )


def _fcc(symbol: str, edge: float) -> Structure:
    half = edge / 2
    lattice = Lattice([[0.0, half, half], [half, 0.0, half], [half, half, 0.0]])
    return Structure(lattice, [symbol], [[0.0, 0.0, 0.0]])
