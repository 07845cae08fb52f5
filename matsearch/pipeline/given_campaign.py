"""Crystals from a user's files become a campaign of one generation: screened, kept and verified like any other."""

from collections.abc import Mapping, Sequence
from typing import Any

from pymatgen.core import Structure

from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import SearchConfig
from matsearch.core.keys import content_key
from matsearch.core.progress import report
from matsearch.core.protocols import Repository
from matsearch.core.records import Candidate, Lineage
from matsearch.crystal.canonical import structure_key
from matsearch.pipeline.campaign import open_campaign
from matsearch.pipeline.given import given_batch
from matsearch.pipeline.steps import advance, screen
from matsearch.pipeline.tools import build_tools

_SECTIONS = {"seed", "potential", "opinions", "relax", "sanity", "reference", "verify", "execution"}
"""Of a search configuration that say how given crystals are screened and verified."""

_KEY_DIGITS = 8


def given_config(
    crystals: Sequence[tuple[str, Structure]],
    name: str | None,
    like: SearchConfig | None,
    verify: Mapping[str, Any] | None = None,
) -> SearchConfig:
    """Return the configuration of the campaign that given crystals (at least one) become.

    Its name ends with a content key of the crystals, so that the same files go on with the same campaign and others
    never meet it. They are relaxed to their ends, whatever their energy, and all of them are sent: as survivors where
    they are predicted to be under the threshold, as controls where they are not, known and flagged ones too. What
    ``verify`` or ``like`` say of that goes first.

    Parameters
    ----------
    crystals : sequence of (str, Structure)
        Names and ordered crystals.
    name : str or None
        Begins the campaign's name; ``given`` by default.
    like : SearchConfig or None
        Its potential, hull, relaxation, verification and execution are used.
    verify : mapping, optional
        The ``verify`` section, instead of that of ``like``.
    """
    structures = [structure for _, structure in crystals]
    document = like.model_dump(mode="json", include=_SECTIONS, exclude_unset=True) if like else {}
    section = dict(verify if verify is not None else document.get("verify", {}))
    section["promotion"] = {"sample": "all"} | dict(section.get("promotion", {}))
    config, _ = given_batch(
        structures,
        document
        | {
            "name": f"{name or 'given'}-{_content(crystals)}",
            "relax": document.get("relax", {}) | {"stop_above": None},
            "population": {"proposals": len(structures), "parents": len(structures)},
            "budget": {"generations": 1},
            "verify": section,
        },
    )
    return config


def given_campaign(
    crystals: Sequence[tuple[str, Structure]], config: SearchConfig, repository: Repository
) -> CampaignRecord:
    """Return the campaign of given crystals, screened now if it was not: one generation, each crystal a candidate.

    Parameters
    ----------
    config : SearchConfig
        Of :func:`given_config`.
    """
    record = open_campaign(config, repository)
    if record.state.generation > 0:
        return record
    tools = build_tools(config)
    born = [
        Candidate.born(
            record.campaign_id,
            0,
            "given",
            index,
            lineage=Lineage(operator="given", details={"name": name}),
            structure=structure,
        )
        for index, (name, structure) in enumerate(crystals)
    ]
    repository.put_candidates(born)
    report("proposed", generation=0, n=len(born))
    screened = screen(born, tools, repository, record.campaign_id)
    return record.evolve(state=advance(record.state, screened, tools, repository))


def _content(crystals: Sequence[tuple[str, Structure]]) -> str:
    keys = [[name, structure_key(structure)] for name, structure in crystals]
    return content_key("given/1", keys)[:_KEY_DIGITS]
