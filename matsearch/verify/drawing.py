"""Candidates drawn at random from strata of energy above hull."""

from collections.abc import Sequence
from itertools import chain, zip_longest
from statistics import fmean

from matsearch.core.random import stream
from matsearch.verify.best import Choice
from matsearch.verify.options import Option
from matsearch.verify.strata import affordable_places, allocate


def draw(strata: Sequence[Sequence[Option]], n: int, budget: float, seed: int) -> Choice:
    """Draw up to ``n`` options, simple random sampling without replacement inside each stratum.

    Places are shared out first (:func:`allocate`), and taken back where the expected cost is over the budget
    (:func:`affordable_places`); then it is drawn. Nobody is passed over after the draw, or the sample would be of cheap
    crystals and no longer random: the cost of those drawn keeps the budget on average only.

    Returns
    -------
    Choice
        The first drawn of every stratum, then the second of every one: whoever stops early has all strata. It takes the
        expected cost of the budget.
    """
    populations = [len(stratum) for stratum in strata]
    wished = allocate(populations, n)
    means = [fmean(option.core_hours for option in stratum) if stratum else 0.0 for stratum in strata]
    places = affordable_places(wished, means, budget)
    drawn = [_sample(s, k, seed) for s, k in zip(strata, places, strict=True)]
    turns = chain.from_iterable(zip_longest(*drawn))
    return Choice(
        options=[option for option in turns if option is not None],
        n_too_dear=sum(wished) - sum(places),
        core_hours=sum(k * mean for k, mean in zip(places, means, strict=True)),
    )


def _sample(stratum: Sequence[Option], n: int, seed: int) -> list[Option]:
    if not stratum:
        return []
    in_order = sorted(stratum, key=lambda option: option.candidate_id)
    generator = stream(seed, 0, stratum[0].stratum, "promote")
    return [in_order[i] for i in generator.permutation(len(in_order))[:n]]
