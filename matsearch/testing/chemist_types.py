"""Generic structure types, as patterns of sublattices without elements or lengths."""

from dataclasses import dataclass

from pymatgen.core import Lattice, Structure

from matsearch.crystal.limits import usual_volume


@dataclass(frozen=True)
class StructureType:
    """A pattern.

    Attributes
    ----------
    shape : tuple of float
        Ratios of the cell's lengths a, b, c, then its angles in degrees.
    sublattices : tuple of tuple of 3-tuples
        Fractional coordinates, the most electropositive sublattice first.
    """

    name: str
    shape: tuple[float, float, float, float, float, float]
    sublattices: tuple[tuple[tuple[float, float, float], ...], ...]

    @property
    def counts(self) -> tuple[int, ...]:
        """Atoms of each sublattice in the cell."""
        return tuple(map(len, self.sublattices))

    def structure(self, symbols: tuple[str, ...]) -> Structure:
        """Return the crystal with an element on each sublattice, at the usual volume of its atoms."""
        species = [symbol for symbol, sites in zip(symbols, self.sublattices, strict=True) for _ in sites]
        coords = [site for sites in self.sublattices for site in sites]
        unit = Structure(Lattice.from_parameters(*self.shape), species, coords)
        unit.scale_lattice(usual_volume(species))
        return unit


_FCC = (1.0, 1.0, 1.0, 60.0, 60.0, 60.0)
_CUBIC = (1.0, 1.0, 1.0, 90.0, 90.0, 90.0)
_O = (0.0, 0.0, 0.0)
_MIDDLE = (0.5, 0.5, 0.5)
_QUARTER, _THREE_QUARTERS = (0.25, 0.25, 0.25), (0.75, 0.75, 0.75)
_FACES = ((0.5, 0.5, 0.0), (0.5, 0.0, 0.5), (0.0, 0.5, 0.5))
_T, _TT = 0.333333, 0.666667
_U = 0.3


def _hexagonal(height: float) -> tuple[float, float, float, float, float, float]:
    return (1.0, 1.0, height, 90.0, 90.0, 120.0)


def _tetragonal(height: float) -> tuple[float, float, float, float, float, float]:
    return (1.0, 1.0, height, 90.0, 90.0, 90.0)


TYPES = (
    StructureType("rock salt", _FCC, ((_O,), (_MIDDLE,))),
    StructureType("body-centred, ordered", _CUBIC, ((_O,), (_MIDDLE,))),
    StructureType("zinc blende", _FCC, ((_O,), (_QUARTER,))),
    StructureType(
        "wurtzite",
        _hexagonal(1.633),
        (((_T, _TT, 0.0), (_TT, _T, 0.5)), ((_T, _TT, 0.375), (_TT, _T, 0.875))),
    ),
    StructureType(
        "hexagonal, octahedra sharing faces",
        _hexagonal(1.6),
        (((0.0, 0.0, 0.0), (0.0, 0.0, 0.5)), ((_T, _TT, 0.25), (_TT, _T, 0.75))),
    ),
    StructureType("fluorite", _FCC, ((_O,), (_QUARTER, _THREE_QUARTERS))),
    StructureType("antifluorite", _FCC, ((_QUARTER, _THREE_QUARTERS), (_O,))),
    StructureType("layers of octahedra", _hexagonal(1.55), ((_O,), ((_T, _TT, 0.25), (_TT, _T, 0.75)))),
    StructureType(
        "rutile",
        _tetragonal(0.65),
        (
            (_O, _MIDDLE),
            ((_U, _U, 0.0), (1 - _U, 1 - _U, 0.0), (0.5 + _U, 0.5 - _U, 0.5), (0.5 - _U, 0.5 + _U, 0.5)),
        ),
    ),
    StructureType("perovskite", _CUBIC, ((_O,), (_MIDDLE,), _FACES)),
    StructureType(
        "rock salt, layers of two cations",
        _tetragonal(1.414),
        ((_O,), (_MIDDLE,), ((0.5, 0.5, 0.0), (0, 0, 0.5))),
    ),
    StructureType("three interpenetrating lattices", _FCC, ((_O,), (_QUARTER,), (_MIDDLE,))),
    StructureType("body-centred, ordered in three", _FCC, ((_O,), (_MIDDLE,), (_QUARTER, _THREE_QUARTERS))),
    StructureType("body-centred, one in four", _FCC, ((_O,), (_QUARTER, _MIDDLE, _THREE_QUARTERS))),
    StructureType("body-centred, three in four", _FCC, ((_QUARTER, _MIDDLE, _THREE_QUARTERS), (_O,))),
    StructureType("face-centred, one in four", _CUBIC, ((_O,), _FACES)),
    StructureType("face-centred, three in four", _CUBIC, (_FACES, (_O,))),
    StructureType("face-centred, layers", _tetragonal(1.35), ((_O,), (_MIDDLE,))),
    StructureType("face-centred", _FCC, ((_O,),)),
    StructureType("body-centred", _CUBIC, ((_O, _MIDDLE),)),
)
