"""Calculators that fail in the ways real ones do."""

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from matsearch.potentials.toy import ToyCalculator


class NotFinite(ToyCalculator):
    """Becomes NaN in one quantity after a number of calls."""

    def __init__(self, quantity: str, after: int = 0):
        super().__init__()
        self.quantity, self.after, self.calls = quantity, after, 0

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        self.calls += 1
        if self.calls > self.after:
            self.results[self.quantity] = self.results[self.quantity] * np.nan


class Pressing(Calculator):
    """No forces, but a constant pressure: the cell shrinks or grows without end, smoothly."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, pressure: float):
        super().__init__()
        self.pressure = pressure

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        stress = np.array([self.pressure] * 3 + [0.0] * 3)
        self.results = {
            "energy": self.pressure * atoms.get_volume(),
            "forces": np.zeros((len(atoms), 3)),
            "stress": stress,
        }


class Free(Calculator):
    """No energy, no force: everything is converged at once, even atoms on top of each other."""

    implemented_properties = ("energy", "forces", "stress")

    def __init__(self, energy: float = 0.0):
        super().__init__()
        self.energy = energy

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        self.results = {"energy": self.energy, "forces": np.zeros((len(atoms), 3)), "stress": np.zeros(6)}


class Isolated(Calculator):
    """Refuses, as CHGNet does with an atom beyond its cut-off."""

    implemented_properties = ("energy", "forces", "stress")

    def calculate(self, *args, **kwargs):
        raise ValueError("Structure self.graph_id=None has 1 isolated atom(s) with self.atom_graph_cutoff=6")
