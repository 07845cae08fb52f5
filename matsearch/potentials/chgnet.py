"""CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), from the weights in its own wheel."""

import contextlib
import hashlib
import io
import os
import warnings
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from ase.calculators.calculator import Calculator, all_changes

from matsearch.core.errors import PotentialError
from matsearch.core.labels import Labels
from matsearch.core.protocols import PotentialInfo
from matsearch.core.schemes import get_scheme
from matsearch.core.verdict import Verdict
from matsearch.potentials.evaluators import isolated_atom
from matsearch.potentials.registry import CHGNET

if TYPE_CHECKING:
    from ase import Atoms

    from matsearch.potentials.chgnet_graph import Bonds
    from matsearch.potentials.chgnet_network import Network

# chgnet unpickles its checkpoint, so only those that were published are handed to it
_PUBLISHED = {
    "0.3.0": "d14ab7c0f093efe64b60a7bcd540bca10e74fb7f46c86108a079af60524659d1",
    "0.2.0": "ef624f78b6db9d315b4ef256f1bb3207449924191b91720dc17d3f60c5df980e",
    "r2scan": "8eba3db0f35a2788bb3ae22885ad340591e27996f213c6643af522a633b50dad",
}


class CHGNetPotential:
    """CHGNet by version, on the CPU with one thread.

    Parameters
    ----------
    version : str
        ``0.3.0`` (PBE/PBE+U with the Materials Project 2020 corrections in its energies), ``0.2.0`` or ``r2scan``.

    Raises
    ------
    PotentialError
        If the version is unknown or its weights are not installed.
    """

    def __init__(self, version: str = "0.3.0") -> None:
        if version not in CHGNET.versions:
            raise PotentialError(
                f"unknown CHGNet version {version!r}", f"known: {', '.join(CHGNET.versions)}"
            )
        scheme = get_scheme(str(CHGNET.versions[version].scheme_id))
        self._version = version
        self.company_invariant = version != "0.2.0"
        self.info = PotentialInfo(
            name="chgnet",
            version=version,
            sha256=_weights_sha256(version),
            scheme_id=scheme.scheme_id,
            elements=scheme.elements,
            gives=CHGNET.gives,
        )

    def calculator(self) -> "CHGNetCalculator":
        """Return an ASE calculator; an isolated atom raises instead of a meaningless energy."""
        return CHGNetCalculator(self.evaluator())

    def evaluator(self, device: str = "cpu", *, double: bool = False) -> "CHGNetEvaluator":
        """Return an evaluator on a torch device, in single precision as CHGNet was trained, or in double."""
        # several processes of one thread beat one process of many, and OpenMP's spinning threads slow all of them
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        import torch

        if device == "cpu":
            torch.set_num_threads(1)
        from matsearch.potentials.chgnet_network import Network

        network = Network(load_model(self._version), device, torch.float64 if double else torch.float32)
        return CHGNetEvaluator(network)


class CHGNetEvaluator:
    """CHGNet for many crystals in one pass."""

    def __init__(self, network: "Network") -> None:
        self._network = network

    def evaluate(self, batch: Sequence["Atoms"]) -> list[Labels | Verdict]:
        """Return the labels of each crystal; one with an isolated atom gets a verdict."""
        from matsearch.potentials.chgnet_graph import find_bonds

        found = [find_bonds(atoms, self._network.atom_cutoff) for atoms in batch]
        alone = {i for i, atoms in enumerate(batch) if found[i].lonely(len(atoms))}
        whole = [i for i in range(len(batch)) if i not in alone]
        labels = iter(self._labels([batch[i] for i in whole], [found[i] for i in whole]) if whole else ())
        return [isolated_atom() if i in alone else next(labels) for i in range(len(batch))]

    def _labels(self, batch: Sequence["Atoms"], bonds: Sequence["Bonds"]) -> list[Labels]:
        from matsearch.potentials.chgnet_graph import join_graphs

        network = self._network
        graphs = join_graphs(batch, bonds, network.bond_cutoff, network.device, network.dtype)
        energies, forces, virials, magmoms = (
            values.cpu().numpy().astype(float) for values in network.evaluate(graphs)
        )
        ends = np.cumsum([len(atoms) for atoms in batch])
        real = slice(0, len(batch))  # what follows is the padding's
        return [
            Labels(energy=float(e), forces=f, stress=v / atoms.get_volume(), magmoms=m)
            for atoms, e, f, v, m in zip(
                batch,
                energies[real],
                np.split(forces, ends)[real],
                virials[real],
                np.split(magmoms, ends)[real],
                strict=True,
            )
        ]


class CHGNetCalculator(Calculator):
    """ASE calculator of CHGNet: energy, forces, stress and magnetic moments."""

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "forces", "stress", "magmoms"]

    def __init__(self, evaluator: CHGNetEvaluator) -> None:
        super().__init__()
        self._evaluator = evaluator

    def calculate(
        self,
        atoms: "Atoms | None" = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute energy (eV), forces (eV/angstrom), stress (eV/angstrom^3) and moments (Bohr magnetons).

        Raises
        ------
        ValueError
            If an atom has no neighbour within the cut-off.
        """
        super().calculate(atoms, list(properties), list(system_changes))
        (labels,) = self._evaluator.evaluate([self.atoms])
        if isinstance(labels, Verdict):
            raise ValueError(f"isolated atom: {labels.detail}")  # noqa: TRY004 - its user's geometry, not its type
        self.results: dict[str, Any] = labels.results()


def load_model(version: str) -> Any:
    """Return the ``chgnet`` package's model of a version, on the CPU."""
    # the library prints a greeting, which has no place in a command's output
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        from chgnet.model import CHGNet

        return CHGNet.load(model_name=version, use_device="cpu", verbose=False)


@cache
def _weights_sha256(version: str) -> str:
    place, checkpoint = CHGNET.place(version), CHGNET.weights_path(version)
    if place is None:
        raise PotentialError("CHGNet is not installed", "pip install chgnet")
    if checkpoint is None:
        raise PotentialError(
            f"no CHGNet {version} weights in {(place[0] / place[1]).parent}",
            "pip install --force-reinstall chgnet",
        )
    sha256 = hashlib.sha256(checkpoint.read_bytes()).hexdigest()
    if sha256 != _PUBLISHED[version]:
        raise PotentialError(
            f"{checkpoint} is not the published CHGNet {version}: sha256 {sha256}",
            "pip install --force-reinstall chgnet",
        )
    return sha256
