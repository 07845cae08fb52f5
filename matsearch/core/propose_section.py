"""The section of a configuration that says who proposes."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from matsearch.core.language_model import LanguageModelSection
from matsearch.core.section import Section

OperatorName = Literal[
    "substitution",
    "decoration",
    "heredity",
    "strain",
    "rattle",
    "permutation",
    "vacancy",
    "insertion",
    "supercell",
    "random_symmetric",
]

ProposerName = Literal["llm", "operators", "random"]


class BanditSection(Section):
    """Shares that follow success: what was stable, new and different of all that a proposer was asked for."""

    floor: Annotated[
        float,
        Field(gt=0, le=0.5, description="Least share of each proposer and prompt; one crystal at least."),
    ] = 0.1
    memory: Annotated[
        float, Field(gt=0, le=1, description="What a generation's counts weigh one generation later.")
    ] = 0.8
    crystal_cost: Annotated[
        float | None,
        Field(
            gt=0, description="USD that screening a crystal costs: success is per USD then, calls included."
        ),
    ] = None


class ProposeSection(Section):
    """Who proposes."""

    operators: Annotated[
        dict[OperatorName, Annotated[float, Field(ge=0)]],
        Field(description="Relative share of each operator. `docs/operators.md` says what each does."),
    ] = {
        "substitution": 0.2,
        "decoration": 0.15,
        "heredity": 0.1,
        "permutation": 0.1,
        "vacancy": 0.1,
        "insertion": 0.1,
        "supercell": 0.15,
        "random_symmetric": 0.1,
    }
    llm: Annotated[
        LanguageModelSection | None,
        Field(
            description="A language model that makes proposals: all, unless share says otherwise. Null: none."
        ),
    ] = None
    share: Annotated[
        dict[ProposerName, Annotated[float, Field(gt=0)]],
        Field(
            description="Relative shares of llm, operators and random (random symmetric crystals) in the proposals. "
            "Empty: the llm where there is one, else the operators."
        ),
    ] = {}
    bandit: Annotated[
        BanditSection | None, Field(description="The shares are the first ones only. Null: they stay.")
    ] = None

    @field_validator("operators")
    @classmethod
    def _some_share(cls, shares: dict[str, float]) -> dict[str, float]:
        if sum(shares.values()) <= 0:
            raise ValueError("at least one operator needs a share above 0")
        return shares
