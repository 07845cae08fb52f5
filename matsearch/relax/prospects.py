"""Whether a relaxation may still matter: a bound on what it can gain, and the known crystals it may be turning into."""

from collections import deque
from collections.abc import Sequence

from ase import Atoms
from pymatgen.core import Lattice, Structure

from matsearch.crystal.matching import nearly_same
from matsearch.potentials.frames import to_atoms

WINDOW = 20
GAIN_PER_DROP = 20.0
LEAST_GAIN = 0.1
GAIN_AT_REST = 0.8
LOOK_EVERY = 5
NEAR = 0.3


class Prospects:
    """How much lower a relaxation may still come.

    No bound is rigorous. This one says that from a point with residual force f (eV/angstrom) at most ``GAIN_AT_REST`` + f
    eV/atom are gained, and at most ``GAIN_PER_DROP`` times what the last ``WINDOW`` steps brought, or ``LEAST_GAIN``
    where that is less. It was chosen on 376 relaxations of classical proposals, none of which it would have ended wrongly
    at 0.5 eV/atom above the hull; ``benchmarks/screening/early_ends.py`` prices it on others.

    Parameters
    ----------
    ceiling : float or None
        Energy per atom (eV) to come under.
    """

    def __init__(self, ceiling: float | None) -> None:
        self._ceiling = ceiling
        self._energies: deque[float] = deque(maxlen=WINDOW + 1)

    def excess(self, energy_per_atom: float, force: float) -> float | None:
        """Return by how much (eV/atom) the lowest energy still possible lies over the ceiling, if it does."""
        self._energies.append(energy_per_atom)
        if self._ceiling is None or len(self._energies) <= WINDOW:
            return None
        drop = max(self._energies[0] - energy_per_atom, 0.0)
        gain = min(max(GAIN_PER_DROP * drop, LEAST_GAIN), GAIN_AT_REST + force)
        excess = energy_per_atom - gain - self._ceiling
        return excess if excess > 0.0 else None


class KnownCrystals:
    """Relaxed crystals of the same composition, each offered once."""

    def __init__(self, known: Sequence[Structure]) -> None:
        self._known = list(known)

    def nearest(self, atoms: Atoms, step: int, force: float) -> Atoms | None:
        """Return the known crystal that this one is turning into, in its own cell."""
        if not self._known or force > NEAR or step % LOOK_EVERY:
            return None
        structure = to_structure(atoms)
        match = next((known for known in self._known if nearly_same(known, structure)), None)
        if match is None:
            return None
        self._known.clear()
        return to_atoms(match)


def to_structure(atoms: Atoms) -> Structure:
    """Return the crystal with its atoms inside the cell."""
    return Structure(
        Lattice(atoms.cell.array), atoms.get_chemical_symbols(), atoms.get_scaled_positions(wrap=True)
    )
