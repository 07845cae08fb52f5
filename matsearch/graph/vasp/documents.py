"""emmet task documents to a calculation, or to why there is none."""

from typing import Any

from pymatgen.core import Structure

from matsearch.core.dft import DftCalculation, DftTask, IonicSteps
from matsearch.core.records import Frame
from matsearch.core.schemes import get_scheme
from matsearch.core.text import counted, one_line
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.crystal.hubbard import hubbard_u
from matsearch.graph.vasp import reading
from matsearch.verify.stage import STAGE


def calculation_from(document: Any, task: DftTask, folder: str = "") -> DftCalculation | Verdict:
    """Return what task documents say of a task: uncorrected energy, forces, stress, moments and frames.

    Sites are in the documents' order, that of VASP, in the structures before and after alike. Every ionic step of the
    last calculation's functional is a frame; all calculations count for the core-hours.

    Parameters
    ----------
    document : emmet TaskDoc, dict, or a list of them
        The output of :func:`~matsearch.graph.vasp.flows.vasp_flow`, or one document. The last of a list counts; None
        stands for a calculation that ended without a document.
    folder : str
        Where the files are, if not where the document says.
    """
    given = _given(document)
    try:
        documents = [reading.as_task_document(one) for one in given if one is not None]
        if not given or given[-1] is None:
            return _cut_short(documents, len(given))
        ends = (_refused(documents[-1], task), *map(_unconverged, _decisive(documents)))
        refused = next((end for end in ends if end is not None), None)
        return refused or _calculation(documents, task, folder)
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        detail = f"no whole VASP task document for {task.label}: {error}"
        return _verdict(FailureKind.WRONG_DOCUMENT, detail)


def unfinished_from(document: Any, task: DftTask) -> IonicSteps | None:
    """Return the ionic steps of a calculation that ended as ``not_converged`` or ``scf_not_converged``.

    Steps whose electrons took all that NELM allows are left out, and calculations of another functional, U or crystal.

    Parameters
    ----------
    document : emmet TaskDoc, dict, or a list of them
        For which :func:`calculation_from` says so.
    """
    documents = [reading.as_task_document(one) for one in _given(document) if one is not None]
    alike = [one for one in documents if _refused(one, task) is None]
    frames = [frame for one in alike for frame in _sound_frames(one, task)]
    if not frames:
        return None
    return IonicSteps(
        frames=tuple(frames),
        settings=task.settings,
        hubbards=reading.hubbards(alike[-1]),
        software=f"VASP {alike[-1].calcs_reversed[0].vasp_version}",
    )


def _sound_frames(document: Any, task: DftTask) -> list[Frame]:
    n_electronic = reading.parameter(document, "NELM")
    frames = reading.frames(document, task.settings.scheme_id, task.label)
    steps = reading.ionic_steps(document)
    pairs = zip(frames, steps, strict=True)
    return [frame for frame, step in pairs if reading.electronic_steps(step) < n_electronic]


def _given(document: Any) -> list[Any]:
    return list(document) if isinstance(document, (list, tuple)) else [document]


def _cut_short(documents: list[Any], n_asked: int) -> Verdict:
    """Return the verdict on a flow of which a calculation raised: an earlier one may say why."""
    unconverged = [end for end in map(_unconverged, documents[-1:]) if end is not None]
    last = f", the last of {documents[-1].task_label} in {documents[-1].dir_name}" if documents else ""
    detail = f"{len(documents)} of {counted(n_asked, 'VASP calculation')} left a task document{last}"
    if unconverged:
        return unconverged[0]
    # without a single document a missing POTCAR or a killed job is as likely as the crystal: worth another try
    kind = FailureKind.CALCULATION_FAILED if documents else FailureKind.WORKER_DIED
    return _verdict(kind, detail)


def _decisive(documents: list[Any]) -> list[Any]:
    """Return the last relaxation and the calculation that counts: a relaxation before them may run out of steps."""
    relaxations = [one for one in documents[:-1] if reading.parameter(one, "NSW") > 1]
    return [*relaxations[-1:], documents[-1]]


def _refused(document: Any, task: DftTask) -> Verdict | None:
    """Return a verdict on a document of another crystal, or of energies of another kind than the settings say."""
    asked = task.structure.composition
    found = document.output.structure.composition.reduced_formula
    if asked.reduced_formula != found:
        return _wrong(f"the document is of {found}, the task of {asked.reduced_formula}", task)
    scheme = get_scheme(task.settings.scheme_id)
    run_type = reading.run_type(document)
    if run_type not in scheme.run_types:
        wanted = " or ".join(sorted(scheme.run_types))
        return _wrong(f"the document's run type is {run_type}, {scheme.scheme_id} means {wanted}", task)
    expected = hubbard_u(asked) if "GGA+U" in scheme.run_types else {}
    applied = reading.hubbards(document)
    if applied != expected:
        return _wrong(f"the document's U is {applied}, {scheme.scheme_id} means {expected}", task)
    return None


def _unconverged(document: Any) -> Verdict | None:
    if reading.word(document.state) == "successful":
        return None
    steps = reading.ionic_steps(document)
    n_electronic = reading.parameter(document, "NELM")
    if steps and reading.electronic_steps(steps[-1]) >= n_electronic:
        detail = (
            f"the last of {counted(len(steps), 'ionic step')} took all {n_electronic} electronic steps (NELM)"
        )
        return _verdict(FailureKind.SCF_NOT_CONVERGED, f"{document.task_label}: {detail}")
    if reading.word(document.calcs_reversed[0].has_vasp_completed) != "successful":
        detail = f"{len(steps)} of {reading.parameter(document, 'NSW')} ionic steps (NSW) did not converge"
        return _verdict(FailureKind.NOT_CONVERGED, f"{document.task_label}: {detail}")
    errors = (document.analysis.errors if document.analysis else None) or ["no reason given"]
    return _verdict(FailureKind.CALCULATION_FAILED, f"{document.task_label}: {'; '.join(map(str, errors))}")


def _calculation(documents: list[Any], task: DftTask, folder: str) -> DftCalculation:
    document = documents[-1]
    last = document.calcs_reversed[0]
    final = document.output.structure
    run_type, moments = reading.run_type(document), reading.magmoms(document)
    alike = [one for one in documents if reading.run_type(one) == run_type]
    frames = [frame for one in alike for frame in reading.frames(one, task.settings.scheme_id, task.label)]
    frames[-1] = frames[-1].evolve(magmoms=moments)
    return DftCalculation(
        initial_structure=_initial(task.structure, final),
        structure=reading.plain(final),
        energy=document.output.energy,
        energy_per_atom=document.output.energy / len(final),
        forces=frames[-1].forces,
        stress=frames[-1].stress,
        magmoms=moments,
        frames=tuple(frames),
        settings=task.settings,
        hubbards=reading.hubbards(document),
        run_type=run_type,
        software=f"VASP {last.vasp_version}",
        n_electrons=round(float(reading.parameter(document, "NELECT"))),
        n_kpoints=last.input.nkpoints,
        spin_polarized=reading.parameter(document, "ISPIN") == 2,
        n_steps=sum(len(reading.ionic_steps(one)) for one in documents),
        cores=reading.cores(document),
        core_hours=sum(map(reading.core_hours, documents)),
        directory=folder or document.dir_name or "",
    )


def _initial(asked: Structure, final: Structure) -> Structure:
    """Return the task's structure in the site order of VASP's input, where that is the same cell."""
    ordered = asked.get_sorted_structure()
    same = [site.specie.symbol for site in ordered] == [site.specie.symbol for site in final]
    return reading.plain(ordered) if same else asked


def _wrong(reason: str, task: DftTask) -> Verdict:
    return _verdict(FailureKind.WRONG_DOCUMENT, f"{reason} ({task.label})")


def _verdict(kind: FailureKind, detail: str) -> Verdict:
    return Verdict(kind=kind, stage=STAGE, detail=one_line(detail))
