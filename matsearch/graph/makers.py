"""Makers in atomate2's grammar: plain data in fields, ``make`` gives a Job or a Flow, each works alone."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from jobflow import Flow, Job, Maker, OutputReference
from pymatgen.core import Structure

from matsearch.core.config import parse_config, with_overrides
from matsearch.graph.jobs import advance_generation, propose, screen_structures
from matsearch.store import absolute_uri


@dataclass
class ScreenMaker(Maker):
    """Relax crystals with a universal potential and place them on a reference hull.

    Parameters
    ----------
    name : str
        Job name.
    config : dict
        Sections of a search configuration to change (``potential``, ``relax``, ``sanity``, ``reference``, ...).
        The chemical system is that of the structures unless ``system`` says otherwise.
    store : str or None
        Repository that caches relaxations; None journals in the job's folder.
    """

    name: str = "screen"
    config: dict[str, Any] = field(default_factory=dict)
    store: str | None = None

    def make(self, structures: Sequence[Structure] | OutputReference) -> Job:
        """Return a job whose output is a :class:`~matsearch.graph.documents.ScreenDocument`.

        Parameters
        ----------
        structures : sequence of Structure
            Or references to other jobs' outputs, in a list or one for the whole list.

        Raises
        ------
        ConfigError
            If the sections do not fit together.
        """
        # the elements are known when the job runs; everything else is checked now
        sections = with_overrides(copy.deepcopy(self.config), {})
        parse_config({"name": "screen", "system": {"elements": ["H"]}, **sections})
        made = screen_structures(structures, sections, absolute_uri(self.store) if self.store else None)
        made.name = self.name
        return made


@dataclass
class ProposeMaker(Maker):
    """Plan the next generation of a campaign; the job is replaced by its screening and its advance.

    Parameters
    ----------
    store : str
        URI of the repository, reachable from where the job runs.
    chain : bool
        Whether each advance goes on with the next generation.
    """

    name: str = "propose"
    store: str = "sqlite:///matsearch.sqlite"
    chain: bool = False

    def make(self, config: dict[str, Any]) -> Job:
        """Return the job for a search configuration."""
        made = propose(parse_config(config).model_dump(mode="json"), absolute_uri(self.store), self.chain)
        made.name = self.name
        return made


@dataclass
class AdvanceMaker(Maker):
    """Commit screened batches as the campaign's current generation.

    Parameters
    ----------
    store, chain
        As for :class:`ProposeMaker`.
    """

    name: str = "advance"
    store: str = "sqlite:///matsearch.sqlite"
    chain: bool = False

    def make(self, batches: Sequence[Any], config: dict[str, Any]) -> Job:
        """Return the job for lists of candidate documents, or references to them."""
        made = advance_generation(
            list(batches), parse_config(config).model_dump(mode="json"), absolute_uri(self.store), self.chain
        )
        made.name = self.name
        return made


@dataclass
class CampaignMaker(Maker):
    """A whole search as one dynamic flow: each generation replaces itself by the next.

    jobflow's ``run_locally`` nests replacements and dies near 450 generations; the driver in
    :mod:`matsearch.graph.local` loops outside of it and has no such end.

    Parameters
    ----------
    store : str
        URI of the repository, reachable from the jobs.
    """

    name: str = "campaign"
    store: str = "sqlite:///matsearch.sqlite"

    def make(self, config: dict[str, Any]) -> Flow:
        """Return the flow; its output is the last :class:`~matsearch.graph.documents.GenerationDocument`."""
        first = ProposeMaker(store=self.store, chain=True).make(config)
        return Flow([first], output=first.output, name=f"{self.name} {config.get('name', '')}".strip())
