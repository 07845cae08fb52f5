"""One geometry, one set of labels."""

from ase import Atoms
from pymatgen.core import Structure

from matsearch.core.protocols import Potential, PotentialInfo
from matsearch.core.records import Frame

EV_A3_TO_GPA = 160.21766208


def to_atoms(structure: Structure) -> Atoms:
    """Return ASE atoms with the sites in order."""
    symbols = [site.specie.symbol for site in structure]
    return Atoms(symbols, cell=structure.lattice.matrix, scaled_positions=structure.frac_coords, pbc=True)


def static_frame(structure: Structure, potential: Potential) -> Frame:
    """Return energy (eV), forces (eV/angstrom), stress (GPa) and, where given, moments of one geometry."""
    atoms = to_atoms(structure)
    atoms.calc = potential.calculator()
    return frame_of(structure, atoms, potential.info)


def frame_of(structure: Structure, atoms: Atoms, info: PotentialInfo) -> Frame:
    """Return what a potential says of atoms that have its calculator; ``structure`` is the same crystal."""
    energy = float(atoms.get_potential_energy())
    magmoms = atoms.calc.results.get("magmoms")
    return Frame(
        structure=structure,
        energy=energy,
        forces=tuple(tuple(float(x) for x in row) for row in atoms.get_forces()),
        stress=tuple(tuple(float(x) * EV_A3_TO_GPA for x in row) for row in atoms.get_stress(voigt=False)),
        magmoms=None if magmoms is None else tuple(float(m) for m in magmoms),
        scheme_id=info.scheme_id,
        source=f"{info.name} {info.version}",
    )
