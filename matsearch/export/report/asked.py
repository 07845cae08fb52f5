"""What was asked, in words: objectives, selection, and who proposes."""

from typing import Any

from matsearch.core.arms import OPERATORS, arms_of
from matsearch.core.axes import axis_of
from matsearch.core.config import SearchConfig
from matsearch.core.selection_sections import Objective, SelectionSection

_SCHEMES = {
    "best": "best by the objectives in their order",
    "pareto": "fronts of all objectives and crowding",
    "weighted": "weighted sum of the objectives (arXiv:2502.20933)",
    "lexical": "the second objective among crystals near the hull (arXiv:2502.20933)",
    "alternating": "one objective after the other, a generation each (arXiv:2502.20933)",
    "matllmsearch": "parents, children and pool by energy above hull (arXiv:2502.20933)",
}


def objectives_words(config: SearchConfig) -> str:
    """Return the objectives with their targets and hard constraints, in their units."""
    weighted = config.selection.scheme == "weighted"
    words = [_objective(o) + (f", weight {o.weight:g}" if weighted else "") for o in config.objectives]
    in_order = config.selection.scheme in ("best", "lexical")
    return (", then " if in_order else "; ").join(words)


def selection_words(config: SearchConfig) -> str:
    """Return how parents are selected, where it is not the usual way; else nothing."""
    rules = config.selection
    parts = [
        f"{rules.scheme}: {_SCHEMES[rules.scheme]}" if rules.scheme != SelectionSection().scheme else "",
        f"{rules.niches:.0%} of the parents are the best of a niche" if rules.niches else "",
    ]
    return "; ".join(part for part in parts if part)


def islands_words(config: SearchConfig) -> str:
    """Return how populations breed apart, where there are several; else nothing."""
    sizes = config.population
    if sizes.islands == 1:
        return ""
    every = "generation" if sizes.migration == 1 else f"{sizes.migration} generations"
    return f"{sizes.islands} populations that breed apart; parents visit the next one every {every}"


def portfolio_words(config: SearchConfig) -> str:
    """Return who is asked for which share of the proposals, where several are; else nothing."""
    shares, bandit = arms_of(config), config.propose.bandit
    if len(shares) == 1:
        return ""
    words = ", ".join(f"{arm} {share:.0%}" for arm, share in shares.items())
    if bandit is None:
        return words
    per = " per USD" if bandit.crystal_cost else ""
    return f"{words} at first; then by what each earns{per}, at least {bandit.floor:.0%} each"


def unit_words(objective: Objective) -> str:
    """Return an objective's unit in brackets after a space; nothing where it has none."""
    unit = _unit(objective).strip()
    return f" ({unit})" if unit else ""


def config_said(config: dict[str, Any], asked: SearchConfig) -> dict[str, Any]:
    """Return a configuration without the operators' shares where none is asked; it is the same campaign's."""
    if asked.propose.llm is None or OPERATORS in asked.propose.share:
        return config
    propose = {key: value for key, value in config["propose"].items() if key != "operators"}
    return {**config, "propose": propose}


def _objective(objective: Objective) -> str:
    name, unit = objective.name.replace("_", " "), _unit(objective)
    bounds = [
        f"{words} {value:g}{unit}"
        for words, value in (("at least", objective.at_least), ("at most", objective.at_most))
        if value is not None
    ]
    return ", ".join([f"{_wanted(objective)} {name}{_target(objective, unit)}", *bounds])


def _wanted(objective: Objective) -> str:
    return "aim at" if objective.direction == "target" else objective.direction


def _target(objective: Objective, unit: str) -> str:
    target = objective.target
    if target is None:
        return ""
    return f" {target[0]:g} to {target[1]:g}{unit}" if isinstance(target, tuple) else f" {target:g}{unit}"


def _unit(objective: Objective) -> str:
    try:
        unit = axis_of(objective).unit
    except ValueError:
        return ""
    return f" {unit}".replace("^3", "\N{SUPERSCRIPT THREE}") if unit else ""
