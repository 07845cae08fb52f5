import pytest
from hypothesis import given
from hypothesis import strategies as st

from matsearch.core.campaign import CampaignState
from matsearch.core.config import Objective
from matsearch.core.slots import Brief
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.pipeline.briefs import SAY_NOTHING, brief_of, chosen_failures, objective_line
from matsearch.propose.llm.saying import MAX_FAILURES
from matsearch.store import open_repository
from tests.pipeline.evolution import CAMPAIGN, birth_id, born, tools_for

MODEL = {"llm": {"model": "any"}}


def ended(slot, kind, detail="because", formula="TiC", **fields):
    verdict = Verdict(kind=kind, stage="parse", detail=detail)
    return born(formula, None, fields.pop("generation", 0), slot, verdict=verdict, **fields)


def slots(failures):
    born_in = {birth_id(0, slot): slot for slot in range(100)}
    return [born_in[failed.candidate_id] for failed in failures]


@pytest.mark.parametrize(
    ("objective", "line"),
    [
        ({}, "Energy above hull (in eV/atom): the lower the better."),
        (
            {"name": "bulk_modulus", "direction": "maximize", "at_least": 100},
            "Bulk modulus (in GPa): the higher the better; at least 100 GPa is required.",
        ),
        (
            {"name": "density", "direction": "target", "target": 4.5, "at_most": 6},
            "Density (in g/cm^3): the nearer to 4.5 g/cm^3 the better; at most 6 g/cm^3 is required.",
        ),
        (
            {"name": "density", "direction": "target", "target": [4, 5]},
            "Density (in g/cm^3): between 4 and 5 g/cm^3, the nearer to this range the better.",
        ),
        (
            {"name": "band_gap", "direction": "maximize", "scale": [0, 9]},
            "Band gap: the higher the better.",
        ),
    ],
)
def test_an_objective_is_a_line_with_its_unit(objective, line):
    assert objective_line(Objective.model_validate(objective)) == line


def test_one_of_each_kind_first_then_the_most_frequent():
    kinds = [
        FailureKind.OVERLAPPING_ATOMS,
        FailureKind.BAD_VOLUME,
        FailureKind.BAD_VOLUME,
        FailureKind.CHARGE_UNBALANCED,
        FailureKind.BAD_VOLUME,
        FailureKind.CHARGE_UNBALANCED,
    ]
    failures = chosen_failures([ended(slot, kind, f"case {slot}") for slot, kind in enumerate(kinds)])
    assert slots(failures) == [1, 3, 0, 2, 4, 5]
    assert failures[0].reason == "bad_volume: case 1"


def test_at_most_eight_and_of_many_kinds_the_most_frequent():
    kinds = [k for k in FailureKind if k not in SAY_NOTHING]
    rare = [ended(slot, kind) for slot, kind in enumerate(kinds)]
    often = [ended(50 + i, kinds[-1], f"again {i}") for i in range(3)]
    failures = chosen_failures([*rare, *often])
    assert len(failures) == MAX_FAILURES
    assert failures[0].reason.startswith(kinds[-1].value)
    assert len({failed.reason.partition(":")[0] for failed in failures}) == MAX_FAILURES


def test_the_same_formula_for_the_same_reason_is_told_once():
    same = [ended(slot, FailureKind.BAD_VOLUME, "8 A^3 an atom") for slot in range(3)]
    other = ended(3, FailureKind.BAD_VOLUME, "8 A^3 an atom", formula="TiAl")
    assert slots(chosen_failures([*same, other])) == [0, 3]


@pytest.mark.parametrize("kind", sorted(SAY_NOTHING))
def test_what_no_proposal_could_help_is_not_told(kind):
    assert chosen_failures([ended(0, kind)]) == ()


@given(st.text(max_size=2000))
def test_a_reason_is_one_short_line_whatever_it_quotes(detail):
    (failed,) = chosen_failures([ended(0, FailureKind.UNPARSABLE, detail)])
    assert failed.reason.isprintable()
    assert len(failed.reason) <= 200


@given(st.permutations(range(6)))
def test_order_does_not_matter(order):
    kinds = [FailureKind.BAD_VOLUME, FailureKind.BAD_LATTICE, FailureKind.BAD_VOLUME] * 2
    failures = [ended(slot, kind, f"case {slot}") for slot, kind in enumerate(kinds)]
    assert chosen_failures([failures[i] for i in order]) == chosen_failures(failures)


def test_a_brief_tells_limits_objectives_feedback_and_the_generation_before(repository):
    tools = tools_for(propose=MODEL)
    without = ended(2, FailureKind.NO_CRYSTAL, "no crystal in it", generation=1).evolve(structure=None)
    repository.put_candidates(
        [
            ended(0, FailureKind.BAD_VOLUME, "long ago"),
            ended(0, FailureKind.BAD_VOLUME, "too large", generation=1),
            born("TiAl", 0.1, 1, 1),
            without,
        ]
    )
    state = CampaignState(campaign_id=CAMPAIGN, generation=2, feedback=("TiC: confirmed.",))
    brief = brief_of(state, tools, repository)
    assert any("Ti" in line for line in brief.constraints)
    assert brief.objectives == ("Energy above hull (in eV/atom): the lower the better.",)
    assert brief.feedback == ("TiC: confirmed.",)
    assert [failed.reason for failed in brief.failures] == [
        "bad_volume: too large",
        "no_crystal: no crystal in it",
    ]
    assert brief.failures[0].structure is not None
    assert brief.failures[0].formula == "TiC"
    assert (brief.failures[1].structure, brief.failures[1].formula) == (None, "")


def test_the_first_generation_has_no_failures_and_operators_no_brief(repository):
    state = CampaignState(campaign_id=CAMPAIGN)
    first = brief_of(state, tools_for(propose=MODEL), repository)
    assert first.failures == ()
    assert first.constraints
    assert brief_of(state, tools_for(), repository) == Brief()


@pytest.mark.parametrize(
    ("scheme", "words"),
    [
        ("pareto", ["", ""]),
        ("best", ["; number 1 in importance", "; number 2 in importance"]),
        ("weighted", ["; weight 0.7", "; weight 0.3"]),
    ],
)
def test_what_counts_for_how_much_is_said_where_selection_says_so(scheme, words):
    wanted = [
        {"name": "energy_above_hull", "weight": 0.7},
        {"name": "deformation_energy", "direction": "maximize", "weight": 0.3},
    ]
    tools = tools_for(propose=MODEL, objectives=wanted, selection={"scheme": scheme})
    repository = open_repository("sqlite://:memory:")
    lines = brief_of(CampaignState(campaign_id=CAMPAIGN), tools, repository).objectives
    repository.close()
    assert lines == (
        f"Energy above hull (in eV/atom): the lower the better{words[0]}.",
        f"Deformation energy (relaxed minus proposed, in eV/atom): the higher the better{words[1]}.",
    )
