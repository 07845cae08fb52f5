"""A bug is no property of a crystal: where more than a few end in one, a search stops."""

from collections.abc import Sequence

from matsearch.core.errors import InternalErrorRateError
from matsearch.core.records import Candidate
from matsearch.core.verdict import FailureKind

INTERNAL_ERROR_RATE = 0.01
"""Share of a batch that may end in an unexpected exception before the run stops."""

_LOOK = "look with `matsearch debug {} --stage relax`; nothing of this generation is lost"


def refuse_bugs(screened: Sequence[Candidate], remedy: str = _LOOK) -> None:
    """Refuse candidates of which more than ``INTERNAL_ERROR_RATE`` ended in unexpected exceptions.

    Parameters
    ----------
    remedy : str
        With ``{}`` where the id of the first of them is named.

    Raises
    ------
    InternalErrorRateError
        Naming the first of them.
    """
    bugs = [c for c in screened if c.verdict and c.verdict.kind is FailureKind.INTERNAL_ERROR]
    if len(bugs) > INTERNAL_ERROR_RATE * len(screened):
        first = bugs[0]
        detail = first.verdict.detail if first.verdict else ""
        raise InternalErrorRateError(
            f"{len(bugs)} of {len(screened)} candidates ended in unexpected errors, the first {first.candidate_id}: {detail}",
            remedy.format(first.candidate_id),
        )
