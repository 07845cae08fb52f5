"""DFT Makers in atomate2's grammar: ``GpawRelaxMaker().make(structure)`` is a job that works in anybody's flow."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from jobflow import Job, Maker, job
from pydantic import ValidationError
from pymatgen.core import Structure

from matsearch.core.dft import DftTask
from matsearch.core.errors import ConfigError, DftError
from matsearch.core.verify_section import GpawSection, RunSection
from matsearch.graph.dft_documents import GpawTaskDocument, document_of
from matsearch.verify.gpaw.backend import GpawBackend
from matsearch.verify.gpaw.previous import previous_step
from matsearch.verify.settings import dft_task


@dataclass
class _GpawMaker(Maker):
    name: str = "GPAW"
    gpaw: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    box: bool = False
    on_failure: Literal["raise", "document"] = "raise"

    relax: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what is no setting now, not when the job runs."""
        self._sections()

    @job(data=["ionic_steps"], output_schema=GpawTaskDocument)
    def make(self, structure: Structure, prev_dir: str | Path | None = None) -> GpawTaskDocument:
        """Return a job that computes a structure.

        Parameters
        ----------
        structure : Structure
            Ordered. A site property ``magmom`` gives the initial moments in Bohr magnetons; without, the chemistry does.
        prev_dir : str or Path, optional
            Folder of an earlier GPAW calculation of the same sites, such as ``dir_name`` of its document. A relaxation
            goes on from its last ionic step; a static calculation takes its moments alone.

        Returns
        -------
        GpawTaskDocument
            Sites in the canonical order of :func:`matsearch.crystal.canonical.sorted_sites`.

        Raises
        ------
        ConfigError
            If the settings do not suit the structure.
        DftError
            If GPAW cannot be run here, the earlier folder cannot be used, or the calculation fails and ``on_failure`` is
            ``raise``.
        """
        gpaw, run = self._sections()
        folder = Path(run.folder) if run.folder else Path.cwd()
        backend = GpawBackend(gpaw, run, folder, relax=self.relax)
        task = self._task(structure, backend, prev_dir)
        outcome = backend.run(task)
        if outcome.verdict is not None and self.on_failure == "raise":
            raise DftError(
                f"{task.label}: {outcome.verdict.kind}: {outcome.verdict.detail}",
                f"its files are in {backend.folder_of(task)}; run the job again to go on",
            )
        return document_of(task, outcome, str(backend.folder_of(task)))

    def _task(self, structure: Structure, backend: GpawBackend, prev_dir: str | Path | None) -> DftTask:
        magmoms = structure.site_properties.get("magmom")
        if prev_dir is not None:
            before = previous_step(prev_dir, structure)
            structure = before.structure if self.relax else structure
            if before.structure.species == structure.species:
                magmoms = before.magmoms or magmoms
        formula = structure.composition.reduced_formula
        return dft_task(structure, backend.settings, formula, magmoms, box=self.box)

    def _sections(self) -> tuple[GpawSection, RunSection]:
        try:
            return GpawSection.model_validate(self.gpaw), RunSection.model_validate(self.run)
        except ValidationError as error:
            item = error.errors()[0]
            name = ".".join(str(part) for part in item["loc"])
            raise ConfigError(
                f"{type(self).__name__}: {name}: {item['msg']} (got {item['input']!r})",
                "use the keys of verify.gpaw and verify.run",
            ) from error


@dataclass
class GpawRelaxMaker(_GpawMaker):
    """Relax ions and cell with GPAW, in processes of its own.

    Parameters
    ----------
    name : str
        Job name.
    gpaw : dict
        Settings that change the answer, keys of the section ``verify.gpaw``.
    run : dict
        Cores, time limit, interpreter, folder: keys of ``verify.run``. Without a folder files go to the job's own.
    box : bool
        A molecule alone in a large cell: the cell stays, one k-point.
    on_failure : str
        ``raise`` stops the flow; ``document`` returns a document with the verdict.
    """

    name: str = "GPAW relax"


@dataclass
class GpawStaticMaker(_GpawMaker):
    """Energy, forces, stress and moments of a structure as it is; parameters as of :class:`GpawRelaxMaker`."""

    name: str = "GPAW static"
    relax: ClassVar[bool] = False


def gpaw_job(task: DftTask, gpaw: dict[str, Any], run: dict[str, Any]) -> Job:
    """Return the job that carries out a task, and documents also its failure.

    Parameters
    ----------
    gpaw, run : dict
        Sections ``verify.gpaw`` and ``verify.run``; the former gives the task's settings.
    """
    structure = task.structure
    if task.magmoms is not None:
        structure = structure.copy(site_properties={"magmom": list(task.magmoms)})
    kind = GpawRelaxMaker if task.settings.parameters["relax"] else GpawStaticMaker
    maker = kind(name=f"GPAW {task.label}", gpaw=gpaw, run=run, box=task.box, on_failure="document")
    made: Job = maker.make(structure)
    return made
