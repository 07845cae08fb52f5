"""``matsearch prompt preview`` and ``matsearch prompt test``."""

from typing import Any

from matsearch.cli.console import known, print_json, print_line, printable
from matsearch.cli.prompt_questions import Question, question_of
from matsearch.core.calls import Call, CallRequest
from matsearch.core.config import SearchConfig
from matsearch.core.errors import LanguageModelError
from matsearch.core.records import Candidate
from matsearch.core.text import counted, one_line
from matsearch.core.verdict import FailureKind
from matsearch.graph.api import resolve_config
from matsearch.parse.reply.candidates import candidates_of
from matsearch.parse.reply.reader import ReplyReader
from matsearch.parse.sanity import check_sanity
from matsearch.pipeline.asking import get_client


def preview_prompt(
    config: str,
    overrides: dict[str, Any],
    prompt: str | None,
    slot: int | None,
    campaign: str | None,
    store: str | None,
    *,
    as_json: bool,
) -> None:
    """Print the messages of a slot."""
    question = question_of(resolve_config(config, overrides), prompt, None, slot, campaign, store)
    if as_json:
        print_json(_document(question))
    else:
        _print_question(question)


def try_prompt(
    config: str,
    overrides: dict[str, Any],
    prompt: str | None,
    n: int,
    slot: int | None,
    campaign: str | None,
    store: str | None,
    *,
    as_json: bool,
) -> None:
    """Ask once, and print what came back and what it holds.

    Raises
    ------
    LanguageModelError
        If there is no answer.
    """
    search = resolve_config(config, overrides)
    question = question_of(search, prompt, n, slot, campaign, store)
    call = _answered(search, question.request)
    question = question.as_sent(call.messages)
    candidates = _candidates(question, call)
    if as_json:
        print_json(_document(question) | _outcome(call, candidates))
        return
    _print_question(question)
    print_line(f"\n--- reply of {one_line(call.resolved_model or call.model)}")
    print_line(printable(call.reply or "(none)"))
    print_line("\n--- read")
    for number, candidate in enumerate(candidates, start=1):
        print_line(f"  {number}. {_sentence(candidate)}")
    tokens = f"tokens in {known(call.input_tokens, ',')}, out {known(call.output_tokens, ',')}"
    print_line(f"{tokens}, cost (USD) {known(call.cost, '.6g')}, {call.latency_s:.1f} s; nothing was stored")


def _answered(config: SearchConfig, request: CallRequest) -> Call:
    (call,) = get_client(config).ask([request])
    if not call.answered:
        detail = call.verdict.detail if call.verdict else "no reply"
        raise LanguageModelError(f"the call was not answered: {detail}", "see to the endpoint")
    return call


def _candidates(question: Question, call: Call) -> list[Candidate]:
    cut_off = call.verdict is not None and call.verdict.kind is FailureKind.CUT_OFF
    with ReplyReader() as reader:
        found = reader.read(call.reply, cut_off=cut_off) if call.reply is not None else []
    tools = question.tools
    return check_sanity(candidates_of(question.request, call, found), tools.limits, tools.config.sanity)


def _document(question: Question) -> dict[str, Any]:
    request = question.request
    return {
        "campaign_id": request.campaign_id,
        "generation": request.generation,
        "slot": request.slot,
        "slots": question.n_slots,
        "asked": question.asked,
        "prompt": request.prompt_id,
        "prompt_sha256": request.prompt_sha256,
        "model": request.model,
        "crystals": request.crystals,
        "parents": [parent.parent_id for parent in request.parents],
        "tokens": question.tokens,
        "messages": [message.document() for message in request.messages],
        "reply_schema": request.reply_schema,
        "notes": list(question.notes),
    }


def _outcome(call: Call, candidates: list[Candidate]) -> dict[str, Any]:
    return {
        "resolved_model": call.resolved_model,
        "reply": call.reply,
        "candidates": [candidate.document() for candidate in candidates],
        "input_tokens": call.input_tokens,
        "output_tokens": call.output_tokens,
        "cost": call.cost,
        "seconds": call.latency_s,
    }


def _print_question(question: Question) -> None:
    request = question.request
    print_line(
        f"{request.campaign_id}, generation {request.generation}, slot {request.slot} of {question.n_slots}: "
        f"{request.prompt_id} to {request.model}"
    )
    print_line(
        f"{counted(request.crystals, 'crystal')} asked for, {counted(len(request.parents), 'parent')} shown, "
        f"about {question.tokens:,} tokens"
    )
    for note in question.notes:
        print_line(f"note: {note}")
    if request.prompt_id != question.asked:
        print_line(
            f"note: this slot has not what {question.asked} needs, and is asked by {request.prompt_id}"
        )
    for message in request.messages:
        print_line(f"\n--- {message.role}\n{printable(message.content)}")


def _sentence(candidate: Candidate) -> str:
    verdict, structure = candidate.verdict, candidate.structure
    end = f"{verdict.kind}: {verdict.detail}" if verdict else "passes"
    if structure is None:
        return end
    mended = "".join(f"\n     mended: {repair}" for repair in candidate.repairs)
    return f"{candidate.formula}, {counted(len(structure), 'atom')}: {end}{mended}"
