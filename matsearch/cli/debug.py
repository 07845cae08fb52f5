"""``matsearch debug``."""

import contextlib
import logging
from collections.abc import Callable, Iterator

from matsearch.cli.console import print_json, print_line
from matsearch.cli.lookup import find_candidate, opened
from matsearch.core.config import SearchConfig, parse_config
from matsearch.core.errors import InputError
from matsearch.core.protocols import Repository
from matsearch.core.records import Candidate
from matsearch.hull.stage import place
from matsearch.parse.sanity import check_sanity
from matsearch.pipeline.aims import aims_of
from matsearch.pipeline.measuring import measure
from matsearch.pipeline.opinions import ask_others
from matsearch.pipeline.steps import as_proposed
from matsearch.pipeline.tools import Tools, build_tools
from matsearch.properties.charges import with_charges
from matsearch.relax.engine import InProcessEngine
from matsearch.relax.stage import relax


def debug_candidate(
    candidate_id: str, stage: str, store: str | None, *, allow_import: bool, as_json: bool
) -> None:
    """Take one candidate through the stages up to one, the last with its log."""
    if stage not in _STAGES:
        raise InputError(f"no stage {stage!r}", f"stages are {', '.join(_STAGES)}")
    with opened(store) as repository:
        candidate = find_candidate(repository, candidate_id)
        record = repository.get_campaign(candidate.campaign_id)
    if record is None:
        raise InputError(f"campaign {candidate.campaign_id} is not in the store", "is this the right store?")
    config = parse_config(record.config)
    if not allow_import:
        _refuse_code(config)
    tools = build_tools(config)
    candidate = as_proposed(candidate)
    names = list(_STAGES)
    for name in names[: names.index(stage) + 1]:
        _log_to_screen(enabled=name == stage)
        candidate = _STAGES[name](candidate, tools)
    if as_json:
        print_json(candidate.document())
        return
    _print_outcome(candidate, stage)


def _refuse_code(config: SearchConfig) -> None:
    """Refuse what a store says to import: its author said that it may run, and that may not be its reader."""
    for section in (config.potential, *config.opinions):
        if section.allow_import:
            named = [code for code in (section.calculator, section.python, section.weights) if code]
            raise InputError(
                f"the stored campaign names code to run: {', '.join(named)}",
                "add --allow-import if you trust it",
            )


def _parse(candidate: Candidate, tools: Tools) -> Candidate:
    return check_sanity([candidate], tools.limits, tools.config.sanity)[0]


@contextlib.contextmanager
def _no_store() -> Iterator[Repository]:
    from matsearch.store import open_repository

    cache = open_repository("sqlite://:memory:")
    try:
        yield cache
    finally:
        cache.close()


def _relax(candidate: Candidate, tools: Tools) -> Candidate:
    engine, batch, info = InProcessEngine(tools.config.potential), [candidate], tools.potential.info
    with _no_store() as cache:
        return relax(batch, info, tools.config.relax, engine, cache, "debug", aims_of(batch, tools))[0]


def _hull(candidate: Candidate, tools: Tools) -> Candidate:
    placed = place([candidate], tools.hull, tools.potential.info.elements)
    with _no_store() as cache:
        return ask_others(placed, tools, cache, "debug")[0]


def _properties(candidate: Candidate, tools: Tools) -> Candidate:
    with _no_store() as cache:
        return with_charges(measure([candidate], tools, cache, "debug"))[0]


_STAGES: dict[str, Callable[[Candidate, Tools], Candidate]] = {
    "parse": _parse,
    "relax": _relax,
    "hull": _hull,
    "properties": _properties,
}


def _log_to_screen(*, enabled: bool) -> None:
    logging.basicConfig(format="%(message)s")
    logging.getLogger("matsearch").setLevel(logging.DEBUG if enabled else logging.WARNING)


def _print_outcome(candidate: Candidate, stage: str) -> None:
    if candidate.verdict:
        print_line(f"{candidate.verdict.kind} in {candidate.verdict.stage}: {candidate.verdict.detail}")
        if candidate.verdict.traceback:
            print_line(candidate.verdict.traceback)
    elif candidate.placement:
        print_line(
            f"{candidate.placement.energy_above_hull:+.4f} eV/atom above {candidate.placement.hull_name}"
        )
    elif candidate.relaxation:
        relaxation = candidate.relaxation
        print_line(f"relaxed to {relaxation.energy_per_atom:.4f} eV/atom in {relaxation.n_steps} steps")
    else:
        print_line(f"{stage}: passed")
