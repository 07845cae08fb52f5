"""Whether VASP can be run here: its command, its potentials."""

import os
import shlex
import shutil
from pathlib import Path

from matsearch.core.errors import DftError
from matsearch.core.verify_section import RunSection, VaspSection
from matsearch.graph.vasp.makers import build_maker

DRY_RUN = "or write the inputs for another machine with --dry-run"


def require_vasp(section: VaspSection, run: RunSection) -> None:
    """Return if VASP can be run here by the section's Maker.

    Raises
    ------
    DftError
        Saying in one line what is missing, and the remedy.
    """
    build_maker(section)
    _require_command()
    _require_potentials()
    if run.cores is not None:
        raise DftError(
            f"verify.run.cores: {run.cores}: VASP's processes are said by its command",
            f"leave it out, and set ATOMATE2_VASP_CMD to mpirun -np {run.cores} vasp_std",
        )


def _require_command() -> None:
    from atomate2 import SETTINGS

    command = os.path.expandvars(SETTINGS.VASP_CMD)
    words = shlex.split(command)
    # the launcher, and what it launches: srun may be there without VASP
    programs = words[:1] + [word for word in words[1:] if Path(word).name.lower().startswith("vasp")]
    missing = [program for program in programs if shutil.which(program) is None]
    if missing or not words:
        what = missing[0] if missing else "an empty command"
        raise DftError(
            f"VASP cannot be run: {what} is not on the PATH (VASP_CMD is {command!r})",
            f"set ATOMATE2_VASP_CMD, or VASP_CMD in ~/.atomate2.yaml, to the command that starts it, {DRY_RUN}",
        )


def _require_potentials() -> None:
    from pymatgen.core import SETTINGS

    folder = SETTINGS.get("PMG_VASP_PSP_DIR")
    remedy = f"pmg config -p POTCARS FOLDER, then pmg config --add PMG_VASP_PSP_DIR FOLDER, {DRY_RUN}"
    if not folder:
        raise DftError("VASP's potentials are not set up: PMG_VASP_PSP_DIR is not set", remedy)
    if not Path(folder).expanduser().is_dir():
        raise DftError(f"VASP's potentials are not there: PMG_VASP_PSP_DIR is {folder}", remedy)
