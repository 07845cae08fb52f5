"""Known phases as what a search is to find, without being led to them."""

from typing import Any

from matsearch.core.config import parse_config
from matsearch.crystal.known import EmbeddedPhase, embedded_set
from matsearch.crystal.matching import isotypic
from matsearch.pipeline.tools import build_tools


def phase(name: str) -> EmbeddedPhase:
    """Return an embedded phase."""
    return next(p for p in embedded_set().phases if p.phase_id == name)


def require_unseen(name: str, document: dict[str, Any]) -> None:
    """Stop if a seed or template of the search is an isotype of its target."""
    tools = build_tools(parse_config(document))
    target = phase(name).relaxed
    templates = tools.beginning.templates
    given = [*tools.beginning.seeds, *templates]
    isotypes = [p.parent_id for p in given if isotypic(target, p.structure)]
    if isotypes:
        raise SystemExit(f"{name}: {', '.join(isotypes)} are isotypes of the target")
    print(
        f"{name:<12} {len(given) - len(templates)} seeds and {len(templates)} templates, no isotype among them"
    )
