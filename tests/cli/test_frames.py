"""``matsearch frames`` on a round that a potential carried out."""

import json

import ase.io
import pytest

from matsearch.cli.frames import export_frames
from matsearch.core.errors import InputError
from matsearch.core.verification import NeededPhase, Promoted, VerificationPlan
from matsearch.pipeline.rounds import commit_plan, tasks_of
from matsearch.store import open_repository
from matsearch.testing.samples import sample_campaign, sample_candidate, sample_structure
from matsearch.verify.stage import carry_out
from tests.verify.tasks import ScriptedBackend

CAMPAIGN = sample_campaign()


@pytest.fixture
def store(tmp_path):
    uri = f"sqlite:///{tmp_path}/frames.sqlite"
    repository = open_repository(uri)
    repository.create_campaign(CAMPAIGN)
    yield repository, uri
    repository.close()


def plan_of(settings, candidates, phases):
    return VerificationPlan(
        campaign_id=CAMPAIGN.campaign_id,
        round=0,
        generation=1,
        rule={},
        settings=settings,
        promoted=tuple(
            Promoted(
                candidate_id=c.candidate_id,
                role="survivor",
                rank=i + 1,
                stratum=0,
                energy_above_hull=0.0,
                probability=0.5,
                core_hours=1.0,
            )
            for i, c in enumerate(candidates)
        ),
        phases=phases,
        strata=(),
        left_out={},
        asked=2,
        valid=2,
        unique=2,
        hull={},
        predicted_core_hours=2.0,
        created_at="2026-01-01T00:00:00+00:00",
    )


def carried_out(repository, *ends):
    crystal = sample_structure("Ti", "C", 4.33)
    crystal.perturb(0.05, seed=3)
    backend = ScriptedBackend(*ends)
    candidates = [sample_candidate(0, structure=crystal), sample_candidate(1)]
    phase = NeededPhase(
        phase_id="Al-225",
        formula="Al",
        structure=sample_structure("Al", "Al", 4.0),
        why="element",
        energy_per_atom=-3.0,
    )
    repository.put_candidates(candidates)
    plan = commit_plan(plan_of(backend.settings, candidates, (phase,)), repository)
    carry_out(tasks_of(plan, repository), backend, repository, CAMPAIGN.campaign_id)
    return candidates


def test_every_step_of_what_ended_well_is_written(store, tmp_path, capsys):
    repository, uri = store
    good, _ = carried_out(repository, None, "scf_not_converged")
    export_frames(None, tmp_path / "to", "extxyz", uri, as_json=True)
    said = json.loads(capsys.readouterr().out)
    (group,) = said["settings"]
    assert [c["ids"] for c in group["calculations"]] == [["phase:Al-225"], [f"candidate:{good.candidate_id}"]]
    (file,) = group["files"]
    images = ase.io.read(tmp_path / "to" / file["name"], index=":")
    assert len(images) == file["frames"] == group["frames"] > 2
    assert {atoms.info["ids"] for atoms in images} == {"phase:Al-225", f"candidate:{good.candidate_id}"}
    assert json.loads((tmp_path / "to" / "frames.json").read_text())["settings"] == said["settings"]


def test_steps_of_a_relaxation_that_ran_out_of_them_are_written_as_such(store, tmp_path, capsys, monkeypatch):
    from matsearch.verify import potential

    monkeypatch.setattr(potential, "MAX_STEPS", 1)
    good, _ = carried_out(store[0])
    export_frames(None, tmp_path / "to", "extxyz", store[1], as_json=True)
    (group,) = json.loads(capsys.readouterr().out)["settings"]
    ran_out = {name for c in group["calculations"] if not c["converged"] for name in c["ids"]}
    assert f"candidate:{good.candidate_id}" in ran_out
    images = ase.io.read(tmp_path / "to" / group["files"][0]["name"], index=":")
    kept = [atoms for atoms in images if atoms.info["ids"] == f"candidate:{good.candidate_id}"]
    assert [atoms.info["converged"] for atoms in kept] == [False, False]


def test_all_formats_are_named(store, tmp_path, capsys):
    carried_out(store[0])
    export_frames(CAMPAIGN.campaign_id, tmp_path / "to", "all", store[1], as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("/")[-2] for line in lines[:-1]] == ["extxyz", "chgnet", "mace"]
    assert all("frames" in line for line in lines)


def test_nothing_computed_and_unknown_formats_are_said(store, tmp_path):
    with pytest.raises(InputError, match="no calculation with an ionic step"):
        export_frames(None, tmp_path, "all", store[1], as_json=False)
    with pytest.raises(InputError, match="--format poscar"):
        export_frames(None, tmp_path, "poscar", store[1], as_json=False)
