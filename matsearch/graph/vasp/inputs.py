"""The dry run: a task's VASP inputs, for a cluster where matsearch need not be."""

import re
from collections.abc import Iterator
from pathlib import Path

from jobflow import Job
from pymatgen.core import Structure

from matsearch.core.dft import DftTask
from matsearch.core.errors import DftError
from matsearch.core.text import one_line
from matsearch.core.verify_section import VaspSection
from matsearch.core.writing import write_whole
from matsearch.graph.vasp.flows import order_flows, vasp_jobs

README = "README.txt"


def write_inputs(task: DftTask, section: VaspSection, folder: Path) -> list[Path]:
    """Write INCAR, KPOINTS where the set has one, POSCAR and POTCAR.spec of every calculation of a task.

    Each calculation has a folder, numbered in the order in which they run; a ``README.txt`` says what to do. No
    POTCAR is needed, and none is written. Later calculations have the task's geometry too: on the cluster it is
    replaced by the one found before.

    Returns
    -------
    list of Path
        The numbered folders.

    Raises
    ------
    DftError
        If the Maker is unknown or its inputs cannot be made.
    """
    written = []
    functionals = []
    for number, (job, structure) in enumerate(_calculations(task, section), start=1):
        name = re.sub(r"[^A-Za-z0-9+-]+", "_", job.name.removeprefix(f"{task.label}")).strip("_")
        target = folder / f"{number:02d}_{name}"
        target.mkdir(parents=True, exist_ok=True)
        _write(job, structure, target)
        written.append(target)
        functionals.append(str(job.maker.input_set_generator.potcar_functional))
    write_whole(folder / README, _readme(task, section, written, functionals).encode())
    return written


def _calculations(task: DftTask, section: VaspSection) -> Iterator[tuple[Job, Structure]]:
    """Yield each VASP job with the crystal, its moments to begin with included."""
    for flow in order_flows(task, section):
        jobs = list(vasp_jobs(flow))
        begun = next(
            given
            for given in (*jobs[0].function_args, *jobs[0].function_kwargs.values())
            if isinstance(given, Structure)
        )
        for job in jobs:
            yield job, begun.copy()


def _write(job: Job, structure: Structure, folder: Path) -> None:
    from atomate2.vasp.files import write_vasp_input_set

    try:
        # cleaning would look for old inputs in the current folder, not in the one written
        write_vasp_input_set(
            structure, job.maker.input_set_generator, folder, potcar_spec=True, clean_prev=False
        )
    except Exception as error:
        raise DftError(f"{job.name}: no VASP inputs: {one_line(str(error))}") from error


def _readme(task: DftTask, section: VaspSection, folders: list[Path], functionals: list[str]) -> str:
    lines = [
        f"{task.label}: inputs of {section.maker}, task {task.key}",
        "",
        "Run the folders in order. Before each but the first of a magnetic order: copy the CONTCAR of the one before",
        "over POSCAR, and bring its WAVECAR and CHGCAR along where it wrote them. A Maker run by jobflow also adapts smearing and k-point",
        "spacing to the band gap that the one before found; these files hold what it would begin with.",
        "Make each POTCAR from the symbols in POTCAR.spec, of the release named here:",
        "",
        *(f"  {folder.name}: {functional}" for folder, functional in zip(folders, functionals, strict=True)),
        "",
    ]
    return "\n".join(lines)
