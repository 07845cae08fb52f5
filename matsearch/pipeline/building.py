"""A reference of one's own: phases relaxed by the campaign's potential become a named set of the library."""

import gzip
import hashlib
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pymatgen.core import Composition
from pymatgen.entries.computed_entries import ComputedStructureEntry

from matsearch.core.config import SearchConfig
from matsearch.core.errors import InputError, ReferenceHullError
from matsearch.core.protocols import PotentialInfo, ResultCache
from matsearch.core.records import Relaxation, RelaxOutcome
from matsearch.crystal.matching import mark_duplicates
from matsearch.crystal.plausibility import is_far_from_known
from matsearch.hull.adding import add_set, holder_of, require_name
from matsearch.hull.library import ReferenceSet
from matsearch.pipeline.reference_phases import ReferencePhase
from matsearch.potentials import load_from
from matsearch.relax.engine import get_engine
from matsearch.relax.stage import carry_out_tasks, relaxation_task
from matsearch.relax.task import RelaxTask

_SUFFIX = ".json.gz"


@dataclass(frozen=True)
class BuiltSet:
    """A set that was built.

    Attributes
    ----------
    phases, hypothetical : tuple of str
        Names of the phases in it, and of those among them that are prototypes with the system's elements.
    left_out : dict of str to str
        Names of the others, and why: a kind, a colon and the detail.
    """

    reference: ReferenceSet
    phases: tuple[str, ...]
    hypothetical: tuple[str, ...]
    left_out: dict[str, str]


def build_reference(
    name: str, phases: Sequence[ReferencePhase], config: SearchConfig, cache: ResultCache
) -> BuiltSet:
    """Relax phases to their ends and put them into the library.

    Of phases that become the same crystal the first given lends its name, the lowest its energy and structure;
    compounds that end crushed, mostly vacuum or come loose are left out. Relaxations are kept in the cache: after an
    interruption the same call goes on, and one for a set that is there changes nothing.

    Parameters
    ----------
    name : str
        Of the new set.
    phases : sequence of ReferencePhase
        Each with a name of its own.
    config : SearchConfig
        Its elements, potential, relaxation and execution are used.

    Raises
    ------
    ReferenceHullError
        If an element has no phase of its own, or none that could be relaxed.
    InputError
        If the name cannot be used or is taken by another set.
    """
    require_name(name)
    _require_elements((p.structure.composition for p in phases), config, "is among those given")
    potential = load_from(config.potential)
    tasks = {p.name: relaxation_task(p.structure, potential.info, config.relax) for p in phases}
    _require_free(name, tasks, cache)
    engine = get_engine(config.potential, config.execution, potential.info.sha256)
    done = carry_out_tasks(tasks.values(), engine, cache, f"reference {name}")
    kept, left_out = _sorted_out({phase: done[task.key] for phase, task in tasks.items()})
    _require_elements(
        (r.structure.composition for r in kept.values()),
        config,
        "could be relaxed",
        _failures(phases, left_out),
    )
    hypothetical = tuple(p.name for p in phases if p.hypothetical and p.name in kept)
    reference = _added(name, kept, hypothetical, config, potential.info)
    return BuiltSet(reference=reference, phases=tuple(kept), hypothetical=hypothetical, left_out=left_out)


def _require_free(name: str, tasks: dict[str, RelaxTask], cache: ResultCache) -> None:
    """Refuse a name that is taken, unless all is relaxed already: then this may be the command that made the set."""
    holder = holder_of(name, _SUFFIX)
    keys = {task.key for task in tasks.values()}
    unknown = keys - cache.get_results(keys).keys() - cache.transient_counts(keys).keys()
    if holder is not None and unknown:
        raise InputError(
            f"the library has a {name!r} already, and {len(unknown)} of {len(keys)} phases are not relaxed in this store",
            f"choose another name, or remove {holder[0]} and its card",
        )


def _sorted_out(outcomes: dict[str, RelaxOutcome]) -> tuple[dict[str, Relaxation], dict[str, str]]:
    """Return the believable relaxations, each crystal once, and why the others are not there."""
    relaxations = {name: o.relaxation for name, o in outcomes.items() if o.relaxation is not None}
    left_out = {name: f"{o.verdict.kind}: {o.verdict.detail}" for name, o in outcomes.items() if o.verdict}
    believed = [name for name, relaxation in relaxations.items() if _is_believed(relaxation)]
    strange = [name for name in relaxations if name not in believed]
    left_out |= dict.fromkeys(strange, "unlike known crystals: once relaxed")
    kept: dict[str, Relaxation] = {}
    for first, members in _same_crystals({name: relaxations[name] for name in believed}).items():
        kept[first] = min((relaxations[name] for name in members), key=lambda r: r.energy_per_atom)
        left_out |= {name: f"the same crystal as another: {first}" for name in members if name != first}
    return kept, left_out


def _same_crystals(relaxations: dict[str, Relaxation]) -> dict[str, list[str]]:
    """Return the names of each crystal, in the order given, by the first of them."""
    ranked = sorted(relaxations, key=lambda name: relaxations[name].energy_per_atom)
    marks = mark_duplicates([relaxations[name].structure for name in ranked])
    lowest = {name: name if mark is None else ranked[mark] for name, mark in zip(ranked, marks, strict=True)}
    groups: dict[str, list[str]] = {}
    for name in relaxations:
        groups.setdefault(lowest[name], []).append(name)
    return {members[0]: members for members in groups.values()}


def _is_believed(relaxation: Relaxation) -> bool:
    # a hull needs its elements, however loosely a potential binds them
    structure = relaxation.structure
    return bool(structure.composition.is_element) or not is_far_from_known(structure)


def _require_elements(
    compositions: Iterable[Composition],
    config: SearchConfig,
    what: str,
    failures: dict[str, str] | None = None,
) -> None:
    pure = {next(iter(c)).symbol for c in compositions if c.is_element}
    missing = sorted(set(config.system.elements) - pure)
    if missing:
        reasons = "; ".join(reason for symbol, reason in (failures or {}).items() if symbol in missing)
        raise ReferenceHullError(
            f"no phase of pure {', '.join(missing)} {what}" + (f" ({reasons})" if reasons else ""),
            "give a crystal of it with --structures, or take the element out of system.elements",
        )


def _failures(phases: Sequence[ReferencePhase], left_out: dict[str, str]) -> dict[str, str]:
    """Return why the last pure phase of each element is not there, by element."""
    return {
        p.structure.composition.elements[0].symbol: f"{p.name}: {left_out[p.name]}"
        for p in phases
        if p.structure.composition.is_element and p.name in left_out
    }


def _added(
    name: str,
    kept: dict[str, Relaxation],
    hypothetical: Sequence[str],
    config: SearchConfig,
    info: PotentialInfo,
) -> ReferenceSet:
    content = _content(kept, hypothetical)
    facts = {
        "name": name,
        "scheme": info.scheme_id,
        "corrections": "none",
        "software": None,
        "complete": False,
        "date": _date(name, content),
        "description": f"{len(kept)} phases of {'-'.join(config.system.elements)}, {len(hypothetical)} of them "
        f"hypothetical, relaxed by {info.name} {info.version} ({info.sha256[:12]}) to {config.relax.fmax} eV/angstrom.",
        "citation": "",
        "licence": "",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"entries{_SUFFIX}"
        path.write_bytes(content)
        reference, _ = add_set(path, facts)
    return reference


def _content(kept: dict[str, Relaxation], hypothetical: Sequence[str]) -> bytes:
    entries = [
        ComputedStructureEntry(
            r.structure,
            r.energy,
            entry_id=name,
            data={"hypothetical": True} if name in hypothetical else None,
        ).as_dict()
        for name, r in kept.items()
    ]
    return gzip.compress(json.dumps(entries, sort_keys=True).encode(), mtime=0)


def _date(name: str, content: bytes) -> str:
    """Return the day on which this content was given this name: today, if it was not."""
    holder = holder_of(name, _SUFFIX)
    card = holder[1] if holder is not None else None
    if card is not None and card.sha256 == hashlib.sha256(content).hexdigest():
        return card.date
    return datetime.now(UTC).date().isoformat()
