"""What a worker wrote, read as data: whatever has another shape, or a number that is not finite, is not there."""

import json
import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError, model_validator
from pymatgen.core import Lattice, Structure

from matsearch.core.dft import DftCalculation, DftTask, IonicSteps
from matsearch.core.model import Record
from matsearch.core.records import Frame
from matsearch.core.text import one_line
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.crystal.hubbard import hubbard_u
from matsearch.verify.stage import STAGE

MAX_BYTES = 256 * 1024 * 1024
_WITH_U = "PBE+U"

Vector = tuple[float, float, float]
Matrix = tuple[Vector, Vector, Vector]
_ERRORS = {
    kind.value: kind
    for kind in (
        FailureKind.SCF_NOT_CONVERGED,
        FailureKind.DFT_REFUSED,
        FailureKind.OUT_OF_MEMORY,
        FailureKind.CALCULATION_FAILED,
    )
}


class Step(Record):
    """One ionic step as the worker writes it: eV, eV/angstrom, GPa (tension positive, as in ASE), Bohr magnetons."""

    cell: Matrix
    frac_coords: tuple[Vector, ...]
    energy: float
    forces: tuple[Vector, ...]
    stress: Matrix
    magmoms: tuple[float, ...] | None

    @model_validator(mode="after")
    def _one_crystal(self) -> "Step":
        n_moments = len(self.frac_coords) if self.magmoms is None else len(self.magmoms)
        if not len(self.frac_coords) == len(self.forces) == n_moments:
            raise ValueError("positions, forces and moments are not of as many atoms")
        if abs(Lattice(self.cell).volume) < 1.0:
            raise ValueError("the cell is flat")
        return self

    @property
    def fmax(self) -> float:
        """Largest force on an atom in eV/angstrom."""
        return max(math.hypot(*force) for force in self.forces)

    @property
    def reached(self) -> str:
        """How far it is from a minimum. Symmetry may leave no forces, and the stress alone to relax."""
        stress = max(abs(component) for row in self.stress for component in row)
        return f"forces up to {self.fmax:.3f} eV/A, stress up to {stress:.2f} GPa"


class Failure(Record):
    """Why a worker gave up."""

    kind: str
    detail: Annotated[str, Field(max_length=1000)]
    traceback: str = ""

    def verdict(self) -> Verdict:
        """Return it as the end of a task."""
        kind = _ERRORS.get(self.kind, FailureKind.CALCULATION_FAILED)
        return Verdict(kind=kind, stage=STAGE, detail=self.detail)


class Result(Record):
    """What a worker that came to its end says beside the steps."""

    converged: bool
    symbols: tuple[str, ...]
    versions: dict[Literal["gpaw", "ase"], Annotated[str, Field(max_length=50)]]
    n_electrons: int
    n_kpoints: int
    spin_polarized: bool


def read_steps(path: Path, n_atoms: int) -> list[Step]:
    """Return the ionic steps of a crystal, up to the first line that is cut off or is no step of it."""
    steps: list[Step] = []
    for line in _lines(path):
        try:
            step = Step.model_validate(json.loads(line))
        except (ValueError, RecursionError):  # a pydantic ValidationError is a ValueError
            break
        if len(step.frac_coords) != n_atoms:
            break
        steps.append(step)
    return steps


def read_result(path: Path) -> Result | Failure | None:
    """Return what the worker came to, None where that is not there or cannot be read."""
    try:
        document = json.loads(b"\n".join(_lines(path)))
        if isinstance(document, dict) and document.keys() == {"error"}:
            return Failure.model_validate(document["error"])
        return Result.model_validate(document)
    except (ValidationError, ValueError, RecursionError):
        return None


def hubbards_of(task: DftTask) -> dict[str, float]:
    """Return the U values in eV that a task is computed with: with PBE+U those of its composition, else none."""
    return hubbard_u(task.structure.composition) if task.settings.functional == _WITH_U else {}


def run_type(task: DftTask) -> str:
    """Return the run type as in a ComputedEntry: a compound that has no U is plain GGA also with PBE+U."""
    if task.settings.functional == "r2SCAN":
        return "r2SCAN"
    return "GGA+U" if hubbards_of(task) else "GGA"


def calculation_of(
    task: DftTask, steps: list[Step], result: Result, *, cores: int, core_hours: float, folder: Path
) -> DftCalculation | Verdict:
    """Return the calculation of a task, or the verdict on what came of it.

    Parameters
    ----------
    steps : list of Step
        At least one.
    """
    symbols = tuple(site.specie.symbol for site in task.structure)
    if result.symbols != symbols:
        detail = f"a calculation of {one_line(' '.join(result.symbols), 60)} in place of {' '.join(symbols)}"
        return Verdict(kind=FailureKind.WRONG_DOCUMENT, stage=STAGE, detail=detail)
    last = steps[-1]
    if not result.converged:
        detail = f"{len(steps)} ionic steps were not enough: {last.reached}"
        return Verdict(kind=FailureKind.NOT_CONVERGED, stage=STAGE, detail=detail)
    software = _software(result.versions.get("gpaw", ""))
    frames = _frames(steps, task, software)
    return DftCalculation(
        initial_structure=task.structure,
        structure=frames[-1].structure,
        energy=last.energy,
        energy_per_atom=last.energy / len(symbols),
        forces=last.forces,
        stress=last.stress,
        magmoms=last.magmoms,
        frames=frames,
        settings=task.settings,
        hubbards=hubbards_of(task),
        run_type=run_type(task),
        software=software,
        n_electrons=result.n_electrons,
        n_kpoints=result.n_kpoints,
        spin_polarized=result.spin_polarized,
        n_steps=len(steps),
        cores=cores,
        core_hours=core_hours,
        directory=str(folder),
    )


def steps_of(task: DftTask, steps: list[Step], version: str) -> IonicSteps | None:
    """Return the steps of a calculation that did not converge; None where it made none.

    Parameters
    ----------
    version : str
        Of GPAW.
    """
    if not steps:
        return None
    software = _software(version)
    return IonicSteps(
        frames=_frames(steps, task, software),
        settings=task.settings,
        hubbards=hubbards_of(task),
        software=software,
    )


def _software(version: str) -> str:
    return f"GPAW {version}".strip()


def _frames(steps: list[Step], task: DftTask, software: str) -> tuple[Frame, ...]:
    return tuple(_frame(step, task, f"{software} {task.settings.functional}") for step in steps)


def _frame(step: Step, task: DftTask, source: str) -> Frame:
    species = [site.specie for site in task.structure]
    return Frame(
        structure=Structure(Lattice(step.cell), species, step.frac_coords),
        energy=step.energy,
        forces=step.forces,
        stress=step.stress,
        magmoms=step.magmoms,
        scheme_id=task.settings.scheme_id,
        source=source,
    )


def _lines(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES).splitlines()
    except OSError:
        return []


def task_document(task: DftTask, magmoms: tuple[float, ...] | None) -> dict[str, Any]:
    """Return a task as the worker reads it."""
    structure = task.structure
    return {
        "key": task.key,
        "symbols": [site.specie.symbol for site in structure],
        "cell": structure.lattice.matrix.tolist(),
        "frac_coords": structure.frac_coords.tolist(),
        "magmoms": magmoms,
        "functional": task.settings.functional,
        "hubbards": hubbards_of(task),
        "parameters": task.settings.parameters | task.settings.limits,
        "box": task.box,
    }
