"""What there is to do for one crystal, and the key under which its answer is kept."""

from typing import Any

from matsearch.core.config import RelaxSection
from matsearch.core.keys import content_key
from matsearch.core.model import Record
from matsearch.core.protocols import PotentialInfo
from matsearch.core.structures import StructureField
from matsearch.crystal.canonical import structure_key

PROTOCOL = "relax/2"
STATIC_PROTOCOL = "static/1"
IONS_PROTOCOL = "ions/1"


class Aim(Record):
    """What a relaxation is for: with it, work that cannot matter is left out.

    Attributes
    ----------
    ceiling : float or None
        Energy per atom (eV) that the crystal must come under; None is no limit.
    known : tuple of Structure
        Relaxed known crystals of the same composition: near one of them, the relaxation goes on from its geometry.
    """

    ceiling: float | None = None
    known: tuple[StructureField, ...] = ()


class RelaxTask(Record):
    """One relaxation to do.

    Attributes
    ----------
    static : bool
        Only compute the labels of the geometry as it is.
    fixed_cell : bool
        Only the ions move, until the forces on them are small; the cell stays.
    alone : bool
        Never in one pass with others: a process that had it ended.
    """

    key: str
    structure: StructureField
    settings: RelaxSection
    aim: Aim = Aim()
    static: bool = False
    fixed_cell: bool = False
    alone: bool = False


def relax_key(key: str, info: PotentialInfo, settings: RelaxSection, aim: Aim | None = None) -> str:
    """Return the content key of a relaxation: structure key, weights, protocol version, physics settings, aim."""
    content: list[Any] = [key, info.sha256, info.scheme_id, settings.model_dump(mode="json")]
    if aim is not None and (aim.ceiling is not None or aim.known):
        ceiling = None if aim.ceiling is None else round(aim.ceiling, 6)
        content.append([ceiling, [structure_key(known) for known in aim.known]])
    return content_key(PROTOCOL, content)


def static_key(key: str, info: PotentialInfo, settings: RelaxSection) -> str:
    """Return the content key of one evaluation: no setting changes it but those that refuse it."""
    limits = [settings.min_distance, settings.max_energy_per_atom]
    return content_key(STATIC_PROTOCOL, [key, info.sha256, info.scheme_id, limits])


def ions_key(key: str, info: PotentialInfo, settings: RelaxSection) -> str:
    """Return the content key of a relaxation at fixed cell: only the settings that it heeds enter."""
    heeded = {"fmax", "max_steps", "optimizer", "keep_symmetry", "min_distance", "max_energy_per_atom"}
    said = settings.model_dump(mode="json", include=heeded)
    return content_key(IONS_PROTOCOL, [key, info.sha256, info.scheme_id, said])
