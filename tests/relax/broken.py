"""Calculators that fail in the ways real ones do."""

import os
import time

import numpy as np
from ase.calculators.calculator import Calculator, all_changes
from ase.neighborlist import neighbor_list
from ase.stress import full_3x3_to_voigt_6_stress

from matsearch.core.errors import PotentialError
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


class Noisy(ToyCalculator):
    """Adds random noise to every force and stress, as a potential in single precision does, but more."""

    def __init__(self, size: float):
        super().__init__()
        self.size, self.random = size, np.random.default_rng(0)

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        self.results["forces"] = self.results["forces"] + self.random.normal(0, self.size, (len(atoms), 3))
        noise = self.random.normal(0, self.size * len(atoms) / atoms.get_volume(), 6)
        self.results["stress"] = self.results["stress"] + noise


class Cursed(ToyCalculator):
    """Sound, but for crystals that hold one element."""

    def __init__(self, element: str, how: str):
        super().__init__()
        self.element, self.how = element, how

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        if self.element in atoms.get_chemical_symbols():
            MISHAPS[self.how]()
        super().calculate(atoms, properties, system_changes)


def _raise(error: BaseException):
    raise error


MISHAPS = {
    "sleep": lambda: time.sleep(600),
    "exit": lambda: os._exit(7),
    "memory": lambda: _raise(MemoryError("no room for an array")),
    "cuda": lambda: _raise(RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")),
    "cpu": lambda: _raise(
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9")
    ),
    "warp": lambda: _raise(RuntimeError("Failed to allocate 512 bytes on device 'cuda:0'")),
    "lost": lambda: _raise(PotentialError("its process ended with status 7")),
    "bug": lambda: _raise(KeyError("nobody thought of this")),
}


class Slow(ToyCalculator):
    """Takes its time."""

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        time.sleep(0.01)
        super().calculate(atoms, properties, system_changes)


class Hole(Calculator):
    """Attracts without end below 3 angstrom, as a potential may where it was never trained."""

    implemented_properties = ("energy", "free_energy", "forces", "stress")

    def calculate(self, atoms=None, properties=("energy",), system_changes=tuple(all_changes)):
        super().calculate(atoms, properties, system_changes)
        i, _, vector = neighbor_list("ijD", atoms, 3.0)
        r = np.linalg.norm(vector, axis=1)
        # (r - 3)^3 / r a pair: smooth at 3 angstrom, without a bottom at 0
        slope = 3 * (r - 3) ** 2 / r - (r - 3) ** 3 / r**2
        forces = np.zeros((len(atoms), 3))
        np.add.at(forces, i, (slope / r)[:, None] * vector)
        virial = np.einsum("p,pa,pb->ab", slope / r, vector, vector) / 2
        energy = float(np.sum((r - 3) ** 3 / r) / 2)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": forces,
            "stress": full_3x3_to_voigt_6_stress(virial / atoms.get_volume()),
        }
