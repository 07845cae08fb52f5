"""A potential in another Python environment, reached through a process of that environment's interpreter.

The dependencies of potentials conflict (MACE wants e3nn 0.4.4, SevenNet at least 0.5.0), so not all of them fit into
one environment.
"""

import contextlib
import json
import subprocess
import tempfile
import threading
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any, ClassVar

import numpy as np
from ase import Atoms
from ase.calculators.calculator import Calculator, all_changes

from matsearch.core.children import last_words, one_thread_environment, start_child
from matsearch.core.errors import PotentialError
from matsearch.core.protocols import PotentialInfo

START_LIMIT_S = 180.0
END_LIMIT_S = 5.0
SERVE = Path(__file__).with_name("serve.py")
# what the guards of a relaxation tell apart by type
_ERRORS = {"ValueError": ValueError, "MemoryError": MemoryError, "OutOfMemoryError": MemoryError}


class RemotePotential:
    """A potential whose calculators run under another interpreter.

    Parameters
    ----------
    python : str
        Path of the interpreter.
    setup : mapping
        ``calculator`` (import path there) and its ``arguments``, as :mod:`matsearch.potentials.serve` reads them.
    """

    def __init__(self, info: PotentialInfo, python: str, setup: Mapping[str, Any]) -> None:
        self.info = info
        self._python = python
        self._setup = {**setup, "do": "serve"}

    def calculator(self) -> "RemoteCalculator":
        """Return an ASE calculator, whose process has started and loaded it.

        Raises
        ------
        PotentialError
            If the process cannot be started, or cannot build the calculator.
        """
        made = RemoteCalculator(self._python, self._setup)
        made.start()
        return made


class RemoteCalculator(Calculator):
    """ASE calculator that sends geometries to a process of its own, which ends with it.

    What is not finite there is NaN here. After the process died the next geometry starts another one.
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "forces", "stress", "magmoms", "charges"]

    def __init__(self, python: str, setup: Mapping[str, Any]) -> None:
        super().__init__()
        self._python = python
        self._setup = setup
        self._child: Child | None = None

    def calculate(
        self,
        atoms: Atoms | None = None,
        properties: Sequence[str] = ("energy",),
        system_changes: Sequence[str] = tuple(all_changes),
    ) -> None:
        """Compute all that the other side gives.

        Raises
        ------
        PotentialError
            If the process cannot be started or died.
        ValueError, MemoryError, RuntimeError
            As the calculator raised there; RuntimeError for any other type.
        """
        super().calculate(atoms, list(properties), list(system_changes))
        cell = self.atoms
        geometry = {
            "numbers": cell.numbers.tolist(),
            "positions": cell.positions.tolist(),
            "cell": cell.cell.array.tolist(),
            "pbc": cell.pbc.tolist(),
        }
        try:
            reply = self.start().ask(geometry)
        except BaseException:  # after Ctrl-C too: a late reply would be taken for the next geometry's
            self.close()
            raise
        if "error" in reply:
            raise _as_raised(reply["error"])
        self.results: dict[str, Any] = {k: _array(v) for k, v in reply["results"].items()}

    def close(self) -> None:
        """End the process."""
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def start(self) -> "Child":
        """Return the process, started and with the calculator loaded, if it is not yet.

        Raises
        ------
        PotentialError
            If it cannot be started, or cannot build the calculator.
        """
        if self._child is None:
            child = Child(self._python, self._setup)
            reply = child.read(START_LIMIT_S)
            if "error" in reply:
                child.close()
                raise PotentialError(
                    f"{self._setup['calculator']} cannot be loaded by {self._python}: {reply['error']['type']}: "
                    f"{reply['error']['message']}",
                    "mend that environment, or correct the section `potential`",
                )
            self._child = child
        return self._child


def describe_there(python: str, setup: Mapping[str, Any]) -> dict[str, Any]:
    """Return what :func:`matsearch.potentials.serve.described` says under another interpreter.

    Raises
    ------
    PotentialError
        If it cannot be run.
    """
    child = Child(python, {**setup, "do": "describe"})
    try:
        return child.read(START_LIMIT_S)
    finally:
        child.close()


class Child:
    """A process of another interpreter that runs ``serve.py``.

    Parameters
    ----------
    setup : mapping
        Its first message.

    Raises
    ------
    PotentialError
        If there is no such interpreter.
    """

    def __init__(self, python: str, setup: Mapping[str, Any]) -> None:
        self._python = python
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process
        environment = one_thread_environment()
        environment.pop("PYTHONHOME", None)
        try:
            self._process = start_child([python, str(SERVE)], self._errors, environment)
        except OSError as error:
            self._errors.close()
            raise PotentialError(
                f"potential.python: {python} cannot be run: {error.strerror}",
                "give the path of another environment's interpreter, such as /path/to/venv/bin/python",
            ) from error
        self.close = weakref.finalize(self, _end, self._process, self._errors)
        self._send(setup)

    def ask(self, message: Mapping[str, Any], limit_s: float | None = None) -> dict[str, Any]:
        """Send a message and return the reply."""
        self._send(message)
        return self.read(limit_s)

    def read(self, limit_s: float | None = None) -> dict[str, Any]:
        """Return the next reply.

        Raises
        ------
        PotentialError
            If the process ended, or was ended because the limit passed, before it replied.
        """
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            self._process.kill()

        timer = threading.Timer(limit_s, expire) if limit_s is not None else None
        if timer:
            timer.start()
        try:
            line = self._process.stdout.readline()  # type: ignore[union-attr]
        finally:
            if timer:
                timer.cancel()
        if line.endswith("\n"):
            reply: dict[str, Any] = json.loads(line)
            return reply
        raise self._ended(limit_s if expired.is_set() else None)

    def _send(self, message: Mapping[str, Any]) -> None:
        # a process that is gone is told of where its reply is read
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message, allow_nan=False) + "\n")  # type: ignore[union-attr]
            self._process.stdin.flush()  # type: ignore[union-attr]

    def _ended(self, limit_s: float | None) -> PotentialError:
        # its output is closed, so it is about to end, with a status of its own
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_LIMIT_S)
        self._process.kill()
        code = self._process.wait()
        words = last_words(self._errors)
        self.close()
        if limit_s is not None:
            return PotentialError(
                f"{self._python} did not load the potential within {limit_s:g} s", "look at its environment"
            )
        return PotentialError(
            f"the potential's process ({self._python}) ended with status {code}: {words}".rstrip(": "),
            "run the same command again; if it ends again, look at that environment and at memory",
        )


def _end(process: subprocess.Popen[str], errors: IO[bytes]) -> None:
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, errors):
        with contextlib.suppress(OSError):
            stream.close()  # type: ignore[union-attr]


def _as_raised(error: Mapping[str, str]) -> Exception:
    kind = _ERRORS.get(error["type"])
    return kind(error["message"]) if kind else RuntimeError(f"{error['type']}: {error['message']}")


def _array(value: Any) -> Any:
    # null stands for what is not finite
    array = np.array(value, dtype=float)
    return float(array) if array.ndim == 0 else array
