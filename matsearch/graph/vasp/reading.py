"""What an emmet task document holds, taken out: every field of it may be missing."""

from collections.abc import Mapping
from typing import Any

from pymatgen.core import Structure

from matsearch.core.records import Frame

KBAR_TO_GPA = 0.1

Rows = tuple[tuple[float, float, float], ...]


def as_task_document(document: Any) -> Any:
    """Return emmet's ``TaskDoc`` of one, or of its dict; what a dict names as its class is not imported.

    Raises
    ------
    TypeError, ValueError
        If it is none, or one without a calculation.
    """
    from emmet.core.tasks import TaskDoc

    if isinstance(document, Mapping):
        document = TaskDoc.model_validate({k: v for k, v in document.items() if not k.startswith("@")})
    if not isinstance(document, TaskDoc):
        raise TypeError(f"a {type(document).__name__} is no task document")
    if not document.calcs_reversed or document.output is None or document.output.structure is None:
        raise ValueError("it holds no calculation")
    return document


def parameter(document: Any, tag: str) -> Any:
    """Return an INCAR tag as VASP took it, defaults included.

    Raises
    ------
    KeyError
        If the document does not say.
    """
    return document.calcs_reversed[0].input.parameters[tag]


def core_hours(document: Any) -> float:
    """Return wall time by cores, 0.0 where the document does not say."""
    stats = (document.run_stats or {}).get("overall")
    return 0.0 if stats is None else stats.elapsed_time * cores(document) / 3600


def cores(document: Any) -> int:
    """Return the processes of a calculation, 1 where the document does not say."""
    stats = (document.run_stats or {}).get("overall")
    return 1 if stats is None else max(int(stats.cores), 1)


def run_type(document: Any) -> str:
    """Return ``GGA``, ``GGA+U``, ``r2SCAN``, ... as in an entry."""
    return word(document.calcs_reversed[0].run_type)


def hubbards(document: Any) -> dict[str, float]:
    """Return U in eV by element, without zeros."""
    found = document.calcs_reversed[0].input.hubbards or {}
    return {symbol: float(u) for symbol, u in sorted(found.items()) if u}


def magmoms(document: Any) -> tuple[float, ...] | None:
    """Return the moments of a spin-polarised calculation in Bohr magnetons, one a site."""
    found = document.calcs_reversed[0].output.structure.site_properties.get("magmom")
    if parameter(document, "ISPIN") != 2 or not found or None in found:
        return None
    return tuple(float(moment) for moment in found)


def ionic_steps(document: Any) -> list[Any]:
    """Return the ionic steps of a calculation."""
    return list(document.calcs_reversed[0].output.ionic_steps or [])


def frames(document: Any, scheme_id: str, label: str) -> list[Frame]:
    """Return the ionic steps as frames. VASP's stress, in kB, is positive under compression."""
    version = document.calcs_reversed[0].vasp_version
    return [
        Frame(
            structure=plain(step.structure),
            energy=step_energy(step),
            forces=_rows(step.forces),
            stress=None if step.stress is None else _rows(step.stress, -KBAR_TO_GPA),
            scheme_id=scheme_id,
            source=f"VASP {version}: {label}",
        )
        for step in ionic_steps(document)
    ]


def step_energy(step: Any) -> float:
    """Return the energy (eV) extrapolated to no smearing, as pymatgen's ``Vasprun.final_energy`` has it.

    vasprun.xml gives a wrong ``e_0_energy`` of ionic steps: its distance to the free energy is that of the last
    electronic step.
    """
    last = step.electronic_steps[-1] if step.electronic_steps else None
    if last is None or last.e_0_energy is None or last.e_fr_energy is None:
        return float(step.e_0_energy)
    return float(step.e_fr_energy + last.e_0_energy - last.e_fr_energy)


def electronic_steps(step: Any) -> int:
    """Return how many electronic steps an ionic one took."""
    return step.num_electronic_steps or len(step.electronic_steps or [])


def plain(structure: Structure) -> Structure:
    """Return lattice, elements and sites alone."""
    return Structure(structure.lattice, [site.specie.symbol for site in structure], structure.frac_coords)


def word(value: Any) -> str:
    """Return the word of an enumeration's member, or of what is one already."""
    return str(getattr(value, "value", value))


def _rows(rows: Any, factor: float = 1.0) -> Rows:
    return tuple((factor * row[0], factor * row[1], factor * row[2]) for row in rows)
