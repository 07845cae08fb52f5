import pytest
from jobflow import Flow

from matsearch.core.dft import DftCalculation
from matsearch.core.errors import DftError
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.core.verify_section import VaspSection
from matsearch.graph.vasp import calculation_from, vasp_flow
from matsearch.graph.vasp.flows import gather_documents, vasp_jobs
from matsearch.testing.samples import sample_structure

R2SCAN = VaspSection(maker="MP24DoubleRelaxStaticMaker")
AS_R2SCAN = [("<incar>", '<incar>\n  <i type="string" name="METAGGA">R2scan</i>')]
AS_PBESOL = [("<incar>", '<incar>\n  <i type="string" name="GGA">PS</i>'), ('name="GGA">--', 'name="GGA">PS')]


def test_the_materials_projects_flow_end_to_end(silicon, task_of, reference, run):
    task = task_of(silicon, magmoms=(0.9,))

    found = calculation_from(run(task, VaspSection(), [reference()] * 3), task)

    assert isinstance(found, DftCalculation), found
    assert found.energy == found.energy_per_atom == pytest.approx(-1.99021689)
    assert found.frames[-1].energy == pytest.approx(found.energy)
    assert (found.run_type, found.hubbards, found.software) == ("GGA", {}, "VASP 6.2.0")
    assert (len(found.frames), found.n_steps) == (12, 12)  # three calculations of four ionic steps each
    assert found.magmoms == found.frames[-1].magmoms == (0.634,)
    assert (found.n_electrons, found.spin_polarized, found.cores) == (4, True, 1)
    assert found.core_hours == pytest.approx(3 * 4.252 / 3600)
    assert found.initial_structure == silicon
    assert DftCalculation.model_validate(found.document()).energy == found.energy


def test_the_r2scan_flow_end_to_end(silicon, task_of, reference, run):
    task = task_of(silicon, maker=R2SCAN.maker)
    outputs = [reference(edits=AS_PBESOL), reference(edits=AS_R2SCAN), reference(edits=AS_R2SCAN)]

    found = calculation_from(run(task, R2SCAN, outputs), task)

    assert isinstance(found, DftCalculation), found
    assert (found.run_type, found.settings.scheme_id) == ("r2SCAN", "mp-r2scan")
    assert len(found.frames) == 8  # PBEsol's steps are of another functional
    assert found.n_steps == 12


def test_a_relaxation_out_of_steps_is_no_calculation(silicon, task_of, reference, run):
    out_of_steps = reference(edits=[('name="NSW">     5<', 'name="NSW">     4<')])
    task = task_of(silicon)

    ended = calculation_from(run(task, VaspSection(), [reference(), out_of_steps, reference()]), task)

    assert isinstance(ended, Verdict)
    assert ended.kind == FailureKind.NOT_CONVERGED
    assert "Si (c-1): MP GGA relax 2: 4 of 4 ionic steps" in ended.detail


@pytest.mark.slow
def test_a_first_relaxation_may_run_out_of_steps(silicon, task_of, reference, run):
    out_of_steps = reference(edits=[('name="NSW">     5<', 'name="NSW">     4<')])
    task = task_of(silicon)

    found = calculation_from(run(task, VaspSection(), [out_of_steps, reference(), reference()]), task)

    assert isinstance(found, DftCalculation), found


def test_electrons_that_do_not_converge_are_told_from_ions(silicon, task_of, reference, run):
    task = task_of(silicon)
    outputs = [reference(), reference(), reference("scf_unconverged")]

    ended = calculation_from(run(task, VaspSection(), outputs), task)

    assert isinstance(ended, Verdict)
    assert ended.kind == FailureKind.SCF_NOT_CONVERGED
    assert "8 electronic steps (NELM)" in ended.detail


def test_a_calculation_that_fails_ends_as_a_verdict_that_says_how_far_it_came(
    silicon, task_of, reference, run
):
    task = task_of(silicon)
    garbled = reference()
    (garbled / "outputs" / "vasprun.xml").write_text("<modeling><generator>")

    ended = calculation_from(run(task, VaspSection(), [reference(), garbled]), task)

    assert isinstance(ended, Verdict)
    assert ended.kind == FailureKind.CALCULATION_FAILED
    assert "1 of 3 VASP calculations left a task document" in ended.detail


def test_a_calculation_that_fails_raises_where_that_is_asked_for(silicon, task_of, run):
    with pytest.raises(ValueError, match="no reference directory found for job"):
        run(task_of(silicon), VaspSection(), [], raise_immediately=True)


def test_moments_of_the_potential_begin_magmom_and_reach_every_job(task_of):
    crystal = sample_structure("Fe", "O", 4.3)
    flow = vasp_flow(task_of(crystal, magmoms=(3.8, -0.1)), VaspSection())

    begun = next(vasp_jobs(flow)).function_args[0]

    assert begun.site_properties["magmom"] == [3.8, 0.6]
    assert [job.name for job, _ in flow.iterflow()] == [
        "FeO (c-1): MP GGA relax 1",
        "FeO (c-1): MP GGA relax 2",
        "FeO (c-1): MP GGA static",
        "FeO (c-1): documents",
    ]
    assert {job.metadata["matsearch_task"] for job, _ in flow.iterflow()} == {"0" * 64}


def test_changes_of_the_section_reach_every_job(silicon, task_of):
    section = VaspSection(
        incar={"NCORE": 4},
        kpoints={"reciprocal_density": 100},
        potcar_functional="PBE_54",
        scheme="matpes-pbe",
    )

    for job in vasp_jobs(vasp_flow(task_of(silicon), section)):
        written = job.maker.input_set_generator
        assert written.user_incar_settings["NCORE"] == 4
        assert written.user_kpoints_settings == {"reciprocal_density": 100}
        assert written.user_potcar_functional == "PBE_54"


def test_the_lowest_of_the_magnetic_orders_counts(task_of):
    crystal = sample_structure("Fe", "O", 4.3)
    crystal.make_supercell([2, 1, 1])
    section = VaspSection(n_orderings=2)

    flow = vasp_flow(task_of(crystal, magmoms=(3.8, 3.8, 0.1, 0.1)), section)

    names = [job.name for job in vasp_jobs(flow)]
    assert len(names) == 6
    assert {"FeO (c-1) FM: MP GGA relax 1", "FeO (c-1) AFM +-: MP GGA relax 1"} < set(names)
    ends = {
        "low": {"state": "successful", "output": {"energy_per_atom": -5.0}},
        "high": {"state": "successful", "output": {"energy_per_atom": -4.0}},
        "unconverged": {"state": "failed", "output": {"energy_per_atom": -9.0}},
        "missing": None,
    }
    large = {"vasp_objects": {"dos": [0.0]}}
    gathered = gather_documents.original([[None, end and end | large] for end in ends.values()])
    assert gathered[-1] == ends["low"]
    assert len(gathered) == 2 * len(ends)


def test_a_molecule_in_a_box_is_refused(silicon, task_of):
    with pytest.raises(DftError, match="must keep it"):
        vasp_flow(task_of(silicon, box=True), VaspSection())


def test_a_makers_single_job_is_a_flow_too(silicon, task_of):
    flow = vasp_flow(task_of(silicon), VaspSection(maker="MatPesGGAStaticMaker"))

    assert isinstance(flow, Flow)
    assert [job.name for job in vasp_jobs(flow)] == ["Si (c-1): MatPES GGA static"]
