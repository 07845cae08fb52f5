"""Small crystals to relax, and the sections that name calculators of the tests."""

from pathlib import Path

from ase.build import bulk
from pymatgen.core import Lattice, Structure

from matsearch.core.config import PotentialSection, RelaxSection
from matsearch.relax.task import RelaxTask
from matsearch.testing.samples import sample_structure

ROOT = str(Path(__file__).parents[2])
CURSED = "Xe"


def section(name, **arguments):
    """A calculator of :mod:`tests.relax.broken` as a potential; its process needs ``ROOT`` on its path."""
    return PotentialSection(
        name="ase",
        calculator=f"tests.relax.broken:{name}",
        arguments=arguments,
        allow_import=True,
        scheme="toy",
    )


def task(key, structure, **settings):
    return RelaxTask(key=key, structure=structure, settings=RelaxSection(**settings))


def good_tasks(n, **settings):
    """Rock salt, each crystal strained a little differently."""
    return [task(f"k{i}", sample_structure("Ti", "C", 4.4 + 0.03 * i), **settings) for i in range(n)]


def cursed_task(**settings):
    return task("cursed", sample_structure("Ti", CURSED, 5.0), **settings)


def small_crystals():
    """A dozen crystals of at most four atoms, three of which are no crystals."""
    made = {}
    for formula, kind, length in (
        ("NaCl", "rocksalt", 5.8),
        ("MgO", "rocksalt", 4.1),
        ("TiC", "rocksalt", 4.5),
        ("LiF", "rocksalt", 4.2),
        ("GaAs", "zincblende", 5.6),
        ("ZnS", "zincblende", 5.2),
        ("Cu", "fcc", 3.7),
        ("Fe", "bcc", 2.8),
        ("Si", "diamond", 5.3),
    ):
        atoms = bulk(formula, kind, a=length)
        atoms.rattle(0.05, seed=len(made))
        made[formula] = Structure(
            atoms.cell.array, atoms.get_chemical_symbols(), atoms.get_scaled_positions()
        )
    made["alone"] = Structure(Lattice.cubic(15), ["Ne"], [[0, 0, 0]])
    made["crushed"] = Structure(Lattice.cubic(4), ["Li", "O"], [[0, 0, 0], [0.05, 0, 0]])
    made["hopeless"] = Structure(Lattice.cubic(3.6), ["Cs", "F"], [[0, 0, 0], [0.31, 0.4, 0.5]])
    return made
