"""``matsearch config``."""

import json
from typing import TYPE_CHECKING, Any

import yaml

from matsearch.cli.console import print_json, print_line
from matsearch.core.arms import first_calls, first_crystals, most_calls
from matsearch.core.config import SearchConfig
from matsearch.core.resources import find
from matsearch.core.text import counted
from matsearch.graph.api import resolve_config

if TYPE_CHECKING:
    from matsearch.propose.llm.checking import Model


def check(config: str, overrides: dict[str, Any], *, as_json: bool) -> None:
    """Check a configuration and everything it names."""
    from matsearch.pipeline.asking import get_client
    from matsearch.pipeline.campaign import campaign_id
    from matsearch.pipeline.tools import build_tools

    search = resolve_config(config, overrides)
    tools = build_tools(search)
    client = get_client(search) if search.propose.llm else None
    calls = first_calls(search) + most_calls(search) * (search.budget.generations - 1)
    facts = {
        "campaign_id": campaign_id(search, tools),
        "potential": f"{tools.potential.info.name} {tools.potential.info.version}",
        "hull": tools.hull.info.document(),
        "seeds": len(tools.beginning.seeds),
        "templates": len(tools.beginning.templates),
        "proposals": search.population.proposals * search.budget.generations,
        "first_generation": first_crystals(search),
    }
    if client is not None and client.model is not None:
        facts["calls"] = calls
        facts["endpoint"] = {"address": client.endpoint.name, **client.model.document()}
    if as_json:
        print_json(facts)
        return
    hull = tools.hull.info
    print_line(f"{config} is fine: campaign {facts['campaign_id']}")
    print_line(
        f"  potential {facts['potential']}, hull {hull.name} with {hull.n_phases} phases ({hull.scheme_id})"
    )
    print_line(
        f"  {len(tools.beginning.seeds)} seeds, {len(tools.beginning.templates)} templates, {facts['proposals']} proposals in all"
    )
    print_line(f"  {_asked(search)}")
    if client is not None and client.model is not None:
        at_most = "at most " if search.propose.bandit else ""
        print_line(
            f"  {client.endpoint.name} {_listed(client.model)}; {at_most}{counted(calls, 'call')} in all"
            f"{_ended(search, calls)}"
        )


def _listed(model: "Model") -> str:
    if model.listed:
        return f"lists {model.name}"
    return f"does not say whether it serves {model.name}: the first call shows (most addresses end in /v1)"


def _asked(search: SearchConfig) -> str:
    """Return who is asked for how many crystals, in words."""
    asked = ", ".join(f"{arm} for {n}" for arm, n in first_crystals(search).items())
    if search.propose.bandit:
        return f"the first generation asks {asked} crystals; then whoever succeeds is asked for more"
    return f"each generation asks {asked} crystals"


def _ended(search: SearchConfig, calls: int) -> str:
    limit = search.budget.calls
    if limit is None or limit >= calls:
        return ""
    n = 1 + (limit - first_calls(search)) // max(1, most_calls(search))
    at_least = "at the earliest " if search.propose.bandit else ""
    return f", and budget.calls ends it {at_least}after {counted(n, 'generation')}"


def print_schema() -> None:
    """Print the JSON Schema."""
    print_json(SearchConfig.model_json_schema())


def show_config(config: str, overrides: dict[str, Any], *, resolved: bool, as_json: bool) -> None:
    """Print a configuration as written or as understood."""
    search = resolve_config(config, overrides)
    if as_json:
        print_json(search.model_dump(mode="json", exclude_unset=not resolved))
    elif resolved or overrides:
        plain = json.loads(search.model_dump_json(exclude_unset=not resolved))
        print_line(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True).rstrip())
    else:
        print_line(find("configs", config).read_text(encoding="utf-8").rstrip())
