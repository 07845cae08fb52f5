"""The sections of a configuration that say who survives: sizes, objectives, selection."""

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from matsearch.core.element_groups import symbols_of
from matsearch.core.section import Section


class Objective(Section):
    """One quantity to optimise, in order of importance."""

    name: Annotated[str, Field(description="energy_above_hull, or a property by name.")] = "energy_above_hull"
    direction: Annotated[
        Literal["minimize", "maximize", "target"], Field(description="Which way is better; target: near it.")
    ] = "minimize"
    target: Annotated[
        float | tuple[float, float] | None,
        Field(description="For direction: target: a value, or a range in which all values are equally good."),
    ] = None
    weight: Annotated[float, Field(gt=0, description="For selection.scheme: weighted, e.g. 0.7 and 0.3.")] = (
        1.0
    )
    at_least: Annotated[
        float | None,
        Field(description="A hard constraint: under it a crystal is worse than all that keep it."),
    ] = None
    at_most: Annotated[float | None, Field(description="The same from above.")] = None
    scale: Annotated[
        tuple[float, float] | None,
        Field(
            description="Worst and best value of its axis, for fronts and hypervolume; of a target: the two ends. "
            "Null: the property's own."
        ),
    ] = None

    @model_validator(mode="after")
    def _consistent(self) -> "Objective":
        if (self.direction == "target") != (self.target is not None):
            raise ValueError(f"{self.name}: direction: target and target: a value or a range go together")
        if isinstance(self.target, tuple) and self.target[0] > self.target[1]:
            raise ValueError(f"{self.name}: target {list(self.target)} must begin with its lower end")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError(
                f"{self.name}: no value is at_least {self.at_least:g} and at_most {self.at_most:g}"
            )
        self._check_target()
        self._check_scale()
        return self

    def _check_target(self) -> None:
        if self.target is None:
            return
        lower, upper = self.target if isinstance(self.target, tuple) else (self.target, self.target)
        under = self.at_least is not None and upper < self.at_least
        over = self.at_most is not None and lower > self.at_most
        if under or over:
            raise ValueError(f"{self.name}: all of the target breaks at_{'least' if under else 'most'}")

    def _check_scale(self) -> None:
        if self.scale is None:
            return
        worst, best = self.scale
        right = {"minimize": worst > best, "maximize": worst < best, "target": worst != best}
        if not right[self.direction]:
            raise ValueError(
                f"{self.name}: scale [{worst:g}, {best:g}] is worst and best value: they must differ, and agree with "
                f"direction: {self.direction}"
            )


class PopulationSection(Section):
    """Sizes of a generation."""

    proposals: Annotated[int, Field(ge=1, description="Crystals asked for in a generation.")] = 20
    parents: Annotated[int, Field(ge=1, description="Survivors that the next generation builds on.")] = 10
    islands: Annotated[
        int, Field(ge=1, description="Populations that breed apart; proposals and parents are shared out.")
    ] = 1
    migration: Annotated[
        int, Field(ge=1, description="Generations after which each island's parents visit the next one.")
    ] = 3


PAPER_SCHEME = "matllmsearch"
"""The selection of arXiv:2502.20933, which also deals the parents out in groups."""


class SelectionSection(Section):
    """Which of the scored crystals become parents."""

    scheme: Annotated[
        Literal["best", "pareto", "weighted", "lexical", "alternating", "matllmsearch"],
        Field(
            description="best: by the objectives in their order; pareto: fronts and crowding; weighted, lexical, "
            "alternating, matllmsearch: as in arXiv:2502.20933; the last one knows no polymorphs, element_caps, "
            "diversity or niches."
        ),
    ] = "best"
    niches: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Share of the parents taken as the best of a niche of chemistry and structure, one each, "
            "those with the fewest offspring first.",
        ),
    ] = 0.0
    polymorphs: Annotated[
        int, Field(ge=1, description="Parents of one reduced formula on an island, at most.")
    ] = 3
    element_caps: Annotated[
        dict[str, Annotated[float, Field(gt=0, le=1)]],
        Field(
            description="Largest share of the parents that hold an element, or any of a group, e.g. {Pt: 0.2, f-block: 0.3}."
        ),
    ] = {}
    diversity: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Share of the parents taken for being unlike the others in chemistry and structure.",
        ),
    ] = 0.3
    stagnation: Annotated[
        int | None,
        Field(
            ge=1,
            description="Generations without a better best before a restart from seeds; null: no restart.",
        ),
    ] = 5

    @field_validator("element_caps")
    @classmethod
    def _known_names(cls, caps: dict[str, float]) -> dict[str, float]:
        for name in caps:
            symbols_of(name)
        return caps

    @model_validator(mode="after")
    def _paper_alone(self) -> "SelectionSection":
        if self.scheme == PAPER_SCHEME and (self.niches or self.element_caps):
            key = "niches" if self.niches else "element_caps"
            raise ValueError(
                f"scheme: matllmsearch is as published, without {key}: leave it out, or choose best"
            )
        return self
