"""What a repository keeps of a campaign, besides its candidates."""

from typing import Any, Literal

from pydantic import Field

from matsearch.core.model import Record
from matsearch.core.records import Parent

SCHEMA_VERSION = 1
"""Of every stored document. A store with a higher one was written by a newer matsearch and is refused."""


class ArmCount(Record):
    """What one proposer earned in one generation.

    Attributes
    ----------
    arm : str
        ``operators``, ``random``, or ``llm:`` and the name of the prompt.
    asked : int
        Crystals asked for.
    hits : int
        Of them: metastable, believed, no known phase, and like no crystal before.
    cost : float or None
        Of its calls, in USD; None where it is unknown or there were none.
    """

    arm: str
    asked: int
    hits: int
    cost: float | None = None


class GenerationSummary(Record):
    """Counts of one finished generation.

    Attributes
    ----------
    asked : int
        Slots times proposals a slot.
    best_energy_above_hull : float or None
        In eV/atom, over the whole campaign up to here; what is flagged as not to be believed is left out.
    best_objective : float or None
        Best value of the first objective, in its unit, since the last restart up to here; flagged ones left out.
    restarted : bool
        Whether the search stagnated here, so that the next generation begins from the seeds again.
    hypervolume : float or None
        Of all distinct believed crystals up to here, on the absolute axes of the objectives (0 to 1); None with one objective.
    arms : tuple of ArmCount
        What each proposer earned, where several share the proposals.
    """

    generation: int
    asked: int
    proposed: int
    relaxed: int
    scored: int
    best_energy_above_hull: float | None = None
    best_objective: float | None = None
    restarted: bool = False
    hypervolume: float | None = None
    arms: tuple[ArmCount, ...] = ()


class CampaignState(Record):
    """Where a campaign stands: small, and enough to go on.

    Attributes
    ----------
    generation : int
        The next generation to run.
    parents : tuple of Parent
        What it builds on.
    stopped : str or None
        Why it waits: a budget that is spent.
    feedback : tuple of str
        What independent calculations said of its finds, for the next prompts.
    """

    campaign_id: str
    generation: int = 0
    parents: tuple[Parent, ...] = ()
    history: tuple[GenerationSummary, ...] = ()
    status: Literal["running", "finished"] = "running"
    stopped: str | None = None
    feedback: tuple[str, ...] = ()


class CampaignRecord(Record):
    """A campaign: what was asked, by which versions, and its state.

    Attributes
    ----------
    config : dict
        The resolved search configuration.
    provenance : dict
        Versions, potential, reference hull with their sha256.
    created_at : str
        Aware UTC, ISO 8601.
    """

    campaign_id: str
    name: str
    config: dict[str, Any]
    provenance: dict[str, Any]
    created_at: str
    state: CampaignState


class CandidateQuery(Record):
    """Which candidates, in which order, which page.

    Attributes
    ----------
    alive : bool or None
        Only candidates without (True) or with (False) a verdict.
    unique : bool
        Leave out those marked as duplicates of another.
    max_energy_above_hull : float or None
        In eV/atom, exclusive.
    id_prefix : str or None
        Candidate ids that begin so.
    sort : str
        ``energy_above_hull`` (missing last) or ``birth`` (generation, slot, index); ties by candidate id.
    limit : int or None
        Page size; None is all.
    """

    campaign_id: str | None = None
    generation: int | None = None
    formula: str | None = None
    verdict_kind: str | None = None
    alive: bool | None = None
    unique: bool = False
    max_energy_above_hull: float | None = None
    id_prefix: str | None = None
    sort: Literal["energy_above_hull", "birth"] = "birth"
    limit: int | None = Field(default=None, ge=0)
    offset: int = Field(default=0, ge=0)


class Changes(Record):
    """Candidates written after a cursor, oldest first, and the cursor to ask with next."""

    candidate_ids: tuple[str, ...]
    cursor: int


class WorkSummary(Record):
    """Of all relaxations begun for a campaign: how they ended.

    Attributes
    ----------
    started : int
        Begun, counting repeats.
    finished : int
        Ended with a committed result, another campaign's for the same key too.
    transient : int
        Ended in a transient verdict (time-out, out of memory, killed worker).
    lost : int
        Begun and never heard of again: work that was in flight when the driver died.
    """

    started: int
    finished: int
    transient: int

    @property
    def lost(self) -> int:
        """Work in flight that was lost."""
        return self.started - self.finished - self.transient
