"""A verified campaign written by hand: all standings, controls, a failure, hostile text."""

from matsearch.core.campaign import CampaignState, GenerationSummary
from matsearch.core.config import ReferenceSection, parse_config
from matsearch.core.dft import DftCalculation, DftOutcome, DftSettings
from matsearch.core.records import Frame
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.core.verification import NeededPhase, Promoted, Stratum, VerificationPlan
from matsearch.core.verified import Standing, Verified
from matsearch.core.verify_section import PromotionSection
from matsearch.hull.sources import load_reference
from matsearch.pipeline.verification_report import verification_report
from matsearch.testing.samples import (
    sample_campaign,
    sample_candidate,
    sample_placement,
    sample_relaxation,
    sample_structure,
)

HOSTILE = "<script>alert('x')</script>"
CAMPAIGN = "hand-made-0"
SETTINGS = DftSettings(
    code="GPAW",
    functional="PBE",
    scheme_id="gpaw-pbe",
    parameters={"cutoff": 700.0, "kpoint_density": 3.5, "smearing": 0.05, "keep_symmetry": True},
)
LONG = "facet phase Ti3AlC (toy-17) was not computed: the reference has no structure of it, " * 3
STRESS = ((-1.2, 0.0, 0.1), (0.0, -0.9, 0.0), (0.1, 0.0, -0.9))

# role, standing, predicted, DFT (eV/atom above the hull), DFT's formation energy, ratio of lengths, reasons
ROWS = [
    ("survivor", "confirmed", -0.041, -0.012, -0.712, 1.004, ()),
    ("survivor", "confirmed", 0.004, 0.021, -0.655, 1.006, ()),
    ("survivor", "confirmed", 0.012, 0.038, -0.601, 1.001, ()),
    ("survivor", "refuted", 0.018, 0.164, -0.402, 1.021, ("it decomposes into TiC + Al",)),
    ("survivor", "refuted", 0.031, 0.342, -0.18, 1.043, ()),
    ("survivor", "indicative", 0.044, 0.061, -0.532, 0.998, (LONG, HOSTILE)),
    ("survivor", "indicative", 0.058, 0.027, -0.49, 1.009, ("one magnetic order was tried",)),
    ("survivor", "failed", 0.071, None, None, None, (f"scf not converged: {HOSTILE}",)),
    ("survivor", "pending", 0.083, None, None, None, ()),
    ("control", "refuted", 0.128, 0.201, -0.31, 1.012, ()),
    ("control", "refuted", 0.245, 0.288, -0.22, 1.008, ()),
    ("control", "confirmed", 0.166, 0.058, -0.512, 1.017, ()),
]
PAIRS = [("Ti", "C"), ("Al", "C"), ("Ti", "Al")]


def structure_of(i, ratio=1.0):
    first, second = PAIRS[i % 3]
    return sample_structure(first, second, (4.1 + 0.06 * i) * ratio)


def verified(i):
    role, standing, predicted, energy, formation, _, reasons = ROWS[i]
    return Verified(
        standing=Standing(standing),
        role=role,
        reasons=reasons,
        energy_above_hull=energy,
        formation_energy_per_atom=formation,
        decomposition={"TiC (toy-1)": 0.667, f"Al ({HOSTILE})": 0.333} if energy else {},
        predicted_energy_above_hull=predicted,
        threshold=0.1,
        settings_key=SETTINGS.key,
        calculation_key=f"task-{i}",
        n_phases=6,
        core_hours=0.0 if standing == "pending" else 0.05 + 0.02 * i,
    )


def candidate(i):
    structure = structure_of(i)
    return sample_candidate(
        i,
        0,
        CAMPAIGN,
        structure=structure,
        structure_key=f"key-{i}",
        relaxation=sample_relaxation(structure),
        placement=sample_placement(ROWS[i][2]).evolve(formation_energy_per_atom=-0.7 + 2 * ROWS[i][2]),
        spacegroup="Fm-3m",
        verification=verified(i),
    )


def calculation(i):
    given, relaxed = structure_of(i), structure_of(i, ROWS[i][5])
    forces = ((0.0, 0.0, 0.03), (0.0, 0.04, 0.0))
    frame = Frame(
        structure=given, energy=-8.0, forces=forces, stress=STRESS, scheme_id="gpaw-pbe", source=HOSTILE
    )
    return DftCalculation(
        initial_structure=given,
        structure=relaxed,
        energy=-8.1,
        energy_per_atom=-4.05,
        forces=forces,
        frames=(frame, frame.evolve(structure=relaxed)),
        settings=SETTINGS,
        run_type="GGA",
        software="GPAW 26.7.0",
        n_electrons=16,
        n_kpoints=20,
        spin_polarized=False,
        n_steps=7,
        cores=2,
        core_hours=0.05 + 0.02 * i,
    )


def outcomes():
    failed = Verdict(kind=FailureKind.SCF_NOT_CONVERGED, stage="verify", detail=HOSTILE)
    ended = {}
    for i, (_, standing, *_) in enumerate(ROWS):
        if standing == "failed":
            ended[f"task-{i}"] = DftOutcome(key=f"task-{i}", verdict=failed, core_hours=0.19)
        elif standing != "pending":
            done = calculation(i)
            ended[f"task-{i}"] = DftOutcome(key=f"task-{i}", calculation=done, core_hours=done.core_hours)
    phase = calculation(0).evolve(core_hours=0.5)
    return ended | {"phase-1": DftOutcome(key="phase-1", calculation=phase, core_hours=0.5)}


def reference():
    return load_reference(ReferenceSection(source="toy"), ("Al", "C", "Ti")).info.document()


def phases():
    common = {"formula": "Al", "energy_per_atom": -3.7}
    return (
        NeededPhase(phase_id="Al-225", structure=structure_of(0), why="element", **common),
        NeededPhase(phase_id="toy-17", structure=None, why="facet", **common),
        NeededPhase(
            phase_id="C-194",
            structure=structure_of(1),
            why="element",
            substitute="diamond",
            offset_per_atom=-0.13,
            offset_source=HOSTILE,
            **common,
        ),
    )


def plan(**changes):
    fields = {
        "campaign_id": CAMPAIGN,
        "round": 0,
        "generation": 1,
        "rule": PromotionSection(survivors=9, controls=3).model_dump(mode="json"),
        "settings": SETTINGS,
        "promoted": tuple(
            Promoted(
                candidate_id=candidate(i).candidate_id,
                role=row[0],
                rank=i + 1,
                stratum=min(int(max(row[2], 0.0) / 0.05), 3),
                energy_above_hull=row[2],
                probability=0.8,
                core_hours=0.1,
            )
            for i, row in enumerate(ROWS)
        ),
        "phases": phases(),
        "strata": (Stratum(lower=None, upper=0.1, population=20, sent=9),),
        "left_out": {"known phase": 2, "flagged": 1},
        "asked": 40,
        "valid": 30,
        "unique": 25,
        "hull": reference(),
        "predicted_core_hours": 1.5,
        "created_at": "2026-01-01T10:00:00+00:00",
    }
    return VerificationPlan(**{**fields, **changes})


def record():
    config = parse_config(
        {
            "name": "hand-made",
            "seed": 7,
            "system": {"elements": ["Al", "C", "Ti"], "max_atoms": 8},
            "potential": {"name": "toy"},
            "reference": {"source": "toy"},
            "population": {"proposals": 40, "parents": 2},
        }
    )
    summary = GenerationSummary(generation=0, asked=40, proposed=12, relaxed=12, scored=12)
    return sample_campaign(
        CAMPAIGN,
        name="hand-made",
        config=config.model_dump(mode="json"),
        provenance={
            "python": "3.11",
            "platform": "here",
            "packages": {"matsearch": "0.1.0"},
            "potential": {"name": "toy", "version": "1", "sha256": "1" * 64, "scheme_id": "toy"},
            "hull": reference(),
            "seeds": "2" * 64,
        },
        state=CampaignState(campaign_id=CAMPAIGN, generation=1, history=(summary,)),
    )


def candidates():
    return tuple(candidate(i) for i in range(len(ROWS)))


def counted(crystals=None, plans=None, ended=None):
    return verification_report(
        candidates() if crystals is None else crystals,
        [plan()] if plans is None else plans,
        outcomes() if ended is None else ended,
    )
