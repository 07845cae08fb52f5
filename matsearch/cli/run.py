"""``matsearch run``."""

import shlex
import time
from typing import Any

from matsearch.cli.calls import usage_of_campaign, usage_sentence
from matsearch.cli.console import print_json, print_line, print_result
from matsearch.cli.progress import shown_progress
from matsearch.cli.verify import verify_record
from matsearch.core.calls import Usage
from matsearch.core.campaign import CampaignRecord
from matsearch.core.config import SearchConfig
from matsearch.core.errors import NobodyToSendError
from matsearch.core.settings import Settings
from matsearch.graph.api import resolve_config
from matsearch.graph.backends import require_ready
from matsearch.graph.local import run_campaign
from matsearch.pipeline.campaign import similar_campaigns
from matsearch.pipeline.result import SearchResult, load_result
from matsearch.pipeline.tools import build_tools
from matsearch.store import open_repository, shown_uri


def run_search(
    config: str,
    references: str | None,
    store: str | None,
    overrides: dict[str, Any],
    n: int,
    *,
    verify: bool = False,
    as_json: bool,
) -> None:
    """Run a search with progress and print its table; then verify its survivors, where asked to."""
    if references is not None:
        overrides = {**overrides, "reference.source": references}
    search = resolve_config(config, overrides)
    uri = store or Settings().store
    began = time.monotonic()
    build_tools(search)  # what cannot be used is refused before anything is written
    if verify:
        require_ready(search.verify)
    _say_what_is_near(search, uri, as_json=as_json)
    with shown_progress():
        record = run_campaign(search, uri)
    repository = open_repository(uri)
    try:
        result = load_result(repository, record)
        work = repository.work_summary(record.campaign_id)
        usage = usage_of_campaign(repository, record)
    finally:
        repository.close()
    seconds = time.monotonic() - began
    if as_json:
        document = _document(result, n, seconds, usage, lost=work.lost, store=uri)
        print_json(document | (_verified(record, search, uri) if verify else {}))
        return
    print_result(result, n)
    print_line(f"Search: {seconds:.0f} s, {work.finished} relaxations committed, {work.lost} lost in flight.")
    if usage is not None:
        print_line(f"Calls of {record.provenance['language_model']['model']}: {usage_sentence(usage)}.")
    if record.state.stopped:
        print_line(f"Stopped at generation {record.state.generation}: {record.state.stopped}.")
    if verify:
        try:
            verify_record(record, search, uri, as_json=False)
            return
        except NobodyToSendError as error:
            print_line(f"Nothing was verified: {error.message}; {error.remedy}.")
    _print_next(result, uri)


def _verified(record: CampaignRecord, search: SearchConfig, uri: str) -> dict[str, Any]:
    """Return what DFT said, and the funnel with its last bars; why nothing, where the search found nobody to send."""
    try:
        document = verify_record(record, search, uri, as_json=True) or {}
    except NobodyToSendError as error:
        return {"verification": None, "not_verified": f"{error.message}; {error.remedy}"}
    return {key: document[key] for key in ("funnel", "verification")}


def _document(
    result: SearchResult, n: int, seconds: float, usage: Usage | None, *, lost: int, store: str
) -> dict[str, Any]:
    return {
        "campaign_id": result.record.campaign_id,
        "store": shown_uri(store),
        "seconds": round(seconds, 1),
        "lost_in_flight": lost,
        **({"usage": usage.document(), "stopped": result.record.state.stopped} if usage else {}),
        "hull": result.record.provenance["hull"],
        "funnel": result.funnel.document(),
        "top": result.rows(n),
    }


def _say_what_is_near(search: SearchConfig, uri: str, *, as_json: bool) -> None:
    repository = open_repository(uri)
    try:
        lines = similar_campaigns(search, repository)
    finally:
        repository.close()
    if not as_json:
        for line in lines:
            print_line(line)


def _print_next(result: SearchResult, uri: str) -> None:
    option = "" if uri == Settings().store else f" --store {shlex.quote(shown_uri(uri))}"
    best = next(iter(result.ranked), None)
    if "language_model" not in result.record.provenance:
        print_line(
            "These proposals came from classical operators, not from a language model. To ask one: set OPENAI_API_KEY, "
            "then `matsearch run language-model`."
        )
    print_line("Next:")
    if best is not None:
        print_line(f"  matsearch show {best.candidate_id}{option}")
    print_line(f"  matsearch report {result.record.campaign_id} --to report{option}")
    print_line(f"  matsearch export {result.record.campaign_id} --to crystals{option}")
    print_line(f"  matsearch status {result.record.campaign_id}{option}")
