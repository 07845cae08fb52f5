"""The Python interface."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import SearchConfig, VerifySection, load_config, parse_config, with_overrides
from matsearch.core.records import Candidate, Frame
from matsearch.core.resources import find
from matsearch.core.settings import Settings
from matsearch.graph.local import run_campaign
from matsearch.graph.verify_jobs import stored_campaign
from matsearch.graph.verify_local import run_verification
from matsearch.pipeline.given import given_batch
from matsearch.pipeline.result import SearchResult, load_result
from matsearch.pipeline.steps import screen as screen_batch
from matsearch.pipeline.tools import build_tools
from matsearch.potentials import load_potential
from matsearch.potentials.frames import static_frame
from matsearch.store import open_repository


def search(config: str | Path | SearchConfig, store: str | None = None, **overrides: Any) -> SearchResult:
    """Run a search, or go on with it, to the end of its budget.

    Parameters
    ----------
    config : str, Path or SearchConfig
        A YAML file, the name of a packaged one, or the configuration itself.
    store : str, optional
        Repository URI; default from the settings (``sqlite:///matsearch.sqlite``).
    **overrides
        Keys to change, such as ``seed=3`` or ``budget={"generations": 2}``.

    Returns
    -------
    SearchResult
        Ranked crystals, funnel, every candidate.
    """
    search_config = resolve_config(config, _dotted(overrides))
    uri = store or Settings().store
    record = run_campaign(search_config, uri)
    repository = open_repository(uri)
    try:
        return load_result(repository, record)
    finally:
        repository.close()


def verify_campaign(campaign_id: str, store: str | None = None, **section: Any) -> SearchResult:
    """Send a campaign's survivors to DFT, or go on with it.

    Parameters
    ----------
    campaign_id : str
        Of a search in the repository: ``result.record.campaign_id``.
    store : str, optional
        Repository URI; default from the settings.
    **section
        Keys of the campaign's ``verify`` section to change, such as ``backend="vasp"`` or
        ``promotion={"survivors": 3}``.

    Returns
    -------
    SearchResult
        Each candidate that was sent has its ``verification``.

    Raises
    ------
    DftError
        If calculations cannot be run here; nothing is written then.
    InputError
        If there is no such campaign, or nobody in it to send.
    """
    uri = store or Settings().store
    repository = open_repository(uri, create=False)
    try:
        record = stored_campaign(repository, campaign_id)
        config = verification_config(record, {f"verify.{k}": v for k, v in _dotted(section).items()})
        run_verification(config, campaign_id, uri)
        return load_result(repository, stored_campaign(repository, campaign_id))
    finally:
        repository.close()


def verification_config(
    record: CampaignRecord, overrides: Mapping[str, Any], section: VerifySection | None = None
) -> SearchConfig:
    """Return a stored campaign's configuration with another ``verify`` section, or keys of it changed.

    Parameters
    ----------
    overrides : mapping
        By dotted key (``verify.backend``).
    section : VerifySection, optional
        Instead of that of the campaign.

    Raises
    ------
    ConfigError
        If it cannot be used.
    """
    origin = f"campaign {record.campaign_id}"
    section = section or parse_config(record.config, origin).verify
    # a key below one that is null could not be set
    sparse = {key: value for key, value in section.model_dump(mode="json").items() if value is not None}
    return parse_config(with_overrides({**record.config, "verify": sparse}, overrides), origin)


def screen(
    structures: Sequence[Structure], store: str = "sqlite://:memory:", **sections: Any
) -> list[Candidate]:
    """Relax crystals with a universal potential and place them on a reference hull.

    Parameters
    ----------
    structures : sequence of Structure
        Ordered.
    store : str
        Repository whose cache is used; by default nothing is kept.
    **sections
        Sections of a search configuration (``potential``, ``relax``, ``reference``, ...).

    Returns
    -------
    list of Candidate
        Same length and order; one that fails carries a verdict.
    """
    if not structures:
        return []
    config, batch = given_batch(structures, sections)
    repository = open_repository(store)
    try:
        return screen_batch(batch, build_tools(config), repository, config.name)
    finally:
        repository.close()


def evaluate(structure: Structure, potential: str = "chgnet", version: str | None = None) -> Frame:
    """Return energy (eV), forces (eV/angstrom), stress (GPa) and moments of one geometry."""
    return static_frame(structure, load_potential(potential, version))


def resolve_config(
    config: str | Path | SearchConfig, overrides: Mapping[str, Any] | None = None
) -> SearchConfig:
    """Return the configuration of a path, a packaged name or an object, with overrides by dotted key.

    Raises
    ------
    ConfigError, InputError
        If it cannot be found or used.
    """
    if isinstance(config, SearchConfig):
        return parse_config(with_overrides(config.model_dump(mode="json"), overrides or {}))
    return load_config(find("configs", str(config)), overrides)


def _dotted(overrides: Mapping[str, Any]) -> dict[str, Any]:
    dotted: dict[str, Any] = {}
    for name, value in overrides.items():
        if isinstance(value, Mapping):
            dotted |= {f"{name}.{key}": inner for key, inner in value.items()}
        else:
            dotted[name] = value
    return dotted
