"""What a search wants: the YAML schema. What changes the answer is apart from how it is executed."""

import difflib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from matsearch.core.errors import ConfigError
from matsearch.core.keys import content_key
from matsearch.core.section import Section
from matsearch.core.sections import (
    MAX_ATOMS,
    BudgetSection,
    ExecutionSection,
    Objective,
    PopulationSection,
    PotentialSection,
    ProposeSection,
    ReferenceSection,
    RelaxSection,
    SanitySection,
    SeedSection,
    SelectionSection,
    SystemSection,
)

__all__ = [
    "BUILT_IN",
    "MAX_ATOMS",
    "BudgetSection",
    "ExecutionSection",
    "Objective",
    "PopulationSection",
    "PotentialSection",
    "ProposeSection",
    "ReferenceSection",
    "RelaxSection",
    "SanitySection",
    "SearchConfig",
    "Section",
    "SeedSection",
    "SelectionSection",
    "SystemSection",
    "load_config",
    "names_entries_file",
    "parse_config",
    "with_overrides",
]

BUILT_IN = ("embedded", "toy")
"""Reference sets and seeds that come with matsearch."""

_NAMED_POTENTIAL = ("version", "weights", "sha256", "calculator", "arguments", "allow_import", "python")
"""What only names a potential, or where it lies."""

_ENTRIES = (".json", ".csv")
_PACKED = (".gz", ".bz2", ".xz")


class SearchConfig(Section):
    """A search, complete. ``matsearch config schema`` prints this as JSON Schema."""

    name: Annotated[
        str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="Begins the campaign's id.")
    ]
    description: Annotated[str, Field(description="For people; changes nothing.")] = ""
    seed: Annotated[int, Field(ge=0, description="The one seed.")] = 0
    system: SystemSection
    potential: PotentialSection = PotentialSection()
    opinions: Annotated[
        tuple[PotentialSection, ...],
        Field(
            description="Other potentials asked about each relaxed crystal, at its geometry; their spread is the "
            "uncertainty."
        ),
    ] = ()
    relax: RelaxSection = RelaxSection()
    sanity: SanitySection = SanitySection()
    reference: ReferenceSection = ReferenceSection()
    seeds: SeedSection = SeedSection()
    propose: ProposeSection = ProposeSection()
    population: PopulationSection = PopulationSection()
    selection: SelectionSection = SelectionSection()
    objectives: Annotated[
        tuple[Objective, ...], Field(min_length=1, description="What to optimise; ties go to the next.")
    ] = (Objective(),)
    budget: BudgetSection = BudgetSection()
    execution: ExecutionSection = ExecutionSection()

    @model_validator(mode="after")
    def _consistent(self) -> "SearchConfig":
        names = [objective.name for objective in self.objectives]
        if len(set(names)) < len(names):
            raise ValueError(f"objectives: the same name twice in {names}")
        self._check_caps()
        self._check_budget()
        if self.sanity.min_volume_per_atom >= self.sanity.max_volume_per_atom:
            raise ValueError("sanity: min_volume_per_atom must be below max_volume_per_atom")
        return self

    def _check_caps(self) -> None:
        for symbol, share in self.selection.element_caps.items():
            if symbol not in self.system.elements:
                raise ValueError(f"selection.element_caps: {symbol} is not among the elements")
            if share * self.population.parents < 1:
                raise ValueError(
                    f"selection.element_caps: {share:g} of {self.population.parents} parents is less than one; "
                    f"to do without {symbol}, take it out of system.elements"
                )

    def _check_budget(self) -> None:
        budget, calls = self.budget, self.execution.calls
        limits = {"calls": budget.calls, "tokens": budget.tokens, "cost": budget.cost}
        if self.propose.llm is None and (named := [name for name, limit in limits.items() if limit]):
            raise ValueError(f"budget.{named[0]}: there is no propose.llm to spend it")
        n_calls = len(self.crystals_by_slot())
        if budget.calls is not None and budget.calls < n_calls:
            raise ValueError(
                f"budget.calls: {budget.calls} is less than the {n_calls} calls of one generation"
            )
        if budget.cost is not None and None in (calls.input_price, calls.output_price):
            raise ValueError(
                "budget.cost: what a call costs is unknown without execution.calls.input_price and output_price"
            )

    def crystals_by_slot(self) -> list[int]:
        """Return how many crystals each slot of a generation asks for: one of an operator, several of a model."""
        n, model = self.population.proposals, self.propose.llm
        size = model.crystals if model else 1
        return [min(size, n - begin) for begin in range(0, n, size)]

    def physics(self) -> dict[str, Any]:
        """Return the part that changes answers: all but description, budget and execution.

        Where files lie and how a potential is named are left out too: what is in them enters a campaign's identity by
        its hash. So do the other potentials asked, as a whole. The software of entries is left out because it changes
        which are refused, no energy.
        """
        left_out_whole = {"description", "budget", "execution", "opinions"}
        document = self.model_dump(mode="json", exclude=left_out_whole)
        left_out = (
            *(("potential", key) for key in _NAMED_POTENTIAL),
            ("reference", "source"),
            ("reference", "software"),
            ("seeds", "source"),
        )
        for section, key in left_out:
            del document[section][key]
        model = document["propose"].pop("llm")
        if model is not None:  # the prompt enters by the hash of its text; the operators are not asked
            del model["prompt"]
            document["propose"] = {"llm": model}
        return document

    def physics_key(self, **provenance: str) -> str:
        """Return the content key of the physics with the sha256 of what it names (potential, hull, seeds)."""
        return content_key("campaign/1", {"config": self.physics(), "provenance": provenance})


def load_config(path: Path, overrides: Mapping[str, Any] | None = None) -> SearchConfig:
    """Read a YAML file, apply overrides by dotted key and check it.

    Raises
    ------
    ConfigError
        Naming the key's path, the value and what would be right.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read {path}: {error}", "check the path and its permissions") from error
    except yaml.YAMLError as error:
        raise ConfigError(
            f"{path} is not valid YAML: {' '.join(str(error).split())}", "mend that line"
        ) from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} holds {type(data).__name__}, not keys and values", "see `matsearch init`")
    return parse_config(with_overrides(data, overrides or {}), str(path))


def with_overrides(data: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with values changed by dotted key, and paths to files made absolute.

    Raises
    ------
    ConfigError
        If a dotted key runs through something that is not a section.
    """
    for dotted, value in overrides.items():
        _set(data, dotted, value)
    _make_absolute(data.get("reference"), names_entries_file)
    _make_absolute(data.get("seeds"), lambda source: source not in BUILT_IN)
    others = data.get("opinions")
    for section in (data.get("potential"), *(others if isinstance(others, list | tuple) else ())):
        for key in ("weights", "python"):
            _make_absolute(section, bool, key)
    propose = data.get("propose")
    if isinstance(propose, dict):
        _make_absolute(propose.get("llm"), lambda prompt: prompt.endswith(".md"), "prompt")
    return data


def parse_config(data: Mapping[str, Any], origin: str = "config") -> SearchConfig:
    """Check a mapping and return the configuration.

    Raises
    ------
    ConfigError
        Naming the key's path, the value and what would be right.
    """
    try:
        return SearchConfig.model_validate(data)
    except ValidationError as error:
        lines = [_explain(item) for item in error.errors()]
        raise ConfigError(
            f"{origin}: {'; '.join(lines)}", "`matsearch config schema` lists all keys"
        ) from error


def names_entries_file(source: str) -> bool:
    """Return whether a reference is given by path: with a directory separator or a suffix of entries; else by name."""
    name = source.lower()
    for packed in _PACKED:
        name = name.removesuffix(packed)
    return "/" in source or os.sep in source or name.endswith(_ENTRIES)


def _make_absolute(section: Any, is_path: Callable[[str], bool], key: str = "source") -> None:
    # jobs may run in another folder than the one the path was given in
    if isinstance(section, dict) and isinstance(path := section.get(key), str) and is_path(path):
        section[key] = str(Path(path).expanduser().absolute())


def _explain(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"] if part != "[key]") or "the file"
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(item["loc"][-1]), _keys_at(item["loc"][:-1]), n=1)
        return f"{path}: unknown key" + (f", did you mean {near[0]!r}?" if near else "")
    if item["type"] == "missing":
        return f"{path}: missing"
    message = item["msg"].removeprefix("Value error, ")
    value = repr(item["input"])
    may_hide_a_key = "://" in value and ("@" in value or "?" in value)
    return f"{path}: {message}" + (f" (got {value})" if len(value) < 80 and not may_hide_a_key else "")


def _keys_at(location: tuple[Any, ...]) -> list[str]:
    model: Any = SearchConfig
    for part in location:
        field = getattr(model, "model_fields", {}).get(part)
        model = field.annotation if field else None
    return list(getattr(model, "model_fields", {}))


def _set(data: dict[str, Any], dotted: str, value: Any) -> None:
    *path, last = dotted.split(".")
    node = data
    for part in path:
        node = node.setdefault(part, {})
        if not isinstance(node, dict):
            raise ConfigError(f"--set {dotted}: {part!r} is not a section", "use section.key=value")
    node[last] = value
