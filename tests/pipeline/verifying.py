"""A finished campaign of hand-made crystals over a small reference with structures, and calculations given by numbers."""

import json

from pymatgen.entries.computed_entries import ComputedStructureEntry

from matsearch.core.config import parse_config
from matsearch.core.dft import DftCalculation, DftOutcome, DftSettings
from matsearch.core.records import Frame
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.hull.sources import load_reference
from matsearch.pipeline.rounds import tasks_of
from matsearch.testing.samples import sample_campaign, sample_candidate, sample_relaxation
from matsearch.verify.stage import commit
from tests.pipeline.evolution import DOCUMENT, crystal

CAMPAIGN = "alloys-00000000"
PBE = DftSettings(code="GPAW", functional="PBE", scheme_id="gpaw-pbe", parameters={"cutoff": 700})
R2SCAN = PBE.evolve(functional="r2SCAN", scheme_id="gpaw-r2scan")
PHASES = {"Ti": -1.3, "Al": -1.4, "C": -0.5, "TiAl": -1.55, "TiC": -1.6}
HULL_AT = {"Ti3Al": -1.425, "Ti2Al": -1.4666667, "TiAl3": -1.475, "Ti2C": -1.5, "TiAl2": -1.5, "Ti3C": -1.45}


def config_with(folder, **verify):
    """Return the configuration of the campaign; the file of its reference lies in the folder."""
    path = folder / "phases.json"
    entries = [
        ComputedStructureEntry(crystal(formula), energy * len(crystal(formula)), entry_id=f"ref-{formula}")
        for formula, energy in PHASES.items()
    ]
    path.write_text(json.dumps([entry.as_dict() for entry in entries]))
    document = DOCUMENT | {
        "name": "alloys",
        "reference": {"source": str(path), "scheme": "toy"},
        "seeds": {"templates": False},
        "population": {"proposals": 4, "parents": 2},
        "verify": {"substitutes": False, **verify},
    }
    return parse_config(document)


def campaign_of(repository, config, crystals, generation=1):
    """Store a campaign that has these crystals (full formula: predicted energy above hull), and return its record."""
    hull = load_reference(config.reference, config.system.elements)
    record = sample_campaign(
        CAMPAIGN,
        config=config.model_dump(mode="json"),
        provenance={"hull": hull.info.document()},
    )
    record = record.evolve(state=record.state.evolve(generation=generation))
    repository.create_campaign(record)
    repository.save_state(record.state)
    repository.put_candidates(
        placed(formula, above, hull, slot=i) for i, (formula, above) in enumerate(crystals.items())
    )
    return record


def placed(formula, above, hull, **fields):
    structure = crystal(formula)
    relaxation = sample_relaxation(structure, HULL_AT[formula] + above)
    (placement,) = hull.place([structure.composition], [relaxation.energy], "toy")
    return sample_candidate(
        campaign_id=CAMPAIGN,
        **{
            "structure": structure,
            "structure_key": formula,
            "relaxation": relaxation,
            "placement": placement,
            "spacegroup": "Pmmm",
            **fields,
        },
    )


def stored(repository):
    """Return the campaign's candidates by full formula of the first of each."""
    from matsearch.core.campaign import CandidateQuery

    found = {}
    for c in repository.query_candidates(CandidateQuery(campaign_id=CAMPAIGN)):
        found.setdefault(c.structure.composition.reduced_formula, c)
    return found


def compute(plan, repository, above, skip=()):
    """Put outcomes of a plan's tasks into the repository.

    Parameters
    ----------
    above : dict
        By formula of a candidate: energy above the reference hull that the calculation finds, or a kind of failure.
        Phases get the energies of the reference.
    skip : collection of str
        Formulas that are not computed.
    """
    for task in tasks_of(plan, repository).values():
        formula = task.structure.composition.reduced_formula
        if formula in skip:
            continue
        said = above.get(formula, 0.0)
        if isinstance(said, FailureKind):
            verdict = Verdict(kind=said, stage="verify", detail="as told")
            outcome = DftOutcome(key=task.key, verdict=verdict, core_hours=0.1)
        else:
            energy = PHASES.get(formula, HULL_AT.get(formula, 0.0) + said)
            outcome = DftOutcome(key=task.key, calculation=calculation(task, energy), core_hours=0.5)
        commit(outcome, repository, "test", task)


def calculation(task, energy_per_atom):
    n = len(task.structure)
    forces = ((0.0, 0.0, 0.0),) * n
    return DftCalculation(
        initial_structure=task.structure,
        structure=task.structure,
        energy=energy_per_atom * n,
        energy_per_atom=energy_per_atom,
        forces=forces,
        frames=(
            Frame(
                structure=task.structure,
                energy=energy_per_atom * n,
                forces=forces,
                scheme_id=task.settings.scheme_id,
                source="test",
            ),
        ),
        settings=task.settings,
        run_type="GGA",
        software="test 1",
        n_electrons=8,
        n_kpoints=10,
        spin_polarized=False,
        n_steps=1,
        cores=1,
        core_hours=0.5,
    )
