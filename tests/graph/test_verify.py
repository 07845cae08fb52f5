"""The graph of verification and its local driver: the same standings, whoever runs it, and no end stops the others."""

import shutil
from types import SimpleNamespace

import pytest
from jobflow import run_locally

import matsearch
from matsearch.core.campaign import CandidateQuery
from matsearch.core.config import parse_config, with_overrides
from matsearch.core.dft import DftOutcome
from matsearch.core.errors import DftError, InputError, InternalErrorRateError, StoreError
from matsearch.core.verdict import MAX_TRANSIENT_RETRIES, FailureKind, Verdict
from matsearch.core.verify_section import VerifySection
from matsearch.graph.api import verification_config
from matsearch.graph.backends import calculation_folder
from matsearch.graph.calculations import FlowBackend, outcome_of
from matsearch.graph.verify_local import run_verification, screen_given
from matsearch.graph.verify_makers import VerifyMaker
from matsearch.pipeline.given_campaign import given_config
from matsearch.pipeline.rounds import calculations_of, plans_of
from matsearch.store import open_repository
from matsearch.testing.samples import sample_structure
from matsearch.verify import potential
from matsearch.verify.settings import dft_task
from tests.verifying import VERIFY, memory, standings, toy_backend, verified_in, work_in


class Scripted:
    """Ends the calculations of some formulas as it is told, always or so many times; the others are the toy's."""

    def __init__(self, ends, times=1000):
        self._toy, self._ends, self._left = toy_backend(), ends, dict.fromkeys(ends, times)
        self.name, self.settings, self.asked = "scripted", self._toy.settings, []

    def require_ready(self):
        pass

    def run(self, task):
        formula = task.structure.composition.reduced_formula
        self.asked.append(formula)
        if self._left.get(formula, 0) == 0:
            return self._toy.run(task)
        self._left[formula] -= 1
        kind = self._ends[formula]
        if isinstance(kind, Exception):
            raise kind
        verdict = Verdict(kind=kind, stage="verify", detail="scripted")
        return DftOutcome(key=task.key, verdict=verdict, core_hours=0.5)


def test_survivors_are_confirmed_by_the_potential_that_found_them(begun):
    record = run_verification(begun.config, begun.id, begun.uri, jobstore=memory())
    found = standings(begun.uri, begun.id)
    assert found == {"Ti2Al": "confirmed", "TiAl2": "confirmed", "TiAl": "refuted"}
    assert record.state.feedback
    work = work_in(begun.uri, begun.id)
    assert (work.finished, work.lost) == (work.started, 0)


def test_again_computes_nothing(begun):
    first = run_verification(begun.config, begun.id, begun.uri, jobstore=memory())
    before, work = verified_in(begun.uri, begun.id), work_in(begun.uri, begun.id)
    assert run_verification(begun.config, begun.id, begun.uri, jobstore=memory()) == first
    assert (verified_in(begun.uri, begun.id), work_in(begun.uri, begun.id)) == (before, work)


def test_the_whole_graph_gives_the_standings_of_the_local_driver(begun, tmp_path):
    other = f"sqlite:///{shutil.copy(tmp_path / 'store.sqlite', tmp_path / 'other.sqlite')}"
    run_verification(begun.config, begun.id, begun.uri, jobstore=memory())
    flow = VerifyMaker(store=other).make(begun.config.model_dump(mode="json"))
    store = memory()
    run_locally(flow, store=store, log=False, ensure_success=True, root_dir=tmp_path)
    assert verified_in(other, begun.id) == verified_in(begun.uri, begun.id)
    assert work_in(other, begun.id) == work_in(begun.uri, begun.id)
    document = flow.output.resolve(store)
    document = document if isinstance(document, dict) else document.model_dump()
    assert (document["campaign_id"], document["round"], document["missing"]) == (begun.id, 0, 0)
    assert sorted(document["standings"].values()) == ["confirmed", "confirmed", "refuted"]
    # and again: nothing is left to do
    again = VerifyMaker(store=other).make(begun.config.model_dump(mode="json"), begun.id)
    assert len(run_locally(again, store=memory(), log=False, ensure_success=True)) == 2
    assert work_in(other, begun.id) == work_in(begun.uri, begun.id)


@pytest.mark.parametrize(
    "kind",
    [
        FailureKind.CALCULATION_FAILED,
        FailureKind.SCF_NOT_CONVERGED,
        FailureKind.NOT_CONVERGED,
        FailureKind.TIME_OUT,
        FailureKind.WORKER_DIED,
        FailureKind.OUT_OF_MEMORY,
    ],
)
def test_a_failed_calculation_is_a_verdict_and_the_others_go_on(begun, kind):
    backend = Scripted({"Ti2Al": kind})
    run_verification(begun.config, begun.id, begun.uri, backend=backend)
    found = standings(begun.uri, begun.id)
    assert found == {"Ti2Al": "failed", "TiAl2": "confirmed", "TiAl": "refuted"}
    transient = kind in {FailureKind.TIME_OUT, FailureKind.WORKER_DIED, FailureKind.OUT_OF_MEMORY}
    assert backend.asked.count("Ti2Al") == (MAX_TRANSIENT_RETRIES + 1 if transient else 1)


def test_a_time_out_is_tried_again(begun):
    backend = Scripted({"Ti2Al": FailureKind.TIME_OUT}, times=MAX_TRANSIENT_RETRIES)
    run_verification(begun.config, begun.id, begun.uri, backend=backend)
    assert standings(begun.uri, begun.id)["Ti2Al"] == "confirmed"
    assert work_in(begun.uri, begun.id).transient == MAX_TRANSIENT_RETRIES


def test_more_tries_go_on_with_what_was_given_up_and_compute_nothing_else(begun):
    run_verification(begun.config, begun.id, begun.uri, backend=Scripted({"Ti2Al": FailureKind.TIME_OUT}))
    assert standings(begun.uri, begun.id)["Ti2Al"] == "failed"
    backend = Scripted({"Ti2Al": FailureKind.TIME_OUT}, times=1)
    backend.settings = backend.settings.evolve(limits=backend.settings.limits | {"tries": 6})
    run_verification(begun.config, begun.id, begun.uri, backend=backend)
    assert backend.asked == ["Ti2Al"] * 2
    assert standings(begun.uri, begun.id)["Ti2Al"] == "confirmed"
    repository = open_repository(begun.uri)
    (plan,) = plans_of(repository, begun.id)
    repository.close()
    assert plan.settings.limits["tries"] == MAX_TRANSIENT_RETRIES + 1


def test_the_graph_concludes_under_the_limits_given_now(begun, tmp_path, monkeypatch):
    monkeypatch.setattr(potential, "MAX_STEPS", 1)
    run_verification(begun.config, begun.id, begun.uri, jobstore=memory())
    failed = standings(begun.uri, begun.id)
    assert "failed" in failed.values()
    monkeypatch.undo()
    flow = VerifyMaker(store=begun.uri).make(begun.config.model_dump(mode="json"), begun.id)
    run_locally(flow, store=memory(), log=False, ensure_success=True, root_dir=tmp_path)
    assert standings(begun.uri, begun.id) == {"Ti2Al": "confirmed", "TiAl2": "confirmed", "TiAl": "refuted"}
    work = work_in(begun.uri, begun.id)
    assert (work.finished, work.lost) == (work.started, 0)


def test_without_a_phase_of_the_facet_nothing_is_confirmed(begun):
    run_verification(begun.config, begun.id, begun.uri, backend=Scripted({"Al": FailureKind.NOT_CONVERGED}))
    assert "confirmed" not in standings(begun.uri, begun.id).values()


def test_an_interruption_is_concluded_and_gone_on_with(begun):
    with pytest.raises(KeyboardInterrupt):
        run_verification(begun.config, begun.id, begun.uri, backend=Interrupting("TiAl"))
    waiting = standings(begun.uri, begun.id)
    assert waiting["TiAl"] == "pending"
    run_verification(begun.config, begun.id, begun.uri, backend=Scripted({}))
    assert standings(begun.uri, begun.id)["TiAl"] == "refuted"
    assert work_in(begun.uri, begun.id).lost == 1


class Interrupting(Scripted):
    def __init__(self, formula):
        super().__init__({})
        self._formula = formula

    def run(self, task):
        if task.structure.composition.reduced_formula == self._formula:
            raise KeyboardInterrupt
        return super().run(task)


def test_a_bug_is_said_and_is_no_verdict(begun, monkeypatch):
    monkeypatch.delenv("MATSEARCH_RERAISE")
    backend = Scripted({"Ti2Al": RuntimeError("a bug")})
    with pytest.raises(InternalErrorRateError, match=r"1 of .* calculations .*a bug"):
        run_verification(begun.config, begun.id, begun.uri, backend=backend)
    assert standings(begun.uri, begun.id)["Ti2Al"] == "pending"
    run_verification(begun.config, begun.id, begun.uri, backend=Scripted({}))
    assert standings(begun.uri, begun.id)["Ti2Al"] == "confirmed"


def test_what_is_not_ready_is_refused_before_anything_is_written(begun):
    class Missing(Scripted):
        def require_ready(self):
            raise DftError("no such code", "install it")

    with pytest.raises(DftError, match=r"no such code \(install it\)"):
        run_verification(begun.config, begun.id, begun.uri, backend=Missing({}))
    repository = open_repository(begun.uri)
    assert plans_of(repository, begun.id) == []
    repository.close()
    assert not standings(begun.uri, begun.id)


def test_refusals(begun):
    with pytest.raises(InputError, match="no campaign nobody-00000000"):
        run_verification(begun.config, "nobody-00000000", begun.uri, jobstore=memory())
    with pytest.raises(StoreError, match="cannot live in"):
        run_verification(begun.config, begun.id, "sqlite://:memory:")
    strict = verification_config(
        begun.record, VERIFY | {"verify.promotion.threshold": 0.04, "verify.promotion.controls": 0}
    )
    with pytest.raises(InputError, match="nobody to send"):
        run_verification(strict, begun.id, begun.uri, jobstore=memory())


def test_a_job_without_a_document_was_killed_and_is_tried_again(begun):
    task = SimpleNamespace(key="k", label="Ti2Al")
    outcome = outcome_of(None, task, begun.config.verify)
    assert outcome.verdict.kind is FailureKind.WORKER_DIED


@pytest.mark.parametrize(
    ("store", "folder", "expected"),
    [
        ("sqlite:////data/a.sqlite", None, "/data/matsearch-dft"),
        ("mongodb://host/db", None, "{here}/matsearch-dft"),
        ("sqlite:////data/a.sqlite", "/scratch/dft", "/scratch/dft"),
    ],
)
def test_calculations_have_a_folder_that_a_restart_finds(store, folder, expected, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = parse_config(
        with_overrides({"name": "a", "system": {"elements": ["H"]}}, {"verify.run.folder": folder})
    )
    assert str(calculation_folder(config.verify, store)) == expected.format(here=tmp_path)


def test_given_crystals_become_a_campaign_that_is_verified(tmp_path, toy_search):
    uri = f"sqlite:///{tmp_path}/given.sqlite"
    like = verification_config(toy_search.record, {k: v for k, v in VERIFY.items() if "promotion" not in k})
    like = like.model_copy(
        update={"verify": like.verify.model_copy(update={"promotion": type(like.verify.promotion)()})}
    )
    crystals = [("first", sample_structure("Ti", "Al", 4.9)), ("second", sample_structure("Al", "C", 4.6))]
    config = given_config(crystals, "mine", like)
    record = screen_given(crystals, config, uri)
    assert record.campaign_id.startswith("mine-")
    assert screen_given(crystals, config, uri) == record
    run_verification(config, record.campaign_id, uri, backend=Scripted({}))
    repository = open_repository(uri)
    everybody = repository.query_candidates(CandidateQuery(campaign_id=record.campaign_id))
    outcomes = calculations_of(repository, record.campaign_id)
    repository.close()
    assert [c.lineage.details["name"] for c in everybody] == ["first", "second"]
    sent = [c for c in everybody if c.verification]
    assert sent
    assert {c.verification.calculation_key for c in sent} <= outcomes.keys()
    other = given_config([crystals[0]], "mine", like)
    assert other.name != config.name


def test_from_python(begun):
    result = matsearch.verify_campaign(
        begun.id,
        begun.uri,
        backend="potential",
        potential={"name": "toy"},
        promotion={"survivors": 2, "threshold": 0.3},
    )
    assert (result.funnel.sent, result.funnel.dft_confirmed) == (2, 2)


def test_a_vasp_that_cannot_run_is_a_verdict_and_keeps_its_folder(tmp_path):
    section = VerifySection(backend="vasp")
    backend = FlowBackend(section, tmp_path / "dft", memory())
    task = dft_task(sample_structure("Ti", "C", 4.33), backend.settings, "TiC")
    outcome = backend.run(task)
    assert (outcome.key, outcome.verdict.kind) == (task.key, FailureKind.WORKER_DIED)
    assert (tmp_path / "dft" / task.key[:16]).is_dir()


def test_flows_do_not_stop_at_a_calculation_whose_jobs_fail(begun, tmp_path):
    config = verification_config(begun.record, VERIFY | {"verify.backend": "vasp", "verify.run.tries": 1})
    flow = VerifyMaker(store=begun.uri).make(config.model_dump(mode="json"))
    run_locally(flow, store=memory(), log=False, root_dir=tmp_path, create_folders=True)
    assert set(standings(begun.uri, begun.id).values()) == {"failed"}
