"""What ``matsearch verify`` is asked to verify: a stored campaign or files, and by which configuration."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pymatgen.core import Structure

from matsearch.cli.lookup import find_campaign, opened
from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import SearchConfig, parse_config, with_overrides
from matsearch.core.errors import ConfigError, InputError, StoreError
from matsearch.core.sections import PotentialSection
from matsearch.core.verify_section import RunSection, VerifySection
from matsearch.crystal.files import SUFFIXES, read_structures
from matsearch.graph.api import resolve_config, verification_config
from matsearch.pipeline.given_campaign import given_config

_SECTION = "verify"
_COUNTS = ("verify.promotion.survivors", "verify.promotion.controls")


def names_files(targets: Sequence[str], store: str | None) -> bool:
    """Return whether files are meant: several things, or one that looks like a file, or that is one and no campaign."""
    if len(targets) != 1:
        return len(targets) > 1
    (target,) = targets
    if "/" in target or target.lower().endswith(SUFFIXES) or target.startswith("POSCAR"):
        return True
    return Path(target).exists() and not _is_campaign(target, store)


def campaign_target(
    text: str | None,
    config: str | None,
    overrides: dict[str, Any],
    store: str | None,
    *,
    allow_import: bool,
) -> tuple[CampaignRecord, SearchConfig]:
    """Return a stored campaign, and its configuration with the ``verify`` section asked for.

    Raises
    ------
    ConfigError
        If something else than the ``verify`` section is to be changed.
    InputError
        If there is no such campaign, or it names code to run that is not allowed to.
    """
    others = [key for key in overrides if key.partition(".")[0] != _SECTION]
    if others:
        raise ConfigError(
            f"--set {others[0]}: of a campaign only the verify section can be changed",
            "write --set verify.section.key=value; to search otherwise, run another search",
        )
    with opened(store) as repository:
        record = find_campaign(repository, text)
    stored = parse_config(record.config, f"campaign {record.campaign_id}")
    given = resolve_config(config).verify if config is not None else None
    if not allow_import:
        _refuse_code(stored, given)
    return record, verification_config(record, overrides, given)


def file_target(
    targets: Sequence[str], name: str | None, config: str | None, overrides: dict[str, Any]
) -> tuple[list[tuple[str, Structure]], SearchConfig]:
    """Return the crystals of files and folders, and the configuration of the campaign that they become.

    Raises
    ------
    InputError, ConfigError
        If a file cannot be read, or the configuration cannot be used.
    """
    found = [crystal for target in targets for crystal in read_structures(Path(target).expanduser())]
    crystals = _with_distinct_names(found)
    if config is not None:
        like = resolve_config(config, overrides)
    else:
        # the elements come from the crystals
        like = parse_config(with_overrides({"name": "given", "system": {"elements": ["H"]}}, overrides))
    search = given_config(crystals, name, like)
    counts = [key for key in _COUNTS if key in overrides]
    if counts and search.verify.promotion.sample == "all":
        raise ConfigError(
            f"{counts[0]}: all crystals of files are sent, however many",
            "leave it out, or choose among them with --set verify.promotion.sample=best",
        )
    return crystals, search


def asked_overrides(
    overrides: dict[str, Any], backend: str | None, survivors: int | None, controls: int | None
) -> dict[str, Any]:
    """Return overrides with those that have an option of their own."""
    options = {
        "verify.backend": backend,
        "verify.promotion.survivors": survivors,
        "verify.promotion.controls": controls,
    }
    return overrides | {key: value for key, value in options.items() if value is not None}


def _is_campaign(text: str, store: str | None) -> bool:
    try:
        with opened(store) as repository:
            return any(text in {r.campaign_id, r.name} for r in repository.list_campaigns())
    except StoreError:
        return False


def _with_distinct_names(crystals: Sequence[tuple[str, Structure]]) -> list[tuple[str, Structure]]:
    """Return the crystals with a number after names that were there before."""
    seen: dict[str, int] = {}
    named = []
    for name, structure in crystals:
        seen[name] = seen.get(name, 0) + 1
        named.append((name if seen[name] == 1 else f"{name}-{seen[name]}", structure))
    return named


def _refuse_code(stored: SearchConfig, given: VerifySection | None) -> None:
    """Refuse what a store says to run: its author said that it may, and that may not be its reader."""
    named = [code for section in (stored.potential, *stored.opinions) for code in _code_of(section)]
    if given is None:
        verify = stored.verify
        named += _code_of(verify.potential) if verify.potential else []
        named += [verify.vasp.maker] if verify.vasp.allow_import else []
        plain = RunSection()
        named += [verify.run.python] if verify.run.python else []
        named += [verify.run.mpirun] if verify.run.mpirun != plain.mpirun else []
    if named:
        raise InputError(
            f"the stored campaign names code to run: {', '.join(named)}",
            "add --allow-import if you trust it, or give the verify section with --config",
        )


def _code_of(section: PotentialSection) -> list[str]:
    if not section.allow_import:
        return []
    return [code for code in (section.calculator, section.python, section.weights) if code]
