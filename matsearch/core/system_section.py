"""The section of a configuration that says which crystals are searched."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_validator

from matsearch.core.element_groups import ANY, EMBEDDED_ELEMENTS, known_elements, symbols_of
from matsearch.core.formulas import elements_of, reduced_formulas
from matsearch.core.section import Section
from matsearch.core.system_rules import check_system, spacegroup_numbers

MAX_ATOMS = 500
"""Of a cell; larger ones are refused."""


class SystemSection(Section):
    """The chemistry searched."""

    # before the elements: their validator looks at it
    exclude: Annotated[
        tuple[str, ...],
        Field(
            description="Taken out of the elements: symbols, or groups (f-block, noble-gas, precious, radioactive, toxic)."
        ),
    ] = ()
    elements: Annotated[
        tuple[str, ...],
        Field(
            min_length=1,
            description="Element symbols, e.g. [Li, Fe, P, O], or [any]. With formulas it may be left out: theirs.",
        ),
    ]
    max_atoms: Annotated[int, Field(ge=1, le=MAX_ATOMS, description="Largest proposed cell, in atoms.")] = 20
    formulas: Annotated[
        tuple[str, ...],
        Field(description="Only these compositions, e.g. [LiFePO4]: structure prediction. Empty: any."),
    ] = ()
    n_elements: Annotated[
        tuple[int, int] | None, Field(description="Fewest and most elements of a crystal, e.g. [3, 6].")
    ] = None
    anions: Annotated[
        tuple[str, ...],
        Field(description="The most electronegative element of each crystal is one of these. Empty: any."),
    ] = ()
    oxidation_states: Annotated[
        dict[str, Annotated[tuple[Annotated[int, Field(ge=-5, le=9)], ...], Field(min_length=1)]],
        Field(
            description="States an element may have, e.g. {Fe: [2, 3]}: crystals that hold it must balance with them."
        ),
    ] = {}
    spacegroups: Annotated[
        tuple[int | str, ...],
        Field(
            description="Numbers or crystal systems, e.g. [225, tetragonal], as proposed and as relaxed. Empty: any."
        ),
    ] = ()
    max_cost: Annotated[
        float | None,
        Field(gt=0, description="Of a crystal's elements, USD per kg by rough prices. Null: no limit."),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _elements_of_the_formulas(cls, data: Any) -> Any:
        """Fill in the elements that the formulas say, in place of none or of any."""
        formulas = data.get("formulas") if isinstance(data, Mapping) else None
        if not formulas or not isinstance(formulas, list | tuple):
            return data
        if data.get("elements", [ANY]) not in ([ANY], (ANY,)):
            return data
        return {**data, "elements": elements_of(tuple(map(str, formulas)))}

    @field_validator("exclude")
    @classmethod
    def _known_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            symbols_of(name)
        return tuple(sorted(set(names)))

    @field_validator("elements")
    @classmethod
    def _known_and_sorted(cls, symbols: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        return _remaining(symbols, info.data.get("exclude", ()))

    @field_validator("formulas")
    @classmethod
    def _reduced_and_sorted(cls, formulas: tuple[str, ...]) -> tuple[str, ...]:
        return reduced_formulas(formulas)

    @field_validator("anions")
    @classmethod
    def _known_anions(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        return known_elements(symbols)

    @field_validator("oxidation_states")
    @classmethod
    def _known_states(cls, states: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        return {symbol: tuple(sorted(set(states[symbol]))) for symbol in known_elements(tuple(states))}

    @field_validator("spacegroups")
    @classmethod
    def _numbers(cls, names: tuple[int | str, ...]) -> tuple[int | str, ...]:
        return spacegroup_numbers(names)

    @model_validator(mode="after")
    def _consistent(self) -> "SystemSection":
        check_system(self)
        return self


def _remaining(symbols: tuple[str, ...], exclude: tuple[str, ...]) -> tuple[str, ...]:
    """Return the elements asked for without those excluded."""
    groups = {symbol: name for name in exclude for symbol in symbols_of(name)}
    if ANY in symbols:
        if len(symbols) > 1:
            raise ValueError(f"[{ANY}] stands alone: it is every element there is")
        rest = tuple(symbol for symbol in EMBEDDED_ELEMENTS if symbol not in groups)
        if not rest:
            raise ValueError("exclude leaves no element")
        return rest
    symbols = known_elements(symbols)
    for symbol in symbols:
        if symbol in groups:
            by = "" if groups[symbol] == symbol else f" ({groups[symbol]})"
            raise ValueError(f"{symbol} is asked for and excluded{by}: take it out of one")
    return symbols
