"""Another potential stands in for a DFT code: to try verification out, and for a second opinion that relaxes."""

import time
from typing import TYPE_CHECKING, Any

from matsearch.core.boundary import contained
from matsearch.core.dft import DftCalculation, DftOutcome, DftSettings, DftTask, IonicSteps
from matsearch.core.errors import DftError, PotentialError
from matsearch.core.records import Frame
from matsearch.core.schemes import get_scheme
from matsearch.core.sections import PotentialSection
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.core.verify_section import RunSection
from matsearch.potentials import load_from
from matsearch.potentials.frames import to_atoms
from matsearch.verify.settings import with_tries
from matsearch.verify.stage import STAGE
from matsearch.verify.watch import EndedError, Watch, verdict

if TYPE_CHECKING:
    from ase import Atoms

PROTOCOL = "BFGS, FrechetCellFilter/1"
FMAX = 0.03
"""eV/angstrom, on atoms and cell."""
MAX_STEPS = 500


class PotentialBackend:
    """Relax with a potential through ASE, in this process, and keep every ionic step.

    Parameters
    ----------
    section : PotentialSection
        Which potential.
    run : RunSection
        Of it the time limit is heeded, between two steps: a step that hangs cannot be ended.

    Raises
    ------
    PotentialError
        If the potential cannot be loaded.
    """

    def __init__(self, section: PotentialSection, run: RunSection) -> None:
        self._potential = load_from(section)
        self._calculator: Any = None
        self._limit_s = run.time_limit_h * 3600.0
        info = self._potential.info
        self.name = f"{info.name} {info.version}"
        settings = DftSettings(
            code=info.name,
            functional=get_scheme(info.scheme_id).functional,
            scheme_id=info.scheme_id,
            parameters={
                "version": info.version,
                "sha256": info.sha256,
                "relaxation": PROTOCOL,
                "fmax": FMAX,
            },
            limits={"max_steps": MAX_STEPS},
        )
        self.settings = with_tries(settings, run)

    def require_ready(self) -> None:
        """Return if the potential computes here.

        Raises
        ------
        DftError
            If it does not.
        """
        try:
            self._make_calculator()
        except PotentialError as error:
            raise DftError(error.message, error.remedy) from error

    def run(self, task: DftTask) -> DftOutcome:
        """Carry out one task."""
        begun = time.perf_counter()
        made = contained(STAGE, lambda: self._relaxed(task, begun))
        core_hours = (time.perf_counter() - begun) / 3600.0
        if isinstance(made, Verdict):
            return DftOutcome(key=task.key, verdict=made, core_hours=core_hours)
        if isinstance(made, IonicSteps):
            detail = f"fmax over {FMAX} eV/A after {_max_steps(task)} steps"
            failed = verdict(FailureKind.NOT_CONVERGED, detail)
            return DftOutcome(key=task.key, verdict=failed, unfinished=made, core_hours=core_hours)
        return DftOutcome(key=task.key, calculation=made.evolve(core_hours=core_hours), core_hours=core_hours)

    def _relaxed(self, task: DftTask, begun: float) -> DftCalculation | IonicSteps | Verdict:
        """Return the calculation, its steps if they ran out before it converged, or why it ended."""
        if task.settings.key != self.settings.key:
            return verdict(FailureKind.DFT_REFUSED, f"the task asks for other settings than {self.name} has")
        atoms = to_atoms(task.structure)
        atoms.calc = self._make_calculator()
        atoms.calc.reset()
        watch = Watch(atoms, self._potential.info, begun + self._limit_s)
        try:
            converged = _relax(atoms, task, watch)
        except EndedError as ended:
            return ended.verdict
        except ValueError as error:
            if "isolated atom" not in str(error):
                raise
            return verdict(FailureKind.ISOLATED_ATOM, "an atom has no neighbour within the cut-off")
        if not converged:
            return IonicSteps(frames=tuple(watch.frames), settings=task.settings, software=self.name)
        return self._calculation(task, watch.frames)

    def _calculation(self, task: DftTask, frames: list[Frame]) -> DftCalculation:
        last = frames[-1]
        return DftCalculation(
            initial_structure=task.structure,
            structure=last.structure,
            energy=last.energy,
            energy_per_atom=last.energy / len(last.structure),
            forces=last.forces or (),
            stress=last.stress,
            magmoms=last.magmoms,
            frames=tuple(frames),
            settings=task.settings,
            run_type=self.settings.functional,
            software=self.name,
            n_electrons=0,
            n_kpoints=0,
            spin_polarized=False,
            n_steps=len(frames),
            cores=1,
            core_hours=0.0,
        )

    def _make_calculator(self) -> Any:
        if self._calculator is None:
            self._calculator = self._potential.calculator()
        return self._calculator


def _relax(atoms: "Atoms", task: DftTask, watch: Watch) -> bool:
    """Relax ions, and the cell unless it is a box; return whether it converged."""
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS

    optimizer = BFGS(atoms if task.box else FrechetCellFilter(atoms), logfile=None, maxstep=0.1)
    # called at the geometry given, too, before anything moves
    optimizer.attach(watch)
    return bool(optimizer.run(fmax=FMAX, steps=_max_steps(task)))


def _max_steps(task: DftTask) -> int:
    return int(task.settings.limits["max_steps"])
