"""Crystals drawn by ASE: the conventional cell, atoms on its boundary repeated."""

from itertools import product
from typing import TYPE_CHECKING

from pymatgen.core import Lattice, Structure

from matsearch.crystal.symmetry import PRECISION
from matsearch.export.report.style import DOTS_PER_INCH, compressed, pixels, styled

if TYPE_CHECKING:
    from ase import Atoms
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

VIEWS = ("-17z,-76x", "0x")
"""From the side, a little turned and tilted, with c upwards; and along c."""

MOST_ATOMS = 120
"""Of a conventional cell; a crystal with a larger one is drawn in its own cell."""

_ON_BOUNDARY = 0.02
"""Fractional distance from a face within which an atom is repeated on the opposite one."""

_RADIUS = 0.5
"""Drawn radius over covalent radius."""

_PANEL = 2.4  # inches
_LEGEND = 0.35
_PALETTE = 64  # a few elements with their shades: a third of the size
_SMALL = (240, 240)  # pixels, twice what the page shows


def drawn_cell(structure: Structure) -> Structure:
    """Return the conventional cell in the setting of the space group's symbol, or the given one.

    That is where no symmetry is found, or the conventional cell is large. ``get_conventional_standard_structure`` is
    not it: that sorts axes by length, so that the *c* of a symbol such as Pnnm may be its *a*.
    """
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer, SymmetryUndeterminedError

    try:
        cell = SpacegroupAnalyzer(structure, symprec=PRECISION).get_refined_structure()
    except (SymmetryUndeterminedError, ValueError, TypeError):  # spglib finds no symmetry at all
        return structure
    return cell if len(cell) <= MOST_ATOMS else structure


def element_colours(structure: Structure) -> dict[str, str]:
    """Return the JMOL colour of each element as ``#rrggbb``, sorted by symbol."""
    from ase.data import atomic_numbers
    from ase.data.colors import jmol_colors

    symbols = sorted({site.specie.symbol for site in structure})
    channels = {symbol: jmol_colors[atomic_numbers[symbol]] for symbol in symbols}
    return {s: "#" + "".join(f"{round(255 * float(c)):02x}" for c in rgb) for s, rgb in channels.items()}


def draw_crystal(structure: Structure) -> tuple[bytes, bytes]:
    """Return a drawing from the side, and a larger one from the side and along c with a legend (PNG both)."""
    from matplotlib.figure import Figure

    atoms, colours = with_boundary(drawn_cell(structure)), element_colours(structure)
    height = _PANEL + _LEGEND
    with styled():
        figure = Figure(figsize=(_PANEL * len(VIEWS), height))
        for i, view in enumerate(VIEWS):
            axes = figure.add_axes((i / len(VIEWS), _LEGEND / height, 1 / len(VIEWS), _PANEL / height))
            _draw_view(axes, atoms, colours, view)
        _add_legend(figure, colours)
        whole = pixels(figure)
    side = round(_PANEL * DOTS_PER_INCH)
    small = whole.crop((0, 0, side, side)).resize(_SMALL)
    return compressed(small.quantize(_PALETTE)), compressed(whole.quantize(_PALETTE))


def with_boundary(structure: Structure) -> "Atoms":
    """Return a cell as ASE atoms in which what lies on a face, an edge or a corner is there on all equal ones."""
    from ase import Atoms

    inside = structure.frac_coords % 1.0
    inside[inside > 1.0 - _ON_BOUNDARY] -= 1.0
    symbols, places = [], []
    for site, coords in zip(structure, inside, strict=True):
        repeats = [(0.0, 1.0) if abs(c) < _ON_BOUNDARY else (0.0,) for c in coords]
        for shift in product(*repeats):
            symbols.append(site.specie.symbol)
            places.append(coords + shift)
    upright = Lattice.from_parameters(*structure.lattice.parameters)  # c along z
    return Atoms(symbols, scaled_positions=places, cell=upright.matrix, pbc=False)


def _draw_view(axes: "Axes", atoms: "Atoms", colours: dict[str, str], view: str) -> None:
    from ase.data import covalent_radii
    from ase.io.utils import PlottingVariables, make_patch_list
    from matplotlib.collections import PatchCollection

    drawn = PlottingVariables(
        atoms,
        rotation=view,
        radii=_RADIUS * covalent_radii[atoms.numbers],
        colors=[colours[symbol] for symbol in atoms.get_chemical_symbols()],
        scale=1,
        show_unit_cell=2,
    )
    # ase.visualize.plot.plot_atoms adds these one by one: the same picture in three times the time
    axes.add_collection(PatchCollection(make_patch_list(drawn), match_original=True))
    axes.set(xlim=(0, drawn.w), ylim=(0, drawn.h), aspect="equal")
    axes.set_axis_off()


def _add_legend(figure: "Figure", colours: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], marker="o", linestyle="none", markersize=9, color=c, markeredgecolor="black", label=s)
        for s, c in colours.items()
    ]
    figure.legend(handles=handles, loc="lower center", ncols=len(handles), frameon=False)
