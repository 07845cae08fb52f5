"""``matsearch calls`` and ``matsearch call``."""

from typing import Any

from matsearch.cli.console import print_aligned, print_json, print_line
from matsearch.cli.lookup import find_campaign, opened
from matsearch.core.calls import Call, Usage
from matsearch.core.campaign import CampaignRecord
from matsearch.core.errors import InputError
from matsearch.core.protocols import Repository
from matsearch.core.text import one_line
from matsearch.pipeline.ledger import Ledger, usage_of

_HEAD = ("gen", "slot", "key", "ended", "attempts", "seconds", "tokens in", "out", "cost (USD)")


def show_calls(campaign: str | None, n: int, store: str | None, *, as_json: bool) -> None:
    """Print the last calls of a campaign, and what all of them come to."""
    with opened(store) as repository:
        record = find_campaign(repository, campaign)
        entries = Ledger(repository, record.campaign_id).entries()
    usage = usage_of(entries)
    if as_json:
        print_json({"campaign_id": record.campaign_id, "calls": entries[-n:], "usage": usage.document()})
        return
    if not entries:
        print_line(f"{record.campaign_id} asked no language model.")
        return
    print_aligned([_HEAD, *(_row(entry) for entry in entries[-n:])])
    print_line(usage_sentence(usage))


def show_call(key: str, store: str | None, *, as_json: bool) -> None:
    """Print one call."""
    with opened(store) as repository:
        found = {row: c for row, c in repository.list_calls(key).items() if "messages" in c} if key else {}
    if len(found) != 1:
        raise InputError(f"{len(found) or 'no'} calls have the key {key!r}", "`matsearch calls` lists keys")
    document = next(iter(found.values()))
    if as_json:
        print_json(document)
        return
    _print_call(Call.model_validate(document))


def usage_of_campaign(repository: Repository, record: CampaignRecord) -> Usage | None:
    """Return what the calls of a campaign came to; None where it asks no language model."""
    if "language_model" not in record.provenance:
        return None
    return Ledger(repository, record.campaign_id).usage()


def usage_sentence(usage: Usage) -> str:
    """Return what a campaign's calls came to, in words."""
    failed = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in sorted(usage.failures.items()))
    given = _known(usage.input_tokens, usage.unknown_tokens)
    taken = _known(usage.output_tokens, usage.unknown_tokens)
    parts = [
        f"{usage.calls} calls, {usage.answered} answered ({usage.attempts} requests)",
        f"{given} tokens in and {taken} out",
        f"cost {_known(usage.cost, usage.unknown_cost, ' USD')}",
    ]
    return (
        "; ".join(parts)
        + (f"; {failed}" if failed else "")
        + (f"; {usage.reused} answers taken from the store" if usage.reused else "")
    )


def _known(value: float | None, unknown: int, unit: str = "") -> str:
    if value is None:
        return "unknown"
    return (
        f"{value:,.6g}{unit}"
        if unit
        else f"{value:,}" + (f" (and {unknown} calls unknown)" if unknown else "")
    )


def _row(entry: dict[str, Any]) -> tuple[str, ...]:
    cost, origin = entry["cost"], "" if entry["paid"] else " (from the store)"
    return (
        str(entry["generation"]),
        str(entry["slot"]),
        entry["key"][:12],
        (entry["kind"] or "answered") + origin,
        str(entry["attempts"]),
        f"{entry['latency_s']:.1f}",
        _cell(entry["input_tokens"]),
        _cell(entry["output_tokens"]),
        "unknown" if cost is None else f"{cost:.5f}",
    )


def _cell(tokens: int | None) -> str:
    return "unknown" if tokens is None else str(tokens)


def _print_call(call: Call) -> None:
    print_line(f"{call.key}")
    print_line(f"  campaign   {call.campaign_id}, generation {call.generation}, slot {call.slot}")
    print_line(
        f"  model      {call.model}, answered by {one_line(call.resolved_model or 'unknown')} at {call.endpoint}"
    )
    print_line(
        f"  prompt     {call.prompt_id} (sha256 {call.prompt_sha256[:12]}), {call.parents_shown} parents shown"
    )
    print_line(f"  sent       {', '.join(f'{k}={v}' for k, v in call.sent.items())}")
    for attempt in call.attempts:
        print_line(
            f"  attempt    {attempt.kind or 'answered'} after {attempt.seconds:.1f} s {attempt.detail}".rstrip()
        )
    if call.verdict:
        print_line(f"  ended      {call.verdict.kind}: {call.verdict.detail}")
    for message in call.messages:
        print_line(f"\n--- {message.role}\n{_printable(message.content)}")
    print_line(f"\n--- reply\n{_printable(call.reply) if call.reply is not None else '(none)'}")


def _printable(text: str) -> str:
    # what came over the wire must not steer the terminal
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in text)
