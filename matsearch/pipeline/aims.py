"""What each relaxation is for: how low it must come to matter, and which known crystals it may turn into."""

from collections.abc import Sequence

from pymatgen.core import Structure

from matsearch.core.boundary import contained
from matsearch.core.errors import ReferenceHullError, SchemeMismatchError
from matsearch.core.records import Candidate
from matsearch.core.verdict import Verdict
from matsearch.hull.scale import on_hull_scale
from matsearch.pipeline.tools import Tools
from matsearch.relax.task import Aim


def aims_of(batch: Sequence[Candidate], tools: Tools) -> dict[str, Aim]:
    """Return the aim of each living candidate, by id."""
    return {c.candidate_id: _aim(c.structure, tools) for c in batch if c.alive and c.structure is not None}


def _aim(structure: Structure, tools: Tools) -> Aim:
    aim = contained("relax", lambda: Aim(ceiling=_ceiling(structure, tools), known=_known(structure, tools)))
    return Aim() if isinstance(aim, Verdict) else aim  # without one it runs to its end


def _ceiling(structure: Structure, tools: Tools) -> float | None:
    """Return the energy per atom, on the potential's own scale, above which the candidate cannot win."""
    margin, hull = tools.config.relax.stop_above, tools.hull
    if margin is None:
        return None
    own, scheme = tools.potential.info.scheme_id, hull.info.scheme_id
    try:
        shift = on_hull_scale(structure, 0.0, own, scheme, None, hull.element_energies)
        (at_zero,) = hull.place([structure.composition], [shift], scheme)
    except (ReferenceHullError, SchemeMismatchError):
        return None  # the hull stage will say so
    return margin - at_zero.energy_above_hull


def _known(structure: Structure, tools: Tools) -> tuple[Structure, ...]:
    if not tools.config.relax.stop_at_known:
        return ()
    return tools.beginning.allowed_by_formula.get(structure.composition.reduced_formula, ())
