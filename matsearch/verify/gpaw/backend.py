"""GPAW behind the protocol of DFT backends: one task, one folder, processes of its own."""

import time
from pathlib import Path

from matsearch.core.boundary import contained
from matsearch.core.dft import UNFINISHED, DftCalculation, DftOutcome, DftTask
from matsearch.core.errors import DftError
from matsearch.core.progress import report
from matsearch.core.text import counted, one_line
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.core.verify_section import GpawSection, RunSection
from matsearch.verify.gpaw import process as processes
from matsearch.verify.gpaw.folder import TaskFolder
from matsearch.verify.gpaw.ready import Installation, available_cores, require_gpaw
from matsearch.verify.gpaw.results import Failure, Result, Step, calculation_of, steps_of
from matsearch.verify.settings import GPAW, gpaw_settings, with_tries
from matsearch.verify.stage import STAGE

_MEMORY_WORDS = ("MemoryError", "bad_alloc", "Cannot allocate memory", "oom-kill", "Out Of Memory")

_KEEP_S = 30.0
"""How much of the time spent is not known after a kill of this process, at most."""


class GpawBackend:
    """Compute crystals with GPAW, each in a folder where a later attempt goes on.

    Parameters
    ----------
    section : GpawSection
        What changes the answer.
    run : RunSection
        What does not.
    folder : Path
        Holds the folders of the tasks.
    relax : bool
        Of ``settings``: whether ions and cell move.

    Raises
    ------
    ConfigError
        If the settings cannot give a right answer.
    """

    def __init__(self, section: GpawSection, run: RunSection, folder: Path, *, relax: bool = True) -> None:
        self.name = f"{GPAW} {section.functional}"
        self.settings = with_tries(gpaw_settings(section, relax=relax), run)
        self._run = run
        self._folder = folder

    def require_ready(self) -> None:
        """Return if GPAW can be run here.

        Raises
        ------
        DftError
            Saying in one line what is missing, and the remedy.
        """
        require_gpaw(self._run)

    def folder_of(self, task: DftTask) -> Path:
        """Return the folder of a task's files."""
        return TaskFolder(self._folder, task).path

    def run(self, task: DftTask) -> DftOutcome:
        """Carry out one task with the settings that it names.

        Total for whatever a calculation comes to: time-outs, kills and failures are verdicts, and the next attempt goes on
        from the last ionic step, also one that more ionic steps are allowed to. A finished task is read from its folder.

        Raises
        ------
        DftError
            If nothing can be computed here: see :meth:`require_ready`; or if the task's folder is another's.
        """
        if task.settings.code != GPAW:
            raise DftError(
                f"{task.label}: a task for {task.settings.code} was given to GPAW", "use its own backend"
            )
        found = require_gpaw(self._run)
        folder = TaskFolder(self._folder, task)
        folder.open()
        made = contained(STAGE, lambda: self._made(task, folder, found))
        hours = folder.core_hours()
        if isinstance(made, Verdict):
            unfinished = steps_of(task, folder.steps(), found.version) if made.kind in UNFINISHED else None
            return DftOutcome(key=task.key, verdict=made, unfinished=unfinished, core_hours=hours)
        return DftOutcome(key=task.key, calculation=made, core_hours=hours)

    def _made(self, task: DftTask, folder: TaskFolder, found: Installation) -> DftCalculation | Verdict:
        missing = sorted({site.specie.symbol for site in task.structure} - found.setups)
        if missing:
            detail = f"GPAW {found.version} here has no PAW dataset for {', '.join(missing)}"
            return Verdict(kind=FailureKind.DFT_REFUSED, stage=STAGE, detail=detail)
        until = time.monotonic() + self._run.time_limit_h * 3600.0
        with folder.held(until) as held:
            if not held:
                return self._timed_out(folder, "another process computes it")
            finished = _finished(task, folder)
            return finished if finished is not None else self._attempt(task, folder, found, until)

    def _attempt(
        self, task: DftTask, folder: TaskFolder, found: Installation, until: float
    ) -> DftCalculation | Verdict:
        """Start processes, watch them, end them, and return what they came to."""
        folder.begin()
        cores = processes.useful_processes(task, available_cores(self._run))
        watch = _Watch(task, folder, cores)
        kills_before = processes.out_of_memory_kills()
        with folder.log.open("wb") as log:
            arguments = processes.command(self._run, found.python, folder.path, cores)
            process = processes.start(arguments, folder.path, log)
            try:
                in_time = processes.watched(process, until, watch.look)
            finally:
                # an interrupt of this process ends the calculation too
                code = process.poll()
                processes.end(process)
                watch.close()
        finished = _finished(task, folder)
        if finished is not None:
            return finished
        result = folder.result()
        if isinstance(result, Failure):
            return _failed(task, result.verdict(), len(folder.steps()))
        if not in_time:
            return self._timed_out(folder, f"{cores} processes")
        return _lost(folder, code, kernel_killed=processes.out_of_memory_kills() > kills_before)

    def _timed_out(self, folder: TaskFolder, who: str) -> Verdict:
        steps = folder.steps()
        reached = f", {steps[-1].reached}" if steps else ""
        detail = (
            f"{self._run.time_limit_h:g} h were not enough ({who}): {counted(len(steps), 'ionic step')} done{reached}; "
            "the next attempt goes on from there"
        )
        return Verdict(kind=FailureKind.TIME_OUT, stage=STAGE, detail=detail)


class _Watch:
    """Says each new ionic step, and keeps the time."""

    def __init__(self, task: DftTask, folder: TaskFolder, cores: int) -> None:
        self._label = task.label
        self._folder = folder
        self._cores = cores
        self._earlier = folder.attempts()
        self._begun = time.monotonic()
        self._stamp = 0
        self._n_said = len(folder.steps())
        self._keep()

    def look(self) -> None:
        """Report the steps that are new since the last look."""
        if time.monotonic() - self._kept_at > _KEEP_S:
            self._keep()
        stamp = self._folder.steps_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        self._keep()
        steps = self._folder.steps()
        for number, step in enumerate(steps[self._n_said :], start=self._n_said + 1):
            self._say(number, step)
        self._n_said = max(self._n_said, len(steps))

    def close(self) -> None:
        """Report what is new at the end, and keep the time."""
        self.look()
        self._keep()

    def _say(self, number: int, step: Step) -> None:
        report(
            "dft_step",
            label=self._label,
            step=number,
            energy=step.energy,
            fmax=step.fmax,
            core_hours=self._folder.core_hours(),
        )

    def _keep(self) -> None:
        self._kept_at = time.monotonic()
        elapsed = round(self._kept_at - self._begun, 3)
        self._folder.keep_attempts([*self._earlier, (self._cores, elapsed)])


def _finished(task: DftTask, folder: TaskFolder) -> DftCalculation | Verdict | None:
    """Return what a folder with a whole result came to; None where there is work to do.

    Steps that ran out are the end only while no more are allowed than then.
    """
    result, steps = folder.result(), folder.steps()
    if not isinstance(result, Result) or not steps:
        return None
    if not result.converged and task.settings.limits.get("max_steps", 0) > folder.max_steps():
        return None
    attempts = folder.attempts()
    return calculation_of(
        task,
        steps,
        result,
        cores=attempts[-1][0] if attempts else 1,
        core_hours=folder.core_hours(),
        folder=folder.path,
    )


def _failed(task: DftTask, verdict: Verdict, n_steps: int) -> Verdict:
    """Return the verdict of a worker; GPAW's own error says nothing of electrons that do not converge."""
    if verdict.kind is not FailureKind.SCF_NOT_CONVERGED:
        return verdict
    n = task.settings.limits["max_scf_iterations"]
    detail = (
        f"the electrons did not converge in {counted(n, 'iteration')}, after {counted(n_steps, 'ionic step')}"
    )
    return verdict.evolve(detail=detail)


def _lost(folder: TaskFolder, code: int | None, *, kernel_killed: bool) -> Verdict:
    """Return the verdict on processes that left no result."""
    words = folder.last_words()
    detail = one_line(
        f"GPAW's processes ended without a result, exit status {code}: {words}".rstrip(": "), 400
    )
    kind = FailureKind.WORKER_DIED
    if folder.result_path.exists():
        kind, detail = (
            FailureKind.CALCULATION_FAILED,
            one_line(f"unreadable result: {words}".rstrip(": "), 400),
        )
    elif any(word in words for word in _MEMORY_WORDS) or (processes.was_killed(code) and kernel_killed):
        kind = FailureKind.OUT_OF_MEMORY
    return Verdict(kind=kind, stage=STAGE, detail=detail)
