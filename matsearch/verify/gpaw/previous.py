"""The last ionic step of an earlier calculation, as the beginning of another."""

import json
from dataclasses import dataclass
from pathlib import Path

from pymatgen.core import Lattice, Structure

from matsearch.core.errors import DftError
from matsearch.verify.gpaw.results import read_steps


@dataclass(frozen=True)
class Previous:
    """Where an earlier calculation stopped.

    Attributes
    ----------
    structure : Structure
        Of its last ionic step.
    magmoms : tuple of float or None
        Of that step in Bohr magnetons, one a site.
    """

    structure: Structure
    magmoms: tuple[float, ...] | None


def previous_step(folder: str | Path, structure: Structure) -> Previous:
    """Return the last ionic step of a folder's calculation.

    Parameters
    ----------
    folder : str or Path
        Also in the form ``host:path`` of task documents.
    structure : Structure
        What is to be computed: its composition must be that of the folder.

    Raises
    ------
    DftError
        If the folder holds no such calculation.
    """
    path = Path(str(folder).rpartition(":")[2]).expanduser()
    try:
        symbols = json.loads((path / "task.json").read_bytes())["symbols"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise DftError(
            f"prev_dir: {path} holds no GPAW task", "give the dir_name of a GPAW document"
        ) from error
    if not isinstance(symbols, list) or sorted(map(str, symbols)) != sorted(
        site.specie.symbol for site in structure
    ):
        raise DftError(
            f"prev_dir: {path} holds other atoms than {structure.formula}",
            "give the folder of the same crystal",
        )
    steps = read_steps(path / "steps.jsonl", len(symbols))
    if not steps:
        raise DftError(f"prev_dir: {path} holds no ionic step", "leave prev_dir out")
    last = steps[-1]
    return Previous(Structure(Lattice(last.cell), symbols, last.frac_coords), last.magmoms)
