"""Screen the crystals of a folder: relax, place on a hull, nothing proposed."""

from pathlib import Path

from jobflow import Flow

from matsearch.crystal.files import read_structures
from matsearch.graph.makers import ScreenMaker


def build(structures: str | Path, store: str | None = None) -> Flow:
    """Return the flow for all CIF and POSCAR files of a folder.

    Parameters
    ----------
    structures : str or Path
        A file or a folder.
    store : str or None
        Repository URI that caches relaxations.
    """
    crystals = [structure for _, structure in read_structures(Path(structures))]
    job = ScreenMaker(store=store).make(crystals)
    return Flow([job], output=job.output, name="screen")
