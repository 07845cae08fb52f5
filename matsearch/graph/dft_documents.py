"""What DFT jobs of our own give back: one document, field names as in emmet's where emmet has the field."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, PlainSerializer
from pymatgen.core import Structure

from matsearch.core.dft import DftCalculation, DftOutcome, DftSettings, DftTask, IonicSteps
from matsearch.core.errors import InputError
from matsearch.core.records import Frame
from matsearch.core.verdict import Verdict

JobStructure = Annotated[
    Structure, PlainSerializer(lambda s: s.as_dict(), return_type=dict, when_used="json")
]
"""In the form that jobflow resolves to a Structure again, for the next job of a flow."""


class GpawTaskDocument(BaseModel):
    """A GPAW calculation: how it was asked for and how it ended. Sites are in the order of ``structure``."""

    task_key: str = Field(description="Content key over structure, initial moments and settings.")
    task_label: str = Field(description="For people.")
    state: Literal["successful", "failed"]
    verdict: dict[str, Any] | None = Field(default=None, description="Why it failed: kind, stage, detail.")
    formula_pretty: str = Field(description="Reduced formula.")
    chemsys: str = Field(description="Elements, such as Cl-Na.")
    nsites: int
    initial_structure: JobStructure = Field(description="As it was given, sites in canonical order.")
    structure: JobStructure = Field(description="Final; of a failed calculation the initial one.")
    energy: float | None = Field(default=None, description="eV, extrapolated to zero smearing.")
    energy_per_atom: float | None = Field(default=None, description="eV/atom.")
    forces: list[list[float]] | None = Field(default=None, description="eV/angstrom.")
    stress: list[list[float]] | None = Field(default=None, description="GPa, tension positive.")
    magmoms: list[float] | None = Field(default=None, description="Bohr magnetons; none without spin.")
    ionic_steps: list[dict[str, Any]] = Field(
        default=[],
        description="Structure, energy, forces, stress and moments of every step; of a calculation that ended well "
        "the last is final.",
    )
    input: dict[str, Any] = Field(description="Settings: code, functional, scheme_id, parameters.")
    hubbards: dict[str, float] = Field(default={}, description="U in eV by element.")
    run_type: str | None = Field(default=None, description="GGA, GGA+U or r2SCAN.")
    software: str | None = Field(default=None, description="Code and version.")
    n_electrons: int | None = Field(default=None, description="Valence electrons.")
    n_kpoints: int | None = Field(default=None, description="Irreducible k-points.")
    spin_polarized: bool | None = None
    cores: int | None = Field(default=None, description="Processes.")
    core_hours: float = Field(description="Of all attempts, also of what failed.")
    dir_name: str = Field(default="", description="Folder of the calculation's files.")


def document_of(task: DftTask, outcome: DftOutcome, folder: str = "") -> GpawTaskDocument:
    """Return the document of a task's end.

    Parameters
    ----------
    folder : str
        Where the files of a calculation that failed are.
    """
    structure = task.structure
    said: dict[str, Any] = {
        "task_key": task.key,
        "task_label": task.label,
        "state": "failed",
        "formula_pretty": structure.composition.reduced_formula,
        "chemsys": structure.chemical_system,
        "nsites": len(structure),
        "initial_structure": structure,
        "structure": structure,
        "input": task.settings.document(),
        "core_hours": outcome.core_hours,
        "dir_name": folder,
    }
    if outcome.verdict is not None:
        said["verdict"] = outcome.verdict.document()
    if outcome.unfinished is not None:
        steps = outcome.unfinished.document()
        said |= {name: steps[name] for name in ("hubbards", "software")} | {"ionic_steps": steps["frames"]}
    if outcome.calculation is not None:
        said |= _of_success(outcome.calculation)
    return GpawTaskDocument(**said)


def document_to_outcome(document: GpawTaskDocument | Mapping[str, Any]) -> DftOutcome:
    """Return the end of the task that a document, or its stored form, tells of.

    Raises
    ------
    InputError
        If it is no such document.
    """
    try:
        known = _validated(document)
        if known.state == "failed":
            verdict = Verdict.model_validate(known.verdict)
            return DftOutcome(
                key=known.task_key,
                verdict=verdict,
                unfinished=_unfinished(known),
                core_hours=known.core_hours,
            )
        return DftOutcome(key=known.task_key, calculation=_calculation(known), core_hours=known.core_hours)
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"no document of a GPAW calculation: {reason}", "run the job again") from error


def _of_success(calculation: DftCalculation) -> dict[str, Any]:
    plain = calculation.document()
    same = ("energy", "energy_per_atom", "forces", "stress", "magmoms", "hubbards", "run_type", "software")
    more = ("n_electrons", "n_kpoints", "spin_polarized", "cores", "core_hours")
    return {
        **{name: plain[name] for name in (*same, *more)},
        "state": "successful",
        "structure": calculation.structure,
        "ionic_steps": plain["frames"],
        "dir_name": calculation.directory,
    }


def _unfinished(document: GpawTaskDocument) -> IonicSteps | None:
    if not document.ionic_steps:
        return None
    return IonicSteps(
        frames=_frames(document),
        settings=DftSettings.model_validate(document.input),
        hubbards=document.hubbards,
        software=document.software or "",
    )


def _frames(document: GpawTaskDocument) -> tuple[Frame, ...]:
    return tuple(Frame.model_validate(_plain(step)) for step in document.ionic_steps)


def _calculation(document: GpawTaskDocument) -> DftCalculation:
    frames = _frames(document)
    same = ("initial_structure", "structure", "energy", "energy_per_atom", "forces", "stress", "magmoms")
    more = (
        "hubbards",
        "run_type",
        "software",
        "n_electrons",
        "n_kpoints",
        "spin_polarized",
        "cores",
        "core_hours",
    )
    return DftCalculation(
        **{name: getattr(document, name) for name in (*same, *more)},
        frames=frames,
        settings=DftSettings.model_validate(document.input),
        n_steps=len(frames),
        directory=document.dir_name,
    )


def _validated(document: GpawTaskDocument | Mapping[str, Any]) -> GpawTaskDocument:
    if isinstance(document, GpawTaskDocument):
        return document
    # jobflow keeps a document with the name of its class
    return GpawTaskDocument.model_validate(_plain(document))


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in document.items() if not key.startswith("@")}
