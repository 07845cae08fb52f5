"""``matsearch references build``."""

from pathlib import Path
from typing import Any

from matsearch.cli.console import print_aligned, print_json, print_line
from matsearch.cli.progress import shown_progress
from matsearch.core.config import SearchConfig
from matsearch.core.protocols import Limits
from matsearch.core.settings import Settings
from matsearch.crystal.files import read_structures
from matsearch.graph.api import resolve_config
from matsearch.pipeline.building import BuiltSet, build_reference
from matsearch.pipeline.reference_phases import reference_phases
from matsearch.store import open_repository

_TO_THE_END = {"relax.stop_above": None, "relax.stop_at_known": False}
"""A reference's phases are relaxed to their ends, whatever their energy."""


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
    search = resolve_config(config, {**overrides, **_TO_THE_END})
    given = read_structures(structures.expanduser()) if structures is not None else []
    limits = Limits(elements=search.system.elements, max_atoms=_largest(search, [len(s) for _, s in given]))
    named = [word.strip() for word in prototypes.split(",") if word.strip()]
    phases = reference_phases(limits, given, named)
    repository = open_repository(store or Settings().store)
    try:
        with shown_progress():
            built = build_reference(name, phases, search, repository)
    finally:
        repository.close()
    _say(built, as_json=as_json)


def _largest(search: SearchConfig, given: list[int]) -> int:
    # what a search may propose says nothing of which phases are known
    return max([search.system.max_atoms, 30, *given])


def _say(built: BuiltSet, *, as_json: bool) -> None:
    reference, card = built.reference, built.reference.card
    if as_json:
        document = card.document() if card else {}
        print_json(
            {**document, "path": str(reference.path), "phases": built.phases, "left_out": built.left_out}
        )
        return
    print_line(f"{len(built.phases)} phases: {', '.join(sorted(built.phases))}")
    if built.left_out:
        print_line(f"{len(built.left_out)} left out:")
        print_aligned([(f"  {name}", reason) for name, reason in sorted(built.left_out.items())])
    print_line(
        f"{reference.name} is {reference.path}. It is no stability claim: it holds what it was built from."
    )
    print_line(f"Use it with reference.source: {reference.name}")
