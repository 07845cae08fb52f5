"""How verification looks: who is sent, what came of them, how often that is, and what to do next."""

import shlex
from collections.abc import Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from matsearch.cli.console import print_line, print_table
from matsearch.core.agreement import Rate
from matsearch.core.config import SearchConfig
from matsearch.core.protocols import Repository
from matsearch.core.rounding import figures, rounded
from matsearch.core.settings import Settings
from matsearch.core.text import counted
from matsearch.core.verification import VerificationPlan
from matsearch.core.verified import CONTROL, SURVIVOR
from matsearch.export.report.stand_in import stand_in_words
from matsearch.export.report.verification_numbers import SentCrystal, VerificationReport
from matsearch.export.report.verification_words import APART, core_hours_words, rule_words, standing_counts
from matsearch.pipeline.result import SearchResult
from matsearch.pipeline.rounds import calculations_of, plans_of
from matsearch.pipeline.verification_report import verification_report
from matsearch.store import shown_uri

_SENT_COLUMNS = (
    "#",
    "formula",
    "role",
    "predicted (eV/atom)",
    "DFT (eV/atom)",
    "standing",
    "core-hours",
    "id",
)
_PLAN_COLUMNS = ("#", "formula", "role", "predicted (eV/atom)", "probability", "core-hours", "id")
_DENOMINATORS = ("sent", "survivors", "unique", "valid", "asked")
_TO_THE_LEFT = {"formula", "role", "standing", "id"}


def report_of(repository: Repository, result: SearchResult) -> VerificationReport | None:
    """Return what there is to say of a campaign's verification; None where nothing was sent."""
    campaign_id = result.record.campaign_id
    plans = plans_of(repository, campaign_id)
    return verification_report(result.candidates, plans, calculations_of(repository, campaign_id))


def print_verification(result: SearchResult, said: VerificationReport) -> None:
    """Print the table of what was sent, rates with their denominators, the funnel's last bars and the cost."""
    _print_table(_SENT_COLUMNS, [_sent_row(i, sent) for i, sent in enumerate(said.sent, start=1)])
    for (standing, reason), formulas in _reasons(said.sent).items():
        print_line(f"  {standing}: {reason} ({', '.join(formulas)})")
    for role in (SURVIVOR, CONTROL):
        if any(sent.role == role for sent in said.sent):
            print_line(standing_counts(said.sent, role).capitalize() + ".")
    funnel = result.funnel
    print_line(
        f"Funnel: asked {funnel.asked}, valid {funnel.valid}, unique {funnel.unique}, sent {funnel.sent}: "
        f"{funnel.dft_confirmed} confirmed, {funnel.dft_indicative} indicative, {funnel.dft_refuted} refuted, "
        f"{funnel.dft_failed} failed."
    )
    _print_rates(said.rates)
    if said.beside:
        print_line(said.beside)
    print_line(core_hours_words(said))
    if stand_in := stand_in_words(said.rounds):
        print_line(stand_in)
    print_line(APART)


def verified_document(result: SearchResult, said: VerificationReport, store: str) -> dict[str, Any]:
    """Return the same as JSON types."""
    return {
        "campaign_id": result.record.campaign_id,
        "store": shown_uri(store),
        "hull": result.record.provenance["hull"],
        "funnel": result.funnel.document(),
        "verification": said.document(),
    }


def print_plan(plan: VerificationPlan, formulas: dict[str, str], config: SearchConfig) -> None:
    """Print whom a round would send, which phases it would compute, and what that costs."""
    settings = plan.settings
    print_line(f"Round {plan.round} of {plan.campaign_id} by {settings.code} {settings.functional}:")
    rows = [
        (
            str(p.rank),
            formulas[p.candidate_id],
            p.role,
            f"{rounded(p.energy_above_hull):+.3f}",
            f"{p.probability:.2f}",
            figures(p.core_hours),
            p.candidate_id,
        )
        for p in plan.promoted
    ]
    _print_table(_PLAN_COLUMNS, rows)
    print_line(f"Rule: {rule_words(plan.rule, config.seed)}")
    if plan.phases:
        names = ", ".join(f"{p.formula} ({p.substitute or p.phase_id})" for p in plan.phases)
        print_line(f"{counted(len(plan.phases), 'reference phase')} to compute alike: {names}")
    if plan.left_out:
        print_line("Left out: " + ", ".join(f"{n} {reason}" for reason, n in plan.left_out.items()))
    print_line(
        f"{figures(plan.predicted_core_hours)} core-hours predicted for what is not computed yet, each calculation within a "
        f"factor of {plan.cost_factor:.1f} in two of three cases."
    )


def plan_document(plan: VerificationPlan, formulas: dict[str, str]) -> dict[str, Any]:
    """Return the same as JSON types."""
    return {
        "campaign_id": plan.campaign_id,
        "round": plan.round,
        "rule": plan.rule,
        "settings": plan.settings.document(),
        "promoted": [p.document() | {"formula": formulas[p.candidate_id]} for p in plan.promoted],
        "phases": [p.model_dump(mode="json", exclude={"structure"}) for p in plan.phases],
        "strata": [stratum.document() for stratum in plan.strata],
        "left_out": plan.left_out,
        "predicted_core_hours": plan.predicted_core_hours,
    }


def _print_rates(rates: Sequence[Rate]) -> None:
    """Print a line a limit and a column a denominator; where strata allow an estimate for all, it goes first."""
    columns = [name for name in _DENOMINATORS if any(rate.denominator == name for rate in rates)]
    by_limit: dict[float, dict[str, Rate]] = {}
    for rate in rates:
        by_limit.setdefault(rate.limit or 0.0, {})[rate.denominator] = rate
    rows = [
        (f"{limit:g}", *(rate_words(of[name]) if name in of else "" for name in columns))
        for limit, of in by_limit.items()
    ]
    print_line("Confirmed, percent, with exact 95 percent intervals:")
    _print_table(("under (eV/atom)", *(f"of {name}" for name in columns)), rows)
    if any(rate.denominator == "survivors" for rate in rates):
        print_line("All but those of sent are estimated from the random samples of the strata.")
    elif any(rate.is_lower_bound for rate in rates):
        print_line(">=: survivors that were not sent may be right too; the intervals allow for all of them.")


def rate_words(rate: Rate) -> str:
    """Return a rate in percent with its interval; ``>=`` before a lower bound."""
    share = "unknown" if rate.estimate is None else f"{100 * rate.estimate:.1f}"
    bound = ">=" if rate.is_lower_bound else ""
    return f"{bound}{share} ({100 * rate.lower:.1f}-{100 * rate.upper:.1f})"


def print_next(result: SearchResult, said: VerificationReport, store: str) -> None:
    """Print the commands that go on from here."""
    option = "" if store == Settings().store else f" --store {shlex.quote(shown_uri(store))}"
    identity = result.record.campaign_id
    print_line("Next:")
    print_line(f"  matsearch report {identity} --to report{option}")
    print_line(f"  matsearch frames {identity} --to frames{option}")
    print_line(f"  matsearch show {said.sent[0].candidate_id}{option}")


def _reasons(sent: Sequence[SentCrystal]) -> dict[tuple[str, str], list[str]]:
    """Return the formulas of the crystals by their standing and each reason of it."""
    formulas: dict[tuple[str, str], list[str]] = {}
    for crystal in sent:
        for reason in crystal.reasons:
            formulas.setdefault((crystal.standing, reason), []).append(crystal.formula)
    return formulas


def _sent_row(rank: int, sent: SentCrystal) -> tuple[str, ...]:
    found = "" if sent.energy_above_hull is None else f"{rounded(sent.energy_above_hull):+.3f}"
    return (
        str(rank),
        sent.formula,
        sent.role,
        f"{rounded(sent.predicted_energy_above_hull):+.3f}",
        found,
        sent.standing,
        figures(sent.core_hours),
        sent.candidate_id,
    )


def _print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in columns:
        table.add_column(title, justify="left" if title in _TO_THE_LEFT else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(escape, row))
    print_table(table)
