"""One calculation as jobs, and what came out of them."""

import logging
import warnings
from pathlib import Path
from typing import Any

from jobflow import Flow, Job, JobStore, OnMissing, job, run_locally

from matsearch.core.dft import UNFINISHED, DftOutcome, DftTask
from matsearch.core.errors import DftError
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.core.verify_section import VerifySection
from matsearch.graph.backends import backend_of, require_ready, settings_of
from matsearch.graph.dft_documents import document_to_outcome
from matsearch.graph.dft_makers import gpaw_job
from matsearch.verify.stage import STAGE


@job
def calculate(task: dict[str, Any], verify: dict[str, Any], folder: str) -> dict[str, Any]:
    """Carry out one task by a potential; its every end is a document.

    Parameters
    ----------
    task : dict
        A :class:`~matsearch.core.dft.DftTask`.
    verify : dict
        The ``verify`` section.
    folder : str
        Where calculations keep their files, each in a folder of its own.
    """
    asked = DftTask.model_validate(task)
    return backend_of(VerifySection.model_validate(verify), Path(folder)).run(asked).document()


def calculation_flow(task: DftTask, section: VerifySection, folder: Path) -> Flow | Job:
    """Return the job or the flow of one task; :func:`outcome_of` reads its output."""
    if section.backend == "vasp":
        from matsearch.graph.vasp import vasp_flow

        return vasp_flow(task, section.vasp)
    if section.backend == "gpaw":
        run = section.run.model_copy(update={"folder": str(folder)})
        return gpaw_job(task, section.gpaw.model_dump(mode="json"), run.model_dump(mode="json"))
    made = calculate(task.document(), section.model_dump(mode="json"), str(folder))
    made.name = f"{section.backend} {task.label}"
    return made


def outcome_of(document: Any, task: DftTask, section: VerifySection) -> DftOutcome:
    """Return what a calculation came to.

    Parameters
    ----------
    document : Any
        The output of :func:`calculation_flow`; None where its job left none.
    """
    if document is None:
        # a calculation that fails documents it: without a document its process was killed, or could not begin
        detail = "its job ended without a document; its folder and the workflow manager say why"
        verdict = Verdict(kind=FailureKind.WORKER_DIED, stage=STAGE, detail=detail)
        return DftOutcome(key=task.key, verdict=verdict)
    if section.backend == "gpaw":
        return document_to_outcome(document)
    if section.backend == "potential":
        return DftOutcome.model_validate(document)
    from matsearch.graph.vasp import calculation_from, unfinished_from

    made = calculation_from(document, task)
    if isinstance(made, Verdict):
        unfinished = unfinished_from(document, task) if made.kind in UNFINISHED else None
        return DftOutcome(key=task.key, verdict=made, unfinished=unfinished)
    return DftOutcome(key=task.key, calculation=made, core_hours=made.core_hours)


class FlowBackend:
    """A :class:`~matsearch.core.protocols.DftBackend` that runs each calculation as a flow of its own, in this process.

    Parameters
    ----------
    section : VerifySection
        Which backend.
    folder : Path
        Where calculations keep their files.
    jobstore : JobStore
        Transport between the jobs of a flow.
    """

    def __init__(self, section: VerifySection, folder: Path, jobstore: JobStore) -> None:
        self._section, self._folder, self._jobstore = section, folder, jobstore
        self.settings = settings_of(section)
        self.name = self.settings.code

    def require_ready(self) -> None:
        """Return if calculations can be run here.

        Raises
        ------
        DftError
            Saying in one line what is missing, and the remedy.
        """
        require_ready(self._section)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            (self._folder / ".writable").touch()
            (self._folder / ".writable").unlink()
        except OSError as error:
            raise DftError(
                f"{self._folder} cannot be used: {error.strerror}", "choose another verify.run.folder"
            ) from error

    def run(self, task: DftTask) -> DftOutcome:
        """Carry out one task."""
        made = calculation_flow(task, self._section, self._folder)
        if self._section.backend == "vasp":
            # a job of an atomate2 Maker works in the folder it is run in, and each needs one of its own
            own_folder = self._folder / task.folder_name
            own_folder.mkdir(parents=True, exist_ok=True)
            run_quietly(made, self._jobstore, root_dir=own_folder, create_folders=True)
        else:
            run_quietly(made, self._jobstore, raise_immediately=True)
        return outcome_of(_output(made, self._jobstore), task, self._section)


def run_quietly(made: Flow | Job, jobstore: JobStore, **options: Any) -> None:
    """Run jobs in this process. A job that fails stops those that need it, and nothing else."""
    # jobflow announces every job on the root logger; our own events say what a user wants to know
    logging.getLogger("jobflow").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, module="jobflow")
        run_locally(made, store=jobstore, log=False, **options)


def _output(made: Flow | Job, jobstore: JobStore) -> Any:
    return made.output.resolve(jobstore, on_missing=OnMissing.NONE)
