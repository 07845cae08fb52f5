"""Who is sent to DFT: a rule that the candidates and a seed alone decide, never their order."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import chain

from pymatgen.core import Structure

from matsearch.core.model import Record
from matsearch.core.records import Candidate
from matsearch.core.verification import Promoted, Stratum
from matsearch.core.verify_section import PromotionSection
from matsearch.verify.best import Choice, Distance, evenly_spread, most_promising
from matsearch.verify.drawing import draw
from matsearch.verify.options import OVER_BUDGET, Option, option_of
from matsearch.verify.strata import control_stratum, make_strata


class Promotion(Record):
    """Who was chosen, from whom, and what became of the others.

    Attributes
    ----------
    promoted : tuple of Promoted
        In the order of choice: survivors, flagged ones after the others, controls.
    strata : tuple of Stratum
        Of the survivors, then of the controls, then, where the rule sends them, of flagged survivors. Their populations
        are those that could be sent in this round.
    left_out : dict of str to int
        By reason. With the promoted they are all that were given.
    """

    promoted: tuple[Promoted, ...]
    strata: tuple[Stratum, ...]
    left_out: dict[str, int]


def promote(
    candidates: Sequence[Candidate],
    rule: PromotionSection,
    cost: Callable[[Structure], float],
    seed: int,
    *,
    distance: Distance,
    fronts: Mapping[str, int] | None = None,
) -> Promotion:
    """Choose who is sent to DFT.

    Survivors are predicted to lie under the rule's threshold, controls at it or at most ``CONTROL_SPAN`` over it. Left
    out are those that have ended or have no place, duplicates, known phases, flagged ones, those sent before, and those
    that alone cost more than the budget. Flagged survivors take the places that the others leave, where the rule says so.

    ``best`` chooses survivors by the probability of lying under the threshold and by unlikeness to those chosen before,
    within the Pareto fronts (:func:`most_promising`), and controls evenly over their range (:func:`evenly_spread`).
    ``stratified`` draws at random inside each stratum, the controls' too (:func:`draw`), so that a rate among all can be
    estimated from those sent. Controls are chosen first, with the share of the budget that is their share of the places;
    what they leave is the survivors'. ``all`` sends everybody that has a place and was not sent before, the lowest first,
    as far as the budget reaches.

    Parameters
    ----------
    cost : callable
        Predicted core-hours of a structure.
    seed : int
        Of the campaign.
    distance : callable
        Between two structures; its unit does not matter.
    fronts : mapping of str to int
        Pareto front by candidate id, from 1, where there are several objectives: the first first, those without one
        last.

    Returns
    -------
    Promotion
        The same whatever the order of the candidates.
    """
    left_out: Counter[str] = Counter()
    strata: list[list[Option]] = [[] for _ in range(control_stratum(rule) + 1 + rule.flagged)]
    for candidate in sorted(candidates, key=lambda c: c.candidate_id):
        option = option_of(candidate, rule, cost, (fronts or {}).get(candidate.candidate_id))
        if isinstance(option, str):
            left_out[option] += 1
        else:
            strata[option.stratum].append(option)
    survivors, controls = _choose(strata, rule, seed, distance)
    n_controls = len(strata[control_stratum(rule)])
    n_survivors = sum(map(len, strata)) - n_controls
    left_out[OVER_BUDGET] += survivors.n_too_dear + controls.n_too_dear
    left_out["survivor not chosen"] = n_survivors - len(survivors.options) - survivors.n_too_dear
    left_out["control not chosen"] = n_controls - len(controls.options) - controls.n_too_dear
    chosen = [*survivors.options, *controls.options]
    sent = Counter(option.stratum for option in chosen)
    return Promotion(
        promoted=tuple(option.promoted(rank) for rank, option in enumerate(chosen, start=1)),
        strata=make_strata(rule, [len(s) for s in strata], [sent[h] for h in range(len(strata))]),
        left_out={reason: n for reason, n in sorted(left_out.items()) if n},
    )


def _choose(
    strata: Sequence[Sequence[Option]], rule: PromotionSection, seed: int, distance: Distance
) -> tuple[Choice, Choice]:
    """Return the survivors, flagged ones last, and the controls."""
    budget = math.inf if rule.core_hours is None else rule.core_hours
    share = budget * rule.controls / (rule.survivors + rule.controls) if rule.controls else 0.0
    split = control_stratum(rule)
    believed, control, flagged = strata[:split], strata[split], strata[split + 1 :]
    if rule.sample == "all":
        everybody = list(chain(*believed))
        survivors = most_promising(everybody, len(everybody), budget, 0.0, distance)
        return survivors, most_promising(control, len(control), budget - survivors.core_hours, 0.0, distance)
    if rule.sample == "stratified":
        controls = draw([control], rule.controls, share, seed)
        budget -= controls.core_hours
        first = draw(believed, rule.survivors, budget, seed)
        last = draw(flagged, rule.survivors - len(first.options), budget - first.core_hours, seed)
        return first.then(last), controls
    controls = evenly_spread(control, rule.controls, share, rule)
    budget -= controls.core_hours
    first = most_promising(chain(*believed), rule.survivors, budget, rule.diversity, distance)
    n, budget = rule.survivors - len(first.options), budget - first.core_hours
    last = most_promising(chain(*flagged), n, budget, rule.diversity, distance, before=first.options)
    return first.then(last), controls
