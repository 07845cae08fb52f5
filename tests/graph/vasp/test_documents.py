import pytest
from emmet.core.tasks import TaskDoc

from matsearch.core.dft import DftCalculation
from matsearch.core.verdict import FailureKind
from matsearch.core.verify_section import VerifySection
from matsearch.graph.calculations import outcome_of
from matsearch.graph.vasp import calculation_from
from matsearch.testing.samples import sample_structure
from matsearch.verify.stage import checked

LDAU = """<incar>
  <i type="logical" name="LDAU"> T  </i>
  <v name="LDAUU"> 4.00000000</v>
  <v name="LDAUJ"> 0.00000000</v>
  <v type="int" name="LDAUL"> 1</v>"""
OUT_OF_STEPS = [('name="NSW">     5<', 'name="NSW">     4<')]
U_ON_SILICON = [("<incar>", LDAU)]


@pytest.fixture
def document(reference):
    def read(**options):
        return TaskDoc.from_directory(reference(**options) / "outputs")

    return read


def test_a_dict_of_a_document_says_the_same(silicon, task_of, document):
    task, found = task_of(silicon), document()
    dumped = {**found.model_dump(mode="json"), "@module": "no.such.module", "@class": "Trap"}

    one, other = calculation_from(found, task, "here"), calculation_from(dumped, task, "here")

    assert isinstance(one, DftCalculation)
    assert isinstance(other, DftCalculation), other
    assert (one.energy, one.n_kpoints, one.run_type) == (other.energy, other.n_kpoints, other.run_type)
    assert [frame.energy for frame in one.frames] == [frame.energy for frame in other.frames]
    assert one.directory == "here"
    assert one.magmoms == other.magmoms


def test_stress_is_tension_positive_in_gpa(silicon, task_of, document):
    found = document()
    kbar = found.calcs_reversed[0].output.ionic_steps[0].stress

    first = calculation_from(found, task_of(silicon)).frames[0]

    assert abs(kbar[0][0]) > 0.1
    assert first.stress[0][0] == pytest.approx(-0.1 * kbar[0][0])


def test_another_crystals_document_is_refused(task_of, document):
    ended = calculation_from(document(), task_of(sample_structure("Na", "Cl")))

    assert ended.kind == FailureKind.WRONG_DOCUMENT
    assert "the document is of Si, the task of NaCl" in ended.detail


def test_another_functional_is_refused(silicon, task_of, document):
    ended = calculation_from(document(), task_of(silicon, maker="MP24DoubleRelaxStaticMaker"))

    assert ended.kind == FailureKind.WRONG_DOCUMENT
    assert "run type is GGA, mp-r2scan means" in ended.detail


def test_a_u_that_the_scheme_does_not_mean_is_refused(silicon, task_of, document):
    ended = calculation_from(document(edits=U_ON_SILICON), task_of(silicon))

    assert ended.kind == FailureKind.WRONG_DOCUMENT
    assert "U is {'Si': 4.0}, mp-gga-gga+u-raw means {}" in ended.detail


@pytest.mark.parametrize(
    ("options", "kind", "n_kept"),
    [
        ({"edits": OUT_OF_STEPS}, FailureKind.NOT_CONVERGED, 6),
        ({"name": "scf_unconverged"}, FailureKind.SCF_NOT_CONVERGED, 3),
    ],
)
def test_sound_steps_before_a_verdict_are_kept(silicon, task_of, document, options, kind, n_kept):
    # in the first of the four steps of the reference relaxation the electrons did not converge
    task = task_of(silicon)
    documents = [document(), document(**options)]
    section = VerifySection(backend="vasp")
    outcome = outcome_of(documents, task, section)
    assert outcome.verdict.kind == kind
    assert len(outcome.unfinished.frames) == n_kept
    assert outcome.unfinished.software.startswith("VASP ")
    assert checked(outcome, task) is outcome


def test_steps_of_another_functional_are_not_kept(silicon, task_of, document):
    task = task_of(silicon, maker="MP24DoubleRelaxStaticMaker")
    assert (
        outcome_of([document(edits=OUT_OF_STEPS), None], task, VerifySection(backend="vasp")).unfinished
        is None
    )


@pytest.mark.parametrize("garbled", [{}, {"state": "successful"}, "words", [{"calcs_reversed": []}], 7])
def test_what_is_no_document_is_a_verdict(silicon, task_of, garbled):
    assert calculation_from(garbled, task_of(silicon)).kind == FailureKind.WRONG_DOCUMENT


@pytest.mark.parametrize("nothing", [None, [], [None, None]])
def test_no_document_is_a_verdict(silicon, task_of, nothing):
    assert calculation_from(nothing, task_of(silicon)).kind == FailureKind.WORKER_DIED
