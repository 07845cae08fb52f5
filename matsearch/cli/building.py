"""``matsearch references build``."""

import sys
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from matsearch.cli.console import print_aligned, print_json, print_line
from matsearch.cli.progress import shown_progress
from matsearch.core.config import SearchConfig
from matsearch.core.progress import report
from matsearch.core.settings import Settings
from matsearch.core.slots import Limits
from matsearch.crystal.files import read_structures
from matsearch.graph.api import resolve_config
from matsearch.hull.adding import require_name
from matsearch.pipeline.building import BuiltSet, build_reference
from matsearch.pipeline.reference_phases import reference_phases
from matsearch.store import open_repository

_FMAX = 0.02
"""A reference is to be at least as converged as what is placed on it, in eV/angstrom; a user's value goes first."""

_TO_THE_END = {"relax.stop_above": None, "relax.stop_at_known": False}
"""A reference's phases are relaxed to their ends, whatever their energy."""

_KNOWN_SIZE = 30
_FEW = 3


def build(
    config: str,
    name: str,
    structures: Path | None,
    prototypes: str,
    store: str | None,
    overrides: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    """Relax the phases of a system with the configuration's potential and add them to the library."""
    require_name(name)
    search = _settled(config, overrides)
    given = read_structures(structures.expanduser()) if structures is not None else []
    limits = Limits(elements=search.system.elements, max_atoms=_largest(search))
    named = [word.strip() for word in prototypes.split(",") if word.strip()]
    chosen = reference_phases(limits, given, named)
    repository = open_repository(store or Settings().store)
    try:
        _announce(len(chosen.phases), search)
        with shown_progress():
            report("building", phases=len(chosen.phases))
            built = build_reference(name, chosen.phases, search, repository)
    finally:
        repository.close()
    _say(built, chosen.left_out | built.left_out, as_json=as_json)


def _settled(config: str, overrides: dict[str, Any]) -> SearchConfig:
    search = resolve_config(config, {**overrides, **_TO_THE_END})
    return (
        search if "fmax" in search.relax.model_fields_set else resolve_config(search, {"relax.fmax": _FMAX})
    )


def _largest(search: SearchConfig) -> int:
    # what a search may propose says nothing of which phases are known
    return max(search.system.max_atoms, _KNOWN_SIZE)


def _announce(n_phases: int, search: SearchConfig) -> None:
    # elsewhere progress is JSON lines, and says so itself
    if sys.stderr.isatty():
        system = "-".join(search.system.elements)
        typer.echo(f"{n_phases} phases of {system} to relax to {search.relax.fmax} eV/angstrom", err=True)


def _say(built: BuiltSet, left_out: Mapping[str, str], *, as_json: bool) -> None:
    reference, card = built.reference, built.reference.card
    if as_json:
        document = card.document() if card else {}
        names = {"phases": built.phases, "hypothetical": built.hypothetical, "left_out": left_out}
        print_json({**document, "path": str(reference.path), **names})
        return
    print_line(
        f"{len(built.phases)} phases, {len(built.hypothetical)} of them hypothetical: {', '.join(built.phases)}"
    )
    if left_out:
        print_line(f"{len(left_out)} left out:")
        print_aligned(_grouped(left_out))
    print_line(
        f"{reference.name} is {reference.path}. It is no stability claim: it holds what it was built from."
    )
    print_line(f"Use it with reference.source: {reference.name}")


def _grouped(left_out: Mapping[str, str]) -> list[tuple[str, ...]]:
    groups = defaultdict(list)
    for name, reason in left_out.items():
        groups[reason.partition(":")[0]].append(name)
    return [
        (f"  {len(names)}", kind, ", ".join(names[:_FEW]) + (", ..." if len(names) > _FEW else ""))
        for kind, names in groups.items()
    ]
