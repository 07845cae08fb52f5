"""A reference of one's own: phases relaxed by the campaign's potential become a named set of the library."""

import gzip
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pymatgen.core import Structure
from pymatgen.entries.computed_entries import ComputedStructureEntry

from matsearch.core.config import SearchConfig
from matsearch.core.errors import ReferenceHullError
from matsearch.core.protocols import Potential, ResultCache
from matsearch.core.records import Relaxation, RelaxOutcome
from matsearch.crystal.matching import mark_duplicates
from matsearch.crystal.plausibility import is_far_from_known
from matsearch.hull.adding import add_set
from matsearch.hull.library import ReferenceSet
from matsearch.potentials import load_from
from matsearch.relax.engine import get_engine
from matsearch.relax.stage import carry_out_tasks, relaxation_task


@dataclass(frozen=True)
class BuiltSet:
    """A set that was built.

    Attributes
    ----------
    phases : tuple of str
        Names of the phases in it.
    left_out : dict of str to str
        Names of the others, and why.
    """

    reference: ReferenceSet
    phases: tuple[str, ...]
    left_out: dict[str, str]


def build_reference(
    name: str, phases: Sequence[tuple[str, Structure]], config: SearchConfig, cache: ResultCache
) -> BuiltSet:
    """Relax phases to their ends and put them into the library.

    Of phases that become the same crystal the lowest in energy stays; compounds that end crushed, mostly vacuum or come
    loose are left out. Relaxations are kept in the cache: after an
    interruption the same call goes on.

    Parameters
    ----------
    name : str
        Of the new set.
    config : SearchConfig
        Its elements, potential, relaxation and execution are used.

    Raises
    ------
    ReferenceHullError
        If an element has no phase of its own that could be relaxed.
    InputError
        If the name is taken by another set.
    """
    potential = load_from(config.potential)
    outcomes = _relaxed(phases, config, potential, cache, f"reference {name}")
    relaxations = {k: o.relaxation for k, o in outcomes.items() if o.relaxation is not None}
    left_out = {k: f"{o.verdict.kind}: {o.verdict.detail}" for k, o in outcomes.items() if o.verdict}
    kept = _distinct(relaxations, left_out)
    _require_elements(kept, config.system.elements, left_out)
    reference = _added(name, kept, config, potential)
    return BuiltSet(reference=reference, phases=tuple(kept), left_out=left_out)


def _relaxed(
    phases: Sequence[tuple[str, Structure]],
    config: SearchConfig,
    potential: Potential,
    cache: ResultCache,
    owner: str,
) -> dict[str, RelaxOutcome]:
    engine = get_engine(config.potential, config.execution, potential.info.sha256)
    tasks = {name: relaxation_task(s, potential.info, config.relax) for name, s in phases}
    outcomes = carry_out_tasks(tasks.values(), engine, cache, owner)
    return {name: outcomes[task.key] for name, task in tasks.items()}


def _distinct(relaxations: dict[str, Relaxation], left_out: dict[str, str]) -> dict[str, Relaxation]:
    """Return the believable ones by name, each crystal once; say in ``left_out`` why the others are not there."""
    order = sorted(relaxations, key=lambda name: (relaxations[name].energy_per_atom, name))
    believed = [name for name in order if _is_believed(relaxations[name].structure)]
    left_out |= dict.fromkeys(set(order) - set(believed), "its relaxed geometry is unlike known crystals")
    marks = mark_duplicates([relaxations[name].structure for name in believed])
    for name, mark in zip(believed, marks, strict=True):
        if mark is not None:
            left_out[name] = f"the same crystal as {believed[mark]}"
    return {name: relaxations[name] for name in believed if name not in left_out}


def _is_believed(structure: Structure) -> bool:
    # a hull needs its elements, however loosely a potential binds them
    return bool(structure.composition.is_element) or not is_far_from_known(structure)


def _require_elements(kept: dict[str, Relaxation], elements: Sequence[str], left_out: dict[str, str]) -> None:
    pure = {
        next(iter(r.structure.composition)).symbol
        for r in kept.values()
        if r.structure.composition.is_element
    }
    missing = sorted(set(elements) - pure)
    if missing:
        reasons = "; ".join(f"{name}: {reason}" for name, reason in left_out.items())
        raise ReferenceHullError(
            f"no phase of pure {', '.join(missing)} could be relaxed" + (f" ({reasons})" if reasons else ""),
            "give a crystal of it with --structures",
        )


def _added(
    name: str, kept: dict[str, Relaxation], config: SearchConfig, potential: Potential
) -> ReferenceSet:
    info, system = potential.info, "-".join(config.system.elements)
    entries = [
        ComputedStructureEntry(r.structure, r.energy, entry_id=phase).as_dict() for phase, r in kept.items()
    ]
    facts = {
        "name": name,
        "scheme": info.scheme_id,
        "corrections": "none",
        "software": None,
        "complete": False,
        "date": datetime.now(UTC).date().isoformat(),
        "description": f"{len(kept)} phases of {system} relaxed by {info.name} {info.version} "
        f"({info.sha256[:12]}) to {config.relax.fmax} eV/angstrom.",
        "citation": "",
        "licence": "",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "entries.json.gz"
        path.write_bytes(gzip.compress(json.dumps(entries, sort_keys=True).encode(), mtime=0))
        reference, _ = add_set(path, facts)
    return reference
