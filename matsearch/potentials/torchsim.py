"""Models of torch-sim (Cohen et al., AI Sci. 1, 025003 (2025)): many crystals in one pass."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from packaging.version import Version

from matsearch.core.errors import PotentialError
from matsearch.core.labels import Labels
from matsearch.core.protocols import PotentialInfo
from matsearch.core.verdict import Verdict
from matsearch.potentials.ase_calculators import ASEPotential, quietly

if TYPE_CHECKING:
    import torch
    from ase import Atoms

OLDEST = (0, 6)
"""Before it, models take one crystal after another and lose neighbours of atoms outside the cell."""

_INSTALL = "Python 3.12 or newer, and pip install 'matsearch[torchsim]'"


def usable() -> bool:
    """Return whether torch-sim is installed and new enough; nothing is imported to find out."""
    try:
        version = metadata.version("torch-sim-atomistic")
    except metadata.PackageNotFoundError:
        return False
    return Version(version).release >= OLDEST


class TorchSimEvaluator:
    """A torch-sim model, on its own device and in its own precision.

    Parameters
    ----------
    model : torch_sim.models.interface.ModelInterface
        Computing forces and stress. A model with torch-sim's default neighbour list gets :func:`neighbours` instead.

    Raises
    ------
    PotentialError
        If the model computes no forces or no stress, or torch-sim is too old.
    """

    def __init__(self, model: Any) -> None:
        missing = [name for name in ("forces", "stress") if not getattr(model, f"compute_{name}")]
        if missing:
            wanted = ", ".join(f"compute_{name}=True" for name in missing)
            raise PotentialError(
                f"{type(model).__name__} computes no {' and no '.join(missing)}", f"build it with {wanted}"
            )
        if not usable():
            raise PotentialError("torch-sim is older than 0.6", _INSTALL)
        from torch_sim.neighbors import torchsim_nl

        if getattr(model, "neighbor_list_fn", None) is torchsim_nl:
            model.neighbor_list_fn = neighbours
        self._model = model

    def evaluate(self, batch: Sequence["Atoms"]) -> list[Labels | Verdict]:
        """Return the labels of each crystal.

        Raises
        ------
        RuntimeError
            As torch and Warp raise it where memory runs out, so that the caller may try a smaller batch.
        """
        if not batch:
            return []
        from torch_sim.io import atoms_to_state

        model = self._model
        found = model(atoms_to_state([right_handed(atoms) for atoms in batch], model.device, model.dtype))
        energies, forces, stresses = (
            found[name].detach().cpu().numpy().astype(float) for name in ("energy", "forces", "stress")
        )
        ends = np.cumsum([len(atoms) for atoms in batch])
        return [
            Labels(energy=float(e), forces=f, stress=s)
            for e, f, s in zip(energies, np.split(forces, ends[:-1]), stresses, strict=True)
        ]


@dataclass(frozen=True)
class TorchSimModel:
    """How a package makes a torch-sim model.

    Attributes
    ----------
    model : str
        Import path of its class, which takes ``(network, device=..., dtype=...)``.
    network : callable
        From the package's ASE calculator to the network in it.
    """

    model: str
    network: Callable[[Any], Any]


class TorchSimPotential(ASEPotential):
    """A potential with an ASE calculator, whose network torch-sim evaluates in batches.

    Parameters
    ----------
    setup : mapping
        ``calculator`` (import path) and its ``arguments``, one of which is ``device``.
    """

    company_invariant: ClassVar[bool] = False

    def __init__(self, info: PotentialInfo, setup: Mapping[str, Any], model: TorchSimModel) -> None:
        super().__init__(info, setup)
        self._model = model

    def evaluator(self, device: str = "cpu") -> TorchSimEvaluator:
        """Return an evaluator on a torch device, with the calculator's network in the calculator's precision.

        Raises
        ------
        PotentialError
            If the calculator or the model cannot be built.
        """
        # the network comes from the calculator, so that both read the same file and refuse the same ones
        setup = {**self._setup, "arguments": {**self._setup["arguments"], "device": device}}
        network = self._model.network(ASEPotential(self.info, setup).calculator())
        try:
            return TorchSimEvaluator(quietly(lambda: self._build(network, device)))
        except PotentialError:
            raise
        except Exception as error:
            raise PotentialError(
                f"{self._model.model} cannot be loaded: {type(error).__name__}: {' '.join(str(error).split())}",
                "update the package and torch-sim, or uninstall torch-sim-atomistic",
            ) from error

    def _build(self, network: Any, device: str) -> Any:
        import torch

        module, _, name = self._model.model.partition(":")
        made = getattr(importlib.import_module(module), name)
        return made(network, device=torch.device(device), dtype=next(network.parameters()).dtype)


def right_handed(atoms: "Atoms") -> "Atoms":
    """Return a crystal in a right-handed cell: itself, or a copy with two cell vectors exchanged.

    That changes neither energy nor forces nor stress. But models divide the stress by the cell's determinant, and
    SevenNet's is then wrong by many orders of magnitude.
    """
    cell = atoms.cell.array
    if np.linalg.det(cell) > 0:
        return atoms
    turned = atoms.copy()
    turned.set_cell(cell[[1, 0, 2]])
    return turned


def neighbours(
    positions: "torch.Tensor",
    cell: "torch.Tensor",
    pbc: "torch.Tensor",
    cutoff: "float | torch.Tensor",
    system_idx: "torch.Tensor",
    *args: Any,
) -> "tuple[torch.Tensor, torch.Tensor, torch.Tensor]":
    """Return torch-sim's fastest neighbour list, or a slower one of its own where a crystal is too dense for that.

    The fastest has room for 0.2 atoms per cubic angstrom around each atom, and raises beyond.

    Parameters
    ----------
    positions : Tensor of shape (n_atoms, 3)
        In angstrom.
    cell : Tensor of shape (n_crystals, 3, 3)
        Cell vectors as rows, in angstrom.
    pbc : Tensor of shape (3,) or (n_crystals, 3)
    cutoff : float or Tensor
        In angstrom.
    system_idx : Tensor of shape (n_atoms,)
        The crystal of each atom.

    Returns
    -------
    tuple of Tensor
        Pairs of atoms (2, n_pairs), the crystal of each (n_pairs,), and cell shifts (n_pairs, 3).
    """
    import torch
    from torch_sim.neighbors import torch_nl_n2, torchsim_nl

    reach = torch.as_tensor(cutoff, dtype=positions.dtype, device=positions.device)
    try:
        return torchsim_nl(positions, cell, pbc, reach, system_idx, *args)
    except Exception as error:
        # by name: its module moves between versions of nvalchemi-toolkit-ops, and may be missing
        if type(error).__name__ != "NeighborOverflowError":
            raise
        # not its linked cells: one wide cell beside a dense crystal makes them take seconds
        return torch_nl_n2(positions, cell, pbc, reach, system_idx, *args)
