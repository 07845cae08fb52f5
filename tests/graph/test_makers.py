import json

import pytest
from jobflow import Flow, JobStore, job, run_locally
from maggma.stores import MemoryStore

import matsearch
from matsearch.core.errors import ConfigError, InputError, StoreError
from matsearch.core.records import Candidate
from matsearch.graph.documents import ScreenDocument
from matsearch.graph.makers import AdvanceMaker, CampaignMaker, ScreenMaker
from matsearch.store import open_repository
from matsearch.store.journal import commit_journal
from matsearch.testing.samples import sample_structure

TOY = {"potential": {"name": "toy"}, "reference": {"source": "toy"}, "execution": {"workers": 0}}


def run(flow, **options):
    store = JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})
    responses = run_locally(flow, store=store, ensure_success=True, log=False, **options)
    return responses, store


@pytest.fixture
def crystals():
    return [
        sample_structure("Ti", "C", 4.33),
        sample_structure("Ti", "Al", 4.9),
        sample_structure("Ti", "C", 1.0),
    ]


def test_screen_works_alone_in_a_strangers_flow(crystals, tmp_path):
    job = ScreenMaker(config=TOY).make(crystals)
    _, store = run(Flow([job], output=job.output), root_dir=tmp_path, create_folders=True)
    document = job.output.resolve(store)
    document = (
        document
        if isinstance(document, ScreenDocument)
        else ScreenDocument.model_validate({k: v for k, v in document.items() if not k.startswith("@")})
    )
    candidates = [Candidate.model_validate(c) for c in document.candidates]
    assert [c.formula for c in candidates] == ["TiC", "TiAl", "TiC"]
    assert [c.alive for c in candidates] == [True, True, False]
    assert document.n_alive == 2
    assert document.best_energy_above_hull == min(c.placement.energy_above_hull for c in candidates[:2])


def test_a_worker_without_a_repository_journals_and_its_results_can_be_committed(crystals, tmp_path):
    job = ScreenMaker(config=TOY, store="mongodb://127.0.0.1:1/nobody").make(crystals)
    _, store = run(Flow([job], output=job.output), root_dir=tmp_path, create_folders=True)
    journal = job.output.resolve(store)
    journal = journal.journal if isinstance(journal, ScreenDocument) else journal["journal"]
    repository = open_repository("sqlite://:memory:")
    from pathlib import Path

    assert commit_journal(Path(journal), repository) == 2
    assert commit_journal(Path(journal), repository) == 0
    assert repository.work_summary("screen").lost == 0
    repository.close()


@job
def make_crystals():
    return [sample_structure("Ti", "C", 4.33), sample_structure("Ti", "Al", 4.9)]


def test_screen_takes_what_other_jobs_will_give(tmp_path):
    first = make_crystals()
    whole = ScreenMaker(config=TOY).make(first.output)
    part = ScreenMaker(config=TOY).make([first.output[0]])
    responses, _ = run([first, whole, part], root_dir=tmp_path, create_folders=True)
    assert [c["structure"]["species"] for c in responses[whole.uuid][1].output.candidates] == [
        ["Ti", "C"],
        ["Ti", "Al"],
    ]
    assert responses[part.uuid][1].output.n_alive == 1


def test_maker_settings_can_be_updated_in_a_built_flow(crystals):
    job = ScreenMaker(config=TOY).make(crystals)
    flow = Flow([job], output=job.output)
    assert job.name == "screen"
    flow.append_name(" again")
    assert job.name == "screen again"
    maker = ScreenMaker(config=TOY).update_kwargs({"store": "sqlite:///x.sqlite"})
    assert maker.store == "sqlite:///x.sqlite"
    assert ScreenMaker.from_dict(json.loads(json.dumps(maker.as_dict()))) == maker


def test_bad_settings_are_refused_when_the_flow_is_built(crystals):
    with pytest.raises(ConfigError, match=r"relax\.fmx"):
        ScreenMaker(config={"relax": {"fmx": 1}}).make(crystals)
    with pytest.raises(ConfigError, match="populatoin"):
        CampaignMaker().make({"name": "x", "system": {"elements": ["Ti"]}, "populatoin": {}})


def test_job_documents_name_no_recipe_and_stay_small(tmp_path):
    config = {"name": "x", "system": {"elements": ["Ti", "Al", "C"], "max_atoms": 4}, **TOY}
    flow = CampaignMaker(store=f"sqlite:///{tmp_path}/s.sqlite").make(config)
    text = json.dumps(flow.as_dict(), default=str)
    assert '"flows' not in text
    assert len(text) < 20_000


def test_python_interface(crystals, tmp_path):
    screened = matsearch.screen(crystals, **TOY)
    assert [c.alive for c in screened] == [True, True, False]
    frame = matsearch.evaluate(crystals[0], "toy")
    assert frame.scheme_id == "toy"
    assert len(frame.forces) == 2
    result = matsearch.search(
        "toy",
        store=f"sqlite:///{tmp_path}/api.sqlite",
        population={"proposals": 4, "parents": 2},
        budget={"generations": 1},
        system={"elements": ["Ti", "C"], "max_atoms": 4},
    )
    table = result.to_dataframe()
    assert len(table) == result.funnel.distinct
    assert list(table["energy_above_hull"]) == [c.placement.energy_above_hull for c in result.ranked]


def test_given_crystals_are_screened_one_by_one_whatever_they_are(crystals):
    disordered = sample_structure("Ti", "C", 4.33)
    disordered.replace(0, {"Ti": 0.5, "Al": 0.5})
    charged = sample_structure("Ti", "C", 4.33)
    charged.add_oxidation_state_by_element({"Ti": 4, "C": -4})
    screened = matsearch.screen([disordered, charged, crystals[0]], **TOY)
    assert [c.alive for c in screened] == [False, True, True]
    assert screened[0].verdict.kind == "disordered"
    assert screened[1].placement == screened[2].placement
    assert matsearch.screen([], **TOY) == []


def test_a_search_in_memory_is_refused():
    with pytest.raises(StoreError, match="cannot live in"):
        matsearch.search("toy", store="sqlite://:memory:")


def test_advance_takes_a_whole_generation_and_nothing_else(tmp_path):
    config = {"name": "x", "system": {"elements": ["Ti", "Al", "C"], "max_atoms": 4}, **TOY}
    advance = AdvanceMaker(store=f"sqlite:///{tmp_path}/s.sqlite").make([], config)
    with pytest.raises(InputError, match="0 screened candidates are not"):
        run_locally(advance, raise_immediately=True, log=False, store=JobStore(MemoryStore()))
