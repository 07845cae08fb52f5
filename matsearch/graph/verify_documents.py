"""What the jobs of verification give back: pydantic documents, small, without arrays."""

from pydantic import Field

from matsearch.core.model import Record


class CalculationDocument(Record):
    """A calculation that was written down."""

    key: str = Field(description="Content key of the calculation.")
    label: str = Field(description="What was calculated, for people.")
    end: str = Field(description="converged, or the kind of its verdict.")
    core_hours: float = Field(description="Spent on it.")
    journal: str | None = Field(description="Folder with a result not yet in a repository, or none.")


class VerificationDocument(Record):
    """Where a round of verification stands."""

    campaign_id: str = Field(description="The campaign.")
    round: int | None = Field(description="From 0; none where nobody was left to be sent.")
    standings: dict[str, str] = Field(description="What DFT made of each candidate sent, by candidate id.")
    missing: int = Field(description="Calculations without an end: the same flow again does them.")
    store: str = Field(description="The repository that holds the candidates.")
