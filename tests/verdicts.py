"""A small campaign that was verified by numbers given by hand."""

from pymatgen.core import Composition, Lattice, Structure

from matsearch.core.dft import DftCalculation, DftOutcome, DftSettings
from matsearch.core.protocols import KnownPhase
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.core.verification import NeededPhase, Promoted, VerificationPlan
from matsearch.hull.reference import CompiledReferenceHull
from matsearch.testing.samples import sample_candidate, sample_placement, sample_relaxation

PBE = DftSettings(code="GPAW", functional="PBE", scheme_id="gpaw-pbe", parameters={"cutoff": 700})
LOOSE = PBE.evolve(parameters={"cutoff": 300})


def crystal(formula, edge=4.0, stretched=1.0):
    """Return atoms of a formula along the diagonal of a cell; stretched by a half it is another crystal."""
    symbols = [e.symbol for e, n in Composition(formula).items() for _ in range(int(n))]
    coords = [[i / len(symbols)] * 3 for i in range(len(symbols))]
    return Structure(Lattice.tetragonal(edge, edge * stretched), symbols, coords)


def known(phase_id, formula, energy, structure="own", **fields):
    structure = crystal(formula) if structure == "own" else structure
    return KnownPhase(
        phase_id=phase_id, formula=formula, energy_per_atom=energy, structure=structure, **fields
    )


def hull_of(phases, elements, scheme_id="chgnet-0.3.0"):
    return CompiledReferenceHull(
        phases, tuple(elements), name="test", scheme_id=scheme_id, sha256="0" * 64, complete=False
    )


def needed(phase, why="facet", **fields):
    return NeededPhase(
        phase_id=phase.phase_id,
        formula=phase.formula,
        structure=phase.structure,
        why=why,
        energy_per_atom=phase.energy_per_atom,
        **fields,
    )


def calculation(structure, energy_per_atom, settings=PBE, initial=None, **fields):
    return DftCalculation(
        initial_structure=initial or structure,
        structure=structure,
        energy=energy_per_atom * len(structure),
        energy_per_atom=energy_per_atom,
        forces=((0.0, 0.0, 0.0),) * len(structure),
        settings=settings,
        software="gpaw 26.7.0",
        n_electrons=8,
        n_kpoints=10,
        spin_polarized=False,
        n_steps=5,
        cores=1,
        core_hours=0.5,
        **{"run_type": "GGA", **fields},
    )


def done(structure, energy_per_atom, **fields):
    return DftOutcome(
        key="k" * 64, calculation=calculation(structure, energy_per_atom, **fields), core_hours=0.5
    )


def failed(kind=FailureKind.SCF_NOT_CONVERGED):
    verdict = Verdict(kind=kind, stage="verify", detail="333 iterations")
    return DftOutcome(key="k" * 64, verdict=verdict, core_hours=0.5)


def candidate_of(structure, hull, slot=0):
    composition = structure.composition
    (placement,) = hull.place([composition], [-3.0 * composition.num_atoms], hull.info.scheme_id)
    return sample_candidate(
        slot=slot,
        structure=structure,
        relaxation=sample_relaxation(structure),
        placement=sample_placement(0.05).evolve(decomposition=placement.decomposition),
    )


def plan_of(candidates, phases, threshold=0.1, settings=PBE):
    promoted = [
        Promoted(
            candidate_id=candidate.candidate_id,
            role="survivor",
            rank=rank,
            stratum=0,
            energy_above_hull=0.05,
            probability=0.8,
            core_hours=1.0,
        )
        for rank, candidate in enumerate(candidates, start=1)
    ]
    return VerificationPlan(
        campaign_id="sample-00000000",
        round=0,
        generation=3,
        rule={"threshold": threshold},
        settings=settings,
        promoted=tuple(promoted),
        phases=tuple(phases),
        strata=(),
        left_out={},
        asked=10,
        valid=8,
        unique=6,
        hull={},
        predicted_core_hours=1.0,
        created_at="2026-01-01T00:00:00+00:00",
    )
