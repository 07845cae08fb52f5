"""The beginning of a campaign: its identity, its provenance, its record."""

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from matsearch.core.campaign import CampaignRecord, CampaignState
from matsearch.core.config import SearchConfig, parse_config
from matsearch.core.faults import boundary
from matsearch.core.keys import content_key
from matsearch.core.protocols import Potential, Repository
from matsearch.core.records import Parent
from matsearch.pipeline.opinions import opinions_key
from matsearch.pipeline.parents import first_parents
from matsearch.pipeline.pool import scores_seeds
from matsearch.pipeline.tools import Tools, build_tools

PACKAGES = ("matsearch", "pymatgen", "ase", "chgnet", "torch", "numpy", "jobflow")


def open_campaign(config: SearchConfig, repository: Repository) -> CampaignRecord:
    """Return the campaign of a configuration, begun if it is new, reopened if its budget was raised.

    The id is the name and a hash of everything that changes the answer, so that the same command goes on where it
    stopped and another configuration never mixes with it.
    """
    tools = build_tools(config)
    record = _new_record(config, tools)
    if repository.create_campaign(record):
        boundary("campaign-created")
        return record
    stored = repository.get_campaign(record.campaign_id)
    assert stored is not None  # noqa: S101 - create_campaign said that it exists
    if stored.state.status == "finished" and stored.state.generation < config.budget.generations:
        reopened = stored.state.evolve(status="running")
        repository.save_state(reopened)
        return stored.evolve(state=reopened)
    return stored


def campaign_id(config: SearchConfig, tools: Tools) -> str:
    """Return the id: name and 8 hex digits over physics, weights, opinions where some are asked, hull and seeds."""
    hull = tools.hull.info
    others = {"opinions": opinions_key(tools.opinions)} if tools.opinions else {}
    key = config.physics_key(
        potential=tools.potential.info.sha256,
        hull=content_key("hull/1", [hull.sha256, hull.scheme_id, hull.corrections, hull.complete]),
        seeds=tools.beginning.key,
        **others,
        **_prompts(tools),
    )
    return f"{config.name}-{key[:8]}"


def _prompts(tools: Tools) -> dict[str, str]:
    hashes = {name: requests.sha256 for name, requests in tools.requests.items()}
    if len(hashes) == 1:
        return {"prompt": next(iter(hashes.values()))}
    return {"prompts": content_key("prompts-by-name/1", hashes)} if hashes else {}


def changed_settings(config: SearchConfig, other: CampaignRecord) -> list[str]:
    """Return the dotted keys in which a stored campaign's physics differ from a configuration's."""
    mine, theirs = (_flat(_asked(c)) for c in (config, parse_config(other.config)))
    return sorted(key for key in mine.keys() | theirs.keys() if mine.get(key) != theirs.get(key))


def _asked(config: SearchConfig) -> dict[str, Any]:
    return config.physics() | config.model_dump(mode="json", include={"opinions"})


def similar_campaigns(config: SearchConfig, repository: Repository) -> list[str]:
    """Return a line for each stored campaign of the same name with other settings, naming what differs."""
    identity = campaign_id(config, build_tools(config))
    others = [r for r in repository.list_campaigns() if r.name == config.name and r.campaign_id != identity]
    lines = []
    for other in others:
        changed = ", ".join(changed_settings(config, other)) or "files or weights"
        lines.append(
            f"note: {identity} is another campaign than {other.campaign_id}, which differs in {changed}"
        )
    return lines


def _new_record(config: SearchConfig, tools: Tools) -> CampaignRecord:
    identity = campaign_id(config, tools)
    return CampaignRecord(
        campaign_id=identity,
        name=config.name,
        config=config.model_dump(mode="json"),
        provenance={
            "python": platform.python_version(),
            "platform": platform.platform(),
            "packages": {name: installed_version(name) for name in PACKAGES},
            "potential": _who(tools.potential),
            "opinions": [_who(potential) for potential in tools.opinions],
            "hull": tools.hull.info.document(),
            "seeds": tools.beginning.key,
            **_language_model(config, tools),
        },
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        state=CampaignState(campaign_id=identity, parents=_parents(config, tools)),
    )


def _parents(config: SearchConfig, tools: Tools) -> tuple[Parent, ...]:
    # seeds are scored by the first plan, which may take long
    return () if scores_seeds(config) else first_parents(tools)


def _language_model(config: SearchConfig, tools: Tools) -> dict[str, Any]:
    model, requests = config.propose.llm, list(tools.requests.values())
    if model is None:
        return {}
    asked: dict[str, Any] = {"model": model.model}
    if len(requests) == 1:
        asked |= {"prompt": requests[0].prompt_id, "prompt_sha256": requests[0].sha256}
    else:
        asked["prompts"] = {made.prompt_id: made.sha256 for made in requests}
    return {"language_model": asked | {"openai": installed_version("openai")}}


def _who(potential: Potential) -> dict[str, Any]:
    return potential.info.model_dump(mode="json", exclude={"elements"})


def installed_version(package: str) -> str | None:
    """Return the version of an installed package, None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {path: value}
    return {
        k: v for key, inner in value.items() for k, v in _flat(inner, f"{path}.{key}".lstrip(".")).items()
    }
