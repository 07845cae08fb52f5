"""One crystal through VASP: atomate2's flow with the section's changes, one for each magnetic order."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from jobflow import Flow, Job, OnMissing, job
from pymatgen.core import Structure

from matsearch.core.dft import DftTask
from matsearch.core.errors import DftError
from matsearch.core.verify_section import VaspSection
from matsearch.graph.vasp.makers import build_maker
from matsearch.graph.vasp.orderings import orderings


def vasp_flow(task: DftTask, section: VaspSection) -> Flow:
    """Return the flow of a task; :func:`~matsearch.graph.vasp.documents.calculation_from` reads its output.

    The output is the list of its emmet task documents, in order; the last counts. None stands for a calculation that
    ended without one. Every job is named after the task and carries its key as metadata ``matsearch_task``. What does
    not converge ends as a document that says so, and raises nothing.

    Raises
    ------
    DftError
        If the Maker is unknown or refuses its arguments, or the task is a molecule in a box.
    """
    flows = order_flows(task, section)
    gathered = gather_documents([[found.output for found in vasp_jobs(flow)] for flow in flows])
    gathered.name = f"{task.label}: documents"
    whole = Flow([*flows, gathered], output=gathered.output, name=task.label)
    for found, _ in whole.iterflow():
        # a calculation that fails leaves those before it, and the other magnetic orders, to be read; those after it fail
        # for want of a structure, since a workflow manager waits forever for a job that is never begun
        found.config.on_missing_references = OnMissing.NONE
    whole.update_metadata({"matsearch_task": task.key})
    return whole


def order_flows(task: DftTask, section: VaspSection) -> list[Flow]:
    """Return atomate2's flow of a task for each magnetic order that is computed.

    Raises
    ------
    DftError
        As :func:`vasp_flow`.
    """
    if task.box:
        raise DftError(
            f"{task.label}: the Makers of VASP relax the cell, a molecule in a box must keep it",
            "measure against a hull of VASP's energies, which needs no phases computed",
        )
    begun = _begun(task, section)
    flows = [_powered(build_maker(section).make(structure), section) for _, structure in begun]
    for (order, _), flow in zip(begun, flows, strict=True):
        flow.append_name(f"{task.label} {order}: " if len(begun) > 1 else f"{task.label}: ", prepend=True)
        if not any(vasp_jobs(flow)):
            raise DftError(f"verify.vasp.maker: {section.maker} makes no VASP job", "name a Maker of VASP")
    return flows


def vasp_jobs(flow: Flow) -> Iterator[Job]:
    """Yield a flow's VASP jobs in the order in which they run."""
    from atomate2.vasp.jobs.base import BaseVaspMaker

    for found, _ in flow.iterflow():
        if isinstance(found.maker, BaseVaspMaker):
            yield found


@job(data=["ionic_steps"])
def gather_documents(orders: Sequence[Sequence[Any]]) -> list[Any]:
    """Return the task documents of all magnetic orders, those of the order that counts last.

    It is the one of the lowest energy per atom among those whose last calculation converged. Band structures and
    densities of states stay with the documents of their own jobs: together they may be more than a database takes.
    """
    ranked = sorted(orders, key=lambda documents: _rank(documents[-1]), reverse=True)
    return [_without_objects(document) for documents in ranked for document in documents]


def _without_objects(document: Any) -> Any:
    if isinstance(document, dict):
        return {key: value for key, value in document.items() if key != "vasp_objects"}
    return document if document is None else document.model_copy(update={"vasp_objects": None})


def _rank(document: Any) -> tuple[bool, bool, float]:
    if document is None:
        return True, True, 0.0
    if not isinstance(document, dict):
        document = {"state": document.state, "output": {"energy_per_atom": document.output.energy_per_atom}}
    state = document["state"]
    converged = str(getattr(state, "value", state)) == "successful"
    return False, not converged, float(document["output"]["energy_per_atom"])


def _begun(task: DftTask, section: VaspSection) -> list[tuple[str, Structure]]:
    """Return the crystal with its moments to begin with, in each order that is computed."""
    plain = task.structure.copy(site_properties={})
    if task.magmoms is None or section.magnetic_orderings == "none":
        return [("", plain)]
    named = orderings(plain, task.magmoms, section.n_orderings)
    return [(name, plain.copy(site_properties={"magmom": moments})) for name, moments in named]


def _powered(made: Flow | Job, section: VaspSection) -> Flow:
    from atomate2.vasp.jobs.base import BaseVaspMaker
    from atomate2.vasp.powerups import (
        update_user_incar_settings,
        update_user_kpoints_settings,
        update_user_potcar_functional,
    )

    flow = deepcopy(made) if isinstance(made, Flow) else Flow([made], output=made.output, name=made.name)
    flow.update_maker_kwargs(
        {"_set": {"stop_children_kwargs->handle_unsuccessful": False}},
        class_filter=BaseVaspMaker,
        dict_mod=True,
    )
    if section.incar:
        flow = update_user_incar_settings(flow, section.incar)
    if section.kpoints:
        flow = update_user_kpoints_settings(flow, section.kpoints)
    if section.potcar_functional is not None:
        flow = update_user_potcar_functional(flow, section.potcar_functional)
    return flow
