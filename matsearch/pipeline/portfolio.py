"""Who is asked for how many crystals: the slots of a generation, a function of the configuration and the history."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from matsearch.core.arms import (
    arms_of,
    first_crystals,
    least_crystals,
    prompt_of,
    units,
)
from matsearch.core.campaign import ArmCount, GenerationSummary
from matsearch.core.config import SearchConfig
from matsearch.core.random import stream
from matsearch.core.records import Candidate
from matsearch.core.thresholds import METASTABLE, earns_no_reward


class SlotPlan(NamedTuple):
    """One slot of a generation.

    Attributes
    ----------
    arm : str
        Who is asked: ``operators``, ``random``, or ``llm:`` and the name of a prompt.
    crystals : int
        Asked for.
    """

    arm: str
    crystals: int

    @property
    def prompt(self) -> str | None:
        """Name of the prompt, None where no language model is asked."""
        return prompt_of(self.arm)


def slots_of(config: SearchConfig, history: Sequence[GenerationSummary], generation: int) -> list[SlotPlan]:
    """Return the slots of a generation: exactly ``population.proposals`` crystals, in an order drawn by the one seed.

    Of several crystals that are the same the first slot's is the one that counts, so no arm may always come first.

    Parameters
    ----------
    history : sequence of GenerationSummary
        Of the generations before this one; what is later is not looked at.
    """
    crystals = crystals_by_arm(config, history, generation)
    size = config.propose.llm.crystals if config.propose.llm else 1
    plans = [
        SlotPlan(arm, n)
        for arm, asked in crystals.items()
        for n in units(asked, size if prompt_of(arm) else 1)
    ]
    if len(crystals) == 1:
        return plans
    order = stream(config.seed, generation, 0, "arms").permutation(len(plans))
    return [plans[i] for i in order]


def crystals_by_place(
    config: SearchConfig, history: Sequence[GenerationSummary], generations: Iterable[int]
) -> dict[tuple[int, int], int]:
    """Return how many crystals each slot of some generations is asked for, by generation and slot."""
    return {
        (generation, slot): plan.crystals
        for generation in generations
        for slot, plan in enumerate(slots_of(config, history, generation))
    }


def crystals_by_arm(
    config: SearchConfig, history: Sequence[GenerationSummary], generation: int
) -> dict[str, int]:
    """Return how many crystals each arm is asked for: by the first shares, or by what each has earned.

    The bandit is Thompson's (Biometrika 25, 285 (1933)): each crystal above the floors goes to the arm with the highest
    draw from Beta(1 + hits, 1 + asked - hits), so that an arm gets as many as it is likely to be the best one. Older
    counts weigh ``memory`` less with each generation (Raj & Kalyani, arXiv:1707.09727, algorithm 1), so that an arm
    which becomes better is found out. Where ``crystal_cost`` is given, the draw is over the arm's cost a crystal, as in
    Xia et al. (arXiv:1505.00146), but with the mean cost, which is known well, in place of a draw; an endpoint that does
    not tell what calls took leaves it per crystal.
    """
    past = [summary for summary in history if summary.generation < generation]
    if config.propose.bandit is None or not any(summary.arms for summary in past):
        return first_crystals(config)
    arms, least = list(arms_of(config)), least_crystals(config)
    asked, hits, cost = _discounted(past, arms, generation, config.propose.bandit.memory)
    rng = stream(config.seed, generation, 0, "bandit")
    free = config.population.proposals - least * len(arms)
    draws = rng.beta(1 + hits, 1 + asked - hits, size=(free, len(arms)))
    if (screening := config.propose.bandit.crystal_cost) is not None and _costs_are_known(past):
        draws /= screening + cost / np.maximum(asked, np.finfo(float).tiny)
    won = np.bincount(draws.argmax(axis=1), minlength=len(arms))
    return {arm: least + int(n) for arm, n in zip(arms, won, strict=True)}


def _costs_are_known(past: Sequence[GenerationSummary]) -> bool:
    counts = [count for summary in past for count in summary.arms]
    return all(count.cost is not None for count in counts if prompt_of(count.arm) and count.asked)


def _discounted(
    past: Sequence[GenerationSummary], arms: Sequence[str], generation: int, memory: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return crystals asked for, hits and cost (USD) of each arm; the last generation weighs 1."""
    sums = np.zeros((3, len(arms)))
    for summary in past:
        weight = memory ** (generation - 1 - summary.generation)
        for count in summary.arms:
            earned = (count.asked, count.hits, count.cost or 0.0)
            sums[:, arms.index(count.arm)] += weight * np.array(earned)
    asked, hits, cost = sums
    return asked, hits, cost


def count_arms(
    plans: Sequence[SlotPlan], marked: Sequence[Candidate], costs: Mapping[int, float] | None = None
) -> tuple[ArmCount, ...]:
    """Return what each arm of a generation earned, by name; nothing where there is one arm alone.

    Parameters
    ----------
    plans : sequence of SlotPlan
        The generation's slots.
    marked : sequence of Candidate
        Its candidates, with duplicates and known phases marked.
    costs : mapping of int to float
        Of the calls by slot, in USD (:meth:`~matsearch.pipeline.ledger.Ledger.costs`); unknown ones are left out.
    """
    arms = sorted({plan.arm for plan in plans})
    if len(arms) < 2:
        return ()
    hits = [plans[c.slot].arm for c in marked if is_hit(c)]
    paid: dict[str, float] = {}
    for slot, cost in sorted((costs or {}).items()):
        paid[plans[slot].arm] = paid.get(plans[slot].arm, 0.0) + cost
    return tuple(
        ArmCount(
            arm=arm,
            asked=sum(plan.crystals for plan in plans if plan.arm == arm),
            hits=hits.count(arm),
            cost=paid.get(arm),
        )
        for arm in arms
    )


def is_hit(candidate: Candidate) -> bool:
    """Return whether a crystal is stable, new and different: what proposers are credited for.

    Metastable and believed, like no crystal of the campaign before it, and no known phase: neither by its structure nor
    by composition and energy.
    """
    return (
        candidate.alive
        and candidate.placement is not None
        and candidate.placement.energy_above_hull < METASTABLE
        and candidate.duplicate_of is None
        and candidate.match is None
        and not earns_no_reward(candidate.flags)
    )
