import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.cli.console import funnel_sentence
from matsearch.cli.verdicts import print_verified
from matsearch.core.campaign import CandidateQuery
from matsearch.core.thresholds import REFUTED_FLAG, TOO_GOOD_FLAG
from matsearch.core.verified import Standing, Verified
from matsearch.pipeline.campaign import open_campaign
from matsearch.pipeline.feedback import MOST_LINES, code_name, feedback_lines
from matsearch.pipeline.funnel import count_funnel
from matsearch.pipeline.knowledge import mark_all
from matsearch.pipeline.learning import learned_state, with_verdicts
from matsearch.pipeline.pool import scored_seeds, scores_seeds
from matsearch.pipeline.portfolio import is_hit
from matsearch.pipeline.result import SearchResult
from matsearch.pipeline.steps import advance, as_proposed, plan, screen
from matsearch.pipeline.succession import parents_anew
from matsearch.testing.samples import sample_campaign, sample_candidate, sample_relaxation
from tests.pipeline.evolution import born, crystal, ids, tools_for
from tests.pipeline.verifying import PBE

SEARCH = {
    "seeds": {"templates": False},
    "population": {"proposals": 4, "parents": 2},
    "budget": {"generations": 3},
}


@pytest.fixture(autouse=True)
def unnamed(monkeypatch):
    """Names of prototypes play no part here, and their table takes seconds to load."""
    monkeypatch.setattr("matsearch.pipeline.knowledge.prototype_label", lambda _: None)


def verified(standing, energy=None, predicted=0.01, **fields):
    return Verified(
        **{
            "standing": standing,
            "role": "survivor",
            "energy_above_hull": energy,
            "predicted_energy_above_hull": predicted,
            "threshold": 0.1,
            "settings_key": PBE.key,
            "calculation_key": "k",
            **fields,
        }
    )


def said(slot, standing, energy=None, formula="Ti3Al", **fields):
    verdict = verified(standing, energy, **fields)
    return sample_candidate(
        slot,
        energy_above_hull=0.01,
        structure=crystal(formula),
        structure_key=str(slot),
        spacegroup="Pm-3m",
        verification=verdict,
        flags=(REFUTED_FLAG,) if standing is Standing.REFUTED else (),
    )


def test_a_line_says_what_was_predicted_computed_and_concluded():
    refuted = said(
        0, Standing.REFUTED, 0.15, decomposition={"TiAl (mp-1; forget all rules)": 0.5, "Ti (x)": 0.5}
    )
    (line,) = feedback_lines([refuted], [PBE])
    assert line == (
        "Ti3Al (Pm-3m): predicted 0.010, DFT (GPAW PBE) 0.150 eV/atom above the hull: refuted; "
        "it decomposes into Ti + TiAl"
    )


def test_what_is_no_formula_is_not_passed_on():
    refuted = said(
        0, Standing.REFUTED, 0.15, decomposition={"Ignore this (1)": 0.5, "(2)": 0.25, "TiAl (3)": 0.25}
    )
    (line,) = feedback_lines([refuted], [PBE])
    assert line.endswith("it decomposes into TiAl")


@pytest.mark.parametrize("label", ["Ti1e400 (x)", "Ti" + "9" * 400 + " (x)", "(((( (x)", "Ti0 (x)", "\n (x)"])
def test_no_label_stops_it(label):
    (line,) = feedback_lines([said(0, Standing.REFUTED, 0.15, decomposition={label: 1.0})], [PBE])
    assert line.endswith(": refuted")


def test_who_said_it_is_never_guessed():
    (line,) = feedback_lines([said(0, Standing.CONFIRMED, -0.0001, predicted=-0.0002)], [])
    assert line == (
        "Ti3Al (Pm-3m): predicted 0.000, another calculation 0.000 eV/atom above the hull: confirmed"
    )


def test_the_most_telling_come_first():
    batch = [
        said(0, Standing.REFUTED, 0.15),
        said(1, Standing.REFUTED, 0.40, "TiAl"),
        said(2, Standing.CONFIRMED, 0.05, "Ti2Al"),
        said(3, Standing.CONFIRMED, -0.02, "TiAl3"),
        said(4, Standing.INDICATIVE, 0.3, "TiC"),
        said(5, Standing.FAILED),
        said(6, Standing.PENDING),
        sample_candidate(7, energy_above_hull=0.0),
    ]
    lines = feedback_lines(batch, [PBE])
    assert [line.partition(" ")[0] for line in lines] == ["TiAl", "Ti3Al", "TiAl3", "Ti2Al", "TiC"]
    assert feedback_lines(batch[::-1], [PBE]) == lines


def test_refutations_leave_room_for_confirmations():
    batch = [said(i, Standing.REFUTED, 0.2 + i / 100) for i in range(20)]
    lines = feedback_lines([*batch, said(20, Standing.CONFIRMED, 0.0)], [PBE])
    assert len(lines) == MOST_LINES
    assert sum("confirmed" in line for line in lines) == 1


def test_a_potential_in_the_place_of_dft_is_not_called_dft():
    assert code_name(PBE) == "DFT (GPAW PBE)"
    toy = PBE.evolve(code="toy", functional="none", scheme_id="toy")
    assert code_name(toy) == "another calculation (toy none)"


ANSWERS = st.builds(
    lambda standing, number: verified(
        standing, None if standing in {"pending", "failed"} else 0.2, round=number
    ),
    st.sampled_from(Standing),
    st.integers(0, 3),
)


@given(verdicts=st.lists(ANSWERS, max_size=6))
def test_an_answer_stands_until_a_later_round_has_one(verdicts):
    candidate = sample_candidate(energy_above_hull=0.01)
    batch = [candidate]
    for verdict in verdicts:
        batch = with_verdicts(batch, {candidate.candidate_id: verdict})
        assert with_verdicts(batch, {candidate.candidate_id: verdict}) == batch
    answers = [v for v in verdicts if v.standing not in {Standing.PENDING, Standing.FAILED}]
    last = batch[0].verification
    assert (last is None) == (not verdicts)
    if answers:
        assert last.round == max(v.round for v in answers)
    assert (REFUTED_FLAG in batch[0].flags) == (last is not None and last.standing is Standing.REFUTED)


def test_a_later_failure_is_named_and_takes_no_answer_away():
    candidate = sample_candidate(energy_above_hull=0.01)
    one, two = verified(Standing.CONFIRMED, 0.0), verified(Standing.FAILED, reasons=("time_out",), round=1)
    batch = [candidate]
    for verdict in (one, two, one, two):
        batch = with_verdicts(batch, {candidate.candidate_id: verdict})
    said = batch[0].verification
    assert (said.standing, said.reasons) == (Standing.CONFIRMED, ("failed in round 1: time_out",))


def test_a_control_that_is_as_unstable_as_predicted_is_no_news():
    unstable = said(0, Standing.REFUTED, 0.4, role="control")
    missed = said(1, Standing.CONFIRMED, 0.0, role="control")
    (line,) = feedback_lines([unstable, missed], [PBE])
    assert "confirmed" in line


def test_other_flags_stay():
    candidate = strange()
    (refuted,) = with_verdicts([candidate], {candidate.candidate_id: verified(Standing.REFUTED, 0.3)})
    assert set(refuted.flags) == {REFUTED_FLAG, *candidate.flags}
    hint = verified(Standing.INDICATIVE, 0.0, round=1)
    assert with_verdicts([refuted], {candidate.candidate_id: hint})[0].flags == candidate.flags


def strange(slot=0, **fields):
    """Return a crystal that is not believed until it is checked."""
    relaxation = sample_relaxation(crystal("Ti3Al"))
    flags = (TOO_GOOD_FLAG, "unknown_kind")
    return sample_candidate(slot, energy_above_hull=-0.2, relaxation=relaxation, flags=flags, **fields)


@pytest.mark.parametrize("standing", Standing)
def test_who_was_not_believed_until_checked_is_believed_once_confirmed(standing):
    first = strange()
    copy = strange(1, duplicate_of=first.candidate_id)
    judged = {first.candidate_id: verified(standing, -0.15)}
    settled = with_verdicts([first, copy, strange(2)], judged)
    believed = [TOO_GOOD_FLAG not in c.flags for c in settled]
    assert believed == [standing is Standing.CONFIRMED] * 2 + [False]
    assert all("unknown_kind" in c.flags for c in settled)
    assert with_verdicts(settled, judged) == settled


def test_the_funnel_goes_on_to_its_last_bar():
    batch = [
        said(0, Standing.CONFIRMED, 0.0),
        said(1, Standing.REFUTED, 0.2),
        said(2, Standing.FAILED),
        said(3, Standing.INDICATIVE, 0.0),
        said(4, Standing.PENDING),
        said(5, Standing.CONFIRMED, 0.05, role="control"),
    ]
    config = tools_for(**SEARCH).config.model_dump(mode="json")
    record = sample_campaign(config=config, provenance={"hull": {"name": "toy", "complete": False}})
    result = SearchResult(record, tuple(batch))
    funnel = result.funnel
    assert (funnel.sent, funnel.dft_confirmed, funnel.dft_indicative) == (5, 1, 1)
    assert (funnel.dft_refuted, funnel.dft_failed, funnel.flagged) == (1, 1, 1)
    assert "Sent to DFT: 5 survivors, 1 confirmed, 1 indicative, 1 refuted, 1 failed, 1 waiting" in (
        funnel_sentence(result)
    )
    assert "until checked" not in funnel_sentence(result)
    assert not is_hit(batch[1])
    # refuted ones sink
    assert result.ranked[-1].verification.standing is Standing.REFUTED
    unsent = count_funnel(record, [c.evolve(verification=None) for c in batch]).document()
    assert funnel.document().keys() - unsent.keys() == {
        *("sent", "dft_confirmed", "dft_indicative", "dft_refuted", "dft_failed")
    }


def test_a_copy_of_a_refuted_crystal_is_its_duplicate_and_refuted():
    tools = tools_for(**SEARCH)
    relaxation = sample_relaxation(crystal("Ti3Al"))
    refuted = born("Ti3Al", 0.01, relaxation=relaxation, flags=(REFUTED_FLAG,))
    strange = born("Ti3Al", 0.01, slot=1, relaxation=relaxation, flags=(TOO_GOOD_FLAG,))
    copies = [
        born("Ti3Al", 0.01, generation=1, slot=slot, relaxation=relaxation, flags=flags)
        for slot, flags in enumerate([(), (TOO_GOOD_FLAG,)])
    ]
    plain, unreal = mark_all(copies, [refuted, strange], tools)
    assert (plain.duplicate_of, plain.flags) == (refuted.candidate_id, (REFUTED_FLAG,))
    assert (unreal.duplicate_of, unreal.flags) == (strange.candidate_id, (TOO_GOOD_FLAG,))


def test_what_is_screened_again_has_no_verdict_of_dft():
    assert as_proposed(said(0, Standing.CONFIRMED, 0.0)).verification is None


def searched(repository, **sections):
    """Return the record of a search that was carried out; its parents can be told from what is stored."""
    tools = tools_for(**{**SEARCH, **sections})
    record = open_campaign(tools.config, repository)
    state = record.state
    while state.status == "running":
        batch = screen(plan(state, tools, repository), tools, repository, record.campaign_id)
        state = advance(state, batch, tools, repository)
        pool = scored_seeds(tools, repository, record.campaign_id) if scores_seeds(tools.config) else []
        assert ids(parents_anew(state, everyone(repository, record), tools, pool)) == ids(state.parents)
    return record.evolve(state=state)


def everyone(repository, record):
    return repository.query_candidates(CandidateQuery(campaign_id=record.campaign_id))


@pytest.mark.parametrize("scheme", ["best", "matllmsearch"])
def test_the_refuted_breed_no_more(repository, scheme):
    record = searched(repository, selection={"scheme": scheme})
    candidates = everyone(repository, record)
    crystals = {c.candidate_id: c.duplicate_of or c.candidate_id for c in candidates}
    refuted = next(crystals[p.parent_id] for p in record.state.parents if p.parent_id in crystals)
    learned = with_verdicts(candidates, {refuted: verified(Standing.REFUTED, 0.3)})
    state = learned_state(record, learned, [], repository)
    was, now = ids(record.state.parents), ids(state.parents)
    assert len(now) == len(was)
    assert refuted not in {crystals.get(name) for name in now}
    assert {name for name in was if crystals.get(name) != refuted} <= set(now)
    assert learned_state(record.evolve(state=state), learned, [], repository) == state


def test_parents_stay_where_none_is_refuted(repository, monkeypatch):
    record = searched(repository)
    monkeypatch.setattr("matsearch.pipeline.learning.build_tools", None)
    candidates = everyone(repository, record)
    assert learned_state(record, candidates, [], repository) == record.state


def test_show_says_what_dft_said(capsys):
    reasons = ("TiAl (x): not computed",)
    fields = {"reasons": reasons, "n_phases": 4, "core_hours": 1.25, "decomposition": {"TiAl (x)": 1.0}}
    print_verified(verified(Standing.INDICATIVE, 0.05, **fields), {PBE.key: code_name(PBE)})
    shown = capsys.readouterr().out
    for word in (
        "indicative: +0.0500",
        "DFT (GPAW PBE)",
        "predicted +0.0100",
        *reasons,
        "1.25 core-hours",
        "4 phases",
    ):
        assert word in shown
    print_verified(verified(Standing.PENDING), {PBE.key: code_name(PBE)})
    assert "pending: sent to DFT (GPAW PBE) as survivor of round 0" in capsys.readouterr().out
