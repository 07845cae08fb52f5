"""An ASE calculator served to another Python: run by path, ``OTHER_PYTHON .../serve.py``, JSON lines in and out.

It imports the standard library alone, and numpy and ase once there is something to compute, so that it runs in an
environment without matsearch. The first line says what to do, each further line is a geometry::

    {"do": "serve", "calculator": "package.module:Name", "arguments": {...}}
    {"numbers": [11, 17], "positions": [[...], [...]], "cell": [[...], [...], [...]], "pbc": [true, true, true]}

and each gets one line back: ``ready``, ``results`` (eV, eV/angstrom, eV/angstrom^3; null for what is not finite) or an
``error``. Instead of ``serve``, ``describe`` answers which code and weights there are, and ends. The process ends by
itself when its standard input closes, so it never outlives its parent.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
import os
import queue
import sys
import threading
import warnings
from functools import lru_cache
from importlib import metadata, util
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOT_INSTALLED = "NotInstalled"
_NEEDED = ("energy", "forces", "stress")
_MORE = ("magmoms", "charges")


def main() -> None:
    """Serve until standard input closes."""
    # libraries print to standard output; the protocol keeps the real one to itself
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    # this file's own folder comes first, and its neighbours have names of packages
    sys.path.pop(0)
    warnings.simplefilter("ignore")
    messages = read_in_background(sys.stdin)
    setup = messages.get()
    if setup["do"] == "describe":
        write_line(replies, described(setup))
        return
    made = _contained(lambda: {"calculator": build(setup)})
    if "error" in made:
        write_line(replies, made)
        return
    write_line(replies, {"ready": True})
    while True:
        write_line(replies, _answer(made["calculator"], messages.get()))


def build(setup: dict[str, Any]) -> Any:
    """Return the calculator that a set-up names.

    Raises
    ------
    TypeError
        If it gives no energies, forces or stresses, without which nothing is relaxed.
    """
    made = _imported(setup["calculator"])(**setup["arguments"])
    missing = [name for name in _NEEDED if name not in made.implemented_properties]
    if missing:
        message = f"it gives no {', '.join(missing)}, which a relaxation needs"
        raise TypeError(message)
    return made


def compute(calculator: Any, geometry: dict[str, Any]) -> dict[str, Any]:
    """Return a geometry's results as JSON types; null for each number that is not finite.

    Returns
    -------
    dict
        ``energy`` (eV), ``forces`` (eV/angstrom), ``stress`` (eV/angstrom^3, six components in ASE's order), and
        ``magmoms`` (Bohr magnetons) and ``charges`` (e) where the calculator gives them.
    """
    from ase import Atoms

    atoms = Atoms(**geometry)
    atoms.calc = calculator
    results: dict[str, Any] = {"energy": atoms.get_potential_energy()}
    results |= {"forces": atoms.get_forces(), "stress": atoms.get_stress()}
    results |= {name: calculator.results[name] for name in _MORE if name in calculator.results}
    return {name: _plain(value) for name, value in results.items()}


def described(setup: dict[str, Any]) -> dict[str, Any]:
    """Return what there is of a calculator, without building it if that can be helped; or an ``error``.

    Returns
    -------
    dict
        ``code``: names and versions of the distributions that hold it, or the sha256 of its source if none does, if
        the set-up asks for it;
        ``weights``: path of the file, if the set-up names a function that finds it (``locate``, ``version``);
        ``tensors``: sha256 of the model's parameters, if the set-up asks for it.
    """
    package = setup["calculator"].partition(":")[0].partition(".")[0]
    if util.find_spec(package) is None:
        return {"error": {"type": NOT_INSTALLED, "message": f"no module named {package!r}"}}
    return _contained(lambda: _described(setup, package))


def _described(setup: dict[str, Any], package: str) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if setup.get("code"):
        facts["code"] = _code(package)
    if "locate" in setup:
        facts["weights"] = str(_imported(setup["locate"])(setup["version"]))
    if setup.get("tensors"):
        facts["tensors"] = _tensors_sha256(build(setup))
    return facts


def _code(package: str) -> list[str]:
    names = sorted(set(_distributions().get(package, ())))
    return [f"{name} {metadata.version(name)}" for name in names] or [_source_sha256(package)]


@lru_cache(maxsize=1)
def _distributions() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _source_sha256(package: str) -> str:
    spec = util.find_spec(package)
    folders = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    files = [(folder, path) for folder in folders for path in sorted(folder.rglob("*.py"))]
    if not files and spec and spec.origin:
        files = [(Path(spec.origin).parent, Path(spec.origin))]
    digest = hashlib.sha256()
    for folder, path in files:
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _tensors_sha256(calculator: Any) -> str:
    """Return the sha256 over names, types, shapes and bytes of the parameters of a calculator's torch models."""
    digest = hashlib.sha256()
    for attribute, value in sorted(vars(calculator).items()):
        for model in value if isinstance(value, (list, tuple)) else [value]:
            if not hasattr(model, "state_dict"):
                continue
            for name, tensor in sorted(model.state_dict().items()):
                array = tensor.detach().cpu().numpy()
                digest.update(f"{attribute}.{name} {array.dtype} {array.shape}\n".encode() + array.tobytes())
    if digest.digest() == hashlib.sha256().digest():
        message = f"{type(calculator).__name__} has no torch model whose parameters could be hashed"
        raise TypeError(message)
    return digest.hexdigest()


def _answer(calculator: Any, geometry: dict[str, Any]) -> dict[str, Any]:
    return _contained(lambda: {"results": compute(calculator, geometry)})


def _imported(path: str) -> Callable[..., Any]:
    module, _, name = path.partition(":")
    found = importlib.import_module(module)
    for part in name.split("."):
        found = getattr(found, part)
    return found  # type: ignore[return-value]


def _contained(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is told in one line
        text = " ".join(str(error).split())
        return {"error": {"type": type(error).__name__, "message": text[:500]}}


def _plain(value: Any) -> Any:
    import numpy as np

    return _finite(np.asarray(value, dtype=float).tolist())


def _finite(value: Any) -> Any:
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value if math.isfinite(value) else None


def read_in_background(stream: IO[str]) -> queue.SimpleQueue[dict[str, Any]]:
    """Return the messages of a stream as they come, one JSON object a line; the end of it ends this process."""
    messages: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()

    def read() -> None:
        for line in stream:
            messages.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return messages


def write_line(stream: IO[str], message: dict[str, Any]) -> None:
    """Write a message as one line."""
    stream.write(json.dumps(message, allow_nan=False) + "\n")
    stream.flush()


if __name__ == "__main__":
    main()
