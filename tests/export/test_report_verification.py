"""What a report says of verification."""

import json
import re
from io import BytesIO

import numpy as np
import pytest

from matsearch.cli.report import campaign_report, funnel_steps, report_campaign
from matsearch.core.dft import DftOutcome
from matsearch.core.records import KnownMatch
from matsearch.core.verification import Stratum
from matsearch.core.verified import Standing
from matsearch.core.verify_section import PromotionSection
from matsearch.export.report.folder import write_report
from matsearch.export.report.page import render_page
from matsearch.export.report.style import COLOURS
from matsearch.export.report.verification_figure import parity_figure
from matsearch.export.report.verification_words import core_hours_words, rule_words
from matsearch.pipeline.result import SearchResult
from matsearch.pipeline.rounds import commit_plan, tasks_of
from matsearch.store import open_repository
from matsearch.verify.stage import commit
from tests.export.verified_campaign import (
    HOSTILE,
    LONG,
    ROWS,
    SETTINGS,
    calculation,
    candidate,
    candidates,
    counted,
    plan,
    record,
    reference,
    structure_of,
    verified,
)


@pytest.fixture(scope="module")
def verification():
    return counted()


@pytest.fixture(scope="module")
def folder(verification, tmp_path_factory):
    path = tmp_path_factory.mktemp("verified")
    result = SearchResult(record(), candidates())
    write_report(campaign_report(result, 2, "2026-01-02", verification=verification), path)
    return path


@pytest.fixture(scope="module")
def html(folder):
    return (folder / "report.html").read_text(encoding="utf-8")


def text_of(html):
    from html import unescape

    body = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", body)).split())


# --- numbers


def test_nothing_sent_is_nothing_to_report():
    plain = [candidate(0).evolve(verification=None)]
    assert counted(crystals=plain) is None
    assert counted(plans=[]) is None
    assert campaign_report(SearchResult(record(), tuple(plain)), 2, "now").verification is None


def test_everything_sent_is_listed_in_the_order_of_choice(verification):
    assert [each.standing for each in verification.sent] == [row[1] for row in ROWS]
    reordered = counted(crystals=candidates()[::-1])
    assert reordered == verification
    failed = verification.sent[7]
    assert (failed.energy_above_hull, failed.volume, failed.reasons) == (None, None, ROWS[7][6])


def test_potential_and_dft_side_by_side(verification):
    first = verification.sent[0]
    assert first.volume_ratio == pytest.approx(1.004**3)
    assert first.predicted_volume == pytest.approx(structure_of(0).volume / 2)
    assert (first.largest_force, first.pressure, first.largest_stress) == pytest.approx((0.04, 1.0, 1.2))
    assert verification.false_stable == tuple(candidate(i).candidate_id for i in (4, 3)), "the worst first"
    assert verification.false_unstable == (candidate(11).candidate_id,)


def test_rates_keep_what_failed_and_what_waits(verification):
    rates = {rate.of: rate for rate in verification.rates if "under 0.1 eV/atom" in rate.name}
    assert sorted(rates) == [9, 25, 30, 40]
    assert (rates[9].count, rates[9].estimate) == (3, pytest.approx(1 / 3))
    assert (rates[9].lower, rates[9].upper) == pytest.approx((0.0749, 0.7007), abs=1e-4)  # published tables
    assert "11 more survivors were not sent" in rates[40].note
    assert "31.7 percent" in verification.beside
    assert sum(line.sent for line in verification.chemistries) == 9, "controls are in no rate"


def test_a_random_sample_estimates_all_survivors():
    rule = PromotionSection(survivors=9, sample="stratified", strata=(0.0,)).model_dump(mode="json")
    strata = [Stratum(lower=None, upper=0.0, population=1, sent=1)]
    strata += [Stratum(lower=0.0, upper=0.1, population=16, sent=8)]
    promoted = tuple(p.evolve(stratum=int(p.energy_above_hull > 0)) for p in plan().promoted[:9])
    planned = plan(rule=rule, strata=tuple(strata), promoted=promoted)
    report = counted(plans=[planned])
    at_all = [rate for rate in report.rates if "17 survivors" in rate.name]
    estimate, near, below = at_all
    assert near.estimate == pytest.approx((1 + 16 * 1 / 8) / 17)
    assert below.estimate == pytest.approx(1 / 17)
    assert "of valid, estimated from those sent: 3.3 percent" in report.beside
    assert estimate.estimate == pytest.approx((1 + 16 * 2 / 8) / 17)
    two = counted(plans=[planned, planned.evolve(round=1)])
    assert not any("survivors" in rate.name for rate in two.rates)


def test_rates_under_each_limit_and_the_published_one_beside_its_like(verification):
    of_sent = [(rate.name, rate.count) for rate in verification.rates if rate.name.endswith("of sent")]
    assert of_sent == [
        (f"DFT-confirmed under {limit} eV/atom, of sent", n)
        for limit, n in [("0.1", 3), ("0.03", 2), ("0", 1)]
    ]
    assert "DFT-confirmed under 0 eV/atom, of sent: 11.1 percent (1 of 9; the published one is inside" in (
        verification.beside
    )


def test_a_known_phase_is_not_below_the_hull():
    first, *others = candidates()
    known = first.evolve(match=KnownMatch(kind="structure", known_id="toy-1"))
    report = counted(crystals=[known, *others])
    assert [rate.count for rate in report.rates if rate.name.endswith("of sent")] == [3, 2, 0]


def test_a_stand_in_is_not_called_dft():
    stand_in = SETTINGS.evolve(code="toy", scheme_id="toy")
    report = counted(plans=[plan(settings=stand_in)])
    assert all("confirmed by a stand-in for DFT, under" in rate.name for rate in report.rates)
    assert report.beside == ""


def test_core_hours_count_each_calculation_once_and_failures_too(verification):
    own = sum(0.05 + 0.02 * i for i in range(12) if i not in (7, 8)) + 0.19
    assert verification.core_hours == pytest.approx(own + 0.5)
    assert verification.phases_core_hours == pytest.approx(0.5)
    assert core_hours_words(verification).endswith("1.5 were predicted.")


def test_a_later_round_has_the_last_word():
    again = verified(3).evolve(round=1, standing=Standing.CONFIRMED, energy_above_hull=0.05)
    crystals = [c if i != 3 else c.evolve(verification=again) for i, c in enumerate(candidates())]
    second = plan(round=1, promoted=(plan().promoted[3].evolve(rank=1),))
    report = counted(crystals=crystals, plans=[plan(), second])
    assert len(report.rounds) == 2
    assert report.sent[-1].candidate_id == candidate(3).candidate_id
    assert len(report.sent) == len(ROWS)
    assert report.false_stable == (candidate(4).candidate_id,)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {},
            "9 survivors predicted under 0.1 eV/atom and 3 controls predicted over it; best: the most promising;",
        ),
        (
            {"sample": "stratified"},
            "stratified: at random from each stratum of energy above hull; strata from 0, 0.03",
        ),
        (
            {"sample": "all"},
            "far above the hull too; survivors are those predicted under 0.1 eV/atom, controls the others; uncertainty",
        ),
        ({"core_hours": 12.5}, "up to 12.5 core-hours predicted"),
        ({"flagged": True}, "flagged ones too, last; seed 7."),
    ],
)
def test_the_rule_in_words(changes, words):
    rule = PromotionSection(survivors=9, controls=3, **changes)
    assert words in rule_words(rule.model_dump(mode="json"), 7)


def test_against_what_dft_was_measured():
    def hull(**changes):
        return counted(plans=[plan(**changes)]).rounds[0].hull

    assert hull().startswith("2 reference phases of toy"), "one has no structure"
    assert hull(phases=()).startswith("nothing: no reference phase was computed")
    vasp = SETTINGS.evolve(code="VASP", scheme_id="mp-gga-gga+u-raw")
    document = {**reference(), "scheme_id": "mp-gga-gga+u-raw"}
    assert "itself" in hull(phases=(), settings=vasp, hull=document)


# --- figures


def coloured(picture, colour):
    from PIL import Image

    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    drawn = np.asarray(Image.open(BytesIO(picture)).convert("RGB")).astype(int)
    return int((np.abs(drawn - wanted).max(axis=2) < 12).sum())


def test_colours_of_the_parity_plots_are_standings(verification, folder):
    full = (folder / "verification.png").read_bytes()
    confirmed = [each for each in verification.sent if each.standing == "confirmed"]
    alone = parity_figure(confirmed, "")
    assert coloured(full, COLOURS[1]) > 500
    assert coloured(alone, COLOURS[1]) == 0
    assert coloured(alone, COLOURS[2]) > 500


def test_a_crystal_without_a_number_is_not_drawn(verification):
    waiting = [each for each in verification.sent if each.energy_above_hull is None]
    assert coloured(parity_figure(waiting, ""), COLOURS[2]) == 0


# --- page and files


def test_the_funnel_goes_on_to_its_last_bars():
    steps = {step.name: step for step in funnel_steps(SearchResult(record(), candidates()).funnel, "stable")}
    assert (steps["sent"].count, steps["sent"].of) == (9, "distinct")
    names = ("DFT confirmed", "DFT indicative", "DFT refuted", "DFT failed")
    assert [steps[name].count for name in names] == [3, 2, 2, 1]
    assert {(steps[name].of, steps[name].total) for name in names} == {("sent", 9)}


def test_the_page_says_what_was_sent_and_what_came_of_it(html):
    text = text_of(html)
    for words in (
        "9 survivors sent: 3 confirmed, 2 indicative, 2 refuted, 1 failed, 1 pending.",
        "3 controls sent: 1 confirmed, 2 refuted.",
        "Total energies of different codes or functionals never meet.",
        "not chosen: known phase 2, flagged 1",
        "GPAW PBE (gpaw-pbe) ; cutoff 700 eV; kpoint density 3.5 1/Å",
        "toy-17: the reference has no structure",
        "diamond for C-194 (-0.130 eV/atom, " + HOSTILE,
        "33.3% 7.5% to 70.1%",
        "predicted +0.031, DFT +0.342 eV/atom above the hull",
        "these are no rates of all that the search found",
        "confirmed, -0.012",
        "Green: of those sent to DFT.",
    ):
        assert words in text, words
    assert text.count(LONG.strip()) == 1, "reasons are shown whole"


def test_what_comes_from_elsewhere_is_text(html):
    assert "<script" not in html.lower()
    assert text_of(html).count(HOSTILE) >= 10
    assert not re.search(r"\b(nan|inf|None|Undefined)\b", text_of(html))
    links = re.findall(r'<a href="#(\w+)">', html.split("</nav>")[0])
    assert links == re.findall(r'<section id="(\w+)">', html)
    assert set(re.findall(r'href="#([\w-]+)"', html)) <= set(re.findall(r' id="([\w-]+)"', html))


def test_the_numbers_are_in_the_document(folder, verification):
    document = json.loads((folder / "report.json").read_text(), parse_constant=pytest.fail)
    assert document["verification"] == verification.document()
    assert document["verification"]["errors"][0]["n"] == 10


def test_without_verification_nothing_is_added():
    plain = tuple(c.evolve(verification=None) for c in candidates()[:1])
    report = campaign_report(SearchResult(record(), plain), 1, "now")
    assert "erification" not in text_of(render_page(report, {}, [None], ""))
    assert "verification" not in report.document()


def test_a_pending_round_alone_can_be_reported():
    crystals = (candidate(8),)
    report = counted(crystals=crystals, ended={})
    assert report.errors[0].n == 0
    shown = campaign_report(SearchResult(record(), crystals), 1, "now", verification=report)
    assert "No calculation has ended well yet." in render_page(shown, {}, [None], "")


def test_the_command_reads_the_rounds_from_the_store(tmp_path, monkeypatch):
    written = []
    address = f"sqlite:///{tmp_path}/store.sqlite"
    repository = open_repository(address)
    repository.create_campaign(record())
    planned = plan(promoted=tuple(plan().promoted[i] for i in (0, 8)), phases=())
    repository.put_candidates([candidate(0), candidate(8)])
    commit_plan(planned, repository)
    task = tasks_of(planned, repository)[candidate(0).candidate_id]
    key = task.key
    commit(DftOutcome(key=key, calculation=calculation(0), core_hours=0.05), repository, "test", task)
    repository.put_candidates(
        [candidate(0).evolve(verification=verified(0).evolve(calculation_key=key)), candidate(8)]
    )
    repository.close()
    monkeypatch.setattr(
        "matsearch.cli.report.write_report", lambda report, to: written.append(report) or ["x"]
    )
    report_campaign(None, tmp_path / "out", 1, address, as_json=True)
    assert written[0].verification is not None
    assert [each.standing for each in written[0].verification.sent] == ["confirmed", "pending"]
    assert written[0].verification.sent[0].volume_ratio == pytest.approx(1.004**3)
