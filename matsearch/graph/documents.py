"""What jobs give back: pydantic documents, small, without arrays."""

from pydantic import Field

from matsearch.core.model import Record


class ScreenDocument(Record):
    """A screened batch."""

    candidates: list[dict] = Field(description="Candidate documents, in the order given.")
    n_alive: int = Field(description="Candidates without a verdict.")
    best_energy_above_hull: float | None = Field(description="Lowest in the batch, eV/atom.")
    journal: str | None = Field(description="Folder with results not yet in a repository, or none.")


class GenerationDocument(Record):
    """Where a campaign stands after a generation."""

    campaign_id: str = Field(description="The campaign.")
    generation: int = Field(description="The next generation to run.")
    status: str = Field(description="running or finished.")
    store: str = Field(description="The repository that holds the candidates.")
    best_energy_above_hull: float | None = Field(description="Lowest of the campaign, eV/atom.")
    stopped: str | None = Field(default=None, description="Why it waits: a budget that is spent.")
