"""A small search whose verification says something: a hull of the toy potential that knows its crystals."""

import json
from functools import cache
from types import SimpleNamespace

from jobflow import JobStore
from maggma.stores import MemoryStore
from pymatgen.core import Lattice, Structure
from pymatgen.entries.computed_entries import ComputedStructureEntry

from matsearch.core.campaign import CandidateQuery
from matsearch.core.config import PotentialSection
from matsearch.core.dft import DftTask
from matsearch.core.keys import content_key
from matsearch.core.verify_section import RunSection
from matsearch.graph.api import resolve_config
from matsearch.graph.local import run_campaign
from matsearch.graph.verify_jobs import owner_of
from matsearch.store import open_repository
from matsearch.testing.samples import sample_structure
from matsearch.verify.potential import PotentialBackend
from tests.commands import SMALL as SIZES
from tests.commands import run_toy, sets, uri

SMALL = {"population__proposals": 6, "budget__generations": 2}
VERIFY = {
    "verify.backend": "potential",
    "verify.potential.name": "toy",
    "verify.promotion.survivors": 2,
    "verify.promotion.controls": 1,
    "verify.promotion.threshold": 0.3,
}
"""Two survivors and a control, by the potential that found them."""


def hull_file(folder):
    """Write a reference of relaxed crystals and return its path."""
    path = folder / "hull.json"
    path.write_text(json.dumps(_entries()))
    return path


def finished_search(folder):
    """Search in a folder; return the campaign, its store and the reference it was judged by."""
    hull, store = hull_file(folder), folder / "store.sqlite"
    sizes = {**SIZES, **{key.replace("__", "."): value for key, value in SMALL.items()}}
    reference = {"reference.source": str(hull), "reference.scheme": "toy"}
    record = run_campaign(resolve_config("toy", {**sizes, **reference}), uri(store))
    return SimpleNamespace(record=record, id=record.campaign_id, store=store, hull=hull)


def search_arguments(store, hull, **changes):
    """Return the arguments of a small search against that hull."""
    return run_toy(store, **{"reference__source": hull, "reference__scheme": "toy", **SMALL, **changes})


def toy_backend():
    return PotentialBackend(PotentialSection(name="toy"), RunSection())


@cache
def _entries():
    backend = toy_backend()
    crystals = {
        "Ti-fcc": Structure(Lattice([[0, 2.0, 2.0], [2.0, 0, 2.0], [2.0, 2.0, 0]]), ["Ti"], [[0, 0, 0]]),
        "Al-fcc": Structure(Lattice([[0, 2.0, 2.0], [2.0, 0, 2.0], [2.0, 2.0, 0]]), ["Al"], [[0, 0, 0]]),
        "C-fcc": Structure(Lattice([[0, 1.1, 1.1], [1.1, 0, 1.1], [1.1, 1.1, 0]]), ["C"], [[0, 0, 0]]),
        "TiC-salt": sample_structure("Ti", "C", 4.33),
    }
    entries = []
    for name, structure in crystals.items():
        key = content_key("test/1", name)
        made = backend.run(DftTask(key=key, label=name, structure=structure, settings=backend.settings))
        calculation = made.calculation
        entry = ComputedStructureEntry(calculation.structure, calculation.energy, entry_id=name)
        entries.append(entry.as_dict())
    return entries


def verify_arguments(store, *more):
    """Return the arguments of the verification of that search."""
    return ["verify", "--store", uri(store), "--json", *sets(VERIFY), *more]


def verified_in(uri, campaign_id):
    """Return what DFT said, times apart."""
    repository = open_repository(uri, create=False)
    try:
        everybody = repository.query_candidates(CandidateQuery(campaign_id=campaign_id))
        return {
            c.candidate_id: (c.verification.model_dump(mode="json", exclude={"core_hours"}), c.flags)
            for c in everybody
            if c.verification
        }
    finally:
        repository.close()


def work_in(uri, campaign_id):
    """Return how the work of a campaign's verification ended."""
    repository = open_repository(uri, create=False)
    try:
        return repository.work_summary(owner_of(campaign_id))
    finally:
        repository.close()


def memory():
    """Return a transport for jobs."""
    return JobStore(MemoryStore(), additional_stores={"data": MemoryStore()})


def standings(uri, campaign_id):
    """Return what DFT said by formula."""
    repository = open_repository(uri, create=False)
    try:
        everybody = repository.query_candidates(CandidateQuery(campaign_id=campaign_id))
        return {c.formula: c.verification.standing for c in everybody if c.verification}
    finally:
        repository.close()
