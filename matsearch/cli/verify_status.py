"""How far the rounds of a campaign's verification are, for ``matsearch status``."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from matsearch.cli.console import print_line
from matsearch.core.protocols import Repository
from matsearch.core.records import Candidate
from matsearch.core.text import counted, one_line
from matsearch.core.verification import VerificationPlan
from matsearch.pipeline.feedback import code_name
from matsearch.pipeline.rounds import outcomes_of, plans_of, tasks_of


def round_documents(
    repository: Repository, campaign_id: str, candidates: Sequence[Candidate]
) -> list[dict[str, Any]]:
    """Return of each round whom it sent, what became of them, and how its calculations ended, as JSON types."""
    return [_round_document(plan, repository, candidates) for plan in plans_of(repository, campaign_id)]


def print_rounds(rounds: Sequence[dict[str, Any]], campaign_id: str) -> None:
    """Print the rounds, every calculation that failed with its reason, and how to go on where some wait."""
    for each in rounds:
        done, failed, waiting = each["done"], each["failed"], each["waiting"]
        print_line(
            f"Verification round {each['round']} by {each['settings']}: "
            f"{counted(each['sent'], 'crystal')} and {counted(each['phases'], 'reference phase')}; "
            f"{counted(each['calculations'], 'calculation')}: {done} done, {len(failed)} failed, {len(waiting)} waiting"
        )
        if each["standings"]:
            print_line("  " + ", ".join(f"{n} {standing}" for standing, n in each["standings"].items()))
        for end in failed:
            print_line(f"  {end['label']}: {end['kind']}, {end['detail']}")
        for end in waiting:
            if end["tries"]:
                print_line(f"  {end['label']}: waiting, {end['tries']} tries ended early")
    if any(each["waiting"] for each in rounds):
        print_line(f"`matsearch verify {campaign_id}` with the same options goes on.")


def _round_document(
    plan: VerificationPlan, repository: Repository, candidates: Sequence[Candidate]
) -> dict[str, Any]:
    tasks = tasks_of(plan, repository)
    outcomes = outcomes_of(plan, repository)
    waiting = {name: task for name, task in tasks.items() if name not in outcomes}
    tries = repository.transient_counts(task.key for task in waiting.values())
    judged = (c.verification for c in candidates if c.verification is not None)
    return {
        "round": plan.round,
        "settings": code_name(plan.settings),
        "sent": len(plan.promoted),
        "phases": len(plan.phases),
        "calculations": len(tasks),
        "done": sum(outcome.verdict is None for outcome in outcomes.values()),
        "failed": [
            {
                "label": tasks[name].label,
                "kind": outcome.verdict.kind.value,
                "detail": one_line(outcome.verdict.detail),
            }
            for name, outcome in outcomes.items()
            if outcome.verdict is not None
        ],
        "waiting": [{"label": task.label, "tries": tries.get(task.key, 0)} for task in waiting.values()],
        "standings": dict(Counter(v.standing.value for v in judged if v.round == plan.round)),
    }
