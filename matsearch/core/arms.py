"""The arms of a portfolio: who is asked for crystals, and how the first ones are shared out. All from a configuration."""

from collections.abc import Mapping
from math import floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matsearch.core.config import SearchConfig

OPERATORS = "operators"
RANDOM = "random"
LLM = "llm:"
"""Begins the arm of a prompt."""

_NOISE = 1e-9
"""Of products like 0.1 * 10, which mean whole numbers."""


def arms_of(config: "SearchConfig") -> dict[str, float]:
    """Return each arm's share of the proposals at the beginning, by name in order; together 1.

    An arm is ``operators``, ``random``, or ``llm:`` and the name of a prompt: the share of the language model is split
    by those of its prompts.
    """
    propose = config.propose
    shares = {str(name): share for name, share in propose.share.items()}
    if not shares:
        shares = {"llm" if propose.llm else OPERATORS: 1.0}
    asked = shares.pop("llm", 0.0)
    if propose.llm and asked:
        prompts = propose.llm.prompts or {_the_prompt(config): 1.0}
        parts = sum(prompts.values())
        shares |= {LLM + prompt_name(key): asked * part / parts for key, part in prompts.items()}
    total = sum(shares.values())
    return {arm: shares[arm] / total for arm in sorted(shares)}


def prompts_of(config: "SearchConfig") -> dict[str, str]:
    """Return the prompts that are asked with, as the configuration gives them (a name or a file), by their name."""
    model = config.propose.llm
    if model is None:
        return {}
    given = {prompt_name(key): key for key in model.prompts or [_the_prompt(config)]}
    return {name: given[name] for name in sorted(given)}


def prompt_name(given: str) -> str:
    """Return the name of a prompt that is given by name or file: what its arm is called after."""
    return given.replace("\\", "/").rpartition("/")[2].removesuffix(".md")


def prompt_of(arm: str) -> str | None:
    """Return the name of an arm's prompt, None where it asks no language model."""
    return arm.removeprefix(LLM) if arm.startswith(LLM) else None


def usual_prompt(*, predict: bool) -> str:
    """Return the prompt where none is named; ``predict``: formulas are given."""
    return "csp" if predict else "csg"


def first_crystals(config: "SearchConfig") -> dict[str, int]:
    """Return how many crystals each arm is asked for in the first generation; where the shares stay, in all."""
    return share_out(config.population.proposals, arms_of(config), least_crystals(config))


def least_crystals(config: "SearchConfig") -> int:
    """Return how many crystals each arm keeps in every generation: its floor, and one where that is less."""
    bandit = config.propose.bandit
    if bandit is None:
        return 0
    return max(1, floor(bandit.floor * config.population.proposals + _NOISE))


def share_out(n: int, shares: Mapping[str, float], least: int = 0) -> dict[str, int]:
    """Return whole numbers that add up to ``n``, by the method of largest remainders (Hamilton's).

    Parameters
    ----------
    least : int
        What everyone gets, however small the share; the others give it in proportion to what they have above it.
    """
    total = sum(shares.values())
    above = {name: max(0.0, n * shares[name] / total - least) for name in sorted(shares)}
    rest, together = n - least * len(shares), sum(above.values())
    quotas = {name: rest * part / together if together else 0.0 for name, part in above.items()}
    whole = {name: floor(quota + _NOISE) for name, quota in quotas.items()}
    by_remainder = sorted(quotas, key=lambda name: (round(whole[name] - quotas[name], 9), name))
    lucky = set(by_remainder[: rest - sum(whole.values())])
    return {name: least + whole[name] + (name in lucky) for name in whole}


def units(n: int, size: int) -> list[int]:
    """Return ``n`` crystals in requests of one size, the last one smaller."""
    return [min(size, n - begin) for begin in range(0, n, size)]


def first_calls(config: "SearchConfig") -> int:
    """Return the calls of a language model that the first generation makes."""
    model = config.propose.llm
    asked = first_crystals(config).items()
    return sum(len(units(n, model.crystals)) for arm, n in asked if prompt_of(arm)) if model else 0


def most_calls(config: "SearchConfig") -> int:
    """Return how many calls one generation comes to at most: all that the others leave, one small call a prompt."""
    model = config.propose.llm
    if model is None or config.propose.bandit is None:
        return first_calls(config)
    arms = arms_of(config)
    prompts = sum(prompt_of(arm) is not None for arm in arms)
    left = config.population.proposals - least_crystals(config) * (len(arms) - prompts)
    return min(left, (left + prompts * (model.crystals - 1)) // model.crystals)


def fewest_slots(config: "SearchConfig") -> int:
    """Return the fewest requests that one generation can come to: calls as full as can be, and one for each other crystal."""
    asked = first_crystals(config)
    size = config.propose.llm.crystals if config.propose.llm else 1
    if config.propose.bandit is None:
        return sum(len(units(n, size if prompt_of(arm) else 1)) for arm, n in asked.items())
    least, prompts = least_crystals(config), sum(prompt_of(arm) is not None for arm in asked)
    others = least * (len(asked) - prompts)
    left = config.population.proposals - others
    return others + max(prompts * len(units(least, size)), len(units(left, size)))


def check_arms(config: "SearchConfig") -> None:
    """Refuse shares that contradict each other.

    Raises
    ------
    ValueError
        In one line that names the key.
    """
    propose, model = config.propose, config.propose.llm
    if model is None and "llm" in propose.share:
        raise ValueError(
            "propose.share: llm has a share, and there is no propose.llm to ask; take llm out of propose.share"
        )
    if model is not None:
        if propose.share and "llm" not in propose.share:
            raise ValueError("propose.share: llm is not asked; give it a share, or take propose.llm out")
        if model.prompt and model.prompts:
            raise ValueError(
                "propose.llm: prompt and prompts are both given; name one, or several with shares"
            )
        if len(prompts_of(config)) < len(model.prompts):
            raise ValueError(f"propose.llm.prompts: the same name twice in {list(model.prompts)}")
    arms, proposals = arms_of(config), config.population.proposals
    if propose.bandit is not None:
        _check_bandit(config, len(arms))
    elif len(arms) > 1 and (small := [arm for arm in arms if arms[arm] * proposals < 1 - _NOISE]):
        raise ValueError(
            f"propose.share: {arms[small[0]]:.3g} of {proposals} proposals is less than one crystal of {small[0]}; "
            "raise its share or population.proposals"
        )
    if (slots := fewest_slots(config)) < (islands := config.population.islands):
        raise ValueError(
            f"population.islands: {islands} of them need a request each, and a generation may have {slots}: take fewer "
            "islands, a smaller propose.llm.crystals or more proposals"
        )


def _check_bandit(config: "SearchConfig", n_arms: int) -> None:
    bandit, calls, proposals = config.propose.bandit, config.execution.calls, config.population.proposals
    assert bandit is not None  # noqa: S101 - the caller asked
    if n_arms == 1:
        raise ValueError(
            "propose.bandit: one proposer leaves no choice; name others in propose.share, or prompts"
        )
    if n_arms * bandit.floor > 1 + _NOISE:
        raise ValueError(
            f"propose.bandit.floor: {n_arms} proposers at {bandit.floor:g} each are more than all; lower it"
        )
    if n_arms * least_crystals(config) > proposals:
        raise ValueError(
            f"population.proposals: {proposals} are too few for one of each of {n_arms} proposers; raise it"
        )
    if bandit.crystal_cost and config.propose.llm and None in (calls.input_price, calls.output_price):
        raise ValueError(
            "propose.bandit.crystal_cost: what a call costs is unknown without execution.calls.input_price and "
            "output_price"
        )


def _the_prompt(config: "SearchConfig") -> str:
    model = config.propose.llm
    return (model.prompt if model else None) or usual_prompt(predict=bool(config.system.formulas))
