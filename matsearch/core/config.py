"""What a search wants: the YAML schema. What changes the answer is apart from how it is executed."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, model_validator

from matsearch.core.arms import OPERATORS, arms_of, check_arms, first_calls, prompts_of
from matsearch.core.config_paths import BUILT_IN, make_paths_absolute, names_entries_file
from matsearch.core.element_groups import symbols_of
from matsearch.core.errors import ConfigError
from matsearch.core.keys import content_key
from matsearch.core.propose_section import ProposeSection
from matsearch.core.scheme_rules import check_scheme
from matsearch.core.section import Section
from matsearch.core.sections import (
    BudgetSection,
    ExecutionSection,
    PotentialSection,
    ReferenceSection,
    RelaxSection,
    SanitySection,
    SeedSection,
)
from matsearch.core.selection_sections import PAPER_SCHEME, Objective, PopulationSection, SelectionSection
from matsearch.core.system_section import MAX_ATOMS, SystemSection
from matsearch.core.verify_section import VerifySection

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
    "VerifySection",
    "load_config",
    "names_entries_file",
    "parse_config",
    "with_overrides",
]

_NAMED_POTENTIAL = ("version", "weights", "sha256", "calculator", "arguments", "allow_import", "python")
"""What only names a potential, or where it lies."""

_SAYS_NOTHING_BY_DEFAULT = {
    "system": ("n_elements", "anions", "oxidation_states", "spacegroups", "max_cost"),
    "seeds": ("score",),
    "propose": ("share", "bandit"),
    "population": ("islands", "migration"),
    "selection": ("scheme", "niches"),
}
"""Left out of a campaign's identity at their defaults, so that campaigns begun before these keys were go on."""

_OF_AN_OBJECTIVE = ("target", "weight", "at_least", "at_most", "scale")


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
    verify: VerifySection = VerifySection()
    budget: BudgetSection = BudgetSection()
    execution: ExecutionSection = ExecutionSection()

    @model_validator(mode="after")
    def _consistent(self) -> "SearchConfig":
        names = [objective.name for objective in self.objectives]
        if len(set(names)) < len(names):
            raise ValueError(f"objectives: the same name twice in {names}")
        check_scheme(self.objectives, self.selection.scheme)
        self._check_islands()
        self._check_caps()
        check_arms(self)
        self._check_budget()
        if self.sanity.min_volume_per_atom >= self.sanity.max_volume_per_atom:
            raise ValueError("sanity: min_volume_per_atom must be below max_volume_per_atom")
        return self

    def _check_islands(self) -> None:
        population = self.population
        if population.islands > population.parents:
            raise ValueError(
                f"population.islands: {population.islands} of them need as many parents; raise population.parents"
            )
        if population.islands > 1 and self.selection.scheme == PAPER_SCHEME:
            raise ValueError("population.islands: scheme matllmsearch has one population; set islands to 1")

    def _check_caps(self) -> None:
        parents = self.population.parents // self.population.islands
        for name, share in self.selection.element_caps.items():
            if symbols_of(name).isdisjoint(self.system.elements):
                raise ValueError(f"selection.element_caps: {name} is not among the elements")
            if share * parents < 1:
                raise ValueError(
                    f"selection.element_caps: {share:g} of {parents} parents is less than one; "
                    f"to do without {name}, put it into system.exclude"
                )

    def _check_budget(self) -> None:
        budget, calls = self.budget, self.execution.calls
        limits = {"calls": budget.calls, "tokens": budget.tokens, "cost": budget.cost}
        if self.propose.llm is None and (named := [name for name, limit in limits.items() if limit]):
            raise ValueError(f"budget.{named[0]}: there is no propose.llm to spend it")
        n_calls = first_calls(self)
        if budget.calls is not None and budget.calls < n_calls:
            raise ValueError(
                f"budget.calls: {budget.calls} is less than the {n_calls} calls of one generation"
            )
        if budget.cost is not None and None in (calls.input_price, calls.output_price):
            raise ValueError(
                "budget.cost: what a call costs is unknown without execution.calls.input_price and output_price"
            )

    def physics(self) -> dict[str, Any]:
        """Return the part that changes answers: all but description, budget and execution.

        Where files lie and how a potential is named are left out too: what is in them enters a campaign's identity by
        its hash. So do the other potentials asked, as a whole. The software of entries is left out because it changes
        which are refused, no energy.
        """
        left_out_whole = {"description", "verify", "budget", "execution", "opinions"}
        document = self.model_dump(mode="json", exclude=left_out_whole)
        for section, keys in _SAYS_NOTHING_BY_DEFAULT.items():
            _drop_defaults(document[section], keys, getattr(self, section))
        for said, objective in zip(document["objectives"], self.objectives, strict=True):
            _drop_defaults(said, _OF_AN_OBJECTIVE, objective)
        del document["system"]["exclude"]  # the elements say it
        left_out = (
            *(("potential", key) for key in _NAMED_POTENTIAL),
            ("reference", "source"),
            ("reference", "software"),
            ("seeds", "source"),
        )
        for section, key in left_out:
            del document[section][key]
        model = document["propose"].pop("llm")
        if model is not None:  # the prompts enter by the hash of their texts
            prompts = model.pop("prompts")
            del model["prompt"]
            if len(arms_of(self)) > 1:  # arms are called after them
                parts = {name: prompts.get(given, 1.0) for name, given in prompts_of(self).items()}
                model["prompts"] = {name: part / sum(parts.values()) for name, part in parts.items()}
            document["propose"]["llm"] = model
        bandit, calls = self.propose.bandit, self.execution.calls
        if bandit is not None and bandit.crystal_cost:  # then what a call costs decides who is asked
            document["propose"]["bandit"]["prices"] = [calls.input_price, calls.output_price]
        if self.selection.scheme == PAPER_SCHEME:  # which knows neither
            del document["selection"]["polymorphs"], document["selection"]["diversity"]
        if OPERATORS not in arms_of(self):
            del document["propose"]["operators"]  # they are not asked
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
    make_paths_absolute(data)
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
        errors = error.errors()
        lines = [_explain(item) for item in errors if not _follows_another(item, errors)]
        raise ConfigError(
            f"{origin}: {'; '.join(lines)}", "`matsearch config schema` lists all keys"
        ) from error


def _drop_defaults(document: dict[str, Any], keys: Iterable[str], section: Any) -> None:
    fields = type(section).model_fields
    for key in keys:
        if getattr(section, key) == fields[key].default:
            del document[key]


def _follows_another(item: Any, errors: Sequence[Any]) -> bool:
    """Return whether a list is called too short only because an entry of it is wrong."""
    place = item["loc"]
    inside = [other for other in errors if other is not item and other["loc"][: len(place)] == place]
    return item["type"] == "too_short" and bool(inside)


def _explain(item: Any) -> str:
    path = ".".join(str(part) for part in item["loc"] if part != "[key]")
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(item["loc"][-1]), _keys_at(item["loc"][:-1]), n=1)
        return f"{path}: unknown key" + (f", did you mean {near[0]!r}?" if near else "")
    if item["type"] == "missing":
        return f"{path}: missing"
    message = item["msg"].removeprefix("Value error, ")
    if item["type"] == "tuple_type":
        message = "must be a list: put it into square brackets"
    value = repr(item["input"])
    may_hide_a_key = "://" in value and ("@" in value or "?" in value)
    return f"{f'{path}: ' if path else ''}{message}" + (
        f" (got {value})" if len(value) < 80 and not may_hide_a_key else ""
    )


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
