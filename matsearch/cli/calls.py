"""``matsearch calls`` and ``matsearch call``."""

from matsearch.cli.console import known, print_aligned, print_json, print_line, printable
from matsearch.cli.lookup import find_campaign, opened
from matsearch.core.calls import Call, CallEntry, Usage
from matsearch.core.campaign import CampaignRecord
from matsearch.core.errors import InputError
from matsearch.core.protocols import Repository
from matsearch.core.text import counted, one_line
from matsearch.pipeline.ledger import Ledger, usage_of

_HEAD = ("gen", "slot", "key", "ended", "attempts", "seconds", "tokens in", "out", "cost (USD)")


def show_calls(campaign: str | None, n: int, store: str | None, *, as_json: bool) -> None:
    """Print the last calls of a campaign, and what all of them come to."""
    with opened(store) as repository:
        record = find_campaign(repository, campaign)
        entries = Ledger(repository, record.campaign_id).entries()
    usage = usage_of(entries)
    if as_json:
        print_json(
            {
                "campaign_id": record.campaign_id,
                "calls": [e.document() for e in entries[-n:]],
                "usage": usage.document(),
            }
        )
        return
    if not entries:
        print_line(f"{record.campaign_id} asked no language model.")
        return
    print_aligned([_HEAD, *(_row(entry) for entry in entries[-n:])])
    print_line(usage_sentence(usage))


def show_call(key: str, store: str | None, *, as_json: bool) -> None:
    """Print one call: the answer, or where there is none the last that failed."""
    with opened(store) as repository:
        found = {row: c for row, c in repository.list_calls(key).items() if "messages" in c} if key else {}
    keys = {document["key"] for document in found.values()}
    if len(keys) != 1:
        raise InputError(f"{len(keys) or 'no'} calls have the key {key!r}", "`matsearch calls` lists keys")
    # rows of calls that failed are longer than the answer's, and end with their time
    document = found.get(keys.pop()) or found[max(found)]
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
    if not usage.calls:
        return f"none made, {counted(usage.reused, 'answer')} taken from the store"
    failed = ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in sorted(usage.failures.items()))
    parts = [
        f"{counted(usage.calls, 'call')}, {usage.answered} answered ({counted(usage.attempts, 'request')})",
        f"{known(usage.input_tokens, ',')} tokens in and {known(usage.output_tokens, ',')} out{_but(usage.unknown_tokens)}",
        "cost unknown" if usage.cost is None else f"cost {usage.cost:,.6g} USD{_but(usage.unknown_cost)}",
    ]
    return (
        "; ".join(parts)
        + (f"; {failed}" if failed else "")
        + (f"; {counted(usage.reused, 'answer')} taken from the store" if usage.reused else "")
    )


def _but(unknown: int) -> str:
    return f" (not known of {counted(unknown, 'call')})" if unknown else ""


def _row(entry: CallEntry) -> tuple[str, ...]:
    origin = "" if entry.paid else " (from the store)"
    return (
        str(entry.generation),
        str(entry.slot),
        entry.key[:12],
        (entry.kind or "answered") + origin,
        str(entry.attempts),
        f"{entry.latency_s:.1f}",
        known(entry.input_tokens),
        known(entry.output_tokens),
        known(entry.cost, ".5f"),
    )


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
    print_line(
        f"  took       {call.latency_s:.1f} s, tokens in {known(call.input_tokens)}, out {known(call.output_tokens)}, "
        f"cost (USD) {known(call.cost, '.5f')}, finish reason {call.finish_reason or 'unknown'}"
    )
    if call.verdict:
        print_line(f"  ended      {call.verdict.kind}: {call.verdict.detail}")
    for message in call.messages:
        print_line(f"\n--- {message.role}\n{printable(message.content)}")
    print_line(f"\n--- reply\n{printable(call.reply) if call.reply is not None else '(none)'}")
