"""Credit: what each proposer came to, by prompt version and model."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from matsearch.core.calls import CallEntry
from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import parse_config
from matsearch.core.records import Candidate
from matsearch.core.thresholds import METASTABLE
from matsearch.core.verdict import UNANSWERED
from matsearch.export.report.numbers import CreditLine
from matsearch.pipeline.funnel import believed_scored, distinct_scored
from matsearch.pipeline.ledger import usage_of
from matsearch.pipeline.portfolio import crystals_by_place, is_hit
from matsearch.pipeline.rates import per_100

_LLM = "llm"


class _Who(NamedTuple):
    proposer: str
    prompt: str | None = None
    model: str | None = None


class _Place(NamedTuple):
    generation: int
    slot: int


def credit(
    record: CampaignRecord, candidates: Sequence[Candidate], entries: Iterable[CallEntry]
) -> list[CreditLine]:
    """Return what each proposer, prompt version and model came to, in that order.

    A call that was not answered is credited to the model that answered most calls of its prompt: an endpoint says which
    model serves a name only when it answers. Of a crystal that several propose, the first slot has the credit.

    Parameters
    ----------
    entries : iterable of CallEntry
        The ledger of the campaign's calls: of generations that were never finished too.
    """
    lines, born = list(entries), _by_place(candidates)
    usual = _usual_models(lines)
    begun = {place.generation for place in born}
    asked = crystals_by_place(parse_config(record.config), record.state.history, begun)
    found: dict[_Who, list[Candidate]] = {}
    calls: dict[_Who, list[CallEntry]] = {}
    total: Counter[_Who] = Counter()
    for place, made in born.items():
        who = _who(made[0], usual)
        found.setdefault(who, []).extend(made)
        total[who] += asked[place]
    for entry in lines:
        model = entry.model if entry.answered else usual.get(entry.prompt_id, entry.model)
        calls.setdefault(_Who(_LLM, entry.prompt_id, model), []).append(entry)
    everybody = sorted({*found, *calls}, key=lambda who: (who.proposer, who.prompt or "", who.model or ""))
    return [_line(who, total[who], found.get(who, []), calls.get(who, [])) for who in everybody]


def _by_place(candidates: Iterable[Candidate]) -> dict[_Place, list[Candidate]]:
    born: dict[_Place, list[Candidate]] = {}
    for candidate in candidates:
        born.setdefault(_Place(candidate.generation, candidate.slot), []).append(candidate)
    return born


def _usual_models(entries: Iterable[CallEntry]) -> dict[str, str]:
    """Return the model that answered most calls of each prompt."""
    counts: dict[str, Counter[str]] = {}
    for entry in entries:
        if entry.answered:
            counts.setdefault(entry.prompt_id, Counter())[entry.model] += 1
    return {prompt: min(models, key=lambda m: (-models[m], m)) for prompt, models in counts.items()}


def _who(candidate: Candidate, usual: Mapping[str, str]) -> _Who:
    """Return who was asked in the slot of a candidate."""
    if candidate.proposer != _LLM:
        return _Who(candidate.proposer)
    prompt, model = (str(candidate.lineage.details[key]) for key in ("prompt", "model"))
    if candidate.structure is None and candidate.verdict and candidate.verdict.kind in UNANSWERED:
        model = usual.get(prompt, model)
    return _Who(_LLM, prompt, model)


def _line(who: _Who, asked: int, made: Sequence[Candidate], calls: Sequence[CallEntry]) -> CreditLine:
    believed = [c for c in believed_scored(made) if c.match is None or not c.match.own_root]
    hits = sum(is_hit(c) for c in made)
    usage = usage_of(calls)
    rate, low, high = per_100(hits, asked)
    return CreditLine(
        proposer=who.proposer,
        prompt=who.prompt,
        model=who.model,
        asked=asked,
        valid=sum(c.structure_key is not None for c in made),
        distinct=len(distinct_scored(made)),
        metastable=sum(
            c.placement is not None and c.placement.energy_above_hull < METASTABLE for c in believed
        ),
        hits=hits,
        per_100=rate,
        per_100_low=low,
        per_100_high=high,
        calls=usage.calls,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cost=usage.cost,
        cost_per_hit=usage.cost / hits if usage.cost is not None and hits else None,
    )
