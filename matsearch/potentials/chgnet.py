"""CHGNet (Deng et al., Nat. Mach. Intell. 5, 1031 (2023)), from the weights in its own wheel."""

import contextlib
import hashlib
import io
import os
import warnings
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from matsearch.core.errors import PotentialError
from matsearch.core.protocols import PotentialInfo
from matsearch.core.schemes import get_scheme

if TYPE_CHECKING:
    from ase.calculators.calculator import Calculator

_SCHEMES = {"0.3.0": "chgnet-0.3.0", "0.2.0": "chgnet-0.2.0", "r2scan": "chgnet-r2scan"}
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
        if version not in _SCHEMES:
            raise PotentialError(f"unknown CHGNet version {version!r}", f"known: {', '.join(_SCHEMES)}")
        self._version = version
        self.info = PotentialInfo(
            name="chgnet",
            version=version,
            sha256=_weights_sha256(version),
            scheme_id=_SCHEMES[version],
            elements=get_scheme(_SCHEMES[version]).elements,
            gives=frozenset({"forces", "stress", "magmoms"}),
        )

    def calculator(self) -> "Calculator":
        """Return CHGNet's ASE calculator; an isolated atom raises instead of a meaningless energy."""
        # several processes of one thread beat one process of many, and OpenMP's spinning threads slow all of them
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        import torch

        torch.set_num_threads(1)
        # the library prints a greeting, which has no place in a command's output
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            from chgnet.model import CHGNet
            from chgnet.model.dynamics import CHGNetCalculator

            model = CHGNet.load(model_name=self._version, use_device="cpu", verbose=False)
            return CHGNetCalculator(model=model, use_device="cpu", on_isolated_atoms="error")


@cache
def _weights_sha256(version: str) -> str:
    spec = find_spec("chgnet")
    if spec is None or spec.origin is None:
        raise PotentialError("CHGNet is not installed", "pip install chgnet")
    folder = Path(spec.origin).parent / "pretrained" / version
    checkpoints = sorted(folder.glob("*.pth.tar"))
    if not checkpoints:
        raise PotentialError(
            f"no CHGNet {version} weights in {folder}", "pip install --force-reinstall chgnet"
        )
    sha256 = hashlib.sha256(checkpoints[0].read_bytes()).hexdigest()
    if sha256 != _PUBLISHED[version]:
        raise PotentialError(
            f"{checkpoints[0]} is not the published CHGNet {version}: sha256 {sha256}",
            "pip install --force-reinstall chgnet",
        )
    return sha256
