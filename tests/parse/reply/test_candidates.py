"""From what was found to candidates."""

import pytest

from matsearch.core.calls import Call, CallRequest, Message
from matsearch.core.keys import candidate_id
from matsearch.core.records import Parent
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.parse.reply.candidates import candidates_of
from matsearch.parse.reply.found import Found
from matsearch.testing.samples import sample_structure

CRYSTAL = Found(structure=sample_structure(), repairs=("mended",))
BROKEN = Found(verdict=Verdict(kind=FailureKind.BAD_NUMBERS, stage="parse", detail="line 3"))
NOTHING = Found(verdict=Verdict(kind=FailureKind.NO_CRYSTAL, stage="parse", detail="no"))
CUT_OFF = Verdict(kind=FailureKind.CUT_OFF, stage="propose", detail="after 8000 tokens")
REFUSED = Verdict(kind=FailureKind.REFUSED, stage="propose", detail="it would rather not")
MESSAGES = (Message(role="user", content="five crystals, please"),)
PARENTS = tuple(
    Parent(parent_id=name, structure=sample_structure(), roots=roots)
    for name, roots in (("p1", ("mp-2", "mp-1")), ("p2", ("mp-1",)), ("p3", ("mp-3",)))
)


def request(crystals=2):
    return CallRequest(
        campaign_id="c",
        generation=3,
        slot=4,
        prompt_id="csg/1",
        prompt_sha256="0" * 64,
        messages=MESSAGES,
        parents=PARENTS,
        language="poscar",
        crystals=crystals,
        model="asked",
    )


def call(reply="text", verdict=None, **changes):
    return Call(
        key="k",
        campaign_id="another",
        generation=0,
        slot=0,
        prompt_id="csg/1",
        prompt_sha256="0" * 64,
        messages=MESSAGES,
        parents_shown=2,
        model="asked",
        sent={},
        endpoint="http://localhost/v1",
        reply=reply,
        latency_s=1.0,
        attempts=(),
        verdict=verdict,
        answered=reply is not None,
        created_at="2026-01-01T00:00:00+00:00",
    ).evolve(**changes)


def test_a_candidate_says_where_it_came_from():
    (candidate,) = candidates_of(request(), call(resolved_model="resolved"), [CRYSTAL])
    assert candidate.candidate_id == candidate_id("c", 3, "llm", 4, 0)
    assert (candidate.campaign_id, candidate.generation, candidate.proposer, candidate.slot) == (
        "c",
        3,
        "llm",
        4,
    )
    assert candidate.repairs == ("mended",)
    assert candidate.structure == CRYSTAL.structure
    assert candidate.alive
    lineage = candidate.lineage
    assert (lineage.operator, lineage.parent_ids, lineage.roots) == ("csg", ("p1", "p2"), ("mp-1", "mp-2"))
    assert lineage.details == {"prompt": "csg/1", "prompt_sha256": "0" * 64, "model": "resolved", "call": "k"}
    assert candidates_of(request(), call(), [CRYSTAL])[0].lineage.details["model"] == "asked"


def test_only_crystals_that_were_read_make_others_surplus():
    candidates = candidates_of(request(), call(), [BROKEN, CRYSTAL, BROKEN, CRYSTAL, CRYSTAL, BROKEN])
    kinds = [candidate.verdict and candidate.verdict.kind for candidate in candidates]
    bad = FailureKind.BAD_NUMBERS
    assert kinds == [bad, None, bad, None, FailureKind.SURPLUS, bad]
    assert candidates[4].structure is not None
    assert candidates[4].verdict.detail == "crystal 3 of a reply that was asked for 2"
    assert [candidate.index for candidate in candidates] == list(range(6))
    assert len({candidate.candidate_id for candidate in candidates}) == 6


@pytest.mark.parametrize(
    ("made", "found", "kinds"),
    [
        (call(reply=None, verdict=REFUSED), [], [FailureKind.REFUSED]),
        (call(verdict=CUT_OFF), [NOTHING], [FailureKind.CUT_OFF]),
        (call(verdict=REFUSED), [NOTHING], [FailureKind.REFUSED]),
        (call(), [NOTHING], [FailureKind.NO_CRYSTAL]),
        (call(verdict=CUT_OFF), [CRYSTAL, BROKEN], [None, FailureKind.BAD_NUMBERS]),
        (call(verdict=CUT_OFF), [BROKEN], [FailureKind.BAD_NUMBERS]),
    ],
)
def test_where_there_is_no_crystal_the_call_says_why(made, found, kinds):
    candidates = candidates_of(request(), made, found)
    assert [candidate.verdict and candidate.verdict.kind for candidate in candidates] == kinds
    assert all(candidate.structure is not None or candidate.verdict for candidate in candidates)
