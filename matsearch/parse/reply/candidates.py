"""What was found in a reply, as candidates."""

from collections.abc import Sequence

from matsearch.core.calls import Call, CallRequest
from matsearch.core.records import Candidate, Lineage
from matsearch.core.verdict import FailureKind, Verdict
from matsearch.parse.reply.found import Found
from matsearch.parse.reply.reading import failure

PROPOSER = "llm"


def candidates_of(request: CallRequest, call: Call, found: Sequence[Found]) -> list[Candidate]:
    """Return the candidates of a call, at least one, each with a structure or a verdict.

    Crystals beyond those asked for keep their structure and get a ``surplus`` verdict; only crystals that were read
    count, so a broken one never makes a good one surplus.

    Parameters
    ----------
    request : CallRequest
        Of this campaign; the call may have been made for another one.
    found : sequence of Found
        What its reply holds, in its order; empty if there is no reply.
    """
    lineage = _lineage(request, call)
    candidates: list[Candidate] = []
    read = 0
    for index, item in enumerate(_with_verdict_of(call, found)):
        read += item.structure is not None
        surplus = item.structure is not None and read > request.crystals
        verdict = _surplus(read, request.crystals) if surplus else item.verdict
        candidates.append(
            Candidate.born(
                request.campaign_id,
                request.generation,
                PROPOSER,
                request.slot,
                index,
                lineage=lineage,
                structure=item.structure,
                repairs=item.repairs,
                verdict=verdict,
            )
        )
    return candidates


def _with_verdict_of(call: Call, found: Sequence[Found]) -> Sequence[Found]:
    """Return what was found; where that is no crystal at all, the call's own verdict says better why."""
    nothing = [item.verdict and item.verdict.kind for item in found] in ([], [FailureKind.NO_CRYSTAL])
    return (Found(verdict=call.verdict),) if nothing and call.verdict else found


def _lineage(request: CallRequest, call: Call) -> Lineage:
    shown = request.parents[: call.parents_shown]
    return Lineage(
        operator=request.prompt_id.partition("/")[0],
        parent_ids=tuple(parent.parent_id for parent in shown),
        roots=tuple(sorted({root for parent in shown for root in parent.roots})),
        details={
            "prompt": request.prompt_id,
            "prompt_sha256": request.prompt_sha256,
            "model": call.resolved_model or call.model,
            "call": call.key,
        },
    )


def _surplus(number: int, asked: int) -> Verdict:
    return failure(FailureKind.SURPLUS, f"crystal {number} of a reply that was asked for {asked}")
