from importlib.metadata import version

import pytest

from matsearch.core.errors import ReferenceHullError
from matsearch.core.records import Lineage
from matsearch.core.thresholds import REFUTED_FLAG
from matsearch.core.verdict import FailureKind
from matsearch.core.verified import Standing
from matsearch.hull.sources import load_reference
from matsearch.pipeline.rounds import (
    calculations_of,
    commit_plan,
    is_finished,
    outcomes_of,
    plans_of,
    tasks_of,
)
from matsearch.pipeline.verification import conclude, next_round, plan_round
from matsearch.verify.cost import CostModel
from tests.pipeline.verifying import (
    PBE,
    PHASES,
    R2SCAN,
    campaign_of,
    compute,
    config_with,
    placed,
    stored,
)

CRYSTALS = {"Ti3Al": 0.01, "Ti2Al": 0.05, "TiAl3": 0.02, "Ti2C": 0.25}


@pytest.fixture
def config(tmp_path):
    return config_with(tmp_path, promotion={"survivors": 3, "controls": 1})


@pytest.fixture
def record(repository, config):
    return campaign_of(repository, config, CRYSTALS)


def standings(repository):
    return {f: c.verification and c.verification.standing for f, c in stored(repository).items()}


def test_a_round_is_written_down_before_anything_runs(repository, record, config):
    assert plans_of(repository, record.campaign_id) == []
    plan = plan_round(record, config, repository, PBE)
    assert plans_of(repository, record.campaign_id) == [plan]
    assert (plan.round, plan.generation, plan.settings) == (0, 1, PBE)
    assert plan.rule == config.verify.promotion.model_dump(mode="json")
    assert (plan.seed, plan.packages["matsearch"]) == (config.seed, version("matsearch"))
    assert [p.role for p in plan.promoted] == ["survivor"] * 3 + ["control"]
    assert {p.formula for p in plan.phases} == set(PHASES)
    assert (plan.asked, plan.valid, plan.unique) == (4, 4, 4)
    assert plan.predicted_core_hours > sum(p.core_hours for p in plan.promoted)
    assert set(standings(repository).values()) == {Standing.PENDING}
    assert not calculations_of(repository, record.campaign_id)


def test_the_same_again_writes_nothing_more(repository, record, config):
    plan = plan_round(record, config, repository, PBE)
    cursor = repository.changes_since(record.campaign_id, 0).cursor
    assert plan_round(record, config, repository, PBE) == plan
    assert repository.changes_since(record.campaign_id, 0).cursor == cursor


def test_looking_ahead_writes_nothing(repository, record, config):
    ahead = next_round(record, config, repository, PBE)
    assert plans_of(repository, record.campaign_id) == []
    assert set(standings(repository).values()) == {None}
    plan = plan_round(record, config, repository, PBE)
    assert plan == ahead.evolve(created_at=plan.created_at)


def test_a_crash_between_plan_and_candidates_is_mended(repository, record, config, monkeypatch):
    def crash(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(repository, "put_candidates", crash)
    with pytest.raises(KeyboardInterrupt):
        plan_round(record, config, repository, PBE)
    monkeypatch.undo()
    (plan,) = plans_of(repository, record.campaign_id)
    assert plan_round(record, config, repository, PBE) == plan
    assert set(standings(repository).values()) == {Standing.PENDING}


def test_the_calculations_of_a_round(repository, record, config):
    plan = plan_round(record, config, repository, PBE)
    tasks = tasks_of(plan, repository)
    assert list(tasks) == [*(p.candidate_id for p in plan.promoted), *(p.phase_id for p in plan.phases)]
    assert len({task.key for task in tasks.values()}) == len(tasks)
    candidate = stored(repository)["Ti3Al"]
    task = tasks[candidate.candidate_id]
    assert task.label == f"{candidate.candidate_id} Ti3Al"
    assert task.structure.matches(candidate.relaxation.structure)
    assert task.key == candidate.verification.calculation_key
    assert tasks["ref-TiC"].label == "TiC (ref-TiC)"
    assert all(task.settings == PBE for task in tasks.values())


def test_the_moments_of_the_potential_begin_it(repository, config):
    record = campaign_of(repository, config, {"Ti3Al": 0.0})
    c = stored(repository)["Ti3Al"]
    moments = (2.0, 1.5, 1.0, 0.1)
    repository.put_candidates([c.evolve(relaxation=c.relaxation.evolve(magmoms=moments))])
    plan = plan_round(record, config, repository, PBE)
    task = tasks_of(plan, repository)[c.candidate_id]
    assert sorted(task.magmoms, reverse=True) == pytest.approx(moments)


def test_verdicts_reach_the_candidates(repository, record, config):
    plan = plan_round(record, config, repository, PBE)
    compute(
        plan, repository, {"Ti3Al": 0.03, "Ti2Al": 0.3, "TiAl3": FailureKind.SCF_NOT_CONVERGED, "Ti2C": 0.3}
    )
    conclude(record, plan, repository)
    assert standings(repository) == {
        "Ti3Al": Standing.CONFIRMED,
        "Ti2Al": Standing.REFUTED,
        "TiAl3": Standing.FAILED,
        "Ti2C": Standing.REFUTED,
    }
    found = stored(repository)
    assert found["Ti3Al"].verification.energy_above_hull == pytest.approx(0.03, abs=1e-6)
    # the control was said to be unstable, and is
    flagged = {formula for formula, c in found.items() if REFUTED_FLAG in c.flags}
    assert flagged == {"Ti2Al"}
    assert len(calculations_of(repository, record.campaign_id)) == 4 + len(PHASES)


def test_concluding_again_changes_nothing(repository, record, config):
    plan = plan_round(record, config, repository, PBE)
    compute(plan, repository, {"Ti3Al": 0.03, "Ti2Al": 0.3})
    first = conclude(record, plan, repository)
    cursor, candidates = repository.changes_since(record.campaign_id, 0).cursor, stored(repository)
    assert conclude(first, plan, repository) == first == repository.get_campaign(record.campaign_id)
    assert conclude(record, plan, repository) == first
    assert repository.changes_since(record.campaign_id, 0).cursor == cursor
    assert stored(repository) == candidates
    assert first.state.feedback


def test_what_still_runs_stays_pending(repository, record, config):
    plan = plan_round(record, config, repository, PBE)
    compute(plan, repository, {"Ti2Al": 0.3}, skip={"TiAl3", "Al"})
    conclude(record, plan, repository)
    # Al might lower the hull under Ti3Al; nothing can save Ti2Al; no aluminium is in Ti2C
    assert standings(repository) == {
        "Ti3Al": Standing.PENDING,
        "Ti2Al": Standing.REFUTED,
        "TiAl3": Standing.PENDING,
        "Ti2C": Standing.CONFIRMED,
    }
    assert not is_finished(plan, repository)
    rest = plan_round(record, config, repository, PBE)
    assert rest.evolve(predicted_core_hours=plan.predicted_core_hours, cost_factor=plan.cost_factor) == plan
    compute(plan, repository, {"Ti2Al": 0.3})
    conclude(record, plan, repository)
    assert Standing.PENDING not in standings(repository).values()
    assert is_finished(plan, repository)


def test_a_verdict_waits_for_no_other_candidate(repository, record, config):
    plan = plan_round(record, config, repository, PBE)
    compute(plan, repository, {"Ti3Al": 0.03}, skip={"TiAl3"})
    conclude(record, plan, repository)
    assert standings(repository)["Ti3Al"] is Standing.CONFIRMED
    assert standings(repository)["TiAl3"] is Standing.PENDING


def test_a_finished_round_is_not_begun_again(repository, record, config):
    plan = plan_round(record, config, repository, PBE)
    compute(plan, repository, {})
    record = conclude(record, plan, repository)
    assert plan_round(record, config, repository, PBE) == plan.evolve(
        predicted_core_hours=0.0, cost_factor=1.0
    )
    assert plans_of(repository, record.campaign_id) == [plan]


@pytest.mark.parametrize("later", [False, True])
def test_under_higher_limits_the_same_round_goes_on_with_what_failed(repository, record, config, later):
    low, high = (PBE.evolve(limits={"max_steps": n, "tries": 3}) for n in (60, 120))
    plan = plan_round(record, config, repository, low)
    compute(plan, repository, {"Ti3Al": FailureKind.NOT_CONVERGED, "Ti2Al": 0.3, "Ti": 0.0})
    record = conclude(record, plan, repository)
    if later:
        record = record.evolve(state=record.state.evolve(generation=2))
        repository.save_state(record.state)
    assert standings(repository)["Ti3Al"] is Standing.FAILED
    (promoted,) = (p for p in plan.promoted if p.candidate_id == stored(repository)["Ti3Al"].candidate_id)
    again = plan_round(record, config, repository, high)
    assert (again.round, again.settings) == (plan.round, high)
    # only what failed is still to be computed, and paid for
    tasks = tasks_of(again, repository)
    assert tasks.keys() - outcomes_of(again, repository).keys() == {promoted.candidate_id}
    done = [o.calculation for o in calculations_of(repository, record.campaign_id).values() if o.calculation]
    hours = CostModel.default().fitted(done).core_hours(tasks[promoted.candidate_id].structure, high)
    assert again.predicted_core_hours == pytest.approx(hours)
    assert plans_of(repository, record.campaign_id) == [plan]
    assert plan.settings == low
    compute(again, repository, {"Ti3Al": 0.03})
    conclude(record, again, repository)
    found = stored(repository)["Ti3Al"].verification
    assert (found.standing, found.round, found.reasons) == (Standing.CONFIRMED, 0, ())
    assert standings(repository)["Ti2Al"] is Standing.REFUTED
    # the stored plan, under lower limits, sees the calculation too, and takes nothing back
    outcomes = calculations_of(repository, record.campaign_id)
    assert all(outcome.calculation is not None for outcome in outcomes.values())
    conclude(record, plan, repository)
    assert stored(repository)["Ti3Al"].verification == found


def test_another_rule_sends_others_and_at_last_nobody(repository, record, tmp_path):
    narrow, wide = (config_with(tmp_path, promotion={"survivors": n}) for n in (1, 5))
    first = plan_round(record, narrow, repository, PBE)
    second = plan_round(record, wide, repository, PBE)
    assert (first.round, second.round) == (0, 1)
    sent = [p.candidate_id for plan in (first, second) for p in plan.promoted]
    assert len(sent) == len(set(sent)) == 3
    assert plan_round(record, config_with(tmp_path, promotion={"survivors": 7}), repository, PBE) is None
    assert len(plans_of(repository, record.campaign_id)) == 2


def test_further_generations_are_another_round_once_the_first_is_finished(repository, record, config):
    plan = plan_round(record, config, repository, PBE)
    hull = load_reference(config.reference, config.system.elements)
    repository.put_candidates([placed("TiAl2", 0.0, hull, generation=1)])
    later = record.evolve(state=record.state.evolve(generation=2))
    repository.save_state(later.state)
    assert plan_round(later, config, repository, PBE) == plan
    compute(plan, repository, {})
    second = plan_round(later, config, repository, PBE)
    assert second.round == 1
    assert [p.candidate_id for p in second.promoted] == [stored(repository)["TiAl2"].candidate_id]


def test_candidates_that_may_be_screened_again_are_not_sent(repository, config):
    record = campaign_of(repository, config, CRYSTALS, generation=0)
    assert plan_round(record, config, repository, PBE) is None


def test_other_settings_are_asked_anew_and_may_take_a_refutation_back(repository, record, tmp_path):
    config = config_with(tmp_path, promotion={"survivors": 3, "flagged": True})
    plan = plan_round(record, config, repository, PBE)
    compute(plan, repository, {"Ti2Al": 0.3})
    record = conclude(record, plan, repository)
    better = plan_round(record, config, repository, R2SCAN)
    assert better.round == 1
    assert {p.candidate_id for p in better.promoted} == {p.candidate_id for p in plan.promoted}
    assert standings(repository)["Ti2Al"] is Standing.REFUTED  # an answer stands until there is another
    compute(better, repository, {"Ti2Al": 0.01, "Ti3Al": FailureKind.CALCULATION_FAILED})
    record = conclude(record, better, repository)
    found = stored(repository)
    assert found["Ti2Al"].verification.standing is Standing.CONFIRMED
    assert REFUTED_FLAG not in found["Ti2Al"].flags
    assert found["Ti3Al"].verification.settings_key == PBE.key
    # the earlier round has nothing to say any more
    assert conclude(record, plan, repository) == record
    assert stored(repository) == found


def test_a_round_without_phases_is_another_one(repository, record, tmp_path):
    alone = config_with(tmp_path, promotion={"survivors": 3}, phases=False)
    full = config_with(tmp_path, promotion={"survivors": 3})
    first = plan_round(record, alone, repository, PBE)
    assert first.phases == ()
    compute(first, repository, {})
    conclude(record, first, repository)
    assert set(standings(repository).values()) == {Standing.INDICATIVE, None}
    second = plan_round(record, full, repository, PBE)
    assert {p.candidate_id for p in second.promoted} == {p.candidate_id for p in first.promoted}
    assert second.round == 1
    compute(second, repository, {})
    conclude(record, second, repository)
    assert set(standings(repository).values()) == {Standing.CONFIRMED, None}


def test_copies_are_refuted_with_their_crystal(repository, record, config):
    first = stored(repository)["Ti2Al"]
    copy = first.evolve(
        candidate_id="c0ffee0000000000",
        index=1,
        duplicate_of=first.candidate_id,
        lineage=Lineage(operator="x"),
    )
    repository.put_candidates([copy])
    plan = plan_round(record, config, repository, PBE)
    assert repository.get_candidate(copy.candidate_id).verification is None
    compute(plan, repository, {"Ti2Al": 0.3})
    conclude(record, plan, repository)
    assert REFUTED_FLAG in repository.get_candidate(copy.candidate_id).flags


def test_another_reference_than_the_campaigns_is_refused(repository, record, config):
    hull = dict(record.provenance["hull"], sha256="f" * 64)
    other = record.evolve(provenance={"hull": hull})
    with pytest.raises(ReferenceHullError, match="was placed against another"):
        plan_round(other, config, repository, PBE)


def test_a_hull_of_the_same_code_needs_no_phases(repository, tmp_path, monkeypatch):
    config = config_with(tmp_path, promotion={"survivors": 3})
    raw = PBE.evolve(code="VASP", scheme_id="mp-gga-gga+u-raw")
    document = config.model_dump(mode="json")
    document["reference"] |= {"scheme": "mp-gga-gga+u-raw", "software": "VASP"}
    config = type(config).model_validate(document)
    record = campaign_of(repository, config_with(tmp_path, promotion={"survivors": 3}), {"Ti3Al": 0.01})
    direct = record.evolve(config=config.model_dump(mode="json"))
    plan = next_round(direct, config, repository, raw)
    assert plan.phases == ()
    (task,) = tasks_of(plan, repository).values()
    assert task.label == f"{plan.promoted[0].candidate_id} Ti3Al"
    # the calculation is placed on the reference hull itself
    commit_plan(plan, repository)
    compute(plan, repository, {"Ti3Al": 0.04})
    monkeypatch.setattr(repository, "get_campaign", lambda _: direct)
    conclude(direct, plan, repository)
    assert stored(repository)["Ti3Al"].verification.energy_above_hull == pytest.approx(0.04, abs=1e-6)
