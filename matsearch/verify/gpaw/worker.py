"""One GPAW calculation: run by path, ``mpirun -n N OTHER_PYTHON -m gpaw python worker.py FOLDER``.

It imports the standard library, numpy, ase and gpaw alone, so that it runs in an environment without matsearch. FOLDER
holds ``task.json``; every ionic step is appended to ``steps.jsonl``, and ``result.json`` appears when all is done, well
or not. A calculation that was cut off goes on from its last step: the same call is the restart. A second argument
``attended`` ends the calculation when standard input is closed, so that it does not outlive who started it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

import numpy as np

STRESS_TO_GPA = 160.21766208
GRACE_S = 5.0


def main(folder: Path) -> None:
    """Carry out the task of a folder."""
    warnings.simplefilter("ignore")
    from gpaw.mpi import world

    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    writer = Writer(folder, rank=world.rank)
    try:
        writer.finish(calculate(task, folder, writer))
    except Exception as error:  # noqa: BLE001 - every end is a result, or the parent could not tell why
        writer.fail(explained(error))
        if world.size > 1:
            # the others may wait for this process forever: mpirun ends them when one fails
            os._exit(1)


def calculate(task: dict[str, Any], folder: Path, writer: Writer) -> dict[str, Any]:
    """Relax, or compute as it is, and return what is not in the steps."""
    from ase import Atoms

    begun = Atoms(task["symbols"], cell=task["cell"], scaled_positions=task["frac_coords"], pbc=True)
    size = grid(begun, task)
    if not task["parameters"]["relax"]:
        atoms, converged = begun, True
        prepare(atoms, task, size, folder)
        writer.begin_anew()
        writer.step(atoms)
    else:
        atoms, converged = relaxed(begun, task, size, folder, writer)
    return {"converged": converged, "symbols": atoms.get_chemical_symbols(), **facts(atoms.calc)}


def relaxed(
    begun: Any, task: dict[str, Any], size: list[int], folder: Path, writer: Writer
) -> tuple[Any, bool]:
    """Relax ions, and the cell unless it is a box; return atoms and whether they converged in the steps allowed."""
    from ase.constraints import FixSymmetry
    from ase.filters import FrechetCellFilter
    from ase.optimize import BFGS

    parameters = task["parameters"]
    steps = read_steps(folder / "steps.jsonl", len(begun))
    # the symmetry kept is that of the beginning, also after a restart; begun is made exactly symmetric here
    symmetric = parameters["keep_symmetry"] and not task["box"]
    constraint = FixSymmetry(begun, symprec=parameters["symmetry_tolerance"]) if symmetric else None
    atoms = begun.copy()
    if steps:
        atoms.set_cell(steps[-1]["cell"])
        atoms.set_scaled_positions(steps[-1]["frac_coords"])
    atoms.set_constraint(constraint)
    prepare(atoms, task, size, folder)
    optimizer = BFGS(atoms if task["box"] else FrechetCellFilter(atoms), logfile=None, maxstep=0.1)
    # the first evaluation after a restart repeats the last step kept
    n_repeated = min(len(steps), 1)

    def keep() -> None:
        if optimizer.nsteps >= n_repeated:
            writer.step(atoms)

    optimizer.attach(keep)
    left = parameters["max_steps"] - max(len(steps) - 1, 0)
    return atoms, bool(optimizer.run(fmax=parameters["fmax"], steps=max(left, 0)))


def prepare(atoms: Any, task: dict[str, Any], size: list[int], folder: Path) -> None:
    """Give atoms their initial moments and their calculator."""
    if task["magmoms"] is not None:
        atoms.set_initial_magnetic_moments(task["magmoms"])
    atoms.calc = calculator(task, size, folder)


def calculator(task: dict[str, Any], size: list[int], folder: Path) -> Any:
    """Return the GPAW calculator of a task.

    U acts on the d shell as in Dudarev et al., Phys. Rev. B 57, 1505 (1998), with GPAW's normalised projections.
    """
    from gpaw import GPAW

    parameters = task["parameters"]
    with_u = {symbol: f":d,{u}" for symbol, u in task["hubbards"].items()}
    return GPAW(
        mode={"name": "pw", "ecut": parameters["cutoff"]},
        xc={"PBE": "PBE", "PBE+U": "PBE", "r2SCAN": "MGGA_X_R2SCAN+MGGA_C_R2SCAN"}[task["functional"]],
        kpts={"size": size, "gamma": True},
        setups=with_u,
        occupations={"name": "fermi-dirac", "width": parameters["smearing"]},
        convergence={
            "energy": parameters["energy_convergence"],
            "density": parameters["density_convergence"],
        },
        maxiter=parameters["max_scf_iterations"],
        txt=str(folder / "gpaw.txt"),
    )


def grid(atoms: Any, task: dict[str, Any]) -> list[int]:
    """Return the k-point grid of the cell as it was given: it stays while the cell relaxes."""
    if task["box"]:
        return [1, 1, 1]
    from ase.calculators.calculator import kptdensity2monkhorstpack

    density = task["parameters"]["kpoint_density"]
    return [int(n) for n in kptdensity2monkhorstpack(atoms, density, even=False)]


def facts(calculation: Any) -> dict[str, Any]:
    """Return what a calculation says of itself."""
    import ase
    import gpaw

    return {
        "versions": {"gpaw": gpaw.__version__, "ase": ase.__version__},
        "n_electrons": round(float(calculation.get_number_of_electrons())),
        "n_kpoints": len(calculation.get_ibz_k_points()),
        "spin_polarized": calculation.get_number_of_spins() == 2,
    }


def step_of(atoms: Any) -> dict[str, Any]:
    """Return one ionic step as JSON types: eV (extrapolated to zero smearing), eV/angstrom, GPa, Bohr magnetons."""
    energy = float(atoms.get_potential_energy(force_consistent=False))
    polarized = atoms.calc.get_number_of_spins() == 2
    return {
        "cell": atoms.cell.tolist(),
        "frac_coords": atoms.get_scaled_positions(wrap=False).tolist(),
        "energy": energy,
        "forces": atoms.get_forces(apply_constraint=False).tolist(),
        "stress": (atoms.get_stress(voigt=False, apply_constraint=False) * STRESS_TO_GPA).tolist(),
        "magmoms": [float(m) for m in atoms.get_magnetic_moments()] if polarized else None,
    }


def read_steps(path: Path, n_atoms: int) -> list[dict[str, Any]]:
    """Return the ionic steps of earlier attempts, up to the first line that is cut off or is no step."""
    if not path.is_file():
        return []
    steps = []
    for line in path.read_bytes().split(b"\n"):
        try:
            step = json.loads(line)
            if not usable(step, n_atoms):
                break
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError):
            break
        steps.append(step)
    return steps


def usable(step: dict[str, Any], n_atoms: int) -> bool:
    """Return whether a step has a cell and one position and one force an atom, all finite."""
    cell, coords, forces = (np.array(step[key], dtype=float) for key in ("cell", "frac_coords", "forces"))
    shapes = cell.shape == (3, 3) and coords.shape == forces.shape == (n_atoms, 3)
    return shapes and bool(np.isfinite([cell.sum(), coords.sum(), forces.sum(), float(step["energy"])]).all())


class Writer:
    """Writes steps and result from the first process; each is on the disk before the next begins."""

    def __init__(self, folder: Path, rank: int) -> None:
        self._steps = folder / "steps.jsonl"
        self._result = folder / "result.json"
        self._writes = rank == 0

    def begin_anew(self) -> None:
        """Drop the steps of earlier attempts."""
        if self._writes:
            put_whole(self._steps, "")

    def step(self, atoms: Any) -> None:
        """Append one ionic step."""
        document = step_of(atoms)
        if not self._writes:
            return
        kept = read_steps(self._steps, len(atoms))
        put_whole(self._steps, "".join(json.dumps(s, allow_nan=False) + "\n" for s in [*kept, document]))

    def finish(self, document: dict[str, Any]) -> None:
        """Write the result."""
        if self._writes:
            put_whole(self._result, json.dumps(document))

    def fail(self, error: dict[str, str]) -> None:
        """Write what went wrong; another process than the first only where that one does not."""
        until = time.monotonic() + (0.0 if self._writes else GRACE_S)
        while time.monotonic() < until and not self._result.exists():
            time.sleep(0.1)
        if self._writes or not self._result.exists():
            put_whole(self._result, json.dumps({"error": error}))


def put_whole(path: Path, text: str) -> None:
    """Write a file so that it is there whole or not at all."""
    beside = path.with_name(f"{path.name}.new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def explained(error: Exception) -> dict[str, str]:
    """Return kind, one line and traceback of what went wrong."""
    name, detail = type(error).__name__, " ".join(str(error).split())[:300]
    kind = "calculation_failed"
    if name == "KohnShamConvergenceError":
        kind = "scf_not_converged"
    elif "PAW dataset" in detail or ("setup" in detail.lower() and isinstance(error, FileNotFoundError)):
        kind = "dft_refused"
    elif isinstance(error, MemoryError):
        kind = "out_of_memory"
    return {"kind": kind, "detail": f"{name}: {detail}".rstrip(": "), "traceback": traceback.format_exc()}


def end_when_left() -> None:
    """End this process as soon as standard input is closed."""

    def wait() -> None:
        # not sys.stdin: its lock, held by a thread, would trouble the interpreter's own end
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


if __name__ == "__main__":
    # this file's neighbours have names of packages
    here = Path(__file__).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != here]
    np.seterr(all="ignore")
    # mpirun gives its standard input to the first process alone; the others would find theirs closed
    ranks = ("OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID")
    first = all(os.environ.get(name, "0") == "0" for name in ranks)
    if sys.argv[2:] == ["attended"] and first:
        end_when_left()
    main(Path(sys.argv[1]))
