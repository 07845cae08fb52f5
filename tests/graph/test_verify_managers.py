"""The graph of verification under workflow managers: transports, databases and failures change no standing."""

import shutil
from collections import Counter

import pytest
from jobflow import JobStore, run_locally
from jobflow.managers.fireworks import flow_to_workflow
from maggma.stores import MongoStore

from matsearch.core.config import with_overrides
from matsearch.core.errors import CampaignBusyError
from matsearch.graph import verify_jobs
from matsearch.graph.verify_local import run_verification
from matsearch.graph.verify_makers import VerifyMaker
from matsearch.pipeline.rounds import calculations_of, plans_of
from matsearch.store import open_repository
from tests.verifying import memory, standings, verified_in, work_in

CONFIRMED = {"Ti2Al": "confirmed", "TiAl2": "confirmed", "TiAl": "refuted"}


@pytest.fixture
def fireworks(mongod, tmp_path, monkeypatch):
    """Run flows in one FireWorks worker on a real server, and return the states of their jobs, by name."""
    from fireworks import FWorker, LaunchPad
    from fireworks.core.rocket_launcher import rapidfire

    monkeypatch.chdir(tmp_path)
    port = int(mongod.rpartition(":")[2])
    outputs, data = (MongoStore("jobs", name, host="127.0.0.1", port=port) for name in ("outputs", "data"))
    store = JobStore(outputs, additional_stores={"data": data})
    pad = LaunchPad(host=mongod, name="fireworks", uri_mode=True, strm_lvl="CRITICAL")
    pad.reset("", require_password=False)

    def run(*flows):
        for flow in flows:
            pad.add_wf(flow_to_workflow(flow, store))
        rapidfire(pad, FWorker(), nlaunches=0, sleep_time=1, strm_lvl="CRITICAL")
        return {found["name"]: found["state"] for found in pad.fireworks.find({})}

    return run


def connected():
    store = memory()
    store.connect()
    return store


def document(config, **changes):
    return with_overrides(
        config.model_dump(mode="json"), {k.replace("__", "."): v for k, v in changes.items()}
    )


@pytest.mark.mongo
def test_fireworks_gives_the_standings_of_the_local_driver(begun, fireworks, tmp_path):
    other = f"sqlite:///{shutil.copy(tmp_path / 'store.sqlite', tmp_path / 'other.sqlite')}"
    run_verification(begun.config, begun.id, begun.uri, jobstore=memory())
    states = fireworks(VerifyMaker(store=other).make(document(begun.config), begun.id))
    assert set(states.values()) == {"COMPLETED"}
    assert verified_in(other, begun.id) == verified_in(begun.uri, begun.id)
    assert work_in(other, begun.id) == work_in(begun.uri, begun.id)


@pytest.mark.mongo
def test_a_failed_job_ends_as_a_verdict_under_fireworks(begun, fireworks):
    """No potentials are set up: the first of the three jobs of a crystal fails, and those after it."""
    alone = {"verify__backend": "vasp", "verify__promotion__survivors": 1, "verify__promotion__controls": 0}
    config = document(begun.config, verify__phases=False, verify__run__tries=1, **alone)
    states = fireworks(VerifyMaker(store=begun.uri).make(config, begun.id))
    assert Counter(states.values()) == {"FIZZLED": 3, "COMPLETED": 5}
    assert states["conclude r00"] == "COMPLETED"
    assert list(standings(begun.uri, begun.id).values()) == ["failed"]


def test_a_round_planned_twice_is_committed_once(begun, tmp_path):
    """As two flows at once have it: both plan before either calculates."""
    config = document(begun.config)
    flows = [VerifyMaker(store=begun.uri).make(config, begun.id) for _ in range(2)]
    planned = [flow.jobs[0].run(connected()).replace for flow in flows]
    for flow in planned:
        run_locally(flow, store=memory(), log=False, ensure_success=True, root_dir=tmp_path)
    assert standings(begun.uri, begun.id) == CONFIRMED
    repository = open_repository(begun.uri)
    assert len(plans_of(repository, begun.id)) == 1
    assert len(calculations_of(repository, begun.id)) == 5
    repository.close()
    work = work_in(begun.uri, begun.id)
    assert (work.started, work.finished) == (10, 5)


def test_a_worker_without_the_repository_journals_and_the_conclusion_commits(begun, tmp_path, monkeypatch):
    """Of each calculation that is recorded where the repository cannot be reached."""

    def unreachable(store, *, create):
        return cache_of("mongodb://127.0.0.1:1/nobody?serverSelectionTimeoutMS=50", create=create)

    cache_of = verify_jobs.cache_of
    monkeypatch.setattr(verify_jobs, "cache_of", unreachable)
    flow = VerifyMaker(store=begun.uri).make(document(begun.config), begun.id)
    run_locally(flow, store=memory(), log=False, ensure_success=True, root_dir=tmp_path, create_folders=True)
    assert standings(begun.uri, begun.id) == CONFIRMED
    work = work_in(begun.uri, begun.id)
    assert (work.started, work.finished, work.lost) == (5, 5, 0)


def test_a_second_driver_is_refused_in_one_line(begun):
    repository = open_repository(begun.uri)
    repository.acquire(begun.id, "somebody:1:else")
    with pytest.raises(CampaignBusyError) as busy:
        run_verification(begun.config, begun.id, begun.uri, jobstore=memory())
    assert "\n" not in str(busy.value)
    assert plans_of(repository, begun.id) == []
    repository.close()
